/* Which rules the operator's changes name, and what follows before the rules are compiled. */
#include "changes/changes.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/mitigation.h"
#include "trust/utc.h"

#include "stopgap/banned.h"

bool rule_is_named(const struct rule *rule, const char *name)
{
    return strcmp(rule->id, name) == 0 || mitigation_id_covers(name, rule->mitigation);
}

bool rule_is_chosen(const struct rule *rule, const char *name)
{
    return name == NULL || strcmp(name, "*") == 0 || rule_is_named(rule, name);
}

/* ---- options */

static bool is_on(const struct rule *rule, const struct rules_changes *changes, bool is_stale)
{
    if (rule->activation == ACTIVATION_ALWAYS || changes->takes_all ||
        (is_stale && rule->activation == ACTIVATION_STALE))
        return true;
    for (size_t i = 0; i < changes->n_enabled; i++)
        if (rule_is_named(rule, changes->enabled[i]))
            return true;
    return false;
}

void changes_choose(struct rule_list *rules, struct rule_list *inactive,
                    const struct rules_changes *changes, bool is_stale)
{
    size_t n = 0;
    for (size_t i = 0; i < rules->n; i++) {
        if (is_on(rules->items[i], changes, is_stale))
            rules->items[n++] = rules->items[i];
        else
            inactive->items[inactive->n++] = rules->items[i];
    }
    rules->n = n;
}

/* ---- modes */

const struct mode_row *changes_whole_row(const struct rule *rule,
                                         const struct rules_changes *changes)
{
    const struct mode_row *found = NULL;
    for (size_t i = 0; i < changes->n_modes; i++) {
        const struct mode_row *row = &changes->modes[i];
        if (row->vdir == NULL && row->rule != NULL && rule_is_named(rule, row->rule))
            found = row;
    }
    return found;
}

static bool is_on_somewhere(const struct rule *rule, const struct rules_changes *changes)
{
    for (size_t i = 0; i < changes->n_modes; i++) {
        const struct mode_row *row = &changes->modes[i];
        if (row->vdir != NULL && row->rule != NULL && row->mode != RULES_OFF &&
            rule_is_named(rule, row->rule))
            return true;
    }
    return false;
}

void changes_apply_modes(struct rule_list *rules, struct rule_list *dropped,
                         const struct rules_changes *changes)
{
    size_t n = 0;
    for (size_t i = 0; i < rules->n; i++) {
        struct rule *rule = rules->items[i];
        const struct mode_row *row = changes_whole_row(rule, changes);
        /* What the operator makes block is not held against samples: it was shipped to report. */
        if (row != NULL && row->mode != RULES_BLOCK)
            rule->is_detect_only = true;
        if (row != NULL && row->mode == RULES_OFF && !is_on_somewhere(rule, changes))
            dropped->items[dropped->n++] = rule;
        else
            rules->items[n++] = rule;
    }
    rules->n = n;
}

/* ---- exclusions */

bool exclusion_path_is_good(const char *path)
{
    struct slice rest = slice_str(path);
    struct slice segment;
    if (rest.len == 0 || path[0] != '/' || strpbrk(path, "%\\?#;:*") != NULL)
        return false;
    rest = slice_from(rest, 1);
    while (rest.len != 0) {
        (void)slice_next(&rest, '/', &segment);
        /* Behind dots and blanks IIS and the file system do not agree about a name. */
        if (segment.len == 0 || strchr(". ", segment.ptr[segment.len - 1]) != NULL)
            return false;
    }
    return true;
}

bool exclusion_until_parse(struct slice text, int64_t *ret_unix)
{
    if (!utc_parse_date(text, ret_unix))
        return utc_parse_time(text, ret_unix);
    *ret_unix += UTC_DAY_SECONDS;
    return true;
}

/* ---- warnings */

struct warnings {
    const struct rule_list *rules;
    char **lines;
    size_t n;
    bool has_memory;
};

static void warn_unless_named(struct warnings *warnings, const char *name, const char *key,
                              size_t number)
{
    for (size_t i = 0; i < warnings->rules->n; i++)
        if (rule_is_chosen(warnings->rules->items[i], name))
            return;
    char line[200];
    (void)snprintf(line, sizeof(line),
                   "%s, entry %zu: no rule is called '%.64s'; 'stopgap rules list' shows the ids",
                   key, number + 1, name);
    char *copy = strdup(line);
    warnings->has_memory = warnings->has_memory && copy != NULL;
    if (copy != NULL)
        warnings->lines[warnings->n++] = copy;
}

bool changes_warn(const struct rule_list *rules, const struct rules_changes *changes,
                  char ***ret_lines, size_t *ret_n)
{
    size_t max = changes->n_modes + changes->n_exclusions + changes->n_enabled;
    struct warnings warnings = {
        .rules = rules, .lines = calloc(max + 1, sizeof(char *)), .has_memory = true};
    if (warnings.lines == NULL)
        return false;
    for (size_t i = 0; i < changes->n_enabled; i++)
        warn_unless_named(&warnings, changes->enabled[i], "rules.enabled", i);
    for (size_t i = 0; i < changes->n_modes; i++)
        warn_unless_named(&warnings, changes->modes[i].rule, "modes", i);
    for (size_t i = 0; i < changes->n_exclusions; i++)
        warn_unless_named(&warnings, changes->exclusions[i].rule, "exclusions", i);
    if (!warnings.has_memory) {
        while (warnings.n != 0)
            free(warnings.lines[--warnings.n]);
        free(warnings.lines);
        return false;
    }
    *ret_lines = warnings.lines;
    *ret_n = warnings.n;
    return true;
}
