/* Passes over the requests: first without a trace, for the price as it is; then with one. */
#include "cost/cost.h"

#include <stdlib.h>
#include <time.h>

#include "stopgap/banned.h"

enum {
    ARENA_FIRST_BYTES = 16 * 1024, /* as the proxy gives a transaction */
    ENOUGH_NS = 400 * 1000 * 1000, /* of passes: their best is steady then */
    COMPARE_PASSES = 8,            /* of a comparison: the least of fewer is still noise */
    MIN_PASSES = 3,                /* unless they take long: */
    LONG_NS = 1500 * 1000 * 1000,
    LEAST_PASSES = 2, /* in a single one an interruption would look like a slow rule */
    CLOCK_READINGS = 1000,
    PROGRESS_EVERY = 256, /* requests */
};

struct measuring {
    struct lease *lease;
    const struct cost_request *requests;
    size_t n;
    char *memory;
    cost_progress_cb progress;
    void *ctx;
    double progress_from; /* of this pass */
    double progress_share;
    size_t n_stopped; /* of the last pass */
    size_t n_failed;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t clock_price_ns(void)
{
    uint64_t begun = now_ns();
    for (int i = 1; i < CLOCK_READINGS; i++)
        (void)now_ns();
    return (now_ns() - begun) / CLOCK_READINGS;
}

/* As the proxy judges it: the head, then the body where a rule asks for it. */
static void judge(struct measuring *measuring, const struct cost_request *request)
{
    struct arena arena;
    struct inspection *inspection;
    arena_init(&arena, measuring->memory, ARENA_FIRST_BYTES, LIMIT_ARENA_BYTES);
    struct verdict verdict =
        rules_check_head(measuring->lease, &request->head, RULES_BLOCK, &arena, &inspection);
    if (verdict.action == VERDICT_NEED_BODY)
        verdict = rules_check_body(inspection, request->body, true);
    measuring->n_stopped += verdict.action == VERDICT_BLOCK || verdict.action == VERDICT_ABORT;
    measuring->n_failed += verdict.scan_failed;
    rules_end(inspection);
    arena_done(&arena);
}

/* One pass; returns its time. What comes again within the traffic may be known again, what comes
 * again because of the next pass may not. */
static uint64_t pass(struct measuring *measuring)
{
    lease_forget(measuring->lease);
    measuring->n_stopped = measuring->n_failed = 0;
    uint64_t begun = now_ns();
    for (size_t i = 0; i < measuring->n; i++) {
        judge(measuring, &measuring->requests[i]);
        if (measuring->progress != NULL && i % PROGRESS_EVERY == 0)
            measuring->progress(measuring->ctx,
                                measuring->progress_from + measuring->progress_share / 2 *
                                                               (double)i / (double)measuring->n);
    }
    return now_ns() - begun;
}

static bool is_enough(size_t n, uint64_t spent)
{
    return (n >= MIN_PASSES && spent >= ENOUGH_NS) || (n >= LEAST_PASSES && spent >= LONG_NS);
}

/* Each pass has half of what is left of the bar. */
static void advance(struct measuring *measuring)
{
    measuring->progress_from += measuring->progress_share / 2;
    measuring->progress_share /= 2;
}

/* The time of the quickest: the others were disturbed. */
static uint64_t measure_plain(struct measuring *measuring)
{
    uint64_t best = UINT64_MAX;
    uint64_t spent = 0;
    for (size_t n = 0; !is_enough(n, spent); n++) {
        uint64_t one = pass(measuring);
        best = one < best ? one : best;
        spent += one;
        advance(measuring);
    }
    return best;
}

static void fill(struct cost_report *report, const struct lease_trace *trace)
{
    double n = (double)report->n_requests;
    report->views_ns = (double)trace->views_ns / n;
    report->scan_ns = (double)trace->scan_ns / n;
    report->confirm_ns = (double)trace->confirm_ns / n;
    report->evaluate_ns = (double)trace->evaluate_ns / n - report->confirm_ns;
    if (report->evaluate_ns < 0)
        report->evaluate_ns = 0; /* the clock's grain */
    report->head_bytes = (double)trace->scanned_head_bytes / n;
    report->body_bytes = (double)trace->scanned_body_bytes / n;
}

/* Keep the quickest pass; of the worst evaluation of each rule the best: what a rule does itself
 * comes back in each pass, what disturbs the machine does not. */
static void take_pass(struct cost_report *report, const struct lease_trace *trace, size_t n_rules,
                      uint64_t *best)
{
    uint64_t one = trace->views_ns + trace->scan_ns + trace->evaluate_ns;
    bool is_first = *best == UINT64_MAX;
    bool is_best = one < *best;
    for (size_t i = 0; i < n_rules; i++) {
        struct rule_cost *cost = &report->rules[i];
        uint64_t worst = cost->worst_ns;
        if (is_best)
            *cost = trace->rules[i];
        if (!is_first && worst < cost->worst_ns)
            cost->worst_ns = worst;
        if (trace->rules[i].worst_ns < cost->worst_ns)
            cost->worst_ns = trace->rules[i].worst_ns;
    }
    if (!is_best)
        return;
    *best = one;
    fill(report, trace);
}

static void measure_traced(struct measuring *measuring, struct rule_cost *rules, size_t n_rules,
                           struct cost_report *report)
{
    uint64_t best = UINT64_MAX;
    uint64_t spent = 0;
    uint64_t clock_ns = clock_price_ns();
    for (size_t n = 0; !is_enough(n, spent); n++) {
        struct lease_trace trace = {.clock_ns = clock_ns, .rules = rules};
        memset(rules, 0, n_rules * sizeof(*rules));
        lease_set_trace(measuring->lease, &trace);
        spent += pass(measuring);
        lease_set_trace(measuring->lease, NULL);
        take_pass(report, &trace, n_rules, &best);
        advance(measuring);
    }
}

static bool prepare(struct measuring *measuring, struct ruleset *set, struct err *err)
{
    measuring->memory = malloc(ARENA_FIRST_BYTES);
    measuring->lease = lease_new(set, err);
    return measuring->memory != NULL && measuring->lease != NULL;
}

static void measure(struct measuring *measuring, struct rule_cost *scratch, size_t n_rules,
                    struct cost_report *report)
{
    report->check_ns = (double)measure_plain(measuring) / (double)measuring->n;
    report->n_stopped = measuring->n_stopped;
    report->n_failed = measuring->n_failed;
    measuring->progress_from = measuring->progress_share = 0.5;
    measure_traced(measuring, scratch, n_rules, report);
}

bool cost_measure(struct ruleset *set, const struct cost_run *run, struct cost_report *ret_report,
                  struct err *err)
{
    struct measuring measuring = {.requests = run->requests,
                                  .n = run->n,
                                  .progress = run->progress,
                                  .ctx = run->ctx,
                                  .progress_share = 0.5};
    size_t n_rules = ruleset_n_rules(set);
    struct rule_cost *scratch = calloc(n_rules + 1, sizeof(*scratch));
    struct cost_report report = {.n_requests = run->n,
                                 .rules = calloc(n_rules + 1, sizeof(*scratch))};
    bool is_ready = prepare(&measuring, set, err) && scratch != NULL && report.rules != NULL;
    if (is_ready) {
        measure(&measuring, scratch, n_rules, &report);
        *ret_report = report;
    } else {
        free(report.rules);
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    }
    lease_free(measuring.lease);
    free(measuring.memory);
    free(scratch);
    return is_ready;
}

void cost_report_done(struct cost_report *report)
{
    free(report->rules);
    *report = (struct cost_report){0};
}

/* ---- two sets */

/* Of this thread only: another process on the same CPU costs a request nothing here. */
static uint64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_clock_price_ns(void)
{
    uint64_t begun = cpu_ns();
    for (int i = 1; i < CLOCK_READINGS; i++)
        (void)cpu_ns();
    return (cpu_ns() - begun) / CLOCK_READINGS;
}

/* The quickest time so far of each request by one set. */
struct contender {
    struct measuring measuring;
    uint64_t *best_ns; /* [n] */
    uint64_t clock_ns; /* what reading the clock takes */
};

static bool contender_init(struct contender *contender, struct ruleset *set,
                           const struct cost_run *run, struct err *err)
{
    *contender = (struct contender){.measuring = {.requests = run->requests, .n = run->n},
                                    .clock_ns = cpu_clock_price_ns(),
                                    .best_ns = malloc((run->n + 1) * sizeof(uint64_t))};
    for (size_t i = 0; contender->best_ns != NULL && i < run->n; i++)
        contender->best_ns[i] = UINT64_MAX;
    return (prepare(&contender->measuring, set, err) && contender->best_ns != NULL) ||
           err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
}

static void contender_done(struct contender *contender)
{
    lease_free(contender->measuring.lease);
    free(contender->measuring.memory);
    free(contender->best_ns);
}

static void contend(struct contender *contender, size_t index)
{
    uint64_t begun = cpu_ns();
    judge(&contender->measuring, &contender->measuring.requests[index]);
    uint64_t spent = cpu_ns() - begun;
    spent = spent > contender->clock_ns ? spent - contender->clock_ns : 0;
    if (spent < contender->best_ns[index])
        contender->best_ns[index] = spent;
}

static struct cost_sum contender_sum(const struct contender *contender)
{
    struct cost_sum sum = {.n_failed = contender->measuring.n_failed};
    for (size_t i = 0; i < contender->measuring.n; i++) {
        double one = (double)contender->best_ns[i];
        sum.all_ns += one;
        sum.slowest_ns = one > sum.slowest_ns ? one : sum.slowest_ns;
    }
    return sum;
}

bool cost_compare(struct ruleset *const sets[2], const struct cost_run *run, unsigned budget_ms,
                  struct cost_sum *ret_sums, struct err *err)
{
    struct contender both[2] = {{.best_ns = NULL}, {.best_ns = NULL}};
    bool is_ready =
        contender_init(&both[0], sets[0], run, err) && contender_init(&both[1], sets[1], run, err);
    uint64_t end = now_ns() + (uint64_t)budget_ms * 1000000;
    for (size_t pass = 0; is_ready && (pass < COMPARE_PASSES || now_ns() < end); pass++) {
        both[0].measuring.n_failed = both[1].measuring.n_failed = 0;
        for (size_t i = 0; i < run->n; i++) {
            contend(&both[0], i);
            contend(&both[1], i);
        }
    }
    for (int i = 0; i < 2; i++) {
        if (is_ready)
            ret_sums[i] = contender_sum(&both[i]);
        contender_done(&both[i]);
    }
    return is_ready;
}
