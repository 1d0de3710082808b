/* The words of the rule language, and the traits of its fields and actions. */
#include "words.h"

#include <assert.h>

#include "language_limits.h"

#include "stopgap/banned.h"

const char *const field_words[FIELD_COUNT] = {
    [FIELD_METHOD] = "method",
    [FIELD_TARGET] = "target",
    [FIELD_PATH] = "path",
    [FIELD_QUERY] = "query",
    [FIELD_ARG] = "arg",
    [FIELD_ARG_NAME] = "arg_name",
    [FIELD_HEADER] = "header",
    [FIELD_HEADER_NAME] = "header_name",
    [FIELD_COOKIE] = "cookie",
    [FIELD_COOKIE_NAME] = "cookie_name",
    [FIELD_FORM] = "form",
    [FIELD_FORM_NAME] = "form_name",
    [FIELD_BODY] = "body",
    [FIELD_BODY_ANOMALY] = "body_anomaly",
    [FIELD_JSON] = "json",
    [FIELD_JSON_KEY] = "json_key",
    [FIELD_XML_ELEMENT] = "xml_element",
    [FIELD_XML_ATTRIBUTE] = "xml_attribute",
    [FIELD_XML_TEXT] = "xml_text",
    [FIELD_XML_ATTR] = "xml_attr",
    [FIELD_XML_BASE64] = "xml_base64",
    [FIELD_MULTIPART] = "multipart",
    [FIELD_MULTIPART_NAME] = "multipart_name",
    [FIELD_MULTIPART_FILENAME] = "multipart_filename",
    [FIELD_HOST] = "host",
    [FIELD_VDIR] = "vdir",
    [FIELD_CLIENT] = "client",
    [FIELD_ANOMALY] = "anomaly",
    [FIELD_IIS_INPUT] = "iis_input",
    [FIELD_STATUS] = "status",
    [FIELD_RESPONSE_HEADER] = "response_header",
};

static const char *const operator_words[OP_COUNT] = {
    [OP_REGEX] = "regex",         [OP_CONTAINS] = "contains",
    [OP_EQUALS] = "equals",       [OP_STARTS_WITH] = "starts_with",
    [OP_ENDS_WITH] = "ends_with", [OP_ONE_OF] = "one_of",
    [OP_EXISTS] = "exists",       [OP_IN_CIDR] = "in_cidr",
};

const char *const activation_words[ACTIVATION_COUNT] = {"always", "option", "stale"};

const char *const action_words[] = {
    [ACTION_BLOCK] = "block",
    [ACTION_ABORT] = "abort",
    [ACTION_DETECT] = "detect",
    [ACTION_DENY_VDIR] = "deny_vdir",
    [ACTION_SET_HEADER] = "set_header",
    [ACTION_APPEND_HEADER] = "append_header",
    [ACTION_REMOVE_HEADER] = "remove_header",
};
const size_t n_action_words = sizeof(action_words) / sizeof(action_words[0]);

const char *field_word(enum field_id field)
{
    assert(field < FIELD_COUNT);
    return field_words[field];
}

const char *operator_word(enum operator_id op)
{
    assert(op < OP_COUNT);
    return operator_words[op];
}

const char *activation_word(enum rule_activation activation)
{
    assert(activation < ACTIVATION_COUNT);
    return activation_words[activation];
}

const char *action_word(enum rule_action action)
{
    assert(action < n_action_words);
    return action_words[action];
}

bool action_is_response(enum rule_action action)
{
    return action == ACTION_SET_HEADER || action == ACTION_APPEND_HEADER ||
           action == ACTION_REMOVE_HEADER;
}

bool field_has_views(enum field_id field)
{
    static const bool has_views[FIELD_COUNT] = {
        [FIELD_TARGET] = true,         [FIELD_PATH] = true,
        [FIELD_QUERY] = true,          [FIELD_ARG] = true,
        [FIELD_ARG_NAME] = true,       [FIELD_HEADER] = true,
        [FIELD_COOKIE] = true,         [FIELD_FORM] = true,
        [FIELD_BODY] = true,           [FIELD_FORM_NAME] = true,
        [FIELD_JSON] = true,           [FIELD_XML_TEXT] = true,
        [FIELD_XML_ATTR] = true,       [FIELD_MULTIPART] = true,
        [FIELD_MULTIPART_NAME] = true, [FIELD_MULTIPART_FILENAME] = true,
    };
    assert(field < FIELD_COUNT);
    return has_views[field];
}

bool field_needs_body(enum field_id field)
{
    return field >= FIELD_FORM && field <= FIELD_BODY_ANOMALY;
}

bool field_is_response(enum field_id field)
{
    return field == FIELD_STATUS || field == FIELD_RESPONSE_HEADER;
}

size_t word_index(const char *const *words, size_t n, const char *text)
{
    size_t i = 0;
    while (i < n && strcmp(words[i], text) != 0)
        i++;
    return i;
}

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance; SIZE_MAX for texts too long to be a word of the language. */
static size_t distance(const char *a, const char *b)
{
    size_t len_a = strlen(a);
    size_t len_b = strlen(b);
    size_t row[LIMIT_SUGGESTION_BYTES + 1];
    if (len_a > LIMIT_SUGGESTION_BYTES || len_b > LIMIT_SUGGESTION_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= len_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= len_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len_b; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = min_of(replaced, min_of(row[j], row[j - 1]) + 1);
        }
    }
    return row[len_b];
}

const char *word_closest(const char *const *words, size_t n, const char *text)
{
    size_t best = min_of(2, strlen(text) / 2) + 1;
    const char *closest = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t far = distance(words[i], text);
        if (far < best) {
            best = far;
            closest = words[i];
        }
    }
    return closest;
}
