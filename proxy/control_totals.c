/* Hits of rules over the sets since the start, and the leases that come back with them. */
#include "control_internal.h"

#include <search.h>
#include <stdlib.h>

#include "stopgap/banned.h"

/* A node of the tree control->totals. */
struct rule_total {
    const char *id; /* the key: text below, or somebody else's in a look-up */
    uint64_t hits;
    char text[];
};

static int total_compare(const void *a, const void *b)
{
    return strcmp(((const struct rule_total *)a)->id, ((const struct rule_total *)b)->id);
}

static struct rule_total *total_find(const struct control *control, const char *id)
{
    struct rule_total key = {.id = id};
    struct rule_total *const *node = tfind(&key, &control->totals, total_compare);
    return node != NULL ? *node : NULL;
}

/* A new total without hits. NULL: no memory. */
static struct rule_total *total_new(struct control *control, const char *id)
{
    size_t len = strlen(id) + 1;
    struct rule_total *total = calloc(1, sizeof(*total) + len);
    if (total == NULL)
        return NULL;
    memcpy(total->text, id, len);
    total->id = total->text;
    if (tsearch(total, &control->totals, total_compare) != NULL)
        return total;
    free(total);
    return NULL;
}

static void total_add(struct control *control, const char *id, uint64_t hits)
{
    struct rule_total *total = total_find(control, id);
    if (total == NULL && hits != 0)
        total = total_new(control, id);
    if (total != NULL) /* a counter less is no reason to stop */
        total->hits += hits;
}

static void retire(struct control *control, struct lease *lease)
{
    struct lease_list *list = &control->leases;
    const struct ruleset *set = lease_ruleset(lease);
    for (size_t i = 0; i < ruleset_n_rules(set); i++)
        total_add(control, ruleset_rule(set, i)->id, lease_rule_hits(lease, i));
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i] == lease)
            list->items[i] = list->items[--list->n];
    lease_free(lease);
}

void control_retire_leases(struct control *control)
{
    for (unsigned i = 0; i < control->n_workers; i++) {
        struct lease_list back;
        worker_take_leases(&control->workers[i], &back);
        for (size_t k = 0; k < back.n; k++)
            retire(control, back.items[k]);
        free(back.items);
    }
}

uint64_t control_rule_hits(const struct control *control, const char *id)
{
    const struct rule_total *total = total_find(control, id);
    uint64_t hits = total != NULL ? total->hits : 0;
    for (size_t i = 0; i < control->leases.n; i++) {
        const struct lease *lease = control->leases.items[i];
        size_t index = ruleset_find(lease_ruleset(lease), id);
        hits += index != SIZE_MAX ? lease_rule_hits(lease, index) : 0;
    }
    return hits;
}

void control_totals_done(struct control *control)
{
    tdestroy(control->totals, free);
}
