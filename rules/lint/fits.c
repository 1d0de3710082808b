/* One test against one text, without an engine: what the operators say in rules/README.md. */
#include "lint/private.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "stopgap/banned.h"

enum { MATCH_LIMIT = 100000 }; /* texts here have under a hundred bytes */

static bool fits_regex(const struct node *node, struct slice value)
{
    int error = 0;
    PCRE2_SIZE offset = 0;
    uint32_t options = PCRE2_DOTALL | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP |
                       (node->is_case_sensitive ? 0 : PCRE2_CASELESS);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)node->value, strlen(node->value), options, &error, &offset, NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    bool fits = false;
    if (code != NULL && data != NULL && context != NULL) {
        (void)pcre2_set_match_limit(context, MATCH_LIMIT);
        fits = pcre2_match(code, (PCRE2_SPTR)value.ptr, value.len, 0, 0, data, context) >= 0;
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return fits;
}

static bool is_equal(const struct node *node, struct slice a, struct slice b)
{
    return node->is_case_sensitive ? slice_equal(a, b) : slice_equal_nocase(a, b);
}

static bool fits_literal(const struct node *node, const char *text, struct slice value)
{
    struct slice literal = slice_str(text);
    if (literal.len > value.len)
        return false;
    size_t last = value.len - literal.len;
    switch (node->op) {
    case OP_EQUALS:
    case OP_ONE_OF:
        return is_equal(node, value, literal);
    case OP_STARTS_WITH:
        return is_equal(node, slice_head(value, literal.len), literal);
    case OP_ENDS_WITH:
        return is_equal(node, slice_from(value, last), literal);
    case OP_CONTAINS:
        for (size_t at = 0; at <= last; at++)
            if (is_equal(node, slice_head(slice_from(value, at), literal.len), literal))
                return true;
        return false;
    case OP_REGEX:
    case OP_EXISTS:
    case OP_IN_CIDR:
    case OP_COUNT:
        break;
    }
    return false;
}

bool lint_test_fits(const struct node *node, struct slice value)
{
    bool fits = node->op == OP_EXISTS;
    if (node->op == OP_REGEX)
        fits = fits_regex(node, value);
    else if (node->value != NULL)
        fits = fits_literal(node, node->value, value);
    for (size_t i = 0; i < node->n_values && !fits; i++)
        fits = fits_literal(node, node->values[i], value);
    return fits != node->is_negated;
}
