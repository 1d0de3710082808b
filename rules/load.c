/* The path of a rule set, top-down: read and verify, parse, the operator's changes, compile,
 * self-test. Nothing is live before all of it worked. */
#include "stopgap/ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "changes/changes.h"
#include "digest.h"
#include "engine/engine.h"
#include "mitigation/apply.h"
#include "selftest.h"
#include "sets/builtin.h"
#include "stopgap/buf.h"
#include "stopgap/bundle.h"

#include "stopgap/banned.h"

enum { MAX_NAME_BYTES = 4096 };

struct loading {
    int64_t expires_unix; /* 0: no bundle */
    bool has_former_keys;
    const struct rules_source *source;
    const struct rules_changes *changes;
    struct rule_list rules;
    struct rule_list inactive; /* options that are not on */
    struct rule_list dropped;  /* switched off by the operator */
    char **warnings;
    size_t n_warnings;
    struct mitigation_info *mitigations;
    size_t n_mitigations;
    struct buf name;
    struct err *err;
};

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
}

__attribute__((format(printf, 2, 3))) static bool name_add(struct loading *loading,
                                                           const char *format, ...)
{
    char part[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(part, sizeof(part), format, args);
    va_end(args);
    return buf_printf(&loading->name, "%s%s", loading->name.len != 0 ? "+" : "", part) ||
           no_memory(loading->err);
}

/* ---- sources */

static bool load_builtin(struct loading *loading)
{
    if (!loading->source->use_builtin)
        return true;
    for (size_t i = 0; i < n_builtin_rules; i++)
        if (!rules_parse(builtin_rules[i].text, "builtin", builtin_rules[i].name, &loading->rules,
                         loading->err))
            return false;
    return name_add(loading, "builtin@%s", STOPGAP_VERSION);
}

/* path  of the bundle, so that a message names the file an operator can look at */
static bool load_bundle_rules(struct loading *loading, const struct bundle *bundle,
                              const char *path)
{
    for (size_t i = 0; i < bundle_n_rules(bundle); i++) {
        const char *file = NULL;
        struct slice text = bundle_rule(bundle, i, &file);
        char place[sizeof(loading->err->file)];
        (void)snprintf(place, sizeof(place), "%s:%s", path, file);
        if (!rules_parse(text, bundle_name(bundle), place, &loading->rules, loading->err))
            return false;
    }
    return name_add(loading, "%s@%llu.%llu", bundle_name(bundle),
                    (unsigned long long)bundle_epoch(bundle),
                    (unsigned long long)bundle_serial(bundle));
}

/* Remember the earliest end of freshness. */
static void note_expiry(struct loading *loading, const struct bundle *bundle)
{
    struct tm end = {0};
    if (strptime(bundle_expires(bundle), "%Y-%m-%dT%H:%M:%SZ", &end) == NULL)
        return;
    int64_t seconds = (int64_t)timegm(&end);
    if (loading->expires_unix == 0 || seconds < loading->expires_unix)
        loading->expires_unix = seconds;
}

static bool load_bundles(struct loading *loading)
{
    const struct rules_source *source = loading->source;
    if (source->n_bundles != 0 && source->trust == NULL)
        return err_set(loading->err, ERR_USAGE, "E_USAGE",
                       "a bundle needs a root of trust: give the root file");
    for (size_t i = 0; i < source->n_bundles; i++) {
        struct bundle *bundle = bundle_open(source->trust, source->bundle_paths[i], loading->err);
        if (bundle != NULL) {
            note_expiry(loading, bundle);
            loading->has_former_keys |= bundle_is_marked(bundle);
        }
        bool is_loaded =
            bundle != NULL && load_bundle_rules(loading, bundle, source->bundle_paths[i]);
        bundle_close(bundle);
        if (!is_loaded)
            return false;
    }
    return true;
}

static bool load_directories(struct loading *loading)
{
    const struct rules_source *source = loading->source;
    for (size_t i = 0; i < source->n_directories; i++)
        if (!rules_parse_directory(source->directories[i], "directory", &loading->rules,
                                   loading->err) ||
            !name_add(loading, "%s@unsigned", source->directories[i]))
            return false;
    return true;
}

/* What was verified when it was made into files; the state folder is as safe as the program. */
static bool load_eocs(struct loading *loading)
{
    const char *directory = loading->source->eocs_directory;
    if (directory == NULL)
        return true;
    const char *slash = strrchr(directory, '/');
    return rules_parse_directory(directory, "eocs", &loading->rules, loading->err) &&
           name_add(loading, "eocs@%.12s", slash != NULL ? slash + 1 : directory);
}

/* ---- the operator's changes */

/* An id must be unique over all sources: logs and the operator's changes go by it. */
static bool check_unique(const struct loading *loading)
{
    const struct rule_list *rules = &loading->rules;
    const struct rule **sorted = calloc(rules->n + 1, sizeof(struct rule *));
    if (sorted == NULL)
        return no_memory(loading->err);
    for (size_t i = 0; i < rules->n; i++)
        sorted[i] = rules->items[i];
    qsort(sorted, rules->n, sizeof(struct rule *), rule_compare_ids);
    bool is_unique = true;
    for (size_t i = 1; i < rules->n && is_unique; i++) {
        is_unique = strcmp(sorted[i - 1]->id, sorted[i]->id) != 0;
        if (!is_unique) {
            (void)err_set(loading->err, ERR_SYNTAX, "E_LINT", "rule %s is there twice: in %s, too",
                          sorted[i]->id, sorted[i - 1]->file);
            (void)err_at(loading->err, sorted[i]->file, 0, 0);
        }
    }
    free(sorted);
    return is_unique;
}

/* A list with room for every rule. */
static bool list_init(struct rule_list *list, size_t n)
{
    list->items = calloc(n + 1, sizeof(struct rule *));
    return list->items != NULL;
}

static bool apply_changes(struct loading *loading)
{
    struct rule_list *rules = &loading->rules;
    if (!list_init(&loading->inactive, rules->n) || !list_init(&loading->dropped, rules->n) ||
        !changes_warn(rules, loading->changes, &loading->warnings, &loading->n_warnings))
        return no_memory(loading->err);
    changes_choose(rules, &loading->inactive, loading->changes);
    changes_apply_modes(rules, &loading->dropped, loading->changes);
    return mitigations_apply(rules, &loading->dropped, loading->source->policy,
                             &loading->mitigations, &loading->n_mitigations) ||
           no_memory(loading->err);
}

/* ---- all of it */

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct ruleset *build(struct loading *loading, uint64_t started_us)
{
    char hash[DIGEST_HEX_BYTES];
    if (!load_builtin(loading) || !load_bundles(loading) || !load_eocs(loading) ||
        !load_directories(loading) || !check_unique(loading) || !apply_changes(loading))
        return NULL;
    struct digest_input digested = {.rules = &loading->rules,
                                    .mitigations = loading->mitigations,
                                    .n_mitigations = loading->n_mitigations,
                                    .changes = loading->changes};
    if (!rules_digest(&digested, hash)) {
        (void)no_memory(loading->err);
        return NULL;
    }
    struct ruleset *set = ruleset_compile(&loading->rules, loading->err);
    if (set == NULL)
        return NULL;
    ruleset_set_trust(set, loading->expires_unix, loading->has_former_keys);
    ruleset_set_warnings(set, loading->warnings, loading->n_warnings);
    loading->warnings = NULL;
    loading->n_warnings = 0;
    bool is_good = ruleset_set_mitigations(set, loading->mitigations, loading->n_mitigations)
                       ? rules_selftest(set, loading->err)
                       : no_memory(loading->err);
    if (is_good && !ruleset_set_changes(set, loading->changes))
        is_good = no_memory(loading->err);
    if (is_good && !ruleset_set_identity(set, loading->name.len != 0 ? loading->name.ptr : "none",
                                         hash, now_us() - started_us))
        is_good = no_memory(loading->err);
    if (!is_good) {
        ruleset_unref(set);
        return NULL;
    }
    return set;
}

struct ruleset *rules_load(const struct rules_source *source, struct err *err)
{
    static const struct rules_changes none = {.n_modes = 0};
    struct loading loading = {
        .source = source, .changes = source->changes != NULL ? source->changes : &none, .err = err};
    buf_init(&loading.name, MAX_NAME_BYTES);
    struct ruleset *set = build(&loading, now_us());
    rule_list_done(&loading.rules);
    rule_list_done(&loading.inactive);
    rule_list_done(&loading.dropped);
    for (size_t i = 0; i < loading.n_warnings; i++)
        free(loading.warnings[i]);
    free(loading.warnings);
    free(loading.mitigations);
    buf_done(&loading.name);
    return set;
}
