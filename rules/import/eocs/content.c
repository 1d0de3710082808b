/* The published model is Config, ActionList, Action, Value. The texts of other actions than
 * DoNothing were never published, so an action is known by what its value holds. */
#include "content.h"

#include "iis_rule.h"

#include "eocs_limits.h"

#include "stopgap/banned.h"

static bool fail_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "E_MEMORY", "the document needs more memory than allowed");
}

static bool contains_nocase(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

__attribute__((format(printf, 2, 3))) static const char *note(struct arena *arena,
                                                              const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct slice copy = arena_copy(arena, slice_make(text, strlen(text) + 1));
    return copy.ptr != NULL ? copy.ptr : "out of memory";
}

/* ---- actions */

static void take_rules(struct eocs_action *action, const struct iis_rules *rules, bool is_read)
{
    action->kind = is_read ? EOCS_REWRITE : EOCS_UNKNOWN;
    action->rules = is_read ? rules->items : NULL;
    action->n_rules = is_read ? rules->n : 0;
    action->problem = is_read ? NULL : rules->problem;
}

/* Rules as nested XML, or as the escaped text of it. */
static void read_rules(struct arena *arena, const xmlNode *value, struct eocs_action *action)
{
    struct iis_rules rules;
    if (xml_first(value) != NULL) {
        bool is_read = iis_rules_read(arena, value, &rules);
        take_rules(action, &rules, is_read);
        return;
    }
    struct err err;
    xmlDoc *doc = xml_parse(slice_str(action->value), &err);
    if (doc == NULL || !xml_check_tree(doc, &err)) {
        action->kind = EOCS_UNKNOWN;
        action->problem = "the value begins like XML and cannot be read as such";
    } else {
        bool is_read = iis_rules_read(arena, (const xmlNode *)doc, &rules);
        take_rules(action, &rules, is_read);
    }
    xmlFreeDoc(doc);
}

static void classify(struct arena *arena, const xmlNode *value, struct eocs_action *action)
{
    if (strcmp(action->type, "DoNothing") == 0) {
        action->kind = EOCS_NOTHING;
    } else if (xml_first(value) != NULL || action->value[strspn(action->value, " \t\r\n")] == '<') {
        action->value += strspn(action->value, " \t\r\n");
        read_rules(arena, value, action);
    } else if (contains_nocase(action->type, "apppool")) {
        action->kind = EOCS_APP_POOL;
    } else if (contains_nocase(action->type, "service")) {
        action->kind = EOCS_SERVICE;
    } else {
        action->kind = EOCS_UNKNOWN;
        action->problem = note(arena, "the action type '%.60s' is not known", action->type);
    }
}

static const char *find_foreign(const xmlNode *node, const char *const *known)
{
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next) {
        const char *const *name = known;
        while (*name != NULL && (attr->ns != NULL || strcmp((const char *)attr->name, *name) != 0))
            name++;
        if (*name == NULL)
            return (const char *)attr->name;
    }
    return NULL;
}

static bool read_action(struct arena *arena, const xmlNode *node, struct eocs_action *action)
{
    static const char *const known[] = {"type", "scope", "desc", NULL};
    static const char *const none[] = {NULL};
    const xmlNode *value = xml_first(node);
    action->type = xml_attribute(arena, node, "type");
    action->scope = xml_attribute(arena, node, "scope");
    action->desc = xml_attribute(arena, node, "desc");
    action->value = "";
    if (value != NULL)
        action->value =
            xml_first(value) != NULL ? xml_markup(arena, value) : xml_text(arena, value);
    if (action->type == NULL || action->scope == NULL || action->desc == NULL ||
        action->value == NULL)
        return false;
    const char *foreign = find_foreign(node, known);
    if (foreign == NULL && value != NULL)
        foreign = find_foreign(value, none);
    action->kind = EOCS_UNKNOWN;
    if (!xml_is(node, "Action", NULL) || !xml_is(value, "Value", NULL) || xml_next(value) != NULL ||
        !xml_has_blanks_only(node))
        action->problem = "not the known form of one Action with one Value";
    else if (foreign != NULL)
        action->problem = note(arena, "the attribute '%.60s' is not known", foreign);
    else
        classify(arena, value, action);
    return true;
}

/* ---- mitigations */

static bool is_id(const char *id)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t len = strlen(id);
    return len >= 1 && len <= 32 && strchr(letters, id[0]) != NULL &&
           strspn(id + 1, "0123456789.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") ==
               len - 1;
}

/* Attributes about versions say for which builds; how is not published, so they are only shown. */
static bool read_attributes(struct arena *arena, const xmlNode *node,
                            struct eocs_mitigation *mitigation)
{
    mitigation->applicability = "";
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next) {
        const char *name = (const char *)attr->name;
        const char *value = xml_attribute(arena, node, name);
        if (value == NULL)
            return false;
        if (strcmp(name, "id") == 0 || strcmp(name, "desc") == 0)
            continue;
        if (attr->ns != NULL ||
            (!contains_nocase(name, "version") && !contains_nocase(name, "build")))
            mitigation->problem = note(arena, "the attribute '%.60s' is not known", name);
        mitigation->applicability =
            note(arena, "%.180s%s%.40s=%.60s", mitigation->applicability,
                 *mitigation->applicability != '\0' ? " " : "", name, value);
    }
    return true;
}

static bool read_actions(struct arena *arena, const xmlNode *list,
                         struct eocs_mitigation *mitigation)
{
    size_t n = xml_count(list);
    if (!xml_is(list, "ActionList", NULL) || xml_next(list) != NULL || n == 0 ||
        n > EOCS_MAX_ACTIONS || xml_n_attributes(list) != 0 || !xml_has_blanks_only(list)) {
        mitigation->problem = "not the known form of one ActionList with actions";
        n = n < EOCS_MAX_ACTIONS ? n : EOCS_MAX_ACTIONS;
    }
    struct eocs_action *actions = arena_alloc(arena, (n + 1) * sizeof(struct eocs_action));
    if (actions == NULL)
        return false;
    mitigation->actions = actions;
    for (const xmlNode *node = xml_first(list); node != NULL && mitigation->n_actions < n;
         node = xml_next(node)) {
        struct eocs_action *action = &actions[mitigation->n_actions++];
        *action = (struct eocs_action){0};
        if (!read_action(arena, node, action))
            return false;
        if (action->problem != NULL && mitigation->problem == NULL)
            mitigation->problem = action->problem;
    }
    return true;
}

static bool read_mitigation(struct document *document, const xmlNode *node,
                            struct eocs_mitigation *mitigation)
{
    struct arena *arena = &document->arena;
    const xmlNode *list = xml_first(node);
    mitigation->id = xml_attribute(arena, node, "id");
    mitigation->desc = xml_attribute(arena, node, "desc");
    if (mitigation->id == NULL || mitigation->desc == NULL ||
        !read_attributes(arena, node, mitigation))
        return false;
    if (!is_id(mitigation->id))
        mitigation->problem = "its id is missing or has characters that no id has";
    if (!xml_has_blanks_only(node))
        mitigation->problem = "text stands in it";
    for (size_t i = 0; i < document->public.n_mitigations; i++)
        if (strcasecmp(document->public.mitigations[i].id, mitigation->id) == 0)
            mitigation->problem = "its id stands in the document twice";
    if (list == NULL) {
        mitigation->problem = "it has no actions";
        return true;
    }
    return read_actions(arena, list, mitigation);
}

static bool read_root(const xmlNode *root, struct document *document, struct err *err)
{
    size_t n = xml_count(root);
    struct eocs_mitigation *items = NULL;
    if (!xml_is(root, "EOCS", NULL) || n > EOCS_MAX_MITIGATIONS)
        return eocs_fail(err, "E_EOCS_CONTENT",
                         "the signed content is no EOCS element, or has more than %d mitigations",
                         EOCS_MAX_MITIGATIONS);
    document->public.version = xml_attribute(&document->arena, root, "version");
    items = arena_alloc(&document->arena, (n + 1) * sizeof(*items));
    if (items == NULL || document->public.version == NULL)
        return fail_memory(err);
    document->public.mitigations = items;
    for (const xmlNode *node = xml_first(root); node != NULL; node = xml_next(node)) {
        struct eocs_mitigation *mitigation = &items[document->public.n_mitigations];
        *mitigation = (struct eocs_mitigation){0};
        if (!xml_is(node, "Config", NULL))
            return eocs_fail(err, "E_EOCS_CONTENT",
                             "the signed content holds <%.40s>; only Config is known",
                             (const char *)node->name);
        if (!read_mitigation(document, node, mitigation))
            return fail_memory(err);
        document->public.n_mitigations++;
    }
    return true;
}

bool content_read(struct slice covered, struct document *document, struct err *err)
{
    xmlDoc *doc = xml_parse(covered, err);
    bool done = doc != NULL && xml_check_tree(doc, err) &&
                read_root(xmlDocGetRootElement(doc), document, err);
    xmlFreeDoc(doc);
    return done;
}
