/* IIS evaluates rules one after another; rules of Stopgap add up. What an earlier rule does to the
 * evaluation of a later one becomes a condition of the later one, or a reason to refuse it. */
#include "import/iis/translate.h"

#include "import/iis/inputs.h"

#include "stopgap/banned.h"

static bool overlap(const struct rewrite_rule *a, const struct rewrite_rule *b)
{
    struct slice left = slice_str(a->is_global ? "" : a->base);
    struct slice right = slice_str(b->is_global ? "" : b->base);
    return slice_starts_with_nocase(left, right) || slice_starts_with_nocase(right, left);
}

/* Does it leave the rest of the sequence unevaluated where it matches, without a block of ours? */
static bool ends_evaluation(const struct translated *earlier)
{
    const struct rewrite_rule *rule = earlier->rule;
    if (rule->is_outbound)
        return rule->stops;
    /* IIS refuses the request there, imported or not; that the later rule does so, too, is the
     * same to the client. */
    bool refuses = rule->action == REWRITE_ABORT || earlier->action != NULL ||
                   (rule->action == REWRITE_RESPONSE && rule->status >= 400);
    if (refuses)
        return false;
    bool is_terminal = rule->action == REWRITE_REDIRECT || rule->action == REWRITE_RESPONSE;
    return rule->problem != NULL || is_terminal || rule->stops;
}

static bool is_one_sided(const struct translated *translated)
{
    for (size_t i = 1; i < translated->n_groups; i++)
        if (translated->groups[i].is_response != translated->groups[0].is_response)
            return false;
    return true;
}

static const char *shield(const struct rewrite_file *file, const struct translated *earlier,
                          struct translated *later, size_t n)
{
    const struct rewrite_rule *rule = earlier->rule;
    if (earlier->problem != NULL || !is_one_sided(earlier))
        return rewrite_text(file->arena,
                            "the earlier rule '%.80s' (line %u) may end the evaluation before it, "
                            "and when it does cannot be said here",
                            rule->name, rule->line);
    if (earlier->n_groups == 0)
        return rewrite_text(file->arena,
                            "the earlier rule '%.80s' (line %u) always ends the evaluation before "
                            "it",
                            rule->name, rule->line);
    if (later->shields == NULL)
        later->shields = arena_alloc(file->arena, n * sizeof(struct translated *));
    if (later->shields == NULL)
        return "out of memory";
    later->shields[later->n_shields++] = earlier;
    return NULL;
}

/* ---- changes of what the later rule looks at */

static bool looks_at(const struct translated *translated, bool (*is_meant)(const char *input))
{
    for (size_t g = 0; g < translated->n_groups; g++)
        for (size_t i = 0; i < translated->groups[g].n && !translated->groups[g].is_response; i++)
            if (is_meant(translated->groups[g].tests[i].input))
                return true;
    return false;
}

static bool looks_at_variable(const struct translated *translated, const char *variable)
{
    for (size_t g = 0; g < translated->n_groups; g++)
        for (size_t i = 0; i < translated->groups[g].n && !translated->groups[g].is_response; i++)
            if (input_names(translated->groups[g].tests[i].input, variable))
                return true;
    return false;
}

static bool looks_at_header(const struct translated *translated, const char *variable)
{
    struct slice name = slice_str(variable);
    name = slice_starts_with_nocase(name, SLICE("RESPONSE_")) ? slice_from(name, 9) : name;
    for (size_t g = 0; g < translated->n_groups; g++)
        for (size_t i = 0; i < translated->groups[g].n && translated->groups[g].is_response; i++) {
            struct slice header = slice_str(translated->groups[g].tests[i].input);
            size_t same = 0;
            while (same < name.len && same < header.len &&
                   (name.ptr[same] == '_' ? '-' : ascii_lower(name.ptr[same])) ==
                       ascii_lower(header.ptr[same]))
                same++;
            if (same == name.len && same == header.len)
                return true;
        }
    return false;
}

static const char *disturb(const struct rewrite_file *file, const struct translated *earlier,
                           const struct translated *later)
{
    const struct rewrite_rule *rule = earlier->rule;
    const char *changed = NULL;
    for (size_t i = 0; i < rule->n_sets && changed == NULL; i++)
        if (looks_at_variable(later, rule->sets[i]))
            changed = rule->sets[i];
    if (rule->action == REWRITE_REWRITE && !rule->is_outbound && looks_at(later, input_is_address))
        changed = "the address";
    if (rule->action == REWRITE_REWRITE && rule->is_outbound &&
        looks_at_header(later, rule->match.input))
        changed = rule->match.input;
    if (changed == NULL)
        return NULL;
    return rewrite_text(file->arena,
                        "the earlier rule '%.80s' (line %u) changes what this one looks at (%.60s)",
                        rule->name, rule->line, changed);
}

void translate_order(const struct rewrite_file *file, struct translated *list, size_t n)
{
    for (size_t l = 1; l < n; l++) {
        struct translated *later = &list[l];
        for (size_t e = 0; e < l && later->problem == NULL; e++) {
            const struct translated *earlier = &list[e];
            const char *problem = NULL;
            if (earlier->rule->is_outbound != later->rule->is_outbound || earlier->is_never ||
                !earlier->rule->is_enabled || earlier->rule->is_removed ||
                !overlap(earlier->rule, later->rule))
                continue;
            problem = ends_evaluation(earlier) ? shield(file, earlier, later, n)
                                               : disturb(file, earlier, later);
            if (problem != NULL)
                translated_problem(later, later->rule->line, problem);
        }
    }
}
