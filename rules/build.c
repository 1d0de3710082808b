/* A set from bytes that were verified. Nothing is live before all of it worked. */
#include "build.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "changes/changes.h"
#include "digest.h"
#include "engine/engine.h"
#include "mitigation/apply.h"
#include "origin_rules.h"
#include "selftest.h"
#include "sets/builtin.h"
#include "stopgap/buf.h"
#include "trial.h"

#include "stopgap/banned.h"

enum {
    MAX_NAME_BYTES = 4096,
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
    struct origins *in_force; /* while rules are on trial: what they stand beside; NULL: none are */
    size_t n_on_trial;
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
    return true;
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
        if (!origin_rules_add(origin, &loading->rules, loading->shadowed, loading->err))
            return false;
    }
    return true;
}

/* Rules that came by themselves stand beside those in force first. */
static bool mix_in(struct loading *loading)
{
    const struct origins *before = loading->request->before;
    if (before == NULL)
        return true;
    if (!trial_mix(&loading->rules, before, &loading->n_on_trial, loading->err))
        return false;
    if (loading->n_on_trial == 0)
        return true;
    loading->in_force = trial_origins(loading->request->origins, before);
    return loading->in_force != NULL || no_memory(loading->err);
}

static bool has_label(const struct origins *origins, const char *label)
{
    for (size_t i = 0; i < origins->n; i++)
        if (strcmp(origins->items[i].label, label) == 0)
            return true;
    return false;
}

/* "builtin@1.0.0+core@1.5", and "+trial:core@1.6" when those are on trial. */
static bool name_set(struct loading *loading)
{
    const struct origins *origins = loading->request->origins;
    const struct origins *in_force = loading->in_force != NULL ? loading->in_force : origins;
    if (loading->request->use_builtin && !name_add(loading, "builtin@%s", STOPGAP_VERSION))
        return false;
    for (size_t i = 0; i < in_force->n; i++)
        if (!name_add(loading, "%s", in_force->items[i].label))
            return false;
    for (size_t i = 0; i < origins->n; i++)
        if (!has_label(in_force, origins->items[i].label) &&
            !name_add(loading, "trial:%s", origins->items[i].label))
            return false;
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
    if (!load_builtin(loading) || !load_origins(loading) || !mix_in(loading) ||
        !name_set(loading) || !apply_changes(loading))
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
    if (loading->in_force == NULL)
        ruleset_set_origins(set, origins_ref(loading->request->origins), NULL);
    else
        ruleset_set_origins(set, origins_ref(loading->in_force),
                            origins_ref(loading->request->origins));
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
    origins_unref(loading.in_force);
    buf_done(&loading.name);
    return set;
}
