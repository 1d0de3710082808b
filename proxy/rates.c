/* Bounds on what new rules may do to traffic.
 *
 * Attackers are part of the traffic: what they send may hit new rules often, and rightly, and must
 * not take these away again. So what counts is who got through Exchange's own authentication. */
#include "rates.h"

#include <stdio.h>

#include "stopgap/banned.h"

enum {
    FEW_STOPS = 3,        /* users make a mistake now and then, and one of them proves nothing */
    FEW_ERRORS = 20,      /* a mailbox that moves, a server that starts */
    ERROR_PER_MILLE = 50, /* more than before: a twentieth of all requests fails anew */
    SLOWER_PERCENT = 20,
    SLOWER_US = 2000, /* beside a request to Exchange, which takes 20 ms, less is nothing */
    TAIL_PERCENT = 99,
    TAIL_INSPECTIONS = 500, /* so that five of them are the slowest hundredth */
};

void rates_take(struct rates *ret_now, const struct worker_stats *sum, uint64_t now_ms)
{
    *ret_now = (struct rates){.ms = now_ms,
                              .requests = sum->requests,
                              .blocked = sum->requests_blocked,
                              .authenticated = sum->authenticated,
                              .would_stop = sum->would_stop,
                              .blocked_known = sum->blocked_known,
                              .errors = sum->server_errors + sum->upstream_failures};
    memcpy(ret_now->inspected, sum->inspected, sizeof(ret_now->inspected));
}

void rates_between(struct rates *ret_time, const struct rates *begun, const struct rates *now)
{
    *ret_time = (struct rates){.ms = now->ms - begun->ms,
                               .requests = now->requests - begun->requests,
                               .blocked = now->blocked - begun->blocked,
                               .authenticated = now->authenticated - begun->authenticated,
                               .would_stop = now->would_stop - begun->would_stop,
                               .blocked_known = now->blocked_known - begun->blocked_known,
                               .errors = now->errors - begun->errors};
    for (size_t i = 0; i < INSPECT_BUCKETS; i++)
        ret_time->inspected[i] = now->inspected[i] - begun->inspected[i];
}

static uint64_t n_inspected(const struct rates *time)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < INSPECT_BUCKETS; i++)
        sum += time->inspected[i];
    return sum;
}

uint64_t rates_inspect_us(const struct rates *time, unsigned percent)
{
    uint64_t wanted = (n_inspected(time) * percent + 99) / 100;
    uint64_t seen = 0;
    for (unsigned i = 0; i < INSPECT_BUCKETS && wanted != 0; i++) {
        seen += time->inspected[i];
        if (seen >= wanted)
            return inspect_bucket_us(i);
    }
    return 0;
}

/* More than so many of a thousand? */
static bool is_over(uint64_t part, uint64_t whole, unsigned per_mille)
{
    return part * 1000 > whole * per_mille;
}

static bool is_slower(const struct rates *after, const struct rates *before, char *why, size_t size)
{
    uint64_t now_us = rates_inspect_us(after, TAIL_PERCENT);
    uint64_t then_us = rates_inspect_us(before, TAIL_PERCENT);
    if (n_inspected(after) < TAIL_INSPECTIONS || n_inspected(before) < TAIL_INSPECTIONS ||
        now_us < then_us + SLOWER_US || now_us * 100 <= then_us * (100 + SLOWER_PERCENT))
        return false;
    (void)snprintf(why, size, "one inspection of a hundred takes %llu us or more, %llu before",
                   (unsigned long long)now_us, (unsigned long long)then_us);
    return true;
}

enum rates_verdict rates_judge_trial(const struct rates *trial, const struct rates *before,
                                     const struct rates_bounds *bounds, char *why, size_t size)
{
    bool has_time = trial->ms >= bounds->least_ms;
    bool is_done =
        has_time && (trial->requests >= bounds->min_requests || trial->ms >= bounds->most_ms);
    /* While it runs, as if all the requests that it needs had come and the rest of them passed. */
    uint64_t whole = trial->authenticated;
    if (!is_done && whole < bounds->min_requests)
        whole = bounds->min_requests;
    if (trial->would_stop >= FEW_STOPS && is_over(trial->would_stop, whole, bounds->per_mille)) {
        (void)snprintf(why, size,
                       "would have stopped %llu of %llu requests that Exchange answered well, more "
                       "than %u per mille",
                       (unsigned long long)trial->would_stop,
                       (unsigned long long)trial->authenticated, bounds->per_mille);
        return RATES_BAD;
    }
    if (is_slower(trial, before, why, size))
        return RATES_BAD;
    return is_done ? RATES_GOOD : RATES_GO_ON;
}

/* More blocks of known clients than before, by more than the bound. */
static bool blocks_known(const struct rates *after, const struct rates *before,
                         const struct rates_bounds *bounds, char *why, size_t size)
{
    uint64_t whole = after->authenticated + after->blocked_known;
    uint64_t then = before->authenticated + before->blocked_known;
    uint64_t usual = then != 0 ? before->blocked_known * whole / then : 0;
    uint64_t more = after->blocked_known > usual ? after->blocked_known - usual : 0;
    if (more < FEW_STOPS || !is_over(more, whole, bounds->per_mille))
        return false;
    (void)snprintf(why, size,
                   "stopped %llu of %llu requests of clients that Exchange knows, more than %u per "
                   "mille above what was usual",
                   (unsigned long long)after->blocked_known, (unsigned long long)whole,
                   bounds->per_mille);
    return true;
}

/* Fewer get through, while more are blocked: clients that are stopped at their first request never
 * become known ones. An attack alone blocks more, but stops nobody else. */
static bool starves(const struct rates *after, const struct rates *before, char *why, size_t size)
{
    enum { ENOUGH_MS = 2 * 60 * 1000, ENOUGH = 100, HALF = 2 };
    if (after->ms < ENOUGH_MS || before->ms < ENOUGH_MS || before->authenticated < ENOUGH)
        return false;
    uint64_t expected = before->authenticated * after->ms / before->ms;
    uint64_t usual = before->blocked * after->ms / before->ms;
    uint64_t lost = expected > after->authenticated ? expected - after->authenticated : 0;
    if (after->authenticated * HALF >= expected || after->blocked < usual + lost / HALF)
        return false;
    (void)snprintf(why, size,
                   "%llu requests of clients that Exchange knows where %llu are usual, and %llu "
                   "blocked where %llu are",
                   (unsigned long long)after->authenticated, (unsigned long long)expected,
                   (unsigned long long)after->blocked, (unsigned long long)usual);
    return true;
}

static bool breaks(const struct rates *after, const struct rates *before, char *why, size_t size)
{
    uint64_t usual =
        before->requests != 0 ? before->errors * after->requests / before->requests : 0;
    uint64_t more = after->errors > usual ? after->errors - usual : 0;
    if (more < FEW_ERRORS || more < usual || !is_over(more, after->requests, ERROR_PER_MILLE))
        return false;
    (void)snprintf(why, size, "%llu of %llu requests failed at Exchange where %llu are usual",
                   (unsigned long long)after->errors, (unsigned long long)after->requests,
                   (unsigned long long)usual);
    return true;
}

enum rates_verdict rates_judge_force(const struct rates *after, const struct rates *before,
                                     const struct rates_bounds *bounds, char *why, size_t size)
{
    if (blocks_known(after, before, bounds, why, size) || starves(after, before, why, size) ||
        breaks(after, before, why, size) || is_slower(after, before, why, size))
        return RATES_BAD;
    return after->ms >= bounds->least_ms ? RATES_GOOD : RATES_GO_ON;
}
