/* What rules say about each other, and what the engine makes of all of them. */
#include "lint/private.h"

#include "language/tree.h"
#include "selftest.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    MAX_REFUSED = 32, /* rules that the engine cannot take; one attempt to compile for each */
    WEAK_SCORE = 2,   /* bytes of text: a method, a common header field */
};

/* ---- pairs */

static int compare_ids(const void *a, const void *b)
{
    const struct lint_rule *const *left = a;
    const struct lint_rule *const *right = b;
    return strcmp((*left)->rule->id, (*right)->rule->id);
}

static int compare_hashes(const void *a, const void *b)
{
    const struct lint_rule *const *left = a;
    const struct lint_rule *const *right = b;
    return (*left)->hash < (*right)->hash ? -1 : (*left)->hash > (*right)->hash;
}

static bool names(const struct rule *rule, const struct rule *other)
{
    return rule->superseded_by != NULL && strcmp(rule->superseded_by, other->id) == 0;
}

static bool says_the_same(const struct rule *a, const struct rule *b)
{
    bool is_edit = action_is_response(a->action) || action_is_response(b->action);
    return !is_edit && !names(a, b) && !names(b, a) && node_is_same(a->when, b->when);
}

static void check_duplicates(struct lint *lint, struct lint_rule **sorted)
{
    qsort(sorted, lint->n_rules, sizeof(*sorted), compare_hashes);
    for (size_t i = 1; i < lint->n_rules; i++)
        if (sorted[i - 1]->hash == sorted[i]->hash &&
            says_the_same(sorted[i - 1]->rule, sorted[i]->rule))
            lint_add(lint, sorted[i], sorted[i]->rule->lines[RULE_KEY_WHEN], LINT_DUPLICATE_WHEN,
                     "the condition is that of rule %s in %.200s", sorted[i - 1]->rule->id,
                     sorted[i - 1]->rule->file);
    qsort(sorted, lint->n_rules, sizeof(*sorted), compare_ids);
    for (size_t i = 1; i < lint->n_rules; i++)
        if (strcmp(sorted[i - 1]->rule->id, sorted[i]->rule->id) == 0) {
            sorted[i]->is_refused = true;
            lint_add(lint, sorted[i], sorted[i]->rule->lines[RULE_KEY_ID], LINT_DUPLICATE_ID,
                     "the id is used in %.200s, too", sorted[i - 1]->rule->file);
        }
}

static int compare_id(const void *id, const void *item)
{
    return strcmp(id, (*(const struct lint_rule *const *)item)->rule->id);
}

static void check_superseded(struct lint *lint, struct lint_rule **by_id)
{
    for (size_t i = 0; i < lint->n_rules && !lint->is_part; i++) {
        struct lint_rule *item = &lint->rules[i];
        const char *other = item->rule->superseded_by;
        unsigned line = item->rule->lines[RULE_KEY_SUPERSEDED_BY];
        if (other == NULL)
            continue;
        struct lint_rule *const *found =
            bsearch(other, by_id, lint->n_rules, sizeof(*by_id), compare_id);
        if (found == NULL)
            lint_add(lint, item, line, LINT_SUPERSEDED_UNKNOWN, "there is no rule %s", other);
        else if ((*found)->rule->is_detect_only)
            lint_add(lint, item, line, LINT_SUPERSEDED_IDLE,
                     "rule %s only detects, so nothing acts", other);
    }
}

void lint_check_set(struct lint *lint)
{
    struct lint_rule **sorted = calloc(lint->n_rules + 1, sizeof(*sorted));
    if (sorted == NULL) {
        lint->is_failed = true;
        (void)err_set(lint->err, ERR_MEMORY, "E_MEMORY", "out of memory");
        return;
    }
    for (size_t i = 0; i < lint->n_rules; i++) {
        sorted[i] = &lint->rules[i];
        sorted[i]->hash = node_hash(sorted[i]->rule->when);
    }
    check_duplicates(lint, sorted);
    check_superseded(lint, sorted);
    free(sorted);
}

/* ---- the engine */

/* The rules that are not refused, in a list of their own. False: no memory. */
static bool list_make(const struct lint *lint, struct rule_list *ret_list)
{
    struct rule_list list = {.items = calloc(lint->n_rules + 1, sizeof(struct rule *))};
    if (list.items == NULL)
        return false;
    for (size_t i = 0; i < lint->n_rules; i++)
        if (!lint->rules[i].is_refused)
            list.items[list.n++] = lint->rules[i].rule;
    *ret_list = list;
    return true;
}

static struct lint_rule *find_file(struct lint *lint, const char *file)
{
    for (size_t i = 0; i < lint->n_rules; i++)
        if (!lint->rules[i].is_refused && strcmp(lint->rules[i].rule->file, file) == 0)
            return &lint->rules[i];
    return NULL;
}

/* Report what the engine refused; false when the rest need not be tried. */
static bool refuse(struct lint *lint, const struct err *err)
{
    struct lint_rule *item = find_file(lint, err->file);
    lint_add_err(lint, item != NULL ? item->rule->id : "", err);
    if (item != NULL)
        item->is_refused = true;
    return item != NULL;
}

struct ruleset *lint_compile(struct lint *lint)
{
    for (int attempt = 0; attempt <= MAX_REFUSED; attempt++) {
        struct rule_list list;
        struct err err = {0};
        if (!list_make(lint, &list)) {
            lint->is_failed = true;
            (void)err_set(lint->err, ERR_MEMORY, "E_MEMORY", "out of memory");
            return NULL;
        }
        struct ruleset *set = ruleset_compile(&list, &err);
        free(list.items); /* NULL when they were taken */
        if (set != NULL || !refuse(lint, &err))
            return set;
    }
    return NULL;
}

struct lint_engine {
    struct lint *lint;
    struct ruleset *set;
};

static void on_failed_sample(void *ctx, size_t index, const struct err *err)
{
    const struct lint_engine *engine = ctx;
    lint_add_err(engine->lint, ruleset_rule(engine->set, index)->id, err);
}

static void check_guard(struct lint *lint, struct lint_rule *item, const struct rule_guard *guard)
{
    unsigned line = item->rule->lines[RULE_KEY_WHEN];
    if (guard->n == 0)
        lint_add(lint, item, line, LINT_UNGUARDED,
                 "the rule is evaluated for every request: no positive test of it has a text that "
                 "the scan could look for");
    else if (guard->has_body)
        lint_add(lint, item, line, LINT_WEAK_GUARD,
                 "the rule is evaluated for every request with a body");
    else if (guard->n_regex == 0 && guard->score < WEAK_SCORE)
        lint_add(lint, item, line, LINT_WEAK_GUARD,
                 "the rule is evaluated for most requests: what wakes it is a method, a field that "
                 "all requests have, or one byte of text");
}

void lint_check_engine(struct lint *lint, struct ruleset *set)
{
    struct lint_engine engine = {.lint = lint, .set = set};
    struct err err = {0};
    size_t index = 0;
    for (size_t i = 0; i < lint->n_rules; i++) {
        if (lint->rules[i].is_refused)
            continue;
        struct rule_guard guard = ruleset_rule_guard(set, index++);
        check_guard(lint, &lint->rules[i], &guard);
    }
    if (!rules_selftest_each(set, on_failed_sample, &engine, &err)) {
        lint->is_failed = true;
        (void)err_set(lint->err, err.kind, err.code, "%s", err.text);
    }
}
