/* Patterns and conditions to tests; what is always or never true is resolved here. */
#include "import/iis/translate.h"

#include <stdlib.h>

#include "import/iis/ecma.h"
#include "import/iis/inputs.h"

#include "stopgap/banned.h"

/* What a test is worth when it does not depend on the request. */
enum constant {
    IS_FALSE = 0,
    IS_TRUE = 1,
    IS_OPEN = -1,
};

void translated_problem(struct translated *translated, unsigned line, const char *text)
{
    if (translated->problem != NULL)
        return;
    translated->problem = text;
    translated->problem_line = line;
}

struct group *translated_add_group(const struct rewrite_file *file, struct translated *translated,
                                   size_t n_tests)
{
    struct group *group = &translated->groups[translated->n_groups];
    if (translated->n_groups < MAX_GROUPS) {
        *group =
            (struct group){.tests = arena_alloc(file->arena, n_tests * sizeof(struct test) + 1)};
        if (group->tests != NULL) {
            memset(group->tests, 0, n_tests * sizeof(struct test));
            translated->n_groups++;
            return group;
        }
    }
    translated_problem(translated, translated->rule->line, "the rule is too large");
    return NULL;
}

/* ---- single tests */

static bool has_letter(const char *text)
{
    for (; *text != '\0'; text++)
        if (ascii_lower(*text) >= 'a' && ascii_lower(*text) <= 'z')
            return true;
    return false;
}

/* Is it {RESPONSE_X_Y} and nothing else? */
static bool is_of_response(const char *input)
{
    size_t len = strlen(input);
    return len >= 12 && slice_starts_with_nocase(slice_str(input), SLICE("{RESPONSE_")) &&
           input[len - 1] == '}' && strchr(input + 1, '{') == NULL;
}

static const char *add_value(const struct rewrite_file *file, struct test *test, const char *value)
{
    if (test->values == NULL)
        test->values = arena_alloc(file->arena, IIS_MAP_ENTRIES * sizeof(*test->values));
    if (test->values == NULL || test->n_values == IIS_MAP_ENTRIES)
        return "there are too many values";
    test->values[test->n_values++] = value;
    return NULL;
}

/* {RESPONSE_STATUS}: every status that the pattern fits. */
static const char *translate_status(const struct rewrite_file *file, struct test *test)
{
    const char *problem = NULL;
    test->kind = TEST_VALUES;
    test->input = "";
    for (unsigned status = 100; status <= 599 && problem == NULL; status++) {
        const char *text = rewrite_text(file->arena, "%u", status);
        if (ecma_matches(test->regex, test->is_sensitive, slice_str(text)))
            problem = add_value(file, test, text);
    }
    return problem;
}

/* {Map:key}: the keys whose value the pattern fits, or all but those that it does not fit. */
static const char *translate_map(const struct rewrite_file *file, const struct rewrite_map *map,
                                 const char *key, struct test *test)
{
    bool is_default_fit = ecma_matches(test->regex, test->is_sensitive, slice_str(map->fallback));
    const char *problem = input_problem(file, key);
    test->kind = TEST_VALUES;
    test->input = key;
    for (size_t i = 0; i < map->n && problem == NULL; i++) {
        bool is_fit = ecma_matches(test->regex, test->is_sensitive, slice_str(map->values[i]));
        if (!input_is_plain(map->keys[i]))
            problem = "a rewrite map has keys beyond ASCII";
        if (is_fit != is_default_fit && problem == NULL)
            problem = add_value(file, test, map->keys[i]);
    }
    test->is_sensitive = map->is_sensitive;
    if (is_default_fit)
        test->is_negated = !test->is_negated;
    if (map->is_sensitive && input_is_folded(key))
        problem = "a map that minds case looks at the address, whose path is in lower case here";
    return problem;
}

static int constant_of(const struct test *test, bool is_always)
{
    if (is_always)
        return test->is_negated ? IS_FALSE : IS_TRUE;
    if (test->kind == TEST_VALUES && test->n_values == 0)
        return test->is_negated ? IS_TRUE : IS_FALSE;
    return IS_OPEN;
}

const char *translate_test(const struct rewrite_file *file, enum rewrite_syntax syntax,
                           const struct rewrite_condition *condition, struct test *ret_test,
                           bool *ret_is_response, int *ret_constant)
{
    const char *reason = NULL;
    const char *key = NULL;
    const char *input = condition->input;
    const struct rewrite_map *map = input_map(file, input, &key);
    bool is_folded = map == NULL && input_is_folded(input);
    const struct ecma ecma = {.syntax = syntax,
                              .text = condition->pattern,
                              .has_line_ends = map == NULL && input_is_decoded(input)};
    *ret_test = (struct test){.input = input,
                              .is_negated = condition->is_negated,
                              .is_sensitive = condition->is_sensitive};
    if (condition->is_sensitive && is_folded && has_letter(condition->pattern))
        return "ignoreCase=\"false\" on the address: its path is in lower case here; use "
               "{UNENCODED_URL} or {ToLower:}, or ignore case";
    ret_test->regex = ecma_translate(file->arena, &ecma, &reason);
    if (ret_test->regex == NULL)
        return rewrite_text(file->arena, "pattern '%.120s': %s", condition->pattern, reason);
    ret_test->fits_empty = ecma_matches(ret_test->regex, ret_test->is_sensitive, SLICE(""));
    const char *header = NULL;
    *ret_is_response = is_of_response(input);
    if (*ret_is_response) {
        header = input_header_name(file->arena, slice_make(input + 10, strlen(input) - 11));
        if (header == NULL)
            return rewrite_text(file->arena, "input '%.120s' names no header", input);
    }
    if (map != NULL)
        reason = translate_map(file, map, key, ret_test);
    else if (header != NULL && slice_equal_nocase(slice_str(header), SLICE("STATUS")))
        reason = translate_status(file, ret_test);
    else if (header == NULL)
        reason = input_problem(file, input);
    else
        ret_test->input = header;
    bool is_always = map == NULL && reason == NULL && ecma_is_always(file->arena, &ecma);
    *ret_constant = constant_of(ret_test, is_always);
    return reason;
}

/* ---- the pattern of an inbound rule */

static struct test url_test(const char *regex, bool is_negated, bool is_sensitive)
{
    return (struct test){.input = "{URL}",
                         .regex = regex,
                         .is_negated = is_negated,
                         .is_sensitive = is_sensitive,
                         .fits_empty = ecma_matches(regex, is_sensitive, SLICE(""))};
}

/* "below base": the place of a rule. */
static const char *base_regex(const struct rewrite_file *file, const char *base)
{
    const struct ecma whole = {.text = "^.*$", .base = base};
    const char *reason;
    return ecma_translate(file->arena, &whole, &reason);
}

/* Where the rule applies: below its place, but not below places that removed it. */
static void translate_place(const struct rewrite_file *file, struct translated *translated)
{
    const struct rewrite_rule *rule = translated->rule;
    /* A pattern that must fit the address begins with the place by itself. */
    const struct ecma ecma = {.syntax = rule->syntax, .text = rule->match.pattern, .base = ""};
    bool says_place =
        !rule->is_outbound && !rule->match.is_negated && !ecma_is_always(file->arena, &ecma);
    bool has_base = rule->base[0] != '\0' && !rule->is_global && !says_place;
    size_t n = (has_base ? 1 : 0) + rule->n_cuts;
    struct group *group = n != 0 ? translated_add_group(file, translated, n) : NULL;
    for (size_t i = 0; group != NULL && i < n; i++) {
        bool is_cut = !has_base || i > 0;
        const char *base = is_cut ? rule->cuts[i - (has_base ? 1 : 0)] : rule->base;
        const char *regex = base_regex(file, base);
        if (regex == NULL) {
            translated_problem(translated, rule->line, "the path of its place cannot be read");
            return;
        }
        group->tests[group->n++] = url_test(regex, is_cut, false);
    }
}

/* The address below the rule's place against a pattern; {R:0} is the same input. */
static const char *translate_url(const struct rewrite_file *file, const struct rewrite_rule *rule,
                                 const struct rewrite_condition *condition, struct test *ret_test,
                                 int *ret_constant)
{
    const struct ecma ecma = {.syntax = rule->syntax,
                              .text = condition->pattern,
                              .base = rule->is_global ? "" : rule->base};
    const char *reason = NULL;
    if (condition->is_sensitive && has_letter(condition->pattern))
        return "ignoreCase=\"false\" on the address: its path is in lower case here; ignore case, "
               "or use {UNENCODED_URL} in a condition";
    const char *regex = ecma_translate(file->arena, &ecma, &reason);
    if (regex == NULL)
        return rewrite_text(file->arena, "pattern '%.120s': %s", condition->pattern, reason);
    *ret_test = url_test(regex, condition->is_negated, false);
    *ret_constant = constant_of(ret_test, ecma_is_always(file->arena, &ecma));
    return NULL;
}

static void translate_match(const struct rewrite_file *file, struct translated *translated)
{
    const struct rewrite_rule *rule = translated->rule;
    struct test test;
    int constant = IS_OPEN;
    const char *problem = translate_url(file, rule, &rule->match, &test, &constant);
    if (problem != NULL) {
        translated_problem(translated, rule->match.line, problem);
        return;
    }
    translated->is_never = translated->is_never || constant == IS_FALSE;
    struct group *group = constant == IS_OPEN ? translated_add_group(file, translated, 1) : NULL;
    if (group != NULL)
        group->tests[group->n++] = test;
}

/* ---- lists of conditions */

/* Tests of the list by side: [0] of the request, [1] of the response. */
struct sides {
    struct group *groups[2];
    bool is_any_true; /* MatchAny, and one condition always holds */
};

/* One condition of a list; its place in the list decides what {C:1} is. */
static void translate_item(const struct rewrite_file *file, struct translated *translated,
                           const struct rewrite_conditions *list, size_t index, struct sides *sides)
{
    const struct rewrite_rule *rule = translated->rule;
    struct rewrite_condition condition = list->items[index];
    struct test test = {0};
    bool is_response = false;
    int constant = IS_OPEN;
    const char *problem = NULL;
    bool is_behind = index > 0 && list == &rule->conditions;
    condition.input = input_resolve(file, rule, is_behind ? &list->items[index - 1] : NULL,
                                    condition.input, &problem);
    if (condition.input != NULL && strcmp(condition.input, "{R}") == 0)
        problem = translate_url(file, rule, &condition, &test, &constant);
    else if (condition.input != NULL)
        problem = translate_test(file, list->syntax, &condition, &test, &is_response, &constant);
    if (problem == NULL && is_response && !rule->is_outbound)
        problem = "a rule for requests looks at the response";
    if (problem != NULL) {
        translated_problem(translated, condition.line, problem);
        return;
    }
    struct group *group = sides->groups[is_response ? 1 : 0];
    if (constant == IS_TRUE)
        sides->is_any_true = sides->is_any_true || list->is_any;
    else if (constant == IS_FALSE)
        translated->is_never = translated->is_never || !list->is_any;
    else
        group->tests[group->n++] = test;
}

/* Keep the groups from first on that say something. */
static void keep_groups(struct translated *translated, size_t first, bool is_any_true)
{
    size_t n = first;
    for (size_t g = first; g < translated->n_groups; g++)
        if (translated->groups[g].n != 0 && !is_any_true)
            translated->groups[n++] = translated->groups[g];
    translated->n_groups = n;
}

static void translate_list(const struct rewrite_file *file, struct translated *translated,
                           const struct rewrite_conditions *list)
{
    size_t first = translated->n_groups;
    struct sides sides = {.is_any_true = false};
    if (list->n == 0)
        return;
    for (int side = 0; side < 2; side++) {
        sides.groups[side] = translated_add_group(file, translated, list->n);
        if (sides.groups[side] == NULL)
            return;
        sides.groups[side]->is_response = side == 1;
        sides.groups[side]->is_any = list->is_any;
    }
    for (size_t i = 0; i < list->n; i++)
        translate_item(file, translated, list, i, &sides);
    bool is_open = list->is_any && !sides.is_any_true;
    bool has_request = sides.groups[0]->n != 0;
    bool has_response = sides.groups[1]->n != 0;
    if (is_open && has_request && has_response)
        translated_problem(translated, list->items[0].line,
                           "MatchAny over conditions of the request and of the response");
    if (is_open && !has_request && !has_response)
        translated->is_never = true;
    keep_groups(translated, first, sides.is_any_true);
}

static void translate_precondition(const struct rewrite_file *file, struct translated *translated)
{
    const struct rewrite_rule *rule = translated->rule;
    for (size_t i = 0; i < file->n_preconditions; i++) {
        const struct rewrite_precondition *precondition = &file->preconditions[i];
        if (strcmp(precondition->name, rule->precondition) != 0)
            continue;
        if (precondition->problem != NULL)
            translated_problem(translated, precondition->line, precondition->problem);
        else
            translate_list(file, translated, &precondition->conditions);
        return;
    }
    translated_problem(translated, rule->line,
                       "its preCondition is not in the file; import the file that holds both");
}

void translate_conditions(const struct rewrite_file *file, const struct rewrite_rule *rule,
                          struct translated *ret_translated)
{
    *ret_translated = (struct translated){.rule = rule};
    if (rule->problem != NULL) {
        translated_problem(ret_translated, rule->problem_line, rule->problem);
        return;
    }
    translate_place(file, ret_translated);
    if (!rule->is_outbound)
        translate_match(file, ret_translated);
    if (rule->precondition != NULL)
        translate_precondition(file, ret_translated);
    translate_list(file, ret_translated, &rule->conditions);
}
