/* What a rule set costs on given requests, without a network. */
#pragma once

#include "engine/engine.h"

struct cost_request {
    struct request_head head;
    struct slice body; /* without its framing; what is behind LIMIT_BODY_WINDOW is not looked at */
};

/* Told now and then how far the measuring is: 0..1. */
typedef void (*cost_progress_cb)(void *ctx, double done);

/* Means over all requests, in ns per request where nothing else is said. */
struct cost_report {
    double check_ns; /* the whole check, without attribution; of the quickest pass */
    double
        views_ns; /* the rest of the quickest pass with attribution: their sum differs a little */
    double scan_ns;
    double evaluate_ns; /* without confirm_ns */
    double confirm_ns;
    double head_bytes; /* scanned per request */
    double body_bytes;
    size_t n_requests;
    size_t n_stopped;        /* would be answered or closed */
    size_t n_failed;         /* a match limit, or memory: fail_mode decides about them */
    size_t n_passes;         /* that rules[] sums up */
    struct rule_cost *rules; /* [n_rules] of the set; free with cost_report_done */
};

struct cost_run {
    const struct cost_request *requests; /* borrowed */
    size_t n;                            /* not 0 */
    cost_progress_cb progress;           /* may be NULL */
    void *ctx;
};

/* Judge all requests, several times over for some hundred ms, at least once.
 * False with err: no memory. */
MUST_USE bool cost_measure(struct ruleset *set, const struct cost_run *run,
                           struct cost_report *ret_report, struct err *err);
void cost_report_done(struct cost_report *report);

/* What a set takes for requests, in ns. */
struct cost_sum {
    double all_ns;
    double slowest_ns; /* of them */
    size_t n_failed;   /* of them, that ended at a limit of the matcher */
};

/* Judge each request by both sets, turn about for about budget_ms, at least three times; of each
 * request the quickest time counts, so what disturbs the machine disturbs the ratio little.
 * ret_sums has two places. False with err: no memory. */
MUST_USE bool cost_compare(struct ruleset *const sets[2], const struct cost_run *run,
                           unsigned budget_ms, struct cost_sum *ret_sums, struct err *err);

/* Why a rule deserves a look. */
enum cost_reason {
    COST_UNGUARDED = 0, /* evaluated for every request */
    COST_WOKEN,         /* evaluated for many requests, true for few; figure: share of requests */
    COST_SHARE,         /* most of what rules cost; figure: share of the check */
    COST_SLOW,          /* one evaluation took long; figure: us */
    COST_STOPS,         /* an acting rule matches this traffic; figure: requests */
    COST_REASON_COUNT,
};

struct cost_advice {
    size_t rule;
    enum cost_reason reason;
    double figure;
};

/* Up to max of them in the order of the rules; returns how many.
 *
 * is_of_samples  the requests are the set's own samples: that they are stopped is no news */
size_t cost_advise(const struct cost_report *report, const struct ruleset *set, bool is_of_samples,
                   struct cost_advice *ret_advice, size_t max);
