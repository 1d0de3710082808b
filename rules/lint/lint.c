/* All checks, over all sources. */
#include "lint/private.h"

#include "language/rule.h"
#include "sets/builtin.h"
#include "stopgap/bundle.h"

#include <stdlib.h>

#include "stopgap/banned.h"

/* ---- reading */

static struct lint_rule *next_rule(struct lint *lint)
{
    if (lint->n_rules == lint->capacity) {
        size_t capacity = lint->capacity != 0 ? lint->capacity * 2 : 64;
        struct lint_rule *rules = reallocarray(lint->rules, capacity, sizeof(*rules));
        if (rules == NULL)
            return NULL;
        lint->rules = rules;
        lint->capacity = capacity;
    }
    lint->rules[lint->n_rules] = (struct lint_rule){0};
    return &lint->rules[lint->n_rules];
}

static bool no_memory(struct lint *lint)
{
    lint->is_failed = true;
    return err_set(lint->err, ERR_MEMORY, "E_MEMORY", "out of memory");
}

/* Returns false only where nothing more can be done. */
static bool read_rule(struct lint *lint, struct slice text, const char *source, const char *file)
{
    struct rule_list one = {0};
    struct err err = {0};
    if (!rules_parse(text, source, file, &one, &err)) {
        lint_add_err(lint, "", &err);
        return !lint->is_failed;
    }
    struct lint_rule *item = next_rule(lint);
    if (item == NULL) {
        rule_list_done(&one);
        return no_memory(lint);
    }
    item->rule = one.items[0];
    free(one.items);
    lint->n_rules++;
    lint_read_allowed(lint, item, text);
    return !lint->is_failed;
}

static bool read_builtin(struct lint *lint)
{
    for (size_t i = 0; i < n_builtin_rules; i++)
        if (!read_rule(lint, builtin_rules[i].text, "builtin", builtin_rules[i].name))
            return false;
    return true;
}

static bool read_bundle(struct lint *lint, struct trust_store *trust, const char *path)
{
    if (trust == NULL)
        return err_set(lint->err, ERR_USAGE, "E_USAGE",
                       "a bundle needs a root of trust: give the root file");
    struct bundle *bundle = bundle_open(trust, path, lint->err);
    bool is_read = bundle != NULL;
    for (size_t i = 0; is_read && i < bundle_n_rules(bundle); i++) {
        const char *name = NULL;
        char file[sizeof(lint->err->file)];
        struct slice text = bundle_rule(bundle, i, &name);
        (void)snprintf(file, sizeof(file), "%s:%s", path, name);
        is_read = read_rule(lint, text, bundle_name(bundle), file);
    }
    bundle_close(bundle);
    return is_read;
}

static bool read_file(void *ctx, const char *path, struct slice text, struct err *err)
{
    (void)err; /* read_rule fills lint->err, which is the same */
    return read_rule(ctx, text, "directory", path);
}

static bool read_sources(struct lint *lint, const struct rules_source *source)
{
    bool is_read = !source->use_builtin || read_builtin(lint);
    for (size_t i = 0; is_read && i < source->n_bundles; i++)
        is_read = read_bundle(lint, source->trust, source->bundle_paths[i]);
    for (size_t i = 0; is_read && i < source->n_directories; i++)
        is_read = rules_each_file(source->directories[i], read_file, lint, lint->err);
    return is_read;
}

/* ---- checking */

static void check_all(struct lint *lint)
{
    for (size_t i = 0; i < lint->n_rules; i++) {
        lint_check_texts(lint, &lint->rules[i]);
        lint_check_tests(lint, &lint->rules[i]);
        lint_check_logic(lint, &lint->rules[i]);
    }
    lint_check_set(lint);
}

static void free_rules(struct lint *lint, bool has_set)
{
    for (size_t i = 0; i < lint->n_rules; i++) {
        if (has_set && !lint->rules[i].is_refused)
            continue; /* the set's */
        struct rule_list one = {.items = malloc(sizeof(struct rule *)), .n = 1};
        if (one.items == NULL)
            continue;
        one.items[0] = lint->rules[i].rule;
        rule_list_done(&one);
    }
    free(lint->rules);
}

bool lint_run(const struct rules_source *source, bool is_part, struct lint_report *ret_report,
              struct err *err)
{
    struct lint lint = {.report = ret_report, .is_part = is_part, .err = err};
    struct ruleset *set = NULL;
    *ret_report = (struct lint_report){0};
    bool is_done = read_sources(&lint, source);
    if (is_done) {
        check_all(&lint);
        set = lint_compile(&lint);
        if (set != NULL)
            lint_check_engine(&lint, set);
        for (size_t i = 0; i < lint.n_rules; i++)
            lint_check_allowed(&lint, &lint.rules[i]);
        is_done = !lint.is_failed;
    }
    ret_report->n_rules = lint.n_rules;
    lint_report_sort(ret_report);
    free_rules(&lint, set != NULL);
    ruleset_unref(set);
    if (!is_done)
        lint_report_done(ret_report);
    return is_done;
}
