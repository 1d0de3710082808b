/* Elements to rules, strictly: an attribute or element that is not known makes the rule one that
 * cannot be read, because it may change its meaning. */
#include "import/iis/reader.h"

#include <stdarg.h>
#include <stdio.h>

#include "stopgap/banned.h"

const char *rewrite_text(struct arena *arena, const char *format, ...)
{
    char text[IIS_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct slice copy = arena_copy(arena, slice_make(text, strlen(text) + 1));
    return copy.ptr != NULL ? copy.ptr : "out of memory";
}

void rewrite_problem(struct rewrite_rule *rule, unsigned line, const char *text)
{
    if (rule->problem != NULL)
        return;
    rule->problem = text;
    rule->problem_line = line;
}

unsigned reader_line(const xmlNode *node)
{
    long line = xmlGetLineNo(node);
    return line > 0 ? (unsigned)line : 0;
}

const char *reader_attribute(const struct rewrite_file *file, const xmlNode *node, const char *name,
                             const char *fallback)
{
    xmlChar *value = xmlGetNoNsProp(node, BAD_CAST name);
    if (value == NULL)
        return fallback;
    size_t len = strlen((const char *)value) + 1;
    struct slice copy = arena_copy(file->arena, slice_make((const char *)value, len));
    xmlFree(value);
    return copy.ptr != NULL ? copy.ptr : fallback;
}

/* ---- strictness */

/* What goes wrong in a part of a rule or precondition. */
struct trouble {
    const char *text;
    unsigned line;
};

static void blame(struct trouble *trouble, const xmlNode *node, const char *text)
{
    if (trouble->text != NULL)
        return;
    trouble->text = text;
    trouble->line = reader_line(node);
}

static bool is_listed(const char *name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

/* lockItem and its relatives only say who may change the element. */
static void check_attributes(const struct rewrite_file *file, const xmlNode *node,
                             const char *const *known, struct trouble *trouble)
{
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next) {
        const char *name = (const char *)attr->name;
        bool is_lock = attr->ns == NULL && strncmp(name, "lock", 4) == 0;
        if (!is_lock && (attr->ns != NULL || !is_listed(name, known)))
            blame(trouble, node,
                  rewrite_text(file->arena, "<%.30s> has the attribute '%.40s', which is not known",
                               (const char *)node->name, name));
    }
}

static bool equal(const char *a, const char *b)
{
    return slice_equal_nocase(slice_str(a), slice_str(b));
}

static bool read_bool(const struct rewrite_file *file, const xmlNode *node, const char *name,
                      bool fallback, struct trouble *trouble)
{
    const char *text = reader_attribute(file, node, name, fallback ? "true" : "false");
    if (equal(text, "true") || equal(text, "1"))
        return true;
    if (!equal(text, "false") && !equal(text, "0"))
        blame(trouble, node,
              rewrite_text(file->arena, "%s=\"%.30s\" is neither true nor false", name, text));
    return false;
}

/* Index of the attribute's word; words stand in the order of their numbers, which are allowed. */
static unsigned read_word(const struct rewrite_file *file, const xmlNode *node, const char *name,
                          const char *const *words, struct trouble *trouble)
{
    const char *text = reader_attribute(file, node, name, words[0]);
    for (unsigned i = 0; words[i] != NULL; i++) {
        const char number[2] = {(char)('0' + i), '\0'};
        if (equal(text, words[i]) || equal(text, number))
            return i;
    }
    blame(trouble, node, rewrite_text(file->arena, "%s=\"%.40s\" is not known", name, text));
    return 0;
}

static enum rewrite_syntax read_syntax(const struct rewrite_file *file, const xmlNode *node,
                                       struct trouble *trouble)
{
    static const char *const words[] = {"ECMAScript", "Wildcard", "ExactMatch", NULL};
    /* Microsoft's own scripts of 2021 wrote these words. */
    if (equal(reader_attribute(file, node, "patternSyntax", ""), "Regular Expressions"))
        return SYNTAX_ECMASCRIPT;
    return (enum rewrite_syntax)read_word(file, node, "patternSyntax", words, trouble);
}

/* ---- conditions */

static void read_condition(const struct rewrite_file *file, const xmlNode *node,
                           struct rewrite_condition *condition, struct trouble *trouble)
{
    static const char *const known[] = {"input",      "pattern", "matchType",
                                        "ignoreCase", "negate",  NULL};
    static const char *const types[] = {"Pattern", "IsFile", "IsDirectory", NULL};
    check_attributes(file, node, known, trouble);
    condition->line = reader_line(node);
    condition->input = reader_attribute(file, node, "input", "");
    condition->pattern = reader_attribute(file, node, "pattern", "");
    condition->is_negated = read_bool(file, node, "negate", false, trouble);
    condition->is_sensitive = !read_bool(file, node, "ignoreCase", true, trouble);
    if (read_word(file, node, "matchType", types, trouble) != 0)
        blame(
            trouble, node,
            "a condition asks for a file or folder on the server's disk, which a proxy cannot see");
    else if (condition->pattern[0] == '\0')
        blame(trouble, node, "a condition has no pattern");
}

/* The <add> elements below node. */
static void read_conditions(const struct rewrite_file *file, const xmlNode *node,
                            struct rewrite_conditions *conditions, struct trouble *trouble)
{
    static const char *const groupings[] = {"MatchAll", "MatchAny", NULL};
    conditions->is_any = read_word(file, node, "logicalGrouping", groupings, trouble) == 1;
    conditions->items = arena_alloc(file->arena, IIS_CONDITIONS * sizeof(*conditions->items));
    if (conditions->items == NULL) {
        blame(trouble, node, "out of memory");
        return;
    }
    for (const xmlNode *add = config_first(node); add != NULL; add = config_next(add)) {
        if (config_is(add, "clear")) {
            conditions->n = 0;
        } else if (!config_is(add, "add")) {
            blame(trouble, add, "the conditions hold an element that is not <add>");
        } else if (conditions->n == IIS_CONDITIONS) {
            blame(trouble, add, "the rule has too many conditions");
        } else {
            conditions->items[conditions->n] = (struct rewrite_condition){0};
            read_condition(file, add, &conditions->items[conditions->n++], trouble);
        }
    }
}

/* ---- rules */

static void read_match(const struct rewrite_file *file, const xmlNode *node,
                       struct rewrite_rule *rule, struct trouble *trouble)
{
    static const char *const inbound[] = {"url", "negate", "ignoreCase", NULL};
    static const char *const outbound[] = {
        "serverVariable", "pattern",    "negate",      "ignoreCase",
        "filterByTags",   "customTags", "occurrences", NULL};
    check_attributes(file, node, rule->is_outbound ? outbound : inbound, trouble);
    rule->match.line = reader_line(node);
    rule->match.is_negated = read_bool(file, node, "negate", false, trouble);
    rule->match.is_sensitive = !read_bool(file, node, "ignoreCase", true, trouble);
    rule->match.pattern = reader_attribute(file, node, rule->is_outbound ? "pattern" : "url", "");
    rule->match.input = reader_attribute(file, node, "serverVariable", "");
    if (rule->match.pattern[0] == '\0')
        blame(trouble, node, "<match> has no pattern");
    const char *tags = reader_attribute(file, node, "filterByTags", "None");
    if (rule->is_outbound &&
        (rule->match.input[0] == '\0' || (!equal(tags, "None") && !equal(tags, ""))))
        blame(trouble, node, "it rewrites the body of responses, which Stopgap never does");
}

static void read_action(const struct rewrite_file *file, const xmlNode *node,
                        struct rewrite_rule *rule, struct trouble *trouble)
{
    static const char *const known[] = {"type",
                                        "url",
                                        "value",
                                        "replace",
                                        "statusCode",
                                        "subStatusCode",
                                        "statusReason",
                                        "statusDescription",
                                        "appendQueryString",
                                        "redirectType",
                                        "logRewrittenUrl",
                                        NULL};
    static const char *const types[] = {"None",           "Rewrite",      "Redirect",
                                        "CustomResponse", "AbortRequest", NULL};
    uint64_t status = 0;
    check_attributes(file, node, known, trouble);
    rule->action = (enum rewrite_action)read_word(file, node, "type", types, trouble);
    rule->value = reader_attribute(file, node, rule->is_outbound ? "value" : "url", "");
    if (rule->action == REWRITE_RESPONSE &&
        !slice_to_u64(slice_str(reader_attribute(file, node, "statusCode", "")), &status))
        blame(trouble, node, "a CustomResponse needs a number as its statusCode");
    rule->status = status <= 999 ? (unsigned)status : 999;
}

static void read_sets(const struct rewrite_file *file, const xmlNode *node,
                      struct rewrite_rule *rule, struct trouble *trouble)
{
    rule->sets = arena_alloc(file->arena, IIS_CONDITIONS * sizeof(*rule->sets));
    for (const xmlNode *set = config_first(node); set != NULL; set = config_next(set)) {
        if (rule->sets == NULL || rule->n_sets == IIS_CONDITIONS || !config_is(set, "set"))
            blame(trouble, set, "its <serverVariables> cannot be read");
        else
            rule->sets[rule->n_sets++] = reader_attribute(file, set, "name", "");
    }
}

static void read_part(const struct rewrite_file *file, const xmlNode *node,
                      struct rewrite_rule *rule, struct trouble *trouble)
{
    static const char *const known[] = {"logicalGrouping", "trackAllCaptures", NULL};
    if (config_is(node, "match")) {
        read_match(file, node, rule, trouble);
    } else if (config_is(node, "action")) {
        read_action(file, node, rule, trouble);
    } else if (config_is(node, "serverVariables")) {
        read_sets(file, node, rule, trouble);
    } else if (config_is(node, "conditions")) {
        check_attributes(file, node, known, trouble);
        rule->conditions.tracks = read_bool(file, node, "trackAllCaptures", false, trouble);
        read_conditions(file, node, &rule->conditions, trouble);
    } else {
        blame(trouble, node,
              rewrite_text(file->arena, "the element <%.40s> is not known",
                           (const char *)node->name));
    }
}

static const char *printable(const struct rewrite_file *file, const char *text)
{
    char *copy = arena_alloc(file->arena, strlen(text) + 1);
    if (copy == NULL)
        return "?";
    size_t len = 0;
    for (; *text != '\0'; text++)
        copy[len++] = (char)(*text >= ' ' && *text <= '~' ? *text : '?');
    copy[len] = '\0';
    return copy;
}

struct rewrite_rule *reader_rule(struct rewrite_file *file, const xmlNode *node, bool is_outbound)
{
    static const char *const known[] = {"name",           "enabled",      "patternSyntax",
                                        "stopProcessing", "preCondition", NULL};
    struct rewrite_rule *rule = arena_alloc(file->arena, sizeof(*rule));
    struct trouble trouble = {0};
    if (rule == NULL)
        return NULL;
    *rule = (struct rewrite_rule){.is_outbound = is_outbound, .line = reader_line(node)};
    rule->name = printable(file, reader_attribute(file, node, "name", ""));
    rule->is_enabled = read_bool(file, node, "enabled", true, &trouble);
    rule->stops = read_bool(file, node, "stopProcessing", false, &trouble);
    rule->syntax = read_syntax(file, node, &trouble);
    rule->precondition = reader_attribute(file, node, "preCondition", NULL);
    rule->match.pattern = rule->match.input = rule->value = "";
    if (rule->precondition != NULL && rule->precondition[0] == '\0')
        rule->precondition = NULL;
    check_attributes(file, node, known, &trouble);
    for (const xmlNode *part = config_first(node); part != NULL; part = config_next(part))
        read_part(file, part, rule, &trouble);
    rule->conditions.syntax = rule->syntax;
    if (rule->match.line == 0)
        blame(&trouble, node, "it has no <match>");
    if (trouble.text != NULL)
        rewrite_problem(rule, trouble.line, trouble.text);
    return rule;
}

/* ---- what rules refer to */

void reader_precondition(struct rewrite_file *file, const xmlNode *node,
                         struct rewrite_precondition *ret_precondition)
{
    static const char *const known[] = {"name", "logicalGrouping", "patternSyntax", NULL};
    struct trouble trouble = {0};
    *ret_precondition = (struct rewrite_precondition){.line = reader_line(node)};
    check_attributes(file, node, known, &trouble);
    ret_precondition->name = reader_attribute(file, node, "name", "");
    ret_precondition->conditions.syntax = read_syntax(file, node, &trouble);
    read_conditions(file, node, &ret_precondition->conditions, &trouble);
    ret_precondition->problem = trouble.text;
    if (trouble.text != NULL)
        ret_precondition->line = trouble.line;
}

void reader_map(struct rewrite_file *file, const xmlNode *node, struct rewrite_map *ret_map)
{
    struct trouble trouble = {0};
    *ret_map = (struct rewrite_map){
        .name = reader_attribute(file, node, "name", ""),
        .fallback = reader_attribute(file, node, "defaultValue", ""),
        .is_sensitive = !read_bool(file, node, "ignoreCase", true, &trouble),
        .keys = arena_alloc(file->arena, IIS_MAP_ENTRIES * sizeof(char *)),
        .values = arena_alloc(file->arena, IIS_MAP_ENTRIES * sizeof(char *)),
    };
    bool is_read = trouble.text == NULL && ret_map->keys != NULL && ret_map->values != NULL;
    for (const xmlNode *add = config_first(node); add != NULL && is_read; add = config_next(add)) {
        is_read = config_is(add, "add") && ret_map->n < IIS_MAP_ENTRIES;
        if (!is_read)
            break;
        ret_map->keys[ret_map->n] = reader_attribute(file, add, "key", "");
        ret_map->values[ret_map->n++] = reader_attribute(file, add, "value", "");
    }
    if (!is_read)
        ret_map->name = ""; /* No rule can name it, so each that wants to is refused. */
}
