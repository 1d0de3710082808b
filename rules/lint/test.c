/* Single tests: patterns that are too general, dear, or evaded by another spelling. */
#include "lint/private.h"

#include "lint/regex.h"

#include "stopgap/banned.h"

enum {
    MIN_TEXT = 4,      /* bytes; shorter texts are in other words, too */
    MIN_LITERAL = 3,   /* bytes that let the scan of a body skip */
    LARGE_COUNT = 255, /* of {n,m}: Hyperscan makes a state of each */
};

/* Fields in which Exchange ignores case. */
static bool ignores_case(enum field_id field)
{
    return field == FIELD_METHOD || field == FIELD_TARGET || field == FIELD_PATH ||
           field == FIELD_QUERY || field == FIELD_ARG_NAME || field == FIELD_HEADER_NAME ||
           field == FIELD_COOKIE_NAME || field == FIELD_FORM_NAME || field == FIELD_HOST ||
           field == FIELD_VDIR;
}

/* Fields whose values hold more than what a test is about. */
static bool is_long_text(enum field_id field)
{
    return field == FIELD_TARGET || field == FIELD_PATH || field == FIELD_QUERY ||
           field == FIELD_HOST || field == FIELD_VDIR;
}

/* The scan sees all of these; fields of a body with a name are short. */
static bool is_scanned_body(const struct node *node)
{
    return field_needs_body(node->field) && field_has_views(node->field) && node->name == NULL;
}

static void check_regex(struct lint *lint, struct lint_rule *item, const struct node *node)
{
    struct slice regex = slice_str(node->value);
    struct regex_traits traits = regex_traits_read(regex);
    const char *field = field_word(node->field);
    if (traits.has_nested_repeat)
        lint_add(lint, item, node->line, LINT_NESTED_REPEAT,
                 "'%.100s' repeats what repeats: some values take the matcher to its limit",
                 node->value);
    if (traits.n_wide > 1)
        lint_add(lint, item, node->line, LINT_UNBOUNDED_REPEAT,
                 "'%.100s' has %u unbounded repeats of '.' behind each other: its price grows "
                 "with a power of the value's length",
                 node->value, traits.n_wide);
    if (traits.largest_count > LARGE_COUNT)
        lint_add(lint, item, node->line, LINT_LARGE_REPEAT,
                 "'%.100s' counts to %u, which makes the database large", node->value,
                 traits.largest_count);
    if (traits.minds_case && ignores_case(node->field))
        lint_add(lint, item, node->line, LINT_CASE_SENSITIVE,
                 "'%.100s' minds case, but Exchange ignores it in '%s'", node->value, field);
    if (node->is_negated && !regex_is_anchored_whole(regex))
        lint_add(lint, item, node->line, LINT_UNANCHORED_NOT,
                 "not_regex '%.100s' is satisfied by a good part anywhere in a bad value",
                 node->value);
    if (node->is_negated)
        return;
    if (is_scanned_body(node) && traits.literal_bytes < MIN_LITERAL)
        lint_add(lint, item, node->line, LINT_NO_LITERAL,
                 "'%.100s' has no text of %d bytes that a scan of bodies could look for",
                 node->value, (int)MIN_LITERAL);
    if (is_long_text(node->field) && !regex_has_anchor(regex) && traits.n_literals != 0 &&
        traits.literal_bytes < MIN_TEXT)
        lint_add(lint, item, node->line, LINT_UNANCHORED,
                 "'%.100s' is found anywhere in '%s', and its text is short", node->value, field);
}

static bool is_literal_operator(enum operator_id op)
{
    return op == OP_CONTAINS || op == OP_EQUALS || op == OP_STARTS_WITH || op == OP_ENDS_WITH ||
           op == OP_ONE_OF;
}

/* Canonical paths have none of these. */
static bool is_not_canonical(struct slice path)
{
    static const char *const parts[] = {"\\", "//", "/./", "/../"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (memmem(path.ptr, path.len, parts[i], strlen(parts[i])) != NULL)
            return true;
    return false;
}

static void check_literal(struct lint *lint, struct lint_rule *item, const struct node *node,
                          const char *text)
{
    struct slice literal = slice_str(text);
    const char *field = field_word(node->field);
    if (node->is_negated)
        return;
    if (field_has_views(node->field) && regex_traits_read(literal).has_escape)
        lint_add(lint, item, node->line, LINT_ENCODED_OPERAND,
                 "'%.100s' is seen in '%s' as sent only; another encoding of it is not", text,
                 field);
    if (node->field == FIELD_PATH && is_not_canonical(literal))
        lint_add(lint, item, node->line, LINT_RAW_ONLY,
                 "no canonical path holds '%.100s', so only the path as sent is seen", text);
    if (node->op == OP_CONTAINS && is_long_text(node->field) && literal.len < MIN_TEXT &&
        literal.len > 1)
        lint_add(lint, item, node->line, LINT_UNANCHORED,
                 "'%.100s' is short and may stand anywhere in '%s'", text, field);
}

static void check_input(struct lint *lint, struct lint_rule *item, const struct node *node)
{
    static const char *const raw[] = {"{REQUEST_URI}", "{UNENCODED_URL}", "{HTTP_URL}",
                                      "{QUERY_STRING}"};
    if (node->is_negated || strstr(node->name, "{UrlDecode:") != NULL)
        return;
    for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++)
        if (strstr(node->name, raw[i]) != NULL)
            lint_add(lint, item, node->line, LINT_UNDECODED_INPUT,
                     "the input %.100s is not decoded: an attack that is encoded is not seen",
                     node->name);
}

static void check_test(struct lint *lint, struct lint_rule *item, const struct node *node)
{
    if (node->op == OP_REGEX)
        check_regex(lint, item, node);
    if (node->op == OP_REGEX && !node->is_negated && field_has_views(node->field) &&
        regex_traits_read(slice_str(node->value)).has_escape)
        lint_add(lint, item, node->line, LINT_ENCODED_OPERAND,
                 "'%.100s' looks for an escape in '%s', which the decoded views do not have",
                 node->value, field_word(node->field));
    if (is_literal_operator(node->op) && node->value != NULL)
        check_literal(lint, item, node, node->value);
    for (size_t i = 0; is_literal_operator(node->op) && i < node->n_values; i++)
        check_literal(lint, item, node, node->values[i]);
    if (node->field == FIELD_IIS_INPUT)
        check_input(lint, item, node);
    if (node->is_case_sensitive && ignores_case(node->field))
        lint_add(lint, item, node->line, LINT_CASE_SENSITIVE,
                 "the test minds case, but Exchange ignores it in '%s'", field_word(node->field));
}

/* Depth is limited by LIMIT_CONDITION_DEPTH. */
static void check_tree(struct lint *lint, struct lint_rule *item, const struct node *node)
{
    if (node == NULL)
        return;
    if (node->kind == NODE_TEST)
        check_test(lint, item, node);
    for (size_t i = 0; i < node->n_children; i++)
        check_tree(lint, item, node->children[i]);
}

void lint_check_tests(struct lint *lint, struct lint_rule *item)
{
    check_tree(lint, item, item->rule->when);
    check_tree(lint, item, item->rule->when_response);
}
