/* Equality of condition trees. */
#include "tree.h"

#include "stopgap/banned.h"

#define HASH_START UINT64_C(0xcbf29ce484222325)

static uint64_t mix(uint64_t hash, uint64_t number)
{
    for (unsigned shift = 0; shift < 64; shift += 8)
        hash = (hash ^ (number >> shift & 0xff)) * UINT64_C(0x100000001b3); /* FNV-1a */
    return hash;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return mix(hash, text != NULL);
}

/* Depth is limited by LIMIT_CONDITION_DEPTH. Sums do not depend on the order. */
uint64_t node_hash(const struct node *node)
{
    if (node == NULL)
        return 0;
    uint64_t hash = mix(HASH_START, node->kind);
    uint64_t sum = 0;
    for (size_t i = 0; i < node->n_children; i++)
        sum += node_hash(node->children[i]);
    if (node->kind != NODE_TEST)
        return mix(hash, sum);
    for (size_t i = 0; i < node->n_values; i++)
        sum += mix_text(HASH_START, node->values[i]);
    hash = mix(mix(mix(hash, node->field), node->op), node->is_negated);
    return mix(mix_text(mix_text(mix(hash, node->is_case_sensitive), node->name), node->value),
               sum);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool has_value(const struct node *node, const char *value)
{
    for (size_t i = 0; i < node->n_values; i++)
        if (strcmp(node->values[i], value) == 0)
            return true;
    return false;
}

static bool same_test(const struct node *a, const struct node *b)
{
    if (a->field != b->field || a->op != b->op || a->is_negated != b->is_negated ||
        a->is_case_sensitive != b->is_case_sensitive || a->n_values != b->n_values ||
        !same_text(a->name, b->name) || !same_text(a->value, b->value))
        return false;
    for (size_t i = 0; i < a->n_values; i++)
        if (!has_value(b, a->values[i]) || !has_value(a, b->values[i]))
            return false;
    return true;
}

static bool has_child(const struct node *node, const struct node *child)
{
    for (size_t i = 0; i < node->n_children; i++)
        if (node_is_same(node->children[i], child))
            return true;
    return false;
}

/* Depth is limited by LIMIT_CONDITION_DEPTH. */
bool node_is_same(const struct node *a, const struct node *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (a->kind != b->kind || a->n_children != b->n_children)
        return false;
    if (a->kind == NODE_TEST)
        return same_test(a, b);
    for (size_t i = 0; i < a->n_children; i++)
        if (!has_child(b, a->children[i]) || !has_child(a, b->children[i]))
            return false;
    return true;
}
