/* Which rules deserve a look, by what they did on the traffic. */
#include "cost/cost.h"

#include "language/rule.h"

#include "stopgap/banned.h"

/* Where a figure begins to be worth a line. */
static const double woken_share = 0.2;    /* of the requests */
static const double useless_share = 0.05; /* of these, those for which the rule was true */
static const double notable_share = 0.02; /* of the check, for one that wakes too often */
static const double check_share = 0.1;    /* of the check */
static const double slow_us = 250;        /* a tenth of what a request may wait unseen */

struct advising {
    bool is_of_samples;
    struct cost_advice *items;
    size_t n;
    size_t max;
};

static void add(struct advising *advising, size_t rule, enum cost_reason reason, double figure)
{
    if (advising->n < advising->max)
        advising->items[advising->n++] =
            (struct cost_advice){.rule = rule, .reason = reason, .figure = figure};
}

static void advise(struct advising *advising, const struct cost_report *report,
                   const struct ruleset *set, size_t index)
{
    const struct rule_cost *cost = &report->rules[index];
    const struct rule *rule = ruleset_source_rule(set, index);
    double woken = (double)cost->n_woken;
    double matched = (double)cost->n_matched;
    double share = report->check_ns > 0
                       ? (double)cost->evaluate_ns / (double)report->n_requests / report->check_ns
                       : 0;
    bool is_acting = ruleset_rule(set, index)->is_enforced && !action_is_response(rule->action);
    if (ruleset_rule_guard(set, index).n == 0)
        add(advising, index, COST_UNGUARDED, 0);
    else if (woken >= woken_share * (double)report->n_requests && matched < useless_share * woken &&
             share >= notable_share)
        add(advising, index, COST_WOKEN, woken / (double)report->n_requests);
    if (share >= check_share)
        add(advising, index, COST_SHARE, share);
    if ((double)cost->worst_ns / 1000 >= slow_us)
        add(advising, index, COST_SLOW, (double)cost->worst_ns / 1000);
    if (is_acting && matched > 0 && !advising->is_of_samples)
        add(advising, index, COST_STOPS, matched);
}

size_t cost_advise(const struct cost_report *report, const struct ruleset *set, bool is_of_samples,
                   struct cost_advice *ret_advice, size_t max)
{
    struct advising advising = {.is_of_samples = is_of_samples, .items = ret_advice, .max = max};
    for (size_t i = 0; i < ruleset_n_rules(set); i++)
        advise(&advising, report, set, i);
    return advising.n;
}
