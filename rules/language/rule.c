/* The end of rules: everything in a rule is from malloc and owned by it. */
#include "rule.h"

#include <stdlib.h>

#include "convert.h"

#include "stopgap/banned.h"

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

/* As deep as convert_node went: at most LIMIT_CONDITION_DEPTH. */
static void free_node(struct node *node)
{
    if (node == NULL)
        return;
    for (size_t i = 0; i < node->n_children; i++)
        free_node(node->children[i]);
    free(node->children);
    free(node->name);
    free(node->value);
    free_texts(node->values, node->n_values);
    free(node);
}

static void free_samples(struct sample *samples, size_t n)
{
    for (size_t i = 0; samples != NULL && i < n; i++) {
        free(samples[i].method);
        free(samples[i].target);
        free_texts(samples[i].headers, samples[i].n_headers);
        free(samples[i].body);
        free(samples[i].client);
        free_texts(samples[i].response_headers, samples[i].n_response_headers);
    }
    free(samples);
}

void rule_free(struct rule *rule)
{
    if (rule == NULL)
        return;
    for (size_t i = 0; i < rule->n_applies_to; i++) {
        free(rule->applies_to[i].from);
        free(rule->applies_to[i].before);
    }
    free(rule->applies_to);
    free_texts(rule->cve, rule->n_cve);
    free_texts(rule->references, rule->n_references);
    free_texts(rule->blind_to, rule->n_blind_to);
    free_node(rule->when);
    free_node(rule->when_response);
    free_samples(rule->must_block, rule->n_must_block);
    free_samples(rule->must_pass, rule->n_must_pass);
    char *texts[] = {rule->id,           rule->title,         rule->severity,
                     rule->side_effects, rule->superseded_by, rule->header,
                     rule->value,        rule->separator,     rule->mitigation,
                     rule->source,       rule->file};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    free(rule);
}

void rule_list_done(struct rule_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        rule_free(list->items[i]);
    free(list->items);
    *list = (struct rule_list){0};
}

int rule_compare_ids(const void *a, const void *b)
{
    const struct rule *const *left = a;
    const struct rule *const *right = b;
    return strcmp((*left)->id, (*right)->id);
}
