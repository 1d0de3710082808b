/* Compiles condition trees: operands to literals, regexes to PCRE2, and patterns for the scan. */
#include "engine/cond.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "engine/pattern.h"
#include "engine/regex_text.h"

#include "stopgap/banned.h"

/* Set err's text in front of "rule ID: " and its place. Returns false. */
static bool blame_rule(const struct cond_context *context, struct err *err)
{
    char text[sizeof(err->text)];
    if (err == NULL)
        return false;
    (void)snprintf(text, sizeof(text), "rule %s: %.600s", context->rule->id, err->text);
    memcpy(err->text, text, sizeof(text));
    return err_at(err, context->rule->file, 0, 0);
}

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
}

static void *zeroed(const struct cond_context *context, size_t size)
{
    void *ptr = arena_alloc(&context->set->memory, size);
    if (ptr != NULL)
        memset(ptr, 0, size);
    return ptr;
}

/* ---- operands */

static bool compile_literals(const struct cond_context *context, struct cond *cond, struct err *err)
{
    const struct node *node = cond->node;
    size_t n = node->op == OP_ONE_OF ? node->n_values : 1;
    cond->literals = zeroed(context, (n + 1) * sizeof(*cond->literals));
    if (cond->literals == NULL)
        return no_memory(err);
    cond->n_literals = n;
    for (size_t i = 0; i < n; i++)
        cond->literals[i] = slice_str(node->op == OP_ONE_OF ? node->values[i] : node->value);
    return true;
}

static bool parse_network(const char *text, struct net_prefix *ret_network)
{
    char address[INET6_ADDRSTRLEN];
    struct slice rest = slice_str(text);
    size_t slash = slice_find(rest, '/');
    struct slice host = slice_head(rest, slash);
    if (host.len >= sizeof(address))
        return false;
    memcpy(address, host.ptr, host.len);
    address[host.len] = '\0';
    struct net_prefix network = {.bits = 0};
    unsigned char four_bytes[4];
    unsigned bits = 128;
    if (inet_pton(AF_INET, address, four_bytes) == 1) {
        network.address = net_address_from_ipv4(four_bytes);
        bits = 32;
    } else if (inet_pton(AF_INET6, address, network.address.bytes) != 1) {
        return false;
    }
    uint64_t prefix = bits;
    if (slash != SIZE_MAX && !slice_to_u64(slice_from(rest, slash + 1), &prefix))
        return false;
    if (prefix > bits)
        return false;
    network.bits = (unsigned)prefix + (128 - bits);
    *ret_network = network;
    return true;
}

static bool compile_networks(const struct cond_context *context, struct cond *cond, struct err *err)
{
    const struct node *node = cond->node;
    cond->networks = zeroed(context, (node->n_values + 1) * sizeof(*cond->networks));
    if (cond->networks == NULL)
        return no_memory(err);
    for (size_t i = 0; i < node->n_values; i++) {
        if (!parse_network(node->values[i], &cond->networks[i]))
            return err_set(err, ERR_COMPILE, "E_LINT",
                           "'%.100s' is no network such as 192.0.2.0/24", node->values[i]);
    }
    cond->n_networks = node->n_values;
    return true;
}

static bool compile_anomalies(struct cond *cond, struct err *err)
{
    bool is_exact = cond->node->op == OP_EQUALS || cond->node->op == OP_ONE_OF;
    bool is_of_body = cond->node->field == FIELD_BODY_ANOMALY;
    for (size_t i = 0; i < cond->n_literals && is_exact; i++) {
        uint32_t bit =
            is_of_body ? body_anomaly_bit(cond->literals[i]) : view_anomaly_bit(cond->literals[i]);
        if (bit == 0)
            return err_set(err, ERR_COMPILE, "E_LINT",
                           "'%.100s' is no %s; rules/README.md lists them", cond->literals[i].ptr,
                           field_word(cond->node->field));
        cond->anomalies |= bit;
    }
    if (!is_exact || cond->node->is_negated)
        cond->anomalies = UINT32_MAX; /* any anomaly may make it true */
    return true;
}

/* ---- regular expressions */

static bool matches_empty(const struct cond *cond, const struct ruleset *set)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (data == NULL)
        return false;
    int result = pcre2_match(cond->code, (PCRE2_SPTR) "", 0, 0, 0, data, set->match_context);
    pcre2_match_data_free(data);
    return result >= 0;
}

static bool compile_code(const struct cond_context *context, struct cond *cond, struct err *err)
{
    const struct node *node = cond->node;
    struct slice regex = slice_str(node->value);
    const char *forbidden = regex_forbidden(regex);
    if (forbidden != NULL)
        return err_set(err, ERR_COMPILE, "E_COMPILE",
                       "pattern '%.200s': %s cannot be used in rules", node->value, forbidden);
    uint32_t options = PCRE2_DOTALL | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP |
                       (node->is_case_sensitive ? 0 : PCRE2_CASELESS);
    int code = 0;
    PCRE2_SIZE offset = 0;
    cond->code = pcre2_compile((PCRE2_SPTR)node->value, regex.len, options, &code, &offset, NULL);
    if (cond->code == NULL) {
        PCRE2_UCHAR message[200] = "";
        (void)pcre2_get_error_message(code, message, sizeof(message));
        return err_set(err, ERR_COMPILE, "E_COMPILE", "pattern '%.200s': %s at offset %zu",
                       node->value, (const char *)message, (size_t)offset);
    }
    cond->next_with_code = context->set->codes;
    context->set->codes = cond;
    /* Where JIT is not to be had (no executable memory), PCRE2 interprets. */
    cond->is_jit = pcre2_jit_compile(cond->code, PCRE2_JIT_COMPLETE) == 0;
    /* An input of IIS is empty where it has no value, so a pattern may ask for that. */
    if (!node->is_negated && node->field != FIELD_IIS_INPUT && matches_empty(cond, context->set))
        return err_set(err, ERR_COMPILE, "E_LINT",
                       "pattern '%.200s' matches the empty string, so every value", node->value);
    return true;
}

static bool add_regex_patterns(const struct cond_context *context, struct cond *cond,
                               struct err *err)
{
    if (cond->node->is_negated || context->is_response)
        return true;
    if (pattern_add_regex(context->table, cond, field_needs_body(cond->node->field), cond->patterns,
                          &cond->n_patterns, err))
        return true;
    char reason[200];
    (void)snprintf(reason, sizeof(reason), "%.199s", err != NULL ? err->text : "");
    return err_set(err, err != NULL ? err->kind : ERR_COMPILE, "E_COMPILE", "pattern '%.200s': %s",
                   cond->node->value, reason);
}

/* ---- inputs of IIS */

static bool compile_input(const struct cond_context *context, struct cond *cond, struct err *err)
{
    struct ruleset *set = context->set;
    struct iis_slot *slot = set->inputs;
    while (slot != NULL && !slice_equal(slot->text, cond->name))
        slot = slot->next;
    cond->slot = slot;
    if (slot != NULL)
        return true;
    const char *reason = "out of memory";
    slot = zeroed(context, sizeof(*slot));
    struct slice text = arena_copy(&set->memory, cond->name);
    if (slot == NULL || text.ptr == NULL)
        return no_memory(err);
    *slot = (struct iis_slot){.text = text,
                              .input = iis_input_parse(text, &set->memory, &reason),
                              .index = set->n_inputs++,
                              .next = set->inputs};
    if (slot->input == NULL)
        return err_set(err, ERR_COMPILE, "E_LINT", "input '%.100s': %s", cond->node->name, reason);
    set->inputs = slot;
    cond->slot = slot;
    return true;
}

/* ---- tests */

/* Where the values of field are short and few enough for a table. */
static enum exact_kind exact_kind_of(enum field_id field)
{
    return field == FIELD_METHOD        ? EXACT_METHOD
           : field == FIELD_VDIR        ? EXACT_VDIR
           : field == FIELD_HEADER_NAME ? EXACT_HEADER
           : field == FIELD_COOKIE_NAME ? EXACT_COOKIE
           : field == FIELD_ARG_NAME    ? EXACT_ARG
                                        : EXACT_NONE;
}

/* The table that has the names of field's values. */
static enum exact_kind name_kind_of(enum field_id field)
{
    return field == FIELD_HEADER   ? EXACT_HEADER
           : field == FIELD_COOKIE ? EXACT_COOKIE
           : field == FIELD_ARG    ? EXACT_ARG
                                   : EXACT_NONE;
}

static void add_literal_pattern(const struct cond_context *context, struct cond *cond)
{
    const struct node *node = cond->node;
    bool is_text = node->field != FIELD_CLIENT && node->field != FIELD_ANOMALY &&
                   node->field != FIELD_BODY_ANOMALY;
    bool is_whole = node->op == OP_EQUALS || node->op == OP_ONE_OF;
    enum exact_kind kind = is_whole ? exact_kind_of(node->field) : EXACT_NONE;
    if (context->is_response || !is_text)
        return;
    /* A request has one of these: a bit that is set says that it is none of what else may be. */
    if (node->is_negated && !node->is_case_sensitive &&
        (kind == EXACT_METHOD || kind == EXACT_VDIR))
        cond->excluded = pattern_add_exact(context->table, kind, cond->literals, cond->n_literals);
    if (node->is_negated)
        return;
    cond->patterns[0] =
        kind != EXACT_NONE
            ? pattern_add_exact(context->table, kind, cond->literals, cond->n_literals)
            : pattern_add_literals(context->table, cond->literals, cond->n_literals, node->op,
                                   field_needs_body(node->field));
    cond->n_patterns = cond->patterns[0] != NULL ? 1 : 0;
}

static void add_name_pattern(const struct cond_context *context, struct cond *cond)
{
    enum exact_kind kind = name_kind_of(cond->node->field);
    if (cond->name.len != 0 && kind != EXACT_NONE && !context->is_response)
        cond->name_pattern = pattern_add_exact(context->table, kind, &cond->name, 1);
}

static bool compile_test(const struct cond_context *context, struct cond *cond, struct err *err)
{
    const struct node *node = cond->node;
    cond->name = slice_str(node->name);
    add_name_pattern(context, cond);
    bool is_done = node->field != FIELD_IIS_INPUT || compile_input(context, cond, err);
    if (!is_done)
        return blame_rule(context, err);
    switch (node->op) {
    case OP_REGEX:
        is_done = compile_code(context, cond, err) && add_regex_patterns(context, cond, err);
        break;
    case OP_CONTAINS:
    case OP_EQUALS:
    case OP_STARTS_WITH:
    case OP_ENDS_WITH:
    case OP_ONE_OF:
        is_done = compile_literals(context, cond, err);
        if (is_done)
            add_literal_pattern(context, cond);
        break;
    case OP_IN_CIDR:
        is_done = compile_networks(context, cond, err);
        break;
    case OP_EXISTS:
    case OP_COUNT:
        break;
    }
    if (is_done && (node->field == FIELD_ANOMALY || node->field == FIELD_BODY_ANOMALY))
        is_done = compile_anomalies(cond, err);
    /* A search through a body is dear; where its bit is known, it need not be done. */
    if (field_needs_body(node->field))
        for (size_t i = 0; i < cond->n_patterns; i++)
            cond->patterns[i]->is_used = true;
    return is_done || blame_rule(context, err);
}

/* Depth is limited by LIMIT_CONDITION_DEPTH, which the parser enforces. */
static bool compile_into(const struct cond_context *context, const struct node *node,
                         struct cond *cond, struct err *err)
{
    cond->node = node;
    if (node->kind == NODE_TEST)
        return compile_test(context, cond, err);
    cond->children = zeroed(context, (node->n_children + 1) * sizeof(*cond->children));
    if (cond->children == NULL)
        return no_memory(err);
    cond->n_children = node->n_children;
    for (size_t i = 0; i < node->n_children; i++)
        if (!compile_into(context, node->children[i], &cond->children[i], err))
            return false;
    return true;
}

struct cond *cond_compile(const struct cond_context *context, const struct node *node,
                          struct err *err)
{
    struct cond *cond = zeroed(context, sizeof(*cond));
    if (node == NULL) {
        (void)err_set(err, ERR_SYNTAX, "E_LINT", "no condition");
        (void)blame_rule(context, err);
        return NULL;
    }
    if (cond == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    return compile_into(context, node, cond, err) ? cond : NULL;
}
