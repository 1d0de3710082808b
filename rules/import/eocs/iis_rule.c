/* Every element and attribute of the URL Rewrite schema that has a meaning here is named below;
 * another one makes the whole rule unreadable, because it might narrow or widen it. */
#include "iis_rule.h"

#include "eocs_limits.h"

#include "stopgap/banned.h"

struct reader {
    struct arena *arena;
    const xmlNode *preconditions; /* element of the outboundRules at hand; NULL: none */
    struct iis_rules *out;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct reader *reader, const char *format,
                                                       ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct slice copy = arena_copy(reader->arena, slice_make(text, strlen(text) + 1));
    reader->out->problem = copy.ptr != NULL ? copy.ptr : "out of memory";
    return false;
}

/* names: "a b c" */
static bool is_word_of(const char *names, const char *word)
{
    struct slice rest = slice_str(names);
    struct slice name;
    while (slice_next(&rest, ' ', &name))
        if (slice_equal(name, slice_str(word)))
            return true;
    return false;
}

static bool check_attributes(struct reader *reader, const xmlNode *node, const char *names)
{
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next)
        if (attr->ns != NULL || !is_word_of(names, (const char *)attr->name))
            return fail(reader, "the attribute %.40s of %.40s is not known",
                        (const char *)attr->name, (const char *)node->name);
    return xml_has_blanks_only(node) ||
           fail(reader, "text stands in the element %.40s", (const char *)node->name);
}

static const char *attribute(struct reader *reader, const xmlNode *node, const char *name)
{
    const char *text = xml_attribute(reader->arena, node, name);
    return text != NULL ? text : "";
}

static bool read_flag(struct reader *reader, const xmlNode *node, const char *name, bool fallback,
                      bool *ret_flag)
{
    struct slice text = slice_str(attribute(reader, node, name));
    if (text.len == 0)
        *ret_flag = fallback;
    else if (slice_equal_nocase(text, SLICE("true")))
        *ret_flag = true;
    else if (slice_equal_nocase(text, SLICE("false")))
        *ret_flag = false;
    else
        return fail(reader, "%s is neither true nor false", name);
    return true;
}

/* "Regular Expressions" is what the vendor's own scripts wrote for years. */
static bool read_syntax(struct reader *reader, const xmlNode *node, enum rewrite_syntax *ret_syntax)
{
    const char *text = attribute(reader, node, "patternSyntax");
    if (*text == '\0' || strcmp(text, "ECMAScript") == 0 ||
        strcmp(text, "Regular Expressions") == 0)
        *ret_syntax = SYNTAX_ECMASCRIPT;
    else if (strcmp(text, "Wildcard") == 0)
        *ret_syntax = SYNTAX_WILDCARD;
    else if (strcmp(text, "ExactMatch") == 0)
        *ret_syntax = SYNTAX_EXACT;
    else
        return fail(reader, "the pattern syntax %.40s is not known", text);
    return true;
}

static bool read_test(struct reader *reader, const xmlNode *node, struct iis_test *test)
{
    const char *kind = attribute(reader, node, "matchType");
    bool ignores_case = true;
    if (!xml_is(node, "add", NULL) || xml_first(node) != NULL)
        return fail(reader, "the element %.40s is not known among conditions",
                    (const char *)node->name);
    if (!check_attributes(reader, node, "input pattern matchType ignoreCase negate") ||
        !read_flag(reader, node, "ignoreCase", true, &ignores_case) ||
        !read_flag(reader, node, "negate", false, &test->is_negated))
        return false;
    if (*kind != '\0' && strcmp(kind, "Pattern") != 0 && strcmp(kind, "0") != 0)
        return fail(reader, "a condition asks for files on the server (%.40s)", kind);
    test->is_sensitive = !ignores_case;
    test->input = attribute(reader, node, "input");
    test->pattern = attribute(reader, node, "pattern");
    return *test->input != '\0' || fail(reader, "a condition has no input");
}

static bool read_tests(struct reader *reader, const xmlNode *node, struct iis_tests *tests)
{
    const char *grouping = attribute(reader, node, "logicalGrouping");
    size_t n = xml_count(node);
    tests->is_any = strcmp(grouping, "MatchAny") == 0;
    if (*grouping != '\0' && !tests->is_any && strcmp(grouping, "MatchAll") != 0)
        return fail(reader, "the grouping %.40s is not known", grouping);
    if (n > EOCS_MAX_TESTS)
        return fail(reader, "more than %d conditions", EOCS_MAX_TESTS);
    tests->items = arena_alloc(reader->arena, (n + 1) * sizeof(struct iis_test));
    if (tests->items == NULL)
        return fail(reader, "out of memory");
    for (const xmlNode *add = xml_first(node); add != NULL; add = xml_next(add)) {
        struct iis_test *test = &tests->items[tests->n];
        *test = (struct iis_test){0};
        if (!read_test(reader, add, test))
            return false;
        tests->n++;
    }
    return true;
}

static bool read_match(struct reader *reader, const xmlNode *node, struct iis_rule *rule)
{
    bool ignores_case = true;
    if (!check_attributes(reader, node,
                          rule->is_outbound ? "serverVariable pattern ignoreCase negate"
                                            : "url ignoreCase negate") ||
        !read_flag(reader, node, "ignoreCase", true, &ignores_case) ||
        !read_flag(reader, node, "negate", false, &rule->match.is_negated))
        return false;
    rule->match.is_sensitive = !ignores_case;
    rule->match.input = rule->is_outbound ? attribute(reader, node, "serverVariable") : "";
    rule->match.pattern = attribute(reader, node, rule->is_outbound ? "pattern" : "url");
    return true;
}

static bool read_action(struct reader *reader, const xmlNode *node, struct iis_rule *rule)
{
    uint64_t status = 0;
    if (!check_attributes(reader, node,
                          rule->is_outbound
                              ? "type value"
                              : "type statusCode subStatusCode statusReason statusDescription "
                                "url appendQueryString logRewrittenUrl redirectType"))
        return false;
    rule->action = attribute(reader, node, "type");
    rule->value = attribute(reader, node, "value");
    const char *code = attribute(reader, node, "statusCode");
    if (*code != '\0' && (!slice_to_u64(slice_str(code), &status) || status > 999))
        return fail(reader, "the status %.40s is no number", code);
    rule->status = (unsigned)status;
    return true;
}

/* Each may stand once: which of two would count is not documented. */
static bool read_part(struct reader *reader, const xmlNode *node, struct iis_rule *rule)
{
    if (xml_is(node, "match", NULL) && rule->match.pattern == NULL)
        return read_match(reader, node, rule);
    if (xml_is(node, "action", NULL) && rule->action == NULL)
        return read_action(reader, node, rule);
    if (xml_is(node, "conditions", NULL) && rule->conditions.items == NULL) {
        rule->conditions.syntax = rule->syntax;
        return check_attributes(reader, node, "logicalGrouping trackAllCaptures") &&
               read_tests(reader, node, &rule->conditions);
    }
    return fail(reader, "the element %.40s of a rule is not known or stands twice",
                (const char *)node->name);
}

static bool read_preconditions(struct reader *reader, const char *name, struct iis_rule *rule)
{
    const xmlNode *node = reader->preconditions != NULL ? xml_first(reader->preconditions) : NULL;
    for (; node != NULL; node = xml_next(node))
        if (xml_is(node, "preCondition", NULL) &&
            strcmp(attribute(reader, node, "name"), name) == 0)
            return check_attributes(reader, node, "name logicalGrouping patternSyntax") &&
                   read_syntax(reader, node, &rule->preconditions.syntax) &&
                   read_tests(reader, node, &rule->preconditions);
    return fail(reader, "the precondition '%.60s' is missing", name);
}

static bool is_outbound(const xmlNode *rule)
{
    for (const xmlNode *node = xml_first(rule); node != NULL; node = xml_next(node))
        if (xml_is(node, "match", NULL))
            return xml_has_attribute(node, "serverVariable");
    return false;
}

static bool read_rule(struct reader *reader, const xmlNode *node, bool must_be_outbound)
{
    struct iis_rules *out = reader->out;
    struct iis_rule rule = {.is_outbound = is_outbound(node)};
    bool is_enabled = true;
    if (out->n == EOCS_MAX_RULES)
        return fail(reader, "more than %d rules in one action", EOCS_MAX_RULES);
    if (!check_attributes(reader, node, "name enabled patternSyntax stopProcessing preCondition") ||
        !read_syntax(reader, node, &rule.syntax) ||
        !read_flag(reader, node, "enabled", true, &is_enabled) ||
        !read_flag(reader, node, "stopProcessing", false, &rule.stops))
        return false;
    if (!is_enabled || rule.is_outbound != must_be_outbound)
        return fail(reader, !is_enabled ? "a rule is switched off"
                                        : "an outbound rule changes no server variable");
    rule.name = attribute(reader, node, "name");
    const char *precondition = attribute(reader, node, "preCondition");
    if (*precondition != '\0' && !read_preconditions(reader, precondition, &rule))
        return false;
    for (const xmlNode *part = xml_first(node); part != NULL; part = xml_next(part))
        if (!read_part(reader, part, &rule))
            return false;
    if (rule.match.pattern == NULL || rule.action == NULL)
        return fail(reader, "a rule has no match or no action");
    out->items[out->n++] = rule;
    return true;
}

static bool read_collection(struct reader *reader, const xmlNode *node)
{
    bool outbound = xml_is(node, "outboundRules", NULL);
    if (xml_is(node, "rule", NULL))
        return read_rule(reader, node, is_outbound(node));
    if (!outbound && !xml_is(node, "rules", NULL) && !xml_is(node, "globalRules", NULL))
        return fail(reader, "the element %.40s is not known", (const char *)node->name);
    if (!check_attributes(reader, node, ""))
        return false;
    reader->preconditions = NULL;
    for (const xmlNode *child = xml_first(node); child != NULL; child = xml_next(child))
        if (outbound && xml_is(child, "preConditions", NULL))
            reader->preconditions = child;
    for (const xmlNode *child = xml_first(node); child != NULL; child = xml_next(child)) {
        if (child == reader->preconditions)
            continue;
        if (!xml_is(child, "rule", NULL))
            return fail(reader, "the element %.40s is not known", (const char *)child->name);
        if (!read_rule(reader, child, outbound))
            return false;
    }
    return true;
}

bool iis_rules_read(struct arena *arena, const xmlNode *parent, struct iis_rules *ret_rules)
{
    *ret_rules = (struct iis_rules){0};
    struct reader reader = {.arena = arena, .out = ret_rules};
    ret_rules->items = arena_alloc(arena, EOCS_MAX_RULES * sizeof(struct iis_rule));
    if (ret_rules->items == NULL)
        return fail(&reader, "out of memory");
    for (const xmlNode *node = xml_first(parent); node != NULL; node = xml_next(node)) {
        if (!xml_is(node, "rewrite", NULL)) {
            if (!read_collection(&reader, node))
                return false;
            continue;
        }
        if (!check_attributes(&reader, node, ""))
            return false;
        for (const xmlNode *child = xml_first(node); child != NULL; child = xml_next(child))
            if (!read_collection(&reader, child))
                return false;
    }
    return ret_rules->n != 0 || fail(&reader, "no rule in the value");
}
