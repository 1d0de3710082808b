/* Finds the rewrite sections of a configuration, with the place that each one is for, and brings
 * their rules into the order in which IIS evaluates them. */
#include "import/iis/rewrite.h"

#include <stdlib.h>

#include "import/iis/reader.h"

#include "stopgap/banned.h"

/* A level of the configuration. */
struct place {
    unsigned level;
    const char *base;
    const char *problem; /* why its rules cannot be placed; NULL: they can */
};

/* <clear/> (name NULL) or <remove name=.../> */
struct cut {
    const char *name;
    bool is_outbound;
    struct place place;
};

struct walk {
    struct rewrite_file *file;
    bool is_server;   /* applicationHost.config: locations begin with the name of a site */
    const char *site; /* the one that is read; NULL: not known yet */
    struct cut *cuts;
    size_t n_cuts;
    struct err *err;
};

enum { MAX_PRECONDITIONS = 128, MAX_MAPS = 128, MAX_CUTS = 256 };

static bool fail(struct walk *walk, const xmlNode *node, enum err_kind kind, const char *code,
                 const char *text)
{
    (void)err_set(walk->err, kind, code, "%s", text);
    return err_at(walk->err, walk->file->options->file, node != NULL ? reader_line(node) : 0, 0);
}

static bool too_many(struct walk *walk, const xmlNode *node)
{
    return fail(walk, node, ERR_LIMIT, "E_IIS_LIMIT",
                "the file has too many rules, maps, preconditions or removals for one import; "
                "split it");
}

/* ---- sections */

static bool add_cut(struct walk *walk, const xmlNode *node, bool is_outbound,
                    const struct place *place)
{
    if (walk->n_cuts == MAX_CUTS)
        return too_many(walk, node);
    bool is_clear = config_is(node, "clear");
    walk->cuts[walk->n_cuts++] = (struct cut){
        .name = is_clear ? NULL : reader_attribute(walk->file, node, "name", ""),
        .is_outbound = is_outbound,
        .place = *place,
    };
    return true;
}

/* Rules of the same collection that stand before the <clear/> or <remove>. */
static void cut_here(struct rewrite_file *file, size_t first, const struct cut *cut)
{
    for (size_t i = first; i < file->n_rules; i++)
        if (cut->name == NULL || strcmp(cut->name, file->rules[i]->name) == 0)
            file->rules[i]->is_removed = true;
}

static bool read_rule(struct walk *walk, const xmlNode *node, bool is_outbound,
                      const struct place *place)
{
    struct rewrite_file *file = walk->file;
    if (file->n_rules == IIS_RULES)
        return too_many(walk, node);
    struct rewrite_rule *rule = reader_rule(file, node, is_outbound);
    if (rule == NULL)
        return fail(walk, node, ERR_MEMORY, "E_MEMORY", "out of memory");
    rule->level = place->level;
    rule->base = place->base;
    if (place->problem != NULL)
        rewrite_problem(rule, rule->line, place->problem);
    file->rules[file->n_rules++] = rule;
    return true;
}

static bool read_preconditions(struct walk *walk, const xmlNode *node)
{
    struct rewrite_file *file = walk->file;
    for (const xmlNode *item = config_first(node); item != NULL; item = config_next(item)) {
        if (!config_is(item, "preCondition"))
            continue;
        if (file->n_preconditions == MAX_PRECONDITIONS)
            return too_many(walk, item);
        reader_precondition(file, item, &file->preconditions[file->n_preconditions++]);
    }
    return true;
}

static bool read_rules(struct walk *walk, const xmlNode *node, const struct place *place,
                       bool is_outbound)
{
    size_t first = walk->file->n_rules;
    if (xmlHasProp(node, BAD_CAST "configSource") != NULL)
        return fail(walk, node, ERR_SYNTAX, "E_IIS_SOURCE",
                    "the rules are in another file (configSource); import that file");
    for (const xmlNode *item = config_first(node); item != NULL; item = config_next(item)) {
        bool is_done = true;
        if (config_is(item, "rule")) {
            is_done = read_rule(walk, item, is_outbound, place);
        } else if (config_is(item, "clear") || config_is(item, "remove")) {
            is_done = add_cut(walk, item, is_outbound, place);
            if (is_done)
                cut_here(walk->file, first, &walk->cuts[walk->n_cuts - 1]);
        } else if (config_is(item, "preConditions")) {
            is_done = read_preconditions(walk, item);
        } else if (!config_is(item, "customTags")) {
            is_done = fail(walk, item, ERR_SYNTAX, "E_IIS_XML",
                           "a collection of rules holds an element that is not known");
        }
        if (!is_done)
            return false;
    }
    return true;
}

static bool read_maps(struct walk *walk, const xmlNode *node)
{
    struct rewrite_file *file = walk->file;
    for (const xmlNode *item = config_first(node); item != NULL; item = config_next(item)) {
        if (!config_is(item, "rewriteMap"))
            continue;
        if (file->n_maps == MAX_MAPS)
            return too_many(walk, item);
        reader_map(file, item, &file->maps[file->n_maps++]);
    }
    return true;
}

static bool read_section(struct walk *walk, const xmlNode *node, const struct place *place)
{
    size_t first = walk->file->n_rules;
    if (config_is(node, "rewriteMaps"))
        return read_maps(walk, node);
    if (config_is(node, "rules"))
        return read_rules(walk, node, place, false);
    if (config_is(node, "outboundRules"))
        return read_rules(walk, node, place, true);
    if (!config_is(node, "globalRules"))
        return true;
    if (!read_rules(walk, node, place, false))
        return false;
    for (size_t i = first; i < walk->file->n_rules; i++)
        walk->file->rules[i]->is_global = true;
    return true;
}

/* ---- places */

/* The part of a location's path behind the site, as a base below `place`. NULL: another site. */
static const char *location_base(struct walk *walk, const char *path, const struct place *place)
{
    struct slice rest = slice_str(path);
    while (rest.len != 0 && rest.ptr[rest.len - 1] == '/')
        rest.len--;
    if (walk->is_server) {
        size_t end = slice_find(rest, '/');
        struct slice site = slice_head(rest, end);
        if (walk->site == NULL || !slice_equal_nocase(site, slice_str(walk->site)))
            return NULL;
        rest = end == SIZE_MAX ? slice_make(rest.ptr, 0) : slice_from(rest, end + 1);
    }
    if (rest.len == 0)
        return place->base;
    return rewrite_text(walk->file->arena, "%s/" SLICE_FMT, place->base, SLICE_ARG(rest));
}

static unsigned level_of(const char *base)
{
    unsigned level = 1;
    for (; *base != '\0'; base++)
        level += *base == '/' ? 1 : 0;
    return level;
}

static bool walk_elements(struct walk *walk, const xmlNode *node, const struct place *place);

static bool walk_location(struct walk *walk, const xmlNode *node, const struct place *place)
{
    const char *path = reader_attribute(walk->file, node, "path", "");
    struct place below = *place;
    const char *inherits = reader_attribute(walk->file, node, "inheritInChildApplications", "true");
    if (slice_equal_nocase(slice_str(inherits), SLICE("false")))
        below.problem =
            "its <location> is not inherited by applications below it, and which "
            "paths are applications is not in the file; if it may hold for them, too, take "
            "inheritInChildApplications out of a copy of the file";
    if (path[0] != '\0' && strcmp(path, ".") != 0) {
        below.base = location_base(walk, path, place);
        if (below.base == NULL)
            return true;
        below.level = level_of(below.base);
    }
    return walk_elements(walk, node, &below);
}

/* Depth is limited by IIS_XML_DEPTH. */
static bool walk_elements(struct walk *walk, const xmlNode *node, const struct place *place)
{
    for (const xmlNode *item = config_first(node); item != NULL; item = config_next(item)) {
        bool is_done = true;
        if (config_is(item, "location"))
            is_done = walk_location(walk, item, place);
        else if (config_is(item, "system.webServer") || config_is(item, "rewrite"))
            is_done = walk_elements(walk, item, place);
        else if (config_is(node, "rewrite"))
            is_done = read_section(walk, item, place);
        if (!is_done)
            return false;
    }
    return true;
}

/* ---- sites */

static bool has_rules(const xmlNode *node)
{
    for (const xmlNode *item = config_first(node); item != NULL; item = config_next(item))
        if (config_is(item, "rule") || (!config_is(item, "location") && has_rules(item)))
            return true;
    return false;
}

/* The only site that a location with rules is for; with several, --site must say. */
static bool choose_site(struct walk *walk, const xmlNode *root)
{
    walk->site = walk->file->options->site;
    for (const xmlNode *item = config_first(root); item != NULL; item = config_next(item)) {
        const char *path = reader_attribute(walk->file, item, "path", "");
        if (!config_is(item, "location") || path[0] == '\0' || strcmp(path, ".") == 0 ||
            !has_rules(item) || walk->file->options->site != NULL)
            continue;
        struct slice site = slice_head(slice_str(path), slice_find(slice_str(path), '/'));
        if (walk->site != NULL && !slice_equal_nocase(site, slice_str(walk->site)))
            return fail(walk, item, ERR_USAGE, "E_IIS_SITE",
                        rewrite_text(walk->file->arena,
                                     "the file has rules for several sites, '%.80s' and "
                                     "'" SLICE_FMT "' among them; name one with --site",
                                     walk->site, SLICE_ARG(slice_head(site, 80))));
        walk->site = rewrite_text(walk->file->arena, SLICE_FMT, SLICE_ARG(site));
    }
    return true;
}

static bool is_server_file(const xmlNode *root)
{
    for (const xmlNode *item = config_first(root); item != NULL; item = config_next(item))
        if (config_is(item, "system.applicationHost"))
            return true;
    return false;
}

/* Has the file, below node, this site: in the list of sites, or as the first part of a location? */
static bool names_site(const struct walk *walk, const xmlNode *node, const char *site)
{
    for (const xmlNode *item = config_first(node); item != NULL; item = config_next(item)) {
        const char *path = reader_attribute(walk->file, item, "path", "");
        const char *name = reader_attribute(walk->file, item, "name", "");
        if (config_is(item, "location") &&
            slice_equal_nocase(slice_head(slice_str(path), slice_find(slice_str(path), '/')),
                               slice_str(site)))
            return true;
        if (config_is(item, "site") && slice_equal_nocase(slice_str(name), slice_str(site)))
            return true;
        if ((config_is(item, "system.applicationHost") || config_is(item, "sites")) &&
            names_site(walk, item, site))
            return true;
    }
    return false;
}

static bool check_options(struct walk *walk, const xmlNode *root)
{
    const struct iis_options *options = walk->file->options;
    if (options->base != NULL && is_server_file(root))
        return fail(walk, root, ERR_USAGE, "E_IIS_SITE",
                    "this is an applicationHost.config; --at is for a web.config, --site names a "
                    "site here");
    if (options->site != NULL && !names_site(walk, root, options->site))
        return fail(walk, root, ERR_USAGE, "E_IIS_SITE",
                    rewrite_text(
                        walk->file->arena,
                        "no site of the file is called '%.80s'; sites stand in "
                        "system.applicationHost/sites and as the first part of <location path=...>",
                        options->site));
    return true;
}

/* ---- order */

/* Is place the one of rule, or below it? */
static bool is_within(const char *place, const char *base)
{
    struct slice whole = slice_str(place);
    struct slice part = slice_str(base);
    return slice_starts_with_nocase(whole, part) &&
           (whole.len == part.len || whole.ptr[part.len] == '/');
}

static bool apply_cut(struct rewrite_file *file, struct rewrite_rule *rule, const struct cut *cut)
{
    bool is_meant = rule->is_outbound == cut->is_outbound && !rule->is_global &&
                    rule->level < cut->place.level && is_within(cut->place.base, rule->base) &&
                    (cut->name == NULL || strcmp(cut->name, rule->name) == 0);
    if (!is_meant)
        return true;
    if (strlen(cut->place.base) == strlen(rule->base)) {
        rule->is_removed = true;
        return true;
    }
    if (rule->cuts == NULL)
        rule->cuts = arena_alloc(file->arena, MAX_CUTS * sizeof(*rule->cuts));
    if (rule->cuts == NULL)
        return false;
    rule->cuts[rule->n_cuts++] = cut->place.base;
    return true;
}

static unsigned rank(const struct rewrite_rule *rule)
{
    return rule->is_outbound ? 1000 + rule->level : rule->is_global ? 0 : 1 + rule->level;
}

/* Stable, so that rules of one level keep their order. */
static void sort_rules(struct rewrite_file *file)
{
    for (size_t i = 1; i < file->n_rules; i++) {
        struct rewrite_rule *rule = file->rules[i];
        size_t at = i;
        for (; at > 0 && rank(file->rules[at - 1]) > rank(rule); at--)
            file->rules[at] = file->rules[at - 1];
        file->rules[at] = rule;
    }
}

static bool finish(struct walk *walk)
{
    struct rewrite_file *file = walk->file;
    for (size_t i = 0; i < file->n_rules; i++)
        for (size_t c = 0; c < walk->n_cuts; c++)
            if (!apply_cut(file, file->rules[i], &walk->cuts[c]))
                return fail(walk, NULL, ERR_MEMORY, "E_MEMORY", "out of memory");
    sort_rules(file);
    if (file->n_rules == 0)
        return fail(walk, NULL, ERR_SYNTAX, "E_IIS_EMPTY",
                    walk->is_server
                        ? "no rewrite rule is in the file for this site; sites are the first part "
                          "of <location path=...>"
                        : "no rewrite rule is in the file; they stand in system.webServer/rewrite");
    return true;
}

static bool read_root(struct walk *walk, const xmlNode *root)
{
    struct place place = {.level = 1, .base = walk->file->options->base};
    if (place.base == NULL)
        place.base = "";
    walk->is_server = is_server_file(root) || walk->file->options->site != NULL;
    if (walk->is_server)
        place = (struct place){.level = 0, .base = ""};
    else
        place.level = level_of(place.base);
    if (!check_options(walk, root) || (walk->is_server && !choose_site(walk, root)))
        return false;
    /* A file that holds only a section, as configSource names it. */
    bool is_section = config_is(root, "rules") || config_is(root, "outboundRules") ||
                      config_is(root, "globalRules");
    return (is_section ? read_section(walk, root, &place) : walk_elements(walk, root, &place)) &&
           finish(walk);
}

bool rewrite_read(struct slice xml, struct rewrite_file *file, struct err *err)
{
    struct walk walk = {.file = file, .err = err};
    file->rules = arena_alloc(file->arena, IIS_RULES * sizeof(struct rewrite_rule *));
    file->maps = arena_alloc(file->arena, MAX_MAPS * sizeof(*file->maps));
    file->preconditions =
        arena_alloc(file->arena, MAX_PRECONDITIONS * sizeof(*file->preconditions));
    walk.cuts = arena_alloc(file->arena, MAX_CUTS * sizeof(*walk.cuts));
    if (file->rules == NULL || file->maps == NULL || file->preconditions == NULL ||
        walk.cuts == NULL)
        return fail(&walk, NULL, ERR_MEMORY, "E_MEMORY", "out of memory");
    xmlDoc *doc = config_parse(xml, file->options->file, err);
    if (doc == NULL)
        return false;
    bool is_read = read_root(&walk, xmlDocGetRootElement(doc));
    xmlFreeDoc(doc);
    return is_read;
}
