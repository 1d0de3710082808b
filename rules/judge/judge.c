/* Judging a candidate: built and proved by its samples, then by requests that nobody may stop, then
 * by what it costs beside the shipped rules on the same machine in the same moment. */
#include "judge/judge.h"

#include <stdlib.h>
#include <time.h>

#include "build.h"
#include "judge_wire.h"

#include "stopgap/banned.h"

enum {
    UNIT = 1000,    /* what the shipped rules cost */
    USUAL_MS = 100, /* of measuring; a pass of both takes one to ten */
    WORST_MS = 200, /* a pass takes ten to a hundred */
    MAX_TRIES = 3,  /* before a set is too costly: a busy machine must not refuse it */
};

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for judging the rules");
}

/* ---- what nobody may stop */

static bool can_stop(const struct ruleset *set, size_t index)
{
    const struct rule *rule = ruleset_source_rule(set, index);
    /* What is an option takes something away from clients on purpose. */
    return ruleset_rule(set, index)->is_enforced && rule->activation == ACTIVATION_ALWAYS &&
           !action_is_response(rule->action);
}

static bool judge_one(struct lease *lease, const struct cost_request *request, const char *name,
                      bool *matched, struct err *err)
{
    static const struct response_head response = {.status = 200};
    const struct ruleset *set = lease_ruleset(lease);
    const struct trial trial = {
        .head = &request->head, .body = request->body, .response = &response};
    if (!ruleset_try(lease, &trial, matched))
        return err_set(err, ERR_TEST, "E_SELFTEST", "%s could not be judged: a match limit", name);
    for (size_t i = 0; i < ruleset_n_rules(set); i++) {
        const struct rule *rule = ruleset_source_rule(set, i);
        if (!matched[i] || !can_stop(set, i))
            continue;
        (void)err_set(err, ERR_TEST, "E_SELFTEST",
                      "rule %s stops what every client sends: %s (" SLICE_FMT " %.200s); make it "
                      "narrower",
                      rule->id, name, SLICE_ARG(request->head.method), request->head.target.ptr);
        return err_at(err, rule->file, 0, 0);
    }
    return true;
}

bool judge_usual(struct ruleset *set, const struct corpus *usual, struct err *err)
{
    bool *matched = calloc(ruleset_n_rules(set) + 1, sizeof(*matched));
    struct lease *lease = lease_new(set, err);
    bool is_good = matched != NULL && lease != NULL;
    if (!is_good)
        (void)no_memory(err);
    for (size_t i = 0; i < n_usual_requests && is_good; i++)
        is_good = judge_one(lease, &usual->requests[i], usual_requests[i].name, matched, err);
    lease_free(lease);
    free(matched);
    return is_good;
}

/* ---- what it costs */

/* What the set takes in units of what the shipped rules take. */
static uint64_t in_units(double set_ns, double shipped_ns)
{
    return shipped_ns > 0 ? (uint64_t)(set_ns / shipped_ns * (double)UNIT) : UNIT;
}

/* The least that each of the two took so far: what is above that is the noise of the machine. A
 * ratio of single tries would let a costly set through when the shipped one was disturbed. */
struct least {
    double shipped_ns, set_ns;
};

static double smaller(double before, double now)
{
    return before > 0 && before < now ? before : now;
}

static uint64_t keep_least(struct least *least, double shipped_ns, double set_ns)
{
    least->shipped_ns = smaller(least->shipped_ns, shipped_ns);
    least->set_ns = smaller(least->set_ns, set_ns);
    return in_units(least->set_ns, least->shipped_ns);
}

static bool measure_usual(struct ruleset *const sets[2], const struct corpus *corpus,
                          struct least *least, uint64_t *ret_cost, struct err *err)
{
    const struct cost_run run = {.requests = corpus->requests, .n = corpus->n};
    struct cost_sum sums[2];
    if (!cost_compare(sets, &run, USUAL_MS, sums, err))
        return false;
    *ret_cost = keep_least(least, sums[0].all_ns, sums[1].all_ns);
    return true;
}

/* An attacker sends the slowest of them again and again, so that one counts. */
static bool measure_worst(struct ruleset *const sets[2], const struct corpus *corpus,
                          struct least *least, uint64_t *ret_cost, struct err *err)
{
    const struct cost_run run = {.requests = corpus->requests, .n = corpus->n};
    struct cost_sum sums[2];
    if (!cost_compare(sets, &run, WORST_MS, sums, err))
        return false;
    *ret_cost = keep_least(least, sums[0].slowest_ns, sums[1].slowest_ns);
    return sums[1].n_failed <= sums[0].n_failed ||
           err_set(err, ERR_LIMIT, "E_COST",
                   "a regex runs into the limit of steps for a long request, which would let "
                   "attackers choose that requests are not judged; find the rule with 'stopgap "
                   "rules cost'");
}

static bool make_corpora(struct corpus *usual, struct corpus *worst, const struct ruleset *set)
{
    return corpus_init(usual) && corpus_init(worst) && corpus_add_usual(usual) &&
           corpus_add_worst(worst) && corpus_add_samples(worst, set);
}

static bool fail_cost(const struct rules_judgement *judgement, uint64_t max_cost, struct err *err)
{
    return err_set(err, ERR_LIMIT, "E_COST",
                   "the set costs %llu for usual requests and %llu for the slowest one, %llu is "
                   "allowed (1000: the shipped rules); find the rule with 'stopgap rules cost', or "
                   "raise rules.max_cost",
                   (unsigned long long)judgement->cost, (unsigned long long)judgement->worst_cost,
                   (unsigned long long)max_cost);
}

bool judge_cost(struct ruleset *shipped, struct ruleset *set, uint64_t max_cost,
                struct rules_judgement *judgement, struct err *err)
{
    struct ruleset *const sets[2] = {shipped, set};
    struct corpus usual = {.n = 0};
    struct corpus worst = {.n = 0};
    bool is_over = true;
    bool is_measured = make_corpora(&usual, &worst, set) || no_memory(err);
    struct least least_usual = {0}, least_worst = {0};
    judgement->cost = judgement->worst_cost = UINT64_MAX;
    for (int i = 0; i < MAX_TRIES && is_measured && is_over; i++) {
        is_measured = measure_usual(sets, &usual, &least_usual, &judgement->cost, err) &&
                      measure_worst(sets, &worst, &least_worst, &judgement->worst_cost, err);
        is_over = max_cost != 0 && (judgement->cost > max_cost || judgement->worst_cost > max_cost);
    }
    corpus_done(&usual);
    corpus_done(&worst);
    return is_measured && (!is_over || fail_cost(judgement, max_cost, err));
}

/* What its publishers say that it costs, all together; 0: one of them says nothing. */
static uint64_t promised_cost(const struct judge_request *request)
{
    uint64_t sum = request->use_builtin ? UNIT : 0;
    for (size_t i = 0; i < request->origins->n; i++) {
        uint64_t one = request->origins->items[i].max_cost;
        if (one == 0 || one > UINT64_MAX - sum)
            return 0;
        sum += one;
    }
    return sum;
}

static uint64_t smaller_limit(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* ---- all of it */

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct ruleset *build_shipped(const struct judge_request *request, struct err *err)
{
    struct origins *none = origins_new();
    const struct build_request build = {
        .use_builtin = true, .origins = none, .cache = request->cache, .is_judged = true};
    struct ruleset *set = none != NULL ? rules_build(&build, err) : NULL;
    if (none == NULL)
        (void)no_memory(err);
    origins_unref(none);
    return set;
}

static bool judge_set(const struct judge_request *request, struct ruleset *set,
                      struct rules_judgement *judgement, struct err *err)
{
    struct corpus usual = {.n = 0};
    struct ruleset_stats stats;
    ruleset_stats(set, &stats);
    judgement->n_rules = stats.n_rules;
    judgement->database_bytes = stats.database_bytes;
    if (stats.scratch_bytes > LIMIT_SCRATCH_BYTES)
        return err_set(err, ERR_LIMIT, "E_COST",
                       "a worker needs %zu bytes of scratch memory for the patterns, over %d",
                       stats.scratch_bytes, LIMIT_SCRATCH_BYTES);
    bool is_good = (corpus_init(&usual) && corpus_add_usual(&usual)) || no_memory(err);
    is_good = is_good && judge_usual(set, &usual, err);
    corpus_done(&usual);
    if (!is_good)
        return false;
    struct ruleset *shipped = build_shipped(request, err);
    is_good = shipped != NULL &&
              judge_cost(shipped, set, smaller_limit(request->max_cost, promised_cost(request)),
                         judgement, err);
    ruleset_unref(shipped);
    return is_good;
}

static bool judge(const struct judge_request *request, struct rules_judgement *judgement,
                  struct err *err)
{
    struct build_request build = {
        .use_builtin = request->use_builtin,
        .origins = request->origins,
        .changes = &request->changes,
        .policy = &request->policy,
        .cache = request->cache,
        .is_stale = request->is_stale,
    };
    struct ruleset *set = rules_build(&build, err);
    bool is_good = set != NULL && judge_set(request, set, judgement, err);
    ruleset_unref(set);
    if (!is_good || request->before == NULL)
        return is_good;
    /* The set of its trial is another one to compile; all of its rules were tried. */
    build.before = request->before;
    build.is_judged = true;
    set = rules_build(&build, err);
    ruleset_unref(set);
    return set != NULL;
}

bool rules_judge(struct slice request, unsigned isolation, struct buf *reply)
{
    struct judge_request asked;
    struct rules_judgement judgement = {.isolation = isolation};
    struct err err = {.kind = ERR_NONE};
    uint64_t begun = now_ms();
    bool is_read = judge_request_read(request, &asked);
    bool is_good = is_read && judge(&asked, &judgement, &err);
    if (is_read)
        judge_request_done(&asked);
    else
        (void)err_set(&err, ERR_MEMORY, "E_MEMORY", "the rules to judge could not be read");
    judgement.took_ms = now_ms() - begun;
    return judge_reply_write(&judgement, is_good ? NULL : &err, reply);
}
