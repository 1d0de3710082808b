/* Conditions that can never be true, that always are, or nearly always. */
#include "lint/private.h"

#include "language/tree.h"

#include "stopgap/banned.h"

/* Ordered: ALL is as true as its least child, ANY as its most. */
enum chance {
    CHANCE_NEVER = 0,
    CHANCE_SOME,
    CHANCE_MOST, /* of ordinary traffic */
    CHANCE_ALWAYS,
};

struct logic {
    struct lint *lint;
    struct lint_rule *item;
};

/* Fields of which each view has exactly one value. A query may be missing, but is never two. */
static bool has_one_value(enum field_id field)
{
    return field == FIELD_METHOD || field == FIELD_TARGET || field == FIELD_PATH ||
           field == FIELD_QUERY || field == FIELD_VDIR || field == FIELD_STATUS;
}

static bool is_always_there(enum field_id field)
{
    return field == FIELD_METHOD || field == FIELD_TARGET || field == FIELD_PATH ||
           field == FIELD_VDIR || field == FIELD_CLIENT || field == FIELD_STATUS;
}

/* ---- one test */

/* Texts that have nothing in common but what every value of the field has. */
static bool fits_everything(const struct node *node)
{
    static const char *const paths[] = {"/", "/a", "/owa/auth/0.aspx", "/\xc3\xa4_-~"};
    static const char *const words[] = {"GET", "POST", "x-0"};
    bool is_path = node->field == FIELD_PATH || node->field == FIELD_TARGET;
    const char *const *texts = is_path ? paths : words;
    size_t n = is_path ? sizeof(paths) / sizeof(paths[0]) : sizeof(words) / sizeof(words[0]);
    for (size_t i = 0; i < n; i++)
        if (!lint_test_fits(node, slice_str(texts[i])))
            return false;
    return true;
}

/* A text that the field's values cannot have at their beginning. */
static bool is_impossible(const struct node *node, const char *text)
{
    bool is_beginning =
        node->op == OP_EQUALS || node->op == OP_ONE_OF || node->op == OP_STARTS_WITH;
    if (node->field == FIELD_PATH)
        return is_beginning && text[0] != '/' && text[0] != '*' && text[0] != '\0';
    if (node->field == FIELD_VDIR)
        return strchr(text, '/') != NULL;
    if (node->field == FIELD_HEADER_NAME)
        return strpbrk(text, ": \t") != NULL;
    return false;
}

static bool is_all_impossible(const struct node *node)
{
    bool is_literal = node->op != OP_REGEX && node->op != OP_EXISTS && node->op != OP_IN_CIDR;
    size_t n_possible = node->value == NULL && node->n_values == 0;
    if (!is_literal || node->is_negated)
        return false;
    if (node->value != NULL)
        n_possible += !is_impossible(node, node->value);
    for (size_t i = 0; i < node->n_values; i++)
        n_possible += !is_impossible(node, node->values[i]);
    return n_possible == 0;
}

static enum chance chance_of_test(const struct node *node)
{
    if (is_all_impossible(node))
        return CHANCE_NEVER;
    if (node->op == OP_IN_CIDR)
        return node->is_negated ? CHANCE_MOST : CHANCE_SOME;
    if (!is_always_there(node->field) || node->field == FIELD_STATUS)
        return CHANCE_SOME;
    if (node->op == OP_EXISTS)
        return CHANCE_ALWAYS;
    if (fits_everything(node))
        return node->is_negated ? CHANCE_MOST : CHANCE_ALWAYS;
    return CHANCE_SOME;
}

/* ---- two tests on the same value */

static bool is_list_of_texts(const struct node *node)
{
    return !node->is_negated && (node->op == OP_EQUALS || node->op == OP_ONE_OF);
}

/* No text that `a` lists satisfies b. */
static bool excludes(const struct node *a, const struct node *b, bool b_is_inverted)
{
    if (!is_list_of_texts(a) || b->op == OP_IN_CIDR)
        return false;
    if (a->value != NULL && lint_test_fits(b, slice_str(a->value)) != b_is_inverted)
        return false;
    for (size_t i = 0; i < a->n_values; i++)
        if (lint_test_fits(b, slice_str(a->values[i])) != b_is_inverted)
            return false;
    return true;
}

static bool have_other_beginnings(const struct node *a, const struct node *b)
{
    bool is_both =
        a->op == OP_STARTS_WITH && b->op == OP_STARTS_WITH && !a->is_negated && !b->is_negated;
    return is_both && !lint_test_fits(a, slice_str(b->value)) &&
           !lint_test_fits(b, slice_str(a->value));
}

static bool is_about_one_value(const struct node *a, const struct node *b)
{
    return a->kind == NODE_TEST && b->kind == NODE_TEST && a->field == b->field &&
           has_one_value(a->field);
}

/* a and b cannot both be true. */
static bool contradict(const struct node *a, const struct node *b)
{
    for (size_t i = 0; b->kind == NODE_NONE && i < b->n_children; i++) {
        const struct node *child = b->children[i];
        if (node_is_same(a, child) || (is_about_one_value(a, child) && excludes(a, child, true)))
            return true;
    }
    return is_about_one_value(a, b) && (excludes(a, b, false) || have_other_beginnings(a, b));
}

/* The child that cannot be true beside one before it, or NULL. */
static const struct node *find_contradiction(const struct node *node)
{
    for (size_t i = 1; i < node->n_children; i++)
        for (size_t k = 0; k < i; k++)
            if (contradict(node->children[k], node->children[i]) ||
                contradict(node->children[i], node->children[k]))
                return node->children[i];
    return NULL;
}

/* One of the children is true whatever comes: "a" beside "none of a". */
static bool is_exhaustive(const struct node *node)
{
    for (size_t i = 0; i < node->n_children; i++)
        for (size_t k = 0; k < node->n_children; k++) {
            const struct node *none = node->children[k];
            if (none->kind == NODE_NONE && none->n_children == 1 &&
                node_is_same(node->children[i], none->children[0]))
                return true;
        }
    return false;
}

/* ---- trees */

static enum chance chance_of(const struct logic *logic, const struct node *node);

static void report_part(const struct logic *logic, const struct node *node, enum chance chance)
{
    if (chance == CHANCE_NEVER || chance == CHANCE_ALWAYS)
        lint_add(logic->lint, logic->item, node->line, LINT_DEAD_PART,
                 "this part is %s true, so it changes nothing",
                 chance == CHANCE_NEVER ? "never" : "always");
}

static enum chance chance_of_all(const struct logic *logic, const struct node *node)
{
    enum chance least = CHANCE_ALWAYS;
    const struct node *contradiction = find_contradiction(node);
    if (contradiction != NULL) {
        lint_add(logic->lint, logic->item, contradiction->line, LINT_DEAD_PART,
                 "this cannot be true together with a test beside it");
        return CHANCE_NEVER;
    }
    for (size_t i = 0; i < node->n_children; i++) {
        enum chance chance = chance_of(logic, node->children[i]);
        least = chance < least ? chance : least;
        if (chance == CHANCE_ALWAYS && node->n_children > 1)
            report_part(logic, node->children[i], chance);
    }
    return least;
}

static enum chance chance_of_any(const struct logic *logic, const struct node *node)
{
    enum chance most = is_exhaustive(node) ? CHANCE_ALWAYS : CHANCE_NEVER;
    for (size_t i = 0; i < node->n_children; i++) {
        enum chance chance = chance_of(logic, node->children[i]);
        most = chance > most ? chance : most;
        if (chance == CHANCE_NEVER && node->n_children > 1)
            report_part(logic, node->children[i], chance);
    }
    return most;
}

/* Depth is limited by LIMIT_CONDITION_DEPTH. */
static enum chance chance_of(const struct logic *logic, const struct node *node)
{
    if (node->kind == NODE_TEST)
        return chance_of_test(node);
    if (node->kind == NODE_ALL)
        return chance_of_all(logic, node);
    enum chance chance = chance_of_any(logic, node);
    if (node->kind == NODE_ANY)
        return chance;
    if (chance == CHANCE_NEVER)
        return CHANCE_ALWAYS;
    if (chance == CHANCE_ALWAYS)
        return CHANCE_NEVER;
    return chance == CHANCE_MOST ? CHANCE_SOME : CHANCE_MOST;
}

void lint_check_logic(struct lint *lint, struct lint_rule *item)
{
    struct logic logic = {.lint = lint, .item = item};
    unsigned line = item->rule->lines[RULE_KEY_WHEN];
    enum chance chance = chance_of(&logic, item->rule->when);
    bool has_response = item->rule->when_response != NULL;
    if (has_response && chance_of(&logic, item->rule->when_response) == CHANCE_NEVER)
        chance = CHANCE_NEVER;
    if (chance == CHANCE_NEVER)
        lint_add(lint, item, line, LINT_NEVER_TRUE, "the rule can never match");
    else if (chance == CHANCE_ALWAYS && !has_response)
        lint_add(lint, item, line, LINT_ALWAYS_TRUE, "the rule matches every request");
    else if (chance == CHANCE_MOST && !has_response)
        lint_add(lint, item, line, LINT_TOO_GENERAL,
                 "the rule says only what a request must not be, so it matches nearly all");
}
