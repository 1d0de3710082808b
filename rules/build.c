/* A set from bytes that were verified. Nothing is live before all of it worked. */
#include "build.h"

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

#include "stopgap/banned.h"

enum {
    MAX_NAME_BYTES = 4096,
    RULE_ID_BYTES = 64, /* 63 and a NUL */
};

struct loading {
    struct ruleset_facts facts;
    const struct build_request *request;
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
    if (!loading->request->use_builtin)
        return true;
    for (size_t i = 0; i < n_builtin_rules; i++)
        if (!rules_parse(builtin_rules[i].text, "builtin", builtin_rules[i].name, &loading->rules,
                         loading->err))
            return false;
    return name_add(loading, "builtin@%s", STOPGAP_VERSION);
}

static bool parse_files(const struct origin *origin, struct rule_list *rules, struct err *err)
{
    for (size_t i = 0; i < origin->n_files; i++) {
        const struct origin_file *file = &origin->files[i];
        if (!rules_parse(slice_make(file->text, file->len), origin->source, file->place, rules,
                         err))
            return false;
    }
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

static bool load_eocs(struct loading *loading, const struct origin *origin)
{
    struct rule_list feed = {0};
    bool is_good = parse_files(origin, &feed, loading->err) && take_eocs(loading, &feed);
    for (size_t i = 0; i < feed.n; i++)
        rule_free(feed.items[i]); /* those that were taken are NULL */
    free(feed.items);
    return is_good;
}

/* Remember the earliest end of freshness, and the newest bundle's age. */
static void note_dates(struct ruleset_facts *facts, const struct origin *origin)
{
    if (origin->expires_unix != 0 &&
        (facts->expires_unix == 0 || origin->expires_unix < facts->expires_unix))
        facts->expires_unix = origin->expires_unix;
    if (origin->created_unix > facts->created_unix)
        facts->created_unix = origin->created_unix;
}

static bool load_origins(struct loading *loading)
{
    const struct origins *origins = loading->request->origins;
    for (size_t i = 0; i < origins->n; i++) {
        const struct origin *origin = &origins->items[i];
        note_dates(&loading->facts, origin);
        loading->facts.has_former_keys |= origin->is_marked;
        bool is_good = origin->kind == ORIGIN_EOCS
                           ? load_eocs(loading, origin)
                           : parse_files(origin, &loading->rules, loading->err);
        if (!is_good || !name_add(loading, "%s", origin->label))
            return false;
    }
    return true;
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
    for (size_t i = 0; i < rules->n; i++)
        loading->facts.n_stale += rules->items[i]->activation == ACTIVATION_STALE;
    changes_choose(rules, &loading->inactive, loading->changes, loading->request->is_stale);
    changes_apply_modes(rules, &loading->dropped, loading->changes);
    return mitigations_apply(rules, &loading->dropped, loading->request->policy,
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
    if (!load_builtin(loading) || !load_origins(loading) || !apply_changes(loading))
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
        ruleset_compile_cached(&loading->rules, loading->request->cache, loading->err);
    if (set == NULL)
        return NULL;
    ruleset_set_facts(set, &loading->facts);
    ruleset_set_warnings(set, loading->warnings, loading->n_warnings);
    loading->warnings = NULL;
    loading->n_warnings = 0;
    ruleset_set_origins(set, origins_ref(loading->request->origins));
    bool is_good = ruleset_set_mitigations(set, loading->mitigations, loading->n_mitigations) ||
                   no_memory(loading->err);
    if (is_good && !loading->request->is_judged)
        is_good = rules_selftest(set, loading->err);
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

struct ruleset *rules_build(const struct build_request *request, struct err *err)
{
    static const struct rules_changes none = {.n_modes = 0};
    struct loading loading = {
        .request = request,
        .changes = request->changes != NULL ? request->changes : &none,
        .err = err,
    };
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
