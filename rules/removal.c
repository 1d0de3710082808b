/* Counting the rules that a newer set takes away. */
#include "removal.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "origin_rules.h"

#include "stopgap/banned.h"

/* ---- two lists of rules */

enum { MAX_GONE_PERCENT = 20 }; /* more is more often a slip than meant */

struct removal {
    struct removal_count count;
    char ids[160]; /* some of those that are gone, for a message */
};

bool removal_note(struct removal_count *count, const struct rule *old_rule, enum drift drift)
{
    if (drift != DRIFT_LOOSER)
        return false;
    count->n_gone += !old_rule->is_detect_only;
    if (old_rule->is_kept && count->kept == NULL)
        count->kept = old_rule->id;
    return true;
}

bool removal_is_conspicuous(const struct removal_count *count)
{
    return count->kept != NULL || count->n_gone * 100 > count->n_before * MAX_GONE_PERCENT;
}

static void sort(struct rule_list *rules)
{
    if (rules->n != 0)
        qsort(rules->items, rules->n, sizeof(*rules->items), rule_compare_ids);
}

static void note_id(struct removal *removal, const struct rule *rule, bool is_removed)
{
    size_t len = strlen(removal->ids);
    if (len + strlen(rule->id) + 20 < sizeof(removal->ids))
        (void)snprintf(removal->ids + len, sizeof(removal->ids) - len, "%s%s%s",
                       len != 0 ? ", " : "", rule->id, is_removed ? "" : " (looser)");
}

/* What becomes of the old rules. */
static void count(struct rule_list *old_rules, struct rule_list *new_rules,
                  struct removal *ret_removal)
{
    struct removal removal = {.count = {.n_before = 0}};
    size_t k = 0;
    sort(old_rules);
    sort(new_rules);
    for (size_t i = 0; i < old_rules->n; i++) {
        const struct rule *rule = old_rules->items[i];
        unsigned aspects;
        while (k < new_rules->n && strcmp(new_rules->items[k]->id, rule->id) < 0)
            k++;
        bool is_there = k < new_rules->n && strcmp(new_rules->items[k]->id, rule->id) == 0;
        removal.count.n_before += !rule->is_detect_only;
        if (removal_note(&removal.count, rule,
                         diff_rule(rule, is_there ? new_rules->items[k] : NULL, &aspects)))
            note_id(&removal, rule, !is_there);
    }
    *ret_removal = removal;
}

/* ---- sources */

static bool refuse(const struct origin *next, const struct origin *before,
                   const struct removal *removal, struct err *err)
{
    (void)err_set(err, ERR_TRUST, TRUST_HELD_CODE,
                  "%s takes away or loosens %zu of %zu rules of %s (%s)%s%s, and does not say "
                  "'urgency critical': 'stopgap rules approve %s %llu --reason TEXT' takes it",
                  next->label, removal->count.n_gone, removal->count.n_before, before->label,
                  removal->ids, removal->count.kept != NULL ? ", of them one to be kept: " : "",
                  removal->count.kept != NULL ? removal->count.kept : "", next->source,
                  (unsigned long long)next->bundle.serial);
    return next->n_files != 0 && err_at(err, next->files[0].place, 0, 0);
}

static bool compare(const struct origin *next, const struct origin *before, struct err *err)
{
    char shadowed[RULE_ID_BYTES] = "";
    struct rule_list old_rules = {0};
    struct rule_list new_rules = {0};
    struct removal removal;
    bool is_good = origin_rules_add(before, &old_rules, shadowed, err) &&
                   origin_rules_add(next, &new_rules, shadowed, err);
    if (is_good) {
        count(&old_rules, &new_rules, &removal);
        is_good = !removal_is_conspicuous(&removal.count) || refuse(next, before, &removal, err);
    }
    rule_list_done(&old_rules);
    rule_list_done(&new_rules);
    return is_good;
}

static bool may_take(const struct rules_source *source, const struct origin *next,
                     const struct origin *before)
{
    return before == NULL || strcmp(before->hash, next->hash) == 0 || next->is_critical ||
           trust_may_remove(source->trust, &next->bundle, &before->bundle);
}

/* Without a disk it is refused again the next time. */
static void hold(struct trust_store *trust, const struct trust_set *set)
{
    struct err ignored;
    if (!trust_hold(trust, set, &ignored))
        return;
}

bool removal_check(const struct rules_source *source, const struct origins *origins,
                   struct err *err)
{
    const struct origins *before = source->before != NULL ? ruleset_origins(source->before) : NULL;
    for (size_t i = 0; i < origins->n; i++) {
        const struct origin *next = &origins->items[i];
        const struct origin *old = origins_find(before, next->kind, next->source);
        struct err why = {.kind = ERR_NONE};
        if (next->kind != ORIGIN_BUNDLE || !next->is_tried || source->trust == NULL ||
            may_take(source, next, old) || compare(next, old, &why))
            continue;
        if (err != NULL)
            *err = why;
        if (strcmp(why.code, TRUST_HELD_CODE) == 0)
            hold(source->trust, &next->bundle);
        return false;
    }
    return true;
}
