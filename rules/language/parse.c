/* One rule file: scan, load, convert, then into the list. */
#include <stdlib.h>

#include "convert.h"

#include "stopgap/banned.h"

/* An id names a rule in the config, in logs and in counters: two rules cannot share it. */
static bool check_unique(const struct report *report, const struct rule_list *list,
                         const struct rule *rule)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i]->id, rule->id) == 0)
            return report_value(report, ERR_SYNTAX, place_key(PLACE_ROOT, "id"),
                                "the id is already used in %.200s; give this rule another one, or "
                                "remove one of the two files",
                                list->items[i]->file);
    return true;
}

bool rule_list_append(struct rule_list *list, struct rule *rule)
{
    struct rule **items = realloc(list->items, (list->n + 1) * sizeof(struct rule *));
    if (items == NULL)
        return false;
    items[list->n++] = rule;
    list->items = items;
    return true;
}

static void note_lines(const struct places *places, struct rule *rule)
{
    static const char *const keys[RULE_KEY_COUNT] = {
        [RULE_KEY_ID] = "id",
        [RULE_KEY_TITLE] = "title",
        [RULE_KEY_CVE] = "cve",
        [RULE_KEY_REFERENCES] = "references",
        [RULE_KEY_APPLIES_TO] = "applies_to",
        [RULE_KEY_SIDE_EFFECTS] = "side_effects",
        [RULE_KEY_SUPERSEDED_BY] = "superseded_by",
        [RULE_KEY_WHEN] = "when",
        [RULE_KEY_SAMPLES] = "samples",
    };
    for (int key = 0; key < RULE_KEY_COUNT; key++) {
        const struct place *place = places_find(places, place_key(PLACE_ROOT, keys[key]));
        rule->lines[key] = place != NULL ? place->line : 0;
    }
}

static bool parse(struct slice text, const char *source, const struct report *report,
                  struct rule *rule, struct places *places)
{
    struct yaml_rule *yaml = NULL;
    rule->source = strdup(source);
    rule->file = strdup(report->file);
    if (rule->source == NULL || rule->file == NULL) {
        (void)report_no_memory(report);
        return false;
    }
    bool is_good = places_scan(text, report, places) && yaml_rule_load(text, report, &yaml) &&
                   convert_rule(report, yaml, rule);
    yaml_rule_free(yaml);
    note_lines(places, rule);
    return is_good;
}

bool rules_parse(struct slice text, const char *source, const char *file, struct rule_list *list,
                 struct err *err)
{
    struct places places = {0};
    struct report report = {.file = file, .places = &places, .err = err};
    if (text.len > LIMIT_RULE_FILE_BYTES)
        return report_at(&report, ERR_LIMIT, 0, 0,
                         "larger than %d bytes; leave samples out or make several rules",
                         LIMIT_RULE_FILE_BYTES);
    if (list->n >= LIMIT_RULES)
        return report_at(&report, ERR_LIMIT, 0, 0,
                         "more than %d rules in one set; remove those that others supersede",
                         LIMIT_RULES);
    struct rule *rule = calloc(1, sizeof(*rule));
    if (rule == NULL)
        return report_no_memory(&report);
    bool is_good = parse(text, source, &report, rule, &places) && check_unique(&report, list, rule);
    if (is_good && !rule_list_append(list, rule)) {
        (void)report_no_memory(&report);
        is_good = false;
    }
    if (!is_good)
        rule_free(rule);
    places_done(&places);
    return is_good;
}
