/* Conditions and samples in words. */
#include "cli/rule_words.h"

#include "stopgap/builds.h"

#include "stopgap/banned.h"

enum { VALUES_SHOWN = 12 }; /* of a list; country networks have hundreds */

static bool add(struct buf *out, const char *text)
{
    return buf_append(out, slice_str(text));
}

/* Text of a rule's author, who may be a stranger. */
static bool add_clean(struct buf *out, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        if (!(*at < 0x20 || *at == 0x7f ? buf_printf(out, "\\x%02x", *at)
                                        : buf_append(out, slice_make((const char *)at, 1))))
            return false;
    return true;
}

static bool add_quoted(struct buf *out, const char *text)
{
    return add(out, "'") && add_clean(out, text) && add(out, "'");
}

/* ---- conditions */

static const struct {
    const char *one; /* of which there is one, or which has a name */
    const char *any; /* without a name */
} nouns[FIELD_COUNT] = {
    [FIELD_METHOD] = {"the method", NULL},
    [FIELD_TARGET] = {"the target", NULL},
    [FIELD_PATH] = {"the path", NULL},
    [FIELD_QUERY] = {"the query", NULL},
    [FIELD_ARG] = {"the argument", "any argument"},
    [FIELD_ARG_NAME] = {"the name of any argument", NULL},
    [FIELD_HEADER] = {"the header field", NULL},
    [FIELD_HEADER_NAME] = {"the name of any header field", NULL},
    [FIELD_COOKIE] = {"the cookie", "any cookie"},
    [FIELD_COOKIE_NAME] = {"the name of any cookie", NULL},
    [FIELD_FORM] = {"the form field", "any form field"},
    [FIELD_FORM_NAME] = {"the name of any form field", NULL},
    [FIELD_BODY] = {"the body", NULL},
    [FIELD_JSON_KEY] = {"the name of any JSON member", NULL},
    [FIELD_JSON] = {"the JSON member", "any JSON text"},
    [FIELD_XML_ELEMENT] = {"the name of any XML element", NULL},
    [FIELD_XML_ATTRIBUTE] = {"the name of any XML attribute", NULL},
    [FIELD_XML_TEXT] = {"the text of the XML element", "any XML text"},
    [FIELD_XML_BASE64] = {"what the text of the XML element stands for",
                          "what any XML text stands for"},
    [FIELD_XML_ATTR] = {"the XML attribute", "any XML attribute"},
    [FIELD_MULTIPART_NAME] = {"the name of any multipart part", NULL},
    [FIELD_MULTIPART_FILENAME] = {"the file name of any multipart part", NULL},
    [FIELD_MULTIPART] = {"the multipart part", "any multipart part"},
    [FIELD_BODY_ANOMALY] = {"an oddity of the body", NULL},
    [FIELD_HOST] = {"the host", NULL},
    [FIELD_VDIR] = {"the virtual directory", NULL},
    [FIELD_CLIENT] = {"the client's address", NULL},
    [FIELD_ANOMALY] = {"an oddity of the target", NULL},
    [FIELD_IIS_INPUT] = {"the IIS input", NULL},
    [FIELD_STATUS] = {"the status of the response", NULL},
    [FIELD_RESPONSE_HEADER] = {"the response's header field", NULL},
};

static const struct {
    const char *is;
    const char *is_not;
} verbs[OP_COUNT] = {
    [OP_REGEX] = {"matches", "does not match"},
    [OP_CONTAINS] = {"contains", "does not contain"},
    [OP_EQUALS] = {"is", "is not"},
    [OP_STARTS_WITH] = {"begins with", "does not begin with"},
    [OP_ENDS_WITH] = {"ends with", "does not end with"},
    [OP_ONE_OF] = {"is one of", "is none of"},
    [OP_EXISTS] = {"is there", "is not there"},
    [OP_IN_CIDR] = {"is in one of", "is in none of"},
};

static bool add_values(struct buf *out, const struct node *node)
{
    bool fits = true;
    for (size_t i = 0; i < node->n_values && i < VALUES_SHOWN && fits; i++)
        fits = add(out, i == 0 ? " " : ", ") && add_quoted(out, node->values[i]);
    if (fits && node->n_values > VALUES_SHOWN)
        fits = buf_printf(out, " and %zu more", node->n_values - VALUES_SHOWN);
    return fits;
}

static bool add_test(struct buf *out, const struct node *node)
{
    const char *noun = node->name == NULL && nouns[node->field].any != NULL
                           ? nouns[node->field].any
                           : nouns[node->field].one;
    bool fits =
        add(out, noun) && (node->name == NULL || (add(out, " ") && add_clean(out, node->name))) &&
        add(out, " ") && add(out, node->is_negated ? verbs[node->op].is_not : verbs[node->op].is);
    if (fits && node->value != NULL)
        fits = add(out, " ") && add_quoted(out, node->value);
    return fits && add_values(out, node) &&
           add(out, node->is_case_sensitive ? ", minding case\n" : "\n");
}

/* Depth is limited by LIMIT_CONDITION_DEPTH. */
bool rule_words_tree(struct buf *out, const struct node *node, unsigned indent)
{
    static const char *const groups[] = {
        [NODE_ALL] = "all of:\n", [NODE_ANY] = "any of:\n", [NODE_NONE] = "none of:\n"};
    if (!buf_printf(out, "%*s", (int)(2 * indent), ""))
        return false;
    if (node->kind == NODE_TEST)
        return add_test(out, node);
    bool fits = add(out, groups[node->kind]);
    for (size_t i = 0; i < node->n_children && fits; i++)
        fits = rule_words_tree(out, node->children[i], indent + 1);
    return fits;
}

/* ---- the rest */

bool rule_words_sample(struct buf *out, const struct sample *sample)
{
    const char *method = sample->method != NULL  ? sample->method
                         : sample->body_len != 0 ? "POST"
                                                 : "GET";
    bool fits = add_clean(out, method) && add(out, " ") &&
                add_clean(out, sample->target != NULL ? sample->target : "/");
    for (size_t i = 0; i < sample->n_headers && fits; i++)
        fits = add(out, i == 0 ? " with " : ", ") && add_clean(out, sample->headers[i]);
    if (fits && sample->body_len != 0)
        fits = buf_printf(out, " and a body of %zu bytes", sample->body_len);
    if (fits && sample->client != NULL)
        fits = add(out, " from ") && add_clean(out, sample->client);
    for (size_t i = 0; i < sample->n_response_headers && fits; i++)
        fits =
            add(out, i == 0 ? "; response: " : ", ") && add_clean(out, sample->response_headers[i]);
    return fits;
}

bool rule_words_action(struct buf *out, const struct rule *rule)
{
    bool fits = add(out, action_word(rule->action));
    if (fits && rule->status != 0)
        fits = buf_printf(out, " %u", rule->status);
    if (fits && rule->header != NULL)
        fits = add(out, " ") && add_clean(out, rule->header);
    if (fits && rule->value != NULL)
        fits = add(out, ": ") && add_clean(out, rule->value);
    return fits;
}

const char *rule_words_build(const char *text)
{
    struct build build;
    const struct build_info *info = NULL;
    if (text != NULL && build_parse(slice_str(text), &build))
        info = build_find(&build);
    return info != NULL ? info->label : NULL;
}
