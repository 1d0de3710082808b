/* Modes and exclusions: compiled with a set, asked only for rules that match. */
#include "engine/effect.h"

#include <time.h>

#include "changes/changes.h"
#include "engine/inspection.h"

#include "stopgap/banned.h"

/* ---- compiling; all of it lives in the set's memory */

static int64_t system_clock(void)
{
    return (int64_t)time(NULL);
}

static bool copy_lower(struct ruleset *set, const char *text, struct slice *ret_copy)
{
    struct slice copy = arena_copy(&set->memory, slice_str(text));
    char *bytes = (char *)(uintptr_t)copy.ptr; /* our own copy of a moment ago */
    for (size_t i = 0; i < copy.len; i++)
        bytes[i] = ascii_lower(bytes[i]);
    *ret_copy = copy;
    return copy.len == slice_str(text).len;
}

/* Which rules a name means, as a bitmap. NULL: no memory. */
static uint64_t *choose_rules(struct ruleset *set, const char *name)
{
    size_t n_words = words_for(set->n_rules) + 1;
    uint64_t *rules = arena_alloc(&set->memory, n_words * sizeof(*rules));
    if (rules == NULL)
        return NULL;
    memset(rules, 0, n_words * sizeof(*rules));
    for (size_t i = 0; i < set->n_rules; i++)
        if (rule_is_chosen(set->rules[i].rule, name))
            bit_set(rules, i);
    return rules;
}

static bool compile_mode(struct ruleset *set, const struct mode_row *row,
                         struct compiled_mode *ret_mode)
{
    *ret_mode = (struct compiled_mode){
        .mode = row->mode,
        .rank = (row->rule != NULL ? 2u : 0u) + (row->vdir != NULL ? 1u : 0u),
        .rules = choose_rules(set, row->rule),
    };
    return ret_mode->rules != NULL &&
           (row->vdir == NULL || copy_lower(set, row->vdir, &ret_mode->vdir));
}

static bool compile_methods(struct ruleset *set, const struct exclusion *from,
                            struct compiled_exclusion *to)
{
    to->methods = arena_alloc(&set->memory, (from->n_methods + 1) * sizeof(*to->methods));
    if (to->methods == NULL)
        return false;
    for (size_t i = 0; i < from->n_methods; i++) {
        to->methods[i] = arena_copy(&set->memory, slice_str(from->methods[i]));
        if (to->methods[i].len == 0)
            return false;
    }
    to->n_methods = from->n_methods;
    return true;
}

static bool compile_exclusion(struct ruleset *set, const struct exclusion *from,
                              struct compiled_exclusion *to)
{
    size_t networks_bytes = from->n_networks * sizeof(*from->networks);
    *to = (struct compiled_exclusion){
        .rules = choose_rules(set, from->rule),
        .label = arena_copy(&set->memory, slice_str(from->label)),
        .networks = arena_alloc(&set->memory, networks_bytes + 1),
        .n_networks = from->n_networks,
        .until_unix = from->until_unix,
    };
    if (to->rules == NULL || to->networks == NULL || !compile_methods(set, from, to) ||
        (from->path != NULL && !copy_lower(set, from->path, &to->path)))
        return false;
    if (networks_bytes != 0)
        memcpy(to->networks, from->networks, networks_bytes);
    while (to->path.len != 0 && to->path.ptr[to->path.len - 1] == '/')
        to->path.len--; /* "/owa/" and "/owa" are the same prefix, and "/" is all paths */
    return true;
}

/* What a status page says of a rule whose mode holds everywhere. */
static void note_enforced(struct ruleset *set, const struct compiled_mode *mode)
{
    for (size_t i = 0; i < set->n_rules; i++)
        if (mode->rank == 2 && bit_is_set(mode->rules, i) && !set->rules[i].info.is_on_trial)
            set->rules[i].info.is_enforced =
                mode->mode == RULES_BLOCK && set->rules[i].rule->action != ACTION_DETECT;
}

bool ruleset_set_changes(struct ruleset *set, const struct rules_changes *changes)
{
    size_t n_modes = changes->n_modes;
    size_t n_exclusions = changes->n_exclusions;
    set->modes = arena_alloc(&set->memory, (n_modes + 1) * sizeof(*set->modes));
    set->exclusions = arena_alloc(&set->memory, (n_exclusions + 1) * sizeof(*set->exclusions));
    set->now_unix = changes->now_unix != NULL ? changes->now_unix : system_clock;
    if (set->modes == NULL || set->exclusions == NULL)
        return false;
    for (size_t i = 0; i < n_modes; i++) {
        if (!compile_mode(set, &changes->modes[i], &set->modes[i]))
            return false;
        note_enforced(set, &set->modes[i]);
    }
    for (size_t i = 0; i < n_exclusions; i++)
        if (!compile_exclusion(set, &changes->exclusions[i], &set->exclusions[i]))
            return false;
    set->n_modes = n_modes;
    set->n_exclusions = n_exclusions;
    return true;
}

/* ---- modes */

/* The rule index that stands for none: what holds for the whole directory. */
#define NO_RULE UINT32_MAX

struct choice {
    enum rules_mode mode;
    unsigned rank; /* 0: the mode of all */
};

static struct choice choose(const struct inspection *inspection, uint32_t rule_index,
                            struct slice vdir)
{
    const struct ruleset *set = inspection->lease->set;
    struct choice choice = {.mode = inspection->mode};
    for (size_t i = 0; i < set->n_modes; i++) {
        const struct compiled_mode *mode = &set->modes[i];
        bool is_ours =
            mode->rank < 2 || (rule_index != NO_RULE && bit_is_set(mode->rules, rule_index));
        bool is_here = mode->vdir.len == 0 || slice_equal_nocase(mode->vdir, vdir);
        if (is_ours && is_here && mode->rank >= choice.rank)
            choice = (struct choice){.mode = mode->mode, .rank = mode->rank};
    }
    return choice;
}

static struct choice stricter(struct choice a, struct choice b)
{
    return b.mode < a.mode ? b : a;
}

/* Where the readings of a path disagree about the directory, the strictest of their modes holds:
 * else a request could choose the directory that is inspected least. */
static struct choice choose_for_request(const struct inspection *inspection, uint32_t rule_index)
{
    const struct request_views *views = &inspection->fields.views;
    struct choice choice = choose(inspection, rule_index, views->vdir);
    if ((views->anomalies & ANOMALY_VDIR_MISMATCH) == 0)
        return choice;
    choice = stricter(choice, choose(inspection, rule_index, views->stable_vdir));
    return stricter(choice, choose(inspection, rule_index, slice_make(NULL, 0)));
}

enum rules_mode effect_of_rule(const struct inspection *inspection, uint32_t rule_index)
{
    const struct ruleset *set = inspection->lease->set;
    const struct compiled_rule *rule = &set->rules[rule_index];
    struct choice choice = {.mode = inspection->mode};
    if (set->n_modes != 0)
        choice = choose_for_request(inspection, rule_index);
    if (rule->info.is_on_trial) /* whatever the operator says of the rule that has its id */
        return choice.mode == RULES_OFF ? RULES_OFF : RULES_DETECT;
    bool can_act = choice.rank >= 2 ? rule->rule->action != ACTION_DETECT : rule->info.is_enforced;
    return choice.mode == RULES_BLOCK && !can_act ? RULES_DETECT : choice.mode;
}

enum rules_mode effect_of_vdir(const struct inspection *inspection)
{
    if (inspection->lease->set->n_modes == 0)
        return inspection->mode;
    return choose_for_request(inspection, NO_RULE).mode;
}

/* ---- exclusions */

static bool has_prefix(struct slice path, struct slice prefix)
{
    return slice_starts_with_nocase(path, prefix) &&
           (path.len == prefix.len || path.ptr[prefix.len] == '/');
}

/* In every reading of the path: else an escape that only one of them resolves could lead from an
 * excluded path to another one. */
static bool has_path(const struct compiled_exclusion *exclusion, const struct request_views *views)
{
    return exclusion->path.len == 0 ||
           (has_prefix(views->view[VIEW_ONCE].path, exclusion->path) &&
            has_prefix(views->view[VIEW_STABLE].path, exclusion->path) &&
            (views->anomalies & ANOMALY_VDIR_MISMATCH) == 0);
}

static bool has_method(const struct compiled_exclusion *exclusion, struct slice method)
{
    bool is_listed = exclusion->n_methods == 0;
    for (size_t i = 0; i < exclusion->n_methods && !is_listed; i++)
        is_listed = slice_equal(exclusion->methods[i], method);
    return is_listed;
}

static bool has_client(const struct compiled_exclusion *exclusion, const struct net_address *client)
{
    bool is_inside = exclusion->n_networks == 0;
    for (size_t i = 0; i < exclusion->n_networks && !is_inside; i++)
        is_inside = net_prefix_contains(&exclusion->networks[i], client);
    return is_inside;
}

struct slice effect_excluded_by(const struct inspection *inspection, uint32_t rule_index)
{
    const struct ruleset *set = inspection->lease->set;
    const struct fields *fields = &inspection->fields;
    for (size_t i = 0; i < set->n_exclusions; i++) {
        const struct compiled_exclusion *exclusion = &set->exclusions[i];
        if (bit_is_set(exclusion->rules, rule_index) &&
            has_method(exclusion, fields->head->method) &&
            has_client(exclusion, &fields->head->client) && has_path(exclusion, &fields->views) &&
            (exclusion->until_unix == 0 || set->now_unix() < exclusion->until_unix))
            return exclusion->label;
    }
    return slice_make(NULL, 0);
}
