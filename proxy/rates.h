/* Does a set of rules harm? Judged by the sums of the workers' counters, over a time. Pure. */
#pragma once

#include "stats.h"

#include <stdbool.h>
#include <stddef.h>

/* What happened in a time. */
struct rates {
    uint64_t ms;
    uint64_t requests;
    uint64_t blocked;
    uint64_t authenticated; /* with credentials, and answered well */
    uint64_t would_stop;    /* of these */
    uint64_t blocked_known; /* blocked, of clients that had such a request on the connection */
    uint64_t errors;        /* 5xx of Exchange, and requests that it did not answer */
    uint64_t inspected[INSPECT_BUCKETS];
};

/* The counters at a moment; the difference of two moments is what happened between. */
void rates_take(struct rates *ret_now, const struct worker_stats *sum, uint64_t now_ms);
void rates_between(struct rates *ret_time, const struct rates *begun, const struct rates *now);
/* So many of a hundred inspections took at most as long, in us; 0: there was none. */
uint64_t rates_inspect_us(const struct rates *time, unsigned percent);

enum rates_verdict {
    RATES_GO_ON = 0, /* nothing bad so far */
    RATES_GOOD,      /* long enough */
    RATES_BAD,
};

struct rates_bounds {
    unsigned per_mille;    /* of authenticated requests may be stopped */
    uint64_t min_requests; /* before a trial is good */
    uint64_t least_ms;     /* and this time */
    uint64_t most_ms;      /* after which few requests do, too */
};

/* Rules on trial, who only report.
 *
 * before  what happened before the trial, to compare how long inspections take
 * why     set for RATES_BAD */
enum rates_verdict rates_judge_trial(const struct rates *trial, const struct rates *before,
                                     const struct rates_bounds *bounds, char *why, size_t size);

/* Rules that are in force since a moment. bounds: least_ms is how long they are watched; the rest
 * as above. */
enum rates_verdict rates_judge_force(const struct rates *after, const struct rates *before,
                                     const struct rates_bounds *bounds, char *why, size_t size);
