/* Rules are paired by their ids; samples are judged by both sets. */
#include "diff/diff.h"

#include <stdlib.h>

#include "selftest.h"

#include "stopgap/banned.h"

/* ---- rules */

/* Rule indices of a set, by id. */
static bool sort_rules(const struct ruleset *set, const struct rule ***ret_rules)
{
    size_t n = ruleset_n_rules(set);
    const struct rule **rules = calloc(n + 1, sizeof(*rules));
    if (rules == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        rules[i] = ruleset_source_rule(set, i);
    qsort(rules, n, sizeof(*rules), rule_compare_ids);
    *ret_rules = rules;
    return true;
}

/* One of the two may be NULL. */
static void add_change(struct rules_diff *diff, const struct rule *a, const struct rule *b)
{
    struct rule_change change = {.old_rule = a, .new_rule = b};
    change.drift = diff_rule(a, b, &change.aspects);
    if (a == NULL || b == NULL || change.aspects != 0)
        diff->changes[diff->n_changes++] = change;
}

static bool compare_sets(const struct ruleset *old_set, const struct ruleset *new_set,
                         struct rules_diff *diff)
{
    const struct rule **old_rules = NULL;
    const struct rule **new_rules = NULL;
    size_t n_old = ruleset_n_rules(old_set);
    size_t n_new = ruleset_n_rules(new_set);
    diff->changes = calloc(n_old + n_new + 1, sizeof(*diff->changes));
    bool is_done =
        diff->changes != NULL && sort_rules(old_set, &old_rules) && sort_rules(new_set, &new_rules);
    size_t i = 0;
    size_t k = 0;
    while (is_done && (i < n_old || k < n_new)) {
        int order = i == n_old ? 1 : k == n_new ? -1 : strcmp(old_rules[i]->id, new_rules[k]->id);
        add_change(diff, order <= 0 ? old_rules[i] : NULL, order >= 0 ? new_rules[k] : NULL);
        i += order <= 0;
        k += order >= 0;
    }
    free(old_rules);
    free(new_rules);
    return is_done;
}

/* ---- verdicts */

struct judge {
    struct ruleset *set;
    struct lease *lease;
    bool *matched;
};

static bool judge_init(struct judge *judge, struct ruleset *set, struct err *err)
{
    *judge = (struct judge){.set = set, .lease = lease_new(set, err)};
    judge->matched = calloc(ruleset_n_rules(set) + 1, sizeof(*judge->matched));
    return judge->lease != NULL && judge->matched != NULL;
}

static void judge_done(struct judge *judge)
{
    lease_free(judge->lease);
    free(judge->matched);
}

static enum outcome outcome_of(const struct rule *rule)
{
    if (rule->is_detect_only)
        return OUTCOME_DETECT;
    if (action_is_response(rule->action))
        return OUTCOME_EDIT;
    return rule->action == ACTION_ABORT ? OUTCOME_ABORT : OUTCOME_BLOCK;
}

/* As the proxy decides: the hardest, the first of equals. */
static bool judge_sample(struct judge *judge, const struct sample *sample,
                         struct sample_verdict *ret_verdict)
{
    struct sample_verdict verdict = {.outcome = OUTCOME_PASS};
    if (!rules_try_sample(judge->lease, sample, judge->matched))
        return false;
    for (size_t i = 0; i < ruleset_n_rules(judge->set); i++) {
        const struct rule *rule = ruleset_source_rule(judge->set, i);
        if (!judge->matched[i] || outcome_of(rule) <= verdict.outcome)
            continue;
        verdict = (struct sample_verdict){.outcome = outcome_of(rule), .rule = rule};
        verdict.status = verdict.outcome == OUTCOME_BLOCK ? rule->status : 0;
    }
    *ret_verdict = verdict;
    return true;
}

struct judging {
    struct judge *old_judge;
    struct judge *new_judge;
    struct rules_diff *diff;
};

static void judge_both(const struct judging *judging, const struct verdict_change *about)
{
    struct rules_diff *diff = judging->diff;
    struct verdict_change change = *about;
    diff->n_samples++;
    if (!judge_sample(judging->old_judge, about->sample, &change.old_verdict) ||
        !judge_sample(judging->new_judge, about->sample, &change.new_verdict)) {
        diff->n_unjudged++;
        return;
    }
    if (change.old_verdict.outcome != change.new_verdict.outcome ||
        change.old_verdict.status != change.new_verdict.status)
        diff->verdicts[diff->n_verdicts++] = change;
}

static bool has_sample(const struct rule *rule, const struct sample *sample, bool is_must_block)
{
    const struct sample *samples = is_must_block ? rule->must_block : rule->must_pass;
    size_t n = is_must_block ? rule->n_must_block : rule->n_must_pass;
    for (size_t i = 0; i < n; i++)
        if (sample_is_same(&samples[i], sample))
            return true;
    return false;
}

/* One list of one rule; samples that `known` has were judged already. */
static void judge_list(const struct judging *judging, const struct rule *rule, bool is_must_block,
                       bool is_of_new, const struct rule *known)
{
    const struct sample *samples = is_must_block ? rule->must_block : rule->must_pass;
    size_t n = is_must_block ? rule->n_must_block : rule->n_must_pass;
    for (size_t i = 0; i < n; i++) {
        struct verdict_change about = {.owner = rule,
                                       .sample = &samples[i],
                                       .is_must_block = is_must_block,
                                       .is_of_new = is_of_new,
                                       .number = i + 1};
        if (known == NULL || !has_sample(known, &samples[i], is_must_block))
            judge_both(judging, &about);
    }
}

static size_t count_samples(const struct ruleset *set)
{
    size_t n = 0;
    for (size_t i = 0; i < ruleset_n_rules(set); i++)
        n += ruleset_source_rule(set, i)->n_must_block + ruleset_source_rule(set, i)->n_must_pass;
    return n;
}

static void judge_all(const struct judging *judging)
{
    const struct ruleset *old_set = judging->old_judge->set;
    const struct ruleset *new_set = judging->new_judge->set;
    for (size_t i = 0; i < ruleset_n_rules(old_set); i++) {
        judge_list(judging, ruleset_source_rule(old_set, i), true, false, NULL);
        judge_list(judging, ruleset_source_rule(old_set, i), false, false, NULL);
    }
    for (size_t i = 0; i < ruleset_n_rules(new_set); i++) {
        const struct rule *rule = ruleset_source_rule(new_set, i);
        size_t at = ruleset_find(old_set, rule->id);
        const struct rule *known = at != SIZE_MAX ? ruleset_source_rule(old_set, at) : NULL;
        judge_list(judging, rule, true, true, known);
        judge_list(judging, rule, false, true, known);
    }
}

bool rules_diff_make(struct ruleset *old_set, struct ruleset *new_set, struct rules_diff *ret_diff,
                     struct err *err)
{
    struct rules_diff diff = {0};
    struct judge old_judge = {0};
    struct judge new_judge = {0};
    size_t n_samples = count_samples(old_set) + count_samples(new_set);
    diff.verdicts = calloc(n_samples + 1, sizeof(*diff.verdicts));
    bool is_done = diff.verdicts != NULL && compare_sets(old_set, new_set, &diff) &&
                   judge_init(&old_judge, old_set, err) && judge_init(&new_judge, new_set, err);
    struct judging judging = {.old_judge = &old_judge, .new_judge = &new_judge, .diff = &diff};
    if (is_done)
        judge_all(&judging);
    judge_done(&old_judge);
    judge_done(&new_judge);
    if (is_done) {
        *ret_diff = diff;
        return true;
    }
    rules_diff_done(&diff);
    return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
}

void rules_diff_done(struct rules_diff *diff)
{
    free(diff->changes);
    free(diff->verdicts);
    *diff = (struct rules_diff){0};
}

const char *outcome_word(enum outcome outcome)
{
    static const char *const words[] = {"pass", "detect", "edit", "block", "abort"};
    return words[outcome];
}
