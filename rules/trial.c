/* Telling new rules from old ones, by the hash of what they do. */
#include "trial.h"

#include <stdio.h>
#include <stdlib.h>

#include "digest.h"
#include "engine/engine.h"
#include "language/convert.h"
#include "origin_rules.h"
#include "stopgap/limits.h"

#include "stopgap/banned.h"

struct digests {
    struct rule_digest *items;
    size_t n;
};

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct rule_digest));
}

static bool digests_init(struct digests *digests, const struct rule_list *rules)
{
    *digests = (struct digests){.items = calloc(rules->n + 1, sizeof(*digests->items))};
    bool is_done = digests->items != NULL;
    for (size_t i = 0; i < rules->n && is_done; i++)
        is_done = rule_digest(rules->items[i], &digests->items[digests->n++]);
    if (is_done)
        qsort(digests->items, digests->n, sizeof(*digests->items), compare_digests);
    return is_done;
}

static bool is_known(const struct digests *digests, const struct rule_digest *digest)
{
    return bsearch(digest, digests->items, digests->n, sizeof(*digest), compare_digests) != NULL;
}

/* The old rules that came by themselves. They were in force, so they are sound. */
static bool parse_before(const struct origins *before, struct rule_list *old, struct err *err)
{
    char shadowed[RULE_ID_BYTES];
    for (size_t i = 0; i < before->n; i++)
        if (before->items[i].is_tried && !origin_rules_add(&before->items[i], old, shadowed, err))
            return false;
    return true;
}

static bool mark_new(struct rule_list *rules, const struct digests *known, size_t *ret_n)
{
    for (size_t i = 0; i < rules->n; i++) {
        struct rule_digest digest;
        struct rule *rule = rules->items[i];
        if (!rule->is_tried)
            continue;
        if (!rule_digest(rule, &digest))
            return false;
        rule->is_trial = !is_known(known, &digest);
        *ret_n += rule->is_trial;
    }
    return true;
}

/* Of the candidate what is on trial, and what the operator named; then all old rules. */
static bool join(struct rule_list *rules, struct rule_list *old, struct err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < rules->n; i++) {
        struct rule *rule = rules->items[i];
        if (rule->is_tried && !rule->is_trial)
            rule_free(rule); /* its twin is among the old ones */
        else
            rules->items[n++] = rule;
    }
    rules->n = n;
    if (rules->n + old->n > LIMIT_RULES)
        return err_set(err, ERR_LIMIT, "E_LIMIT",
                       "%zu rules while the new ones are on trial beside the old ones; a set may "
                       "have %d",
                       rules->n + old->n, LIMIT_RULES);
    for (size_t i = 0; i < old->n; i++) {
        if (!rule_list_append(rules, old->items[i]))
            return no_memory(err);
        old->items[i] = NULL;
    }
    return true;
}

static void free_rest(struct rule_list *old)
{
    for (size_t i = 0; i < old->n; i++)
        rule_free(old->items[i]); /* those that were taken are NULL */
    free(old->items);
}

bool trial_mix(struct rule_list *rules, const struct origins *before, size_t *ret_n,
               struct err *err)
{
    struct rule_list old = {0};
    struct digests known = {0};
    *ret_n = 0;
    bool is_done = parse_before(before, &old, err);
    if (is_done && (!digests_init(&known, &old) || !mark_new(rules, &known, ret_n)))
        is_done = no_memory(err);
    if (is_done && *ret_n != 0)
        is_done = join(rules, &old, err);
    free_rest(&old);
    free(known.items);
    return is_done;
}

struct origins *trial_origins(const struct origins *candidate, const struct origins *before)
{
    const struct origins *sources[] = {candidate, before};
    struct origins *in_force = origins_new();
    bool is_done = in_force != NULL;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < sources[k]->n && is_done; i++)
            if (sources[k]->items[i].is_tried == (k == 1))
                is_done = origins_add_copy(in_force, &sources[k]->items[i]);
    if (is_done)
        return in_force;
    origins_unref(in_force);
    return NULL;
}

/* ---- for those who watch it */

static bool is_among(const struct origins *origins, const struct origin *origin)
{
    for (size_t i = 0; origins != NULL && i < origins->n; i++)
        if (strcmp(origins->items[i].label, origin->label) == 0 &&
            strcmp(origins->items[i].hash, origin->hash) == 0)
            return true;
    return false;
}

bool ruleset_trial(const struct ruleset *set, struct rules_trial *ret_trial)
{
    const struct origins *candidate = ruleset_candidate(set);
    struct ruleset_stats stats;
    if (candidate == NULL)
        return false;
    ruleset_stats(set, &stats);
    *ret_trial = (struct rules_trial){.n_rules = stats.n_on_trial};
    for (size_t i = 0; i < candidate->n; i++) {
        const struct origin *origin = &candidate->items[i];
        size_t len = strlen(ret_trial->name);
        if (is_among(ruleset_origins(set), origin))
            continue;
        (void)snprintf(ret_trial->name + len, sizeof(ret_trial->name) - len, "%s%s",
                       len != 0 ? "+" : "", origin->label);
        ret_trial->is_critical |= origin->is_critical;
    }
    return true;
}

size_t ruleset_news(const struct ruleset *set, const struct ruleset *before,
                    const char **ret_hashes, struct trust_set *ret_bundles, size_t max,
                    size_t *ret_n_bundles)
{
    const struct origins *candidate = ruleset_candidate(set);
    const struct origins *origins = candidate != NULL ? candidate : ruleset_origins(set);
    size_t n = 0;
    *ret_n_bundles = 0;
    for (size_t i = 0; origins != NULL && i < origins->n && n < max; i++) {
        const struct origin *origin = &origins->items[i];
        if (origin->kind == ORIGIN_DIRECTORY || is_among(ruleset_origins(before), origin))
            continue;
        ret_hashes[n++] = origin->hash;
        if (origin->kind == ORIGIN_BUNDLE)
            ret_bundles[(*ret_n_bundles)++] = origin->bundle;
    }
    return n;
}
