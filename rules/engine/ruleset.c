/* The life of a rule set and what can be asked of it. */
#include "engine/private.h"

#include <stdlib.h>

#include "origin/origin.h"

#include "stopgap/banned.h"

struct ruleset *ruleset_ref(struct ruleset *set)
{
    (void)__atomic_add_fetch(&set->n_references, 1, __ATOMIC_RELAXED);
    return set;
}

static void ruleset_free(struct ruleset *set)
{
    for (struct cond *cond = set->codes; cond != NULL; cond = cond->next_with_code)
        pcre2_code_free(cond->code);
    (void)hs_free_database(set->head_database);
    (void)hs_free_database(set->body_database);
    (void)hs_free_scratch(set->scratch);
    pcre2_match_context_free(set->match_context);
    rule_list_done(&set->source);
    origins_unref(set->origins);
    origins_unref(set->candidate);
    if (set->memory.next != NULL)
        arena_done(&set->memory);
    free(set->first_chunk);
    free(set->rules);
    free(set->mitigations);
    for (size_t i = 0; i < set->n_warnings; i++)
        free(set->warnings[i]);
    free(set->warnings);
    free(set->name);
    free(set->hash);
    free(set);
}

void ruleset_unref(struct ruleset *set)
{
    if (set != NULL && __atomic_sub_fetch(&set->n_references, 1, __ATOMIC_ACQ_REL) == 0)
        ruleset_free(set);
}

bool ruleset_set_identity(struct ruleset *set, const char *name, const char *hash, uint64_t load_us)
{
    char *own_name = strdup(name);
    char *own_hash = strdup(hash);
    if (own_name == NULL || own_hash == NULL) {
        free(own_name);
        free(own_hash);
        return false;
    }
    free(set->name);
    free(set->hash);
    set->name = own_name;
    set->hash = own_hash;
    set->stats.load_us = load_us;
    return true;
}

void ruleset_set_facts(struct ruleset *set, const struct ruleset_facts *facts)
{
    set->stats.expires_unix = facts->expires_unix;
    set->stats.created_unix = facts->created_unix;
    set->stats.n_stale = facts->n_stale;
    set->stats.has_former_keys = facts->has_former_keys;
}

static const char *copy_text(struct arena *memory, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = arena_alloc(memory, size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

bool ruleset_set_mitigations(struct ruleset *set, const struct mitigation_info *infos, size_t n)
{
    set->mitigations = calloc(n + 1, sizeof(*set->mitigations));
    if (set->mitigations == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct mitigation_info *info = &set->mitigations[i];
        *info = infos[i];
        info->id = copy_text(&set->memory, infos[i].id);
        info->title = copy_text(&set->memory, infos[i].title);
        info->cve = copy_text(&set->memory, infos[i].cve);
        if (info->id == NULL || info->title == NULL || info->cve == NULL)
            return false;
    }
    set->n_mitigations = n;
    return true;
}

void ruleset_set_origins(struct ruleset *set, struct origins *origins, struct origins *candidate)
{
    set->origins = origins;
    set->candidate = candidate;
}

struct origins *ruleset_candidate(const struct ruleset *set)
{
    return set->candidate;
}

size_t ruleset_bundles_on_trial(const struct ruleset *set, struct trust_set *ret_sets, size_t max)
{
    const struct origins *candidate = set->candidate;
    size_t n = 0;
    for (size_t i = 0; candidate != NULL && i < candidate->n && n < max; i++) {
        const struct origin *origin = &candidate->items[i];
        const struct origin *known = origins_find(set->origins, ORIGIN_BUNDLE, origin->source);
        if (origin->kind == ORIGIN_BUNDLE &&
            (known == NULL || strcmp(known->hash, origin->hash) != 0))
            ret_sets[n++] = origin->bundle;
    }
    return n;
}

size_t ruleset_bundles(const struct ruleset *set, struct trust_set *ret_sets, size_t max)
{
    const struct origins *origins = set->origins;
    size_t n = 0;
    for (size_t i = 0; origins != NULL && i < origins->n && n < max; i++)
        if (origins->items[i].kind == ORIGIN_BUNDLE)
            ret_sets[n++] = origins->items[i].bundle;
    return n;
}

struct origins *ruleset_origins(const struct ruleset *set)
{
    return set->origins;
}

void ruleset_set_warnings(struct ruleset *set, char **lines, size_t n)
{
    set->warnings = lines;
    set->n_warnings = n;
}

size_t ruleset_n_warnings(const struct ruleset *set)
{
    return set->n_warnings;
}

const char *ruleset_warning(const struct ruleset *set, size_t index)
{
    return set->warnings[index];
}

size_t ruleset_n_mitigations(const struct ruleset *set)
{
    return set->n_mitigations;
}

const struct mitigation_info *ruleset_mitigation(const struct ruleset *set, size_t index)
{
    return &set->mitigations[index];
}

const struct mitigation_info *ruleset_find_mitigation(const struct ruleset *set, const char *id)
{
    for (size_t i = 0; i < set->n_mitigations; i++)
        if (strcmp(set->mitigations[i].id, id) == 0)
            return &set->mitigations[i];
    return NULL;
}

const char *ruleset_name(const struct ruleset *set)
{
    return set->name;
}

const char *ruleset_hash(const struct ruleset *set)
{
    return set->hash;
}

void ruleset_stats(const struct ruleset *set, struct ruleset_stats *ret_stats)
{
    *ret_stats = set->stats;
}

size_t ruleset_n_rules(const struct ruleset *set)
{
    return set->n_rules;
}

const struct rule_info *ruleset_rule(const struct ruleset *set, size_t index)
{
    return &set->rules[index].info;
}

static int compare_id(const void *id, const void *item)
{
    return strcmp(id, (*(const struct compiled_rule *const *)item)->info.id);
}

size_t ruleset_find(const struct ruleset *set, const char *id)
{
    const struct compiled_rule *const *found =
        bsearch(id, set->by_id, set->n_rules, sizeof(*set->by_id), compare_id);
    return found != NULL ? (size_t)(*found - set->rules) : SIZE_MAX;
}

struct rule_guard ruleset_rule_guard(const struct ruleset *set, size_t index)
{
    const struct compiled_rule *rule = &set->rules[index];
    struct rule_guard guard = {.n = rule->n_guard, .score = rule->guard_score};
    for (size_t i = 0; i < rule->n_guard; i++) {
        guard.n_regex += rule->guard[i]->text != NULL && rule->guard[i]->score == 0;
        guard.has_body = guard.has_body || rule->guard[i]->bit == BIT_HAS_BODY;
    }
    return guard;
}

const struct rule *ruleset_source_rule(const struct ruleset *set, size_t index)
{
    return set->rules[index].rule;
}
