/* Parsing what was gathered. */
#include "origin_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "language/convert.h"

#include "stopgap/banned.h"

static bool parse_files(const struct origin *origin, struct rule_list *rules, struct err *err)
{
    size_t n_before = rules->n;
    for (size_t i = 0; i < origin->n_files; i++) {
        const struct origin_file *file = &origin->files[i];
        if (!rules_parse(slice_make(file->text, file->len), origin->source, file->place, rules,
                         err))
            return false;
    }
    for (size_t i = n_before; i < rules->n; i++)
        rules->items[i]->is_tried = origin->is_tried;
    return true;
}

static bool has_rule(const struct rule_list *list, size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list->items[i]->id, id) == 0)
            return true;
    return false;
}

/* The operator's own rule goes before one of the feed with its id. */
static bool take_feed(struct rule_list *rules, struct rule_list *feed, char *shadowed,
                      struct err *err)
{
    size_t n_own = rules->n;
    for (size_t i = 0; i < feed->n; i++) {
        struct rule *rule = feed->items[i];
        if (has_rule(rules, n_own, rule->id)) {
            (void)snprintf(shadowed, RULE_ID_BYTES, "%s", rule->id);
            continue;
        }
        if (!rule_list_append(rules, rule))
            return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
        feed->items[i] = NULL;
    }
    return rules->n <= LIMIT_RULES ||
           err_set(err, ERR_LIMIT, "E_LIMIT", "more than %d rules with those of the feed",
                   LIMIT_RULES);
}

bool origin_rules_add(const struct origin *origin, struct rule_list *rules, char *shadowed,
                      struct err *err)
{
    struct rule_list feed = {0};
    if (origin->kind != ORIGIN_EOCS)
        return parse_files(origin, rules, err);
    bool is_good = parse_files(origin, &feed, err) && take_feed(rules, &feed, shadowed, err);
    for (size_t i = 0; i < feed.n; i++)
        rule_free(feed.items[i]); /* those that were taken are NULL */
    free(feed.items);
    return is_good;
}
