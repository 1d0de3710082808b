/* The path of a rule set, top-down: read and verify, parse, the operator's changes, compile,
 * self-test. Nothing is live before all of it worked. */
#include "stopgap/ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "changes/changes.h"
#include "digest.h"
#include "engine/engine.h"
#include "language/convert.h"
#include "mitigation/apply.h"
#include "selftest.h"
#include "sets/builtin.h"
#include "stopgap/buf.h"
#include "stopgap/bundle.h"

#include "stopgap/banned.h"

enum {
    MAX_NAME_BYTES = 4096,
    RULE_ID_BYTES = 64, /* 63 and a NUL */
};

struct loading {
    int64_t expires_unix; /* 0: no bundle */
    bool has_former_keys;
    const struct rules_source *source;
    const struct rules_changes *changes;
    struct rule_list rules;
    struct rule_list inactive;    /* options that are not on */
    struct rule_list dropped;     /* switched off by the operator */
    char shadowed[RULE_ID_BYTES]; /* a rule of the feed whose id was taken; "": none */
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

static bool has_rule(const struct rule_list *list, size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list->items[i]->id, id) == 0)
            return true;
    return false;
}

/* Take the rules of the feed in. The operator's own rule goes before one with its id: no document
 * that somebody else publishes may make the whole set refused. */
static bool take_eocs(struct loading *loading, struct rule_list *feed)
{
    struct rule_list *rules = &loading->rules;
    size_t n_own = rules->n;
    for (size_t i = 0; i < feed->n; i++) {
        struct rule *rule = feed->items[i];
        if (has_rule(rules, n_own, rule->id)) {
            (void)snprintf(loading->shadowed, sizeof(loading->shadowed), "%s", rule->id);
            continue;
        }
        if (!rule_list_append(rules, rule))
            return no_memory(loading->err);
        feed->items[i] = NULL;
    }
    return rules->n <= LIMIT_RULES ||
           err_set(loading->err, ERR_LIMIT, "E_LIMIT", "more than %d rules with those of the feed",
                   LIMIT_RULES);
}

/* What was verified when it was made into files; the state folder is as safe as the program. */
static bool load_eocs(struct loading *loading)
{
    const char *directory = loading->source->eocs_directory;
    struct rule_list feed = {0};
    if (directory == NULL)
        return true;
    const char *slash = strrchr(directory, '/');
    bool is_good = rules_parse_directory(directory, "eocs", &feed, loading->err) &&
                   take_eocs(loading, &feed) &&
                   name_add(loading, "eocs@%.12s", slash != NULL ? slash + 1 : directory);
    for (size_t i = 0; i < feed.n; i++)
        rule_free(feed.items[i]); /* those that were taken are NULL */
    free(feed.items);
    return is_good;
}

static bool warn_shadowed(struct loading *loading)
{
    if (loading->shadowed[0] == '\0')
        return true;
    char **lines = realloc(loading->warnings, (loading->n_warnings + 1) * sizeof(*lines));
    if (lines == NULL)
        return false;
    loading->warnings = lines;
    if (asprintf(&lines[loading->n_warnings],
                 "rule %s of Microsoft's feed is left out: a rule of another source has this id",
                 loading->shadowed) < 0)
        return false;
    loading->n_warnings++;
    return true;
}

/* ---- the operator's changes */

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
        !changes_warn(rules, loading->changes, &loading->warnings, &loading->n_warnings) ||
        !warn_shadowed(loading))
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
        !load_directories(loading) || !apply_changes(loading))
        return NULL;
    struct digest_input digested = {.rules = &loading->rules,
                                    .mitigations = loading->mitigations,
                                    .n_mitigations = loading->n_mitigations,
                                    .changes = loading->changes};
    if (!rules_digest(&digested, hash)) {
        (void)no_memory(loading->err);
        return NULL;
    }
    struct ruleset *set =
        ruleset_compile_cached(&loading->rules, loading->source->cache, loading->err);
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
