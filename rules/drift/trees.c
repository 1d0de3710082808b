/* Which of two condition trees is true for more requests, as far as their form tells. */
#include "drift/drift.h"

#include "language/tree.h"

#include "stopgap/banned.h"

static enum drift drift_flip(enum drift drift)
{
    if (drift == DRIFT_TIGHTER)
        return DRIFT_LOOSER;
    return drift == DRIFT_LOOSER ? DRIFT_TIGHTER : drift;
}

/* ---- tests */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_equal(const struct node *node, struct slice a, struct slice b)
{
    return node->is_case_sensitive ? slice_equal(a, b) : slice_equal_nocase(a, b);
}

static bool has_value(const struct node *node, const char *value)
{
    if (node->value != NULL)
        return is_equal(node, slice_str(node->value), slice_str(value));
    for (size_t i = 0; i < node->n_values; i++)
        if (is_equal(node, slice_str(node->values[i]), slice_str(value)))
            return true;
    return false;
}

static bool has_values_of(const struct node *node, const struct node *other)
{
    if (other->value != NULL)
        return has_value(node, other->value);
    for (size_t i = 0; i < other->n_values; i++)
        if (!has_value(node, other->values[i]))
            return false;
    return true;
}

static bool is_list(const struct node *node)
{
    return node->op == OP_EQUALS || node->op == OP_ONE_OF;
}

static bool is_part(const struct node *node)
{
    return node->op == OP_CONTAINS || node->op == OP_STARTS_WITH || node->op == OP_ENDS_WITH;
}

/* Where node's operator says. */
static bool stands_in(const struct node *node, struct slice part, struct slice whole)
{
    if (part.len > whole.len)
        return false;
    size_t last = whole.len - part.len;
    size_t first = node->op == OP_ENDS_WITH ? last : 0;
    if (node->op == OP_STARTS_WITH)
        last = 0;
    for (size_t at = first; at <= last; at++)
        if (is_equal(node, slice_head(slice_from(whole, at), part.len), part))
            return true;
    return false;
}

/* A shorter text is in more values. */
static enum drift diff_parts(const struct node *a, const struct node *b)
{
    struct slice old_text = slice_str(a->value);
    struct slice new_text = slice_str(b->value);
    if (stands_in(b, new_text, old_text))
        return DRIFT_TIGHTER;
    return stands_in(a, old_text, new_text) ? DRIFT_LOOSER : DRIFT_OTHER;
}

static enum drift diff_tests(const struct node *a, const struct node *b)
{
    enum drift drift = DRIFT_OTHER;
    if (a->field != b->field || !same_text(a->name, b->name) || a->is_negated != b->is_negated ||
        a->is_case_sensitive != b->is_case_sensitive)
        return DRIFT_OTHER;
    if ((is_list(a) && is_list(b)) || (a->op == OP_IN_CIDR && b->op == OP_IN_CIDR)) {
        bool has_old = has_values_of(b, a);
        bool has_new = has_values_of(a, b);
        drift = has_old && has_new ? DRIFT_NONE
                : has_old          ? DRIFT_TIGHTER
                : has_new          ? DRIFT_LOOSER
                                   : DRIFT_OTHER;
    } else if (a->op == b->op && is_part(a)) {
        drift = diff_parts(a, b);
    }
    return a->is_negated ? drift_flip(drift) : drift;
}

/* ---- groups */

static size_t find_same(const struct node *node, const struct node *child)
{
    for (size_t i = 0; i < node->n_children; i++)
        if (node_is_same(node->children[i], child))
            return i;
    return SIZE_MAX;
}

/* How many children of node other has not; *ret_last is one of them. */
static size_t count_missing(const struct node *node, const struct node *other,
                            const struct node **ret_last)
{
    size_t n = 0;
    for (size_t i = 0; i < node->n_children; i++)
        if (find_same(other, node->children[i]) == SIZE_MAX) {
            *ret_last = node->children[i];
            n++;
        }
    return n;
}

/* ALL with one child more is true less often, ANY more often. */
static enum drift diff_groups(const struct node *a, const struct node *b)
{
    const struct node *gone = NULL;
    const struct node *added = NULL;
    size_t n_gone = count_missing(a, b, &gone);
    size_t n_added = count_missing(b, a, &added);
    enum drift drift = DRIFT_NONE;
    if (n_gone == 1 && n_added == 1)
        drift = diff_trees(gone, added);
    else if (n_gone != 0 && n_added != 0)
        return DRIFT_OTHER;
    else if (n_gone != 0)
        drift = a->kind == NODE_ALL ? DRIFT_TIGHTER : DRIFT_LOOSER;
    else if (n_added != 0)
        drift = a->kind == NODE_ALL ? DRIFT_LOOSER : DRIFT_TIGHTER;
    return a->kind == NODE_NONE ? drift_flip(drift) : drift;
}

/* `group` is all of what `node` was, and more. */
static enum drift diff_wrapped(const struct node *node, const struct node *group)
{
    enum drift best = DRIFT_OTHER;
    for (size_t i = 0; i < group->n_children && group->kind != NODE_NONE; i++)
        if (node_is_same(node, group->children[i]))
            best = group->kind == NODE_ALL ? DRIFT_LOOSER : DRIFT_TIGHTER;
    return best != DRIFT_OTHER && group->n_children == 1 ? DRIFT_NONE : best;
}

/* Depth is limited by LIMIT_CONDITION_DEPTH. */
enum drift diff_trees(const struct node *old_node, const struct node *new_node)
{
    if (node_is_same(old_node, new_node))
        return DRIFT_NONE;
    if (old_node == NULL || new_node == NULL)
        return old_node == NULL ? DRIFT_LOOSER : DRIFT_TIGHTER; /* without, all responses count */
    if (old_node->kind == NODE_TEST && new_node->kind == NODE_TEST)
        return diff_tests(old_node, new_node);
    enum drift drift = DRIFT_OTHER;
    if (old_node->kind == new_node->kind)
        drift = diff_groups(old_node, new_node);
    if (drift == DRIFT_OTHER && new_node->kind != NODE_TEST)
        drift = diff_wrapped(old_node, new_node);
    if (drift == DRIFT_OTHER && old_node->kind != NODE_TEST)
        drift = drift_flip(diff_wrapped(new_node, old_node));
    return drift;
}
