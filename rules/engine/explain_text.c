/* Conditions as text: the words of the rule language on one line. */
#include "engine/explain_text.h"

#include "stopgap/buf.h"
#include "stopgap/limits.h"

#include "stopgap/banned.h"

/* LIMIT_RULE_FILE_BYTES bounds every list of operands. */
enum { MAX_TEXT_BYTES = LIMIT_RULE_FILE_BYTES + 1024 };

static bool add_operands(struct buf *text, const struct node *node)
{
    if (node->op == OP_EXISTS)
        return true;
    if (node->op != OP_ONE_OF && node->op != OP_IN_CIDR)
        return buf_printf(text, " '%s'", node->value);
    bool is_added = true;
    for (size_t i = 0; i < node->n_values && is_added; i++)
        is_added = buf_printf(text, "%s%s", i == 0 ? " [" : ", ", node->values[i]);
    return is_added && buf_printf(text, "]");
}

static bool add_test(struct buf *text, const struct node *node)
{
    return buf_printf(text, "%s", field_word(node->field)) &&
           (node->name == NULL || buf_printf(text, " %s", node->name)) &&
           buf_printf(text, " %s%s", node->is_negated ? "not_" : "", operator_word(node->op)) &&
           add_operands(text, node) &&
           (!node->is_case_sensitive || buf_printf(text, ", case: sensitive"));
}

struct slice explain_text(const struct node *node, struct arena *memory)
{
    struct buf text;
    struct slice copy = {.ptr = NULL};
    switch (node->kind) {
    case NODE_ALL:
        return SLICE("all of");
    case NODE_ANY:
        return SLICE("any of");
    case NODE_NONE:
        return SLICE("none of");
    case NODE_TEST:
        break;
    }
    buf_init(&text, MAX_TEXT_BYTES);
    if (add_test(&text, node))
        copy = arena_copy(memory, buf_slice(&text));
    buf_done(&text);
    return copy;
}
