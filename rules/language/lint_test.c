/* One test of a condition: does its operator fit its field, and its operand the operator. */
#include "convert.h"

#include "texts.h"

#include "stopgap/banned.h"

enum name_use { NAME_NEVER = 0, NAME_MAY, NAME_MUST };

enum {
    OPS_TEXT = 1u << OP_REGEX | 1u << OP_CONTAINS | 1u << OP_EQUALS | 1u << OP_STARTS_WITH |
               1u << OP_ENDS_WITH | 1u << OP_ONE_OF | 1u << OP_EXISTS,
    OPS_WORD = 1u << OP_EQUALS | 1u << OP_ONE_OF,
    OPS_ADDRESS = 1u << OP_IN_CIDR,
};

static const struct field_traits {
    unsigned operators;
    enum name_use name;
} traits[FIELD_COUNT] = {
    [FIELD_METHOD] = {OPS_TEXT, NAME_NEVER},
    [FIELD_TARGET] = {OPS_TEXT, NAME_NEVER},
    [FIELD_PATH] = {OPS_TEXT, NAME_NEVER},
    [FIELD_QUERY] = {OPS_TEXT, NAME_NEVER},
    [FIELD_ARG] = {OPS_TEXT, NAME_MAY},
    [FIELD_ARG_NAME] = {OPS_TEXT, NAME_NEVER},
    [FIELD_HEADER] = {OPS_TEXT, NAME_MUST},
    [FIELD_HEADER_NAME] = {OPS_TEXT, NAME_NEVER},
    [FIELD_COOKIE] = {OPS_TEXT, NAME_MAY},
    [FIELD_COOKIE_NAME] = {OPS_TEXT, NAME_NEVER},
    [FIELD_FORM] = {OPS_TEXT, NAME_MAY},
    [FIELD_FORM_NAME] = {OPS_TEXT, NAME_NEVER},
    [FIELD_BODY] = {OPS_TEXT, NAME_NEVER},
    [FIELD_BODY_ANOMALY] = {OPS_WORD, NAME_NEVER},
    [FIELD_JSON] = {OPS_TEXT, NAME_MAY},
    [FIELD_JSON_KEY] = {OPS_TEXT, NAME_NEVER},
    [FIELD_XML_ELEMENT] = {OPS_TEXT, NAME_NEVER},
    [FIELD_XML_ATTRIBUTE] = {OPS_TEXT, NAME_NEVER},
    [FIELD_XML_TEXT] = {OPS_TEXT, NAME_MAY},
    [FIELD_XML_ATTR] = {OPS_TEXT, NAME_MAY},
    [FIELD_XML_BASE64] = {OPS_TEXT, NAME_MAY},
    [FIELD_MULTIPART] = {OPS_TEXT, NAME_MAY},
    [FIELD_MULTIPART_NAME] = {OPS_TEXT, NAME_NEVER},
    [FIELD_MULTIPART_FILENAME] = {OPS_TEXT, NAME_NEVER},
    [FIELD_HOST] = {OPS_TEXT, NAME_NEVER},
    [FIELD_VDIR] = {OPS_TEXT, NAME_NEVER},
    [FIELD_CLIENT] = {OPS_ADDRESS, NAME_NEVER},
    [FIELD_ANOMALY] = {OPS_WORD, NAME_NEVER},
    [FIELD_IIS_INPUT] = {OPS_TEXT, NAME_MUST},
    [FIELD_STATUS] = {OPS_WORD, NAME_NEVER},
    [FIELD_RESPONSE_HEADER] = {OPS_TEXT, NAME_MUST},
};

static bool lint_place(const struct convert *convert, const struct node *node, uint64_t path)
{
    if (field_is_response(node->field) == convert->is_response)
        return true;
    return report_value(convert->report, ERR_SYNTAX, place_key(path, "field"),
                        convert->is_response
                            ? "'%s' is of the request; move the test from 'when_response' to 'when'"
                            : "'%s' is of the response; move the test from 'when' to "
                              "'when_response'",
                        field_word(node->field));
}

static bool lint_name(const struct convert *convert, const struct node *node, uint64_t path)
{
    enum name_use use = traits[node->field].name;
    uint64_t at = place_key(path, "name");
    const char *word = field_word(node->field);
    if (node->name == NULL)
        return use != NAME_MUST || report_value(convert->report, ERR_SYNTAX, path,
                                                "field '%s' needs a 'name'; add it", word);
    if (use == NAME_NEVER)
        return report_value(convert->report, ERR_SYNTAX, at,
                            "field '%s' has no names; leave 'name' out", word);
    if (node->name[0] == '\0')
        return report_value(convert->report, ERR_SYNTAX, at,
                            "an empty 'name'; leave it out to test the values of all names");
    /* The engine reads the expression of an IIS input. */
    if (use == NAME_MUST && node->field != FIELD_IIS_INPUT && !text_is_token(node->name))
        return report_value(convert->report, ERR_SYNTAX, at,
                            "'%.60s' cannot be the name of a header field; write it as in "
                            "X-Forwarded-For, without colon and blanks",
                            node->name);
    return true;
}

static const char *operators_of(const struct node *node)
{
    switch (traits[node->field].operators) {
    case OPS_ADDRESS:
        return "in_cidr and not_in_cidr";
    case OPS_WORD:
        return "equals, one_of and their not_ forms";
    default:
        return "regex, contains, equals, starts_with, ends_with, one_of, their not_ forms and "
               "exists";
    }
}

static bool lint_pattern(const struct convert *convert, const struct node *node, uint64_t path)
{
    char anchor = text_forbidden_anchor(node->value);
    if (anchor == '\0')
        return true;
    return report_value(convert->report, ERR_SYNTAX, path,
                        "the regex uses \\%c, which the matcher does not have; use ^ for the "
                        "beginning and $ for the end",
                        anchor);
}

/* One operand, of the field's kind. */
static bool lint_operand(const struct convert *convert, const struct node *node, const char *text,
                         uint64_t path)
{
    static const unsigned any_status[2] = {100, 599};
    unsigned status;
    if (node->field == FIELD_CLIENT && !text_is_network(text))
        return report_value(convert->report, ERR_SYNTAX, path,
                            "'%.60s' is not a network; write 192.0.2.0/24 or 2001:db8::/32", text);
    if (node->field == FIELD_STATUS)
        return convert_number(convert->report, text, path, any_status, &status);
    bool is_anomaly = node->field == FIELD_ANOMALY || node->field == FIELD_BODY_ANOMALY;
    if (is_anomaly && !text_is_id(text))
        return report_value(convert->report, ERR_SYNTAX, path,
                            "'%.60s' is not an anomaly; rules/README.md lists them", text);
    return true;
}

bool lint_test(const struct convert *convert, const struct node *node, uint64_t path,
               uint64_t operand_path)
{
    if (!lint_place(convert, node, path))
        return false;
    if ((traits[node->field].operators & 1u << node->op) == 0)
        return report_value(convert->report, ERR_SYNTAX, operand_path,
                            "field '%s' cannot be tested with '%s'; it takes %s",
                            field_word(node->field), operator_word(node->op), operators_of(node));
    if (!lint_name(convert, node, path))
        return false;
    if (node->value != NULL && node->value[0] == '\0' && node->op != OP_EQUALS)
        return report_value(convert->report, ERR_SYNTAX, operand_path,
                            "an empty text fits every value; use 'exists: true' for a field that "
                            "is there, or equals: '' for an empty one");
    if (node->op == OP_REGEX)
        return lint_pattern(convert, node, operand_path);
    if (node->value != NULL)
        return lint_operand(convert, node, node->value, operand_path);
    for (size_t i = 0; i < node->n_values; i++)
        if (!lint_operand(convert, node, node->values[i], place_item(operand_path, i)))
            return false;
    return true;
}
