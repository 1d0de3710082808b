/* Condition trees: which kind of node, which operator, and the limits of a tree. */
#include "convert.h"

#include <stdlib.h>

#include "words.h"

#include "stopgap/banned.h"

static const char *const group_keys[N_GROUPS] = {
    [NODE_ALL] = "all", [NODE_ANY] = "any", [NODE_NONE] = "none"};

/* Which operator a test has, and where its operand is. */
struct operand {
    enum operator_id op;
    bool is_negated;
    char **text;  /* one operand */
    char ***list; /* or several */
    unsigned *n_list;
};

/* Whether the key is there; an empty "all" list leaves no other trace than its place. */
static bool has_group(const struct convert *convert, const struct yaml_node *yaml, uint64_t path,
                      enum node_kind kind)
{
    return yaml->group[kind] != NULL ||
           (kind == NODE_ALL &&
            places_find(convert->report->places, place_key(path, group_keys[kind])) != NULL);
}

/* Collect the operators that are given: the first is in *ret_operand. */
static size_t find_operands(struct yaml_node *yaml, struct operand *ret_operand)
{
    static const enum operator_id list_operators[] = {OP_ONE_OF, OP_IN_CIDR};
    size_t n = 0;
    for (unsigned i = 0; i < N_TEXT_OPERATORS; i++)
        if (yaml->text[i] != NULL && n++ == 0)
            *ret_operand = (struct operand){
                .op = (enum operator_id)(i / 2), .is_negated = i % 2 != 0, .text = &yaml->text[i]};
    for (unsigned i = 0; i < N_LIST_OPERATORS; i++)
        if (yaml->list[i] != NULL && n++ == 0)
            *ret_operand = (struct operand){.op = list_operators[i / 2],
                                            .is_negated = i % 2 != 0,
                                            .list = &yaml->list[i],
                                            .n_list = &yaml->n_list[i]};
    if (yaml->exists != NULL && n++ == 0)
        *ret_operand = (struct operand){.op = OP_EXISTS};
    return n;
}

static bool convert_field(const struct convert *convert, const struct yaml_node *yaml,
                          uint64_t path, enum field_id *ret_field)
{
    if (yaml->field == NULL)
        return report_value(convert->report, ERR_SYNTAX, path,
                            "a condition is all, any or none with a list, or a test with 'field'; "
                            "add the one that is meant");
    size_t index = word_index(field_words, FIELD_COUNT, yaml->field);
    if (index < FIELD_COUNT) {
        *ret_field = (enum field_id)index;
        return true;
    }
    const char *closest = word_closest(field_words, FIELD_COUNT, yaml->field);
    return report_value(convert->report, ERR_SYNTAX, place_key(path, "field"),
                        "unknown field '%.60s'; %s%s%s", yaml->field,
                        closest != NULL ? "did you mean '" : "rules/README.md lists the fields",
                        closest != NULL ? closest : "", closest != NULL ? "'?" : "");
}

static bool convert_case(const struct convert *convert, const struct yaml_node *yaml, uint64_t path,
                         struct node *node)
{
    uint64_t at = place_key(path, "case");
    if (yaml->sensitivity == NULL)
        return true;
    if (strcmp(yaml->sensitivity, "sensitive") != 0)
        return report_value(convert->report, ERR_SYNTAX, at,
                            "'case' can only be 'sensitive'; leave it out to ignore case");
    if (node->op == OP_EXISTS || node->op == OP_IN_CIDR)
        return report_value(convert->report, ERR_SYNTAX, at,
                            "'case' means nothing with '%s'; leave it out",
                            operator_word(node->op));
    node->is_case_sensitive = true;
    return true;
}

static bool convert_test(struct convert *convert, struct yaml_node *yaml, uint64_t path,
                         struct node *node)
{
    struct operand operand = {0};
    char key[32];
    node->kind = NODE_TEST;
    if (!convert_field(convert, yaml, path, &node->field))
        return false;
    size_t n = find_operands(yaml, &operand);
    if (n != 1)
        return report_value(convert->report, ERR_SYNTAX, path,
                            n == 0 ? "a test needs an operator such as 'regex' or 'equals'"
                                   : "a test has one operator; make several tests under 'all'");
    node->op = operand.op;
    node->is_negated = operand.is_negated;
    node->name = take_text(&yaml->name);
    if (operand.text != NULL)
        node->value = take_text(operand.text);
    if (operand.list != NULL)
        node->values = take_texts(operand.list, operand.n_list, &node->n_values);
    (void)snprintf(key, sizeof(key), "%s%s", node->is_negated ? "not_" : "",
                   operator_word(node->op));
    if (node->op == OP_EXISTS && strcmp(yaml->exists, "true") != 0)
        return report_value(convert->report, ERR_SYNTAX, place_key(path, key),
                            "'exists' can only be true; for a missing field put the test under "
                            "'none'");
    return convert_case(convert, yaml, path, node) &&
           lint_test(convert, node, path, place_key(path, key));
}

static bool convert_group(struct convert *convert, struct yaml_node *yaml, uint64_t path,
                          unsigned depth, struct node *node)
{
    struct operand operand;
    if (yaml->field != NULL || yaml->name != NULL || yaml->sensitivity != NULL ||
        find_operands(yaml, &operand) != 0)
        return report_value(convert->report, ERR_SYNTAX, path,
                            "'%s' stands alone; put the test into its list",
                            group_keys[node->kind]);
    size_t n = yaml->n_group[node->kind];
    if (n == 0)
        return true;
    node->children = calloc(n, sizeof(struct node *));
    if (node->children == NULL)
        return report_no_memory(convert->report);
    node->n_children = n;
    uint64_t list = place_key(path, group_keys[node->kind]);
    for (size_t i = 0; i < n; i++)
        if (!convert_node(convert, &yaml->group[node->kind][i], place_item(list, i), depth + 1,
                          &node->children[i]))
            return false;
    return true;
}

bool convert_node(struct convert *convert, struct yaml_node *yaml, uint64_t path, unsigned depth,
                  struct node **ret_node)
{
    if (depth > LIMIT_CONDITION_DEPTH)
        return report_value(convert->report, ERR_LIMIT, path,
                            "conditions are nested deeper than %d; flatten them",
                            LIMIT_CONDITION_DEPTH);
    if (++convert->n_nodes > LIMIT_CONDITIONS)
        return report_value(convert->report, ERR_LIMIT, path,
                            "more than %d conditions; make several rules", LIMIT_CONDITIONS);
    struct node *node = calloc(1, sizeof(*node));
    if (node == NULL)
        return report_no_memory(convert->report);
    *ret_node = node;
    const struct place *place = places_find(convert->report->places, path);
    node->line = place != NULL ? place->line : 0;

    size_t n_groups = 0;
    for (unsigned kind = 0; kind < N_GROUPS; kind++)
        if (has_group(convert, yaml, path, (enum node_kind)kind)) {
            node->kind = (enum node_kind)kind;
            n_groups++;
        }
    if (n_groups > 1)
        return report_value(convert->report, ERR_SYNTAX, path,
                            "a condition has one of all, any and none; put one into the other");
    return n_groups == 1 ? convert_group(convert, yaml, path, depth, node)
                         : convert_test(convert, yaml, path, node);
}
