/* A rule is taken over only when every part of it has an equal; the first that has none is named.
 */
#include "plan.h"

#include "iis_place.h"

#include "import/iis/ecma.h"

#include "stopgap/banned.h"

static const char *add_pattern(struct arena *arena, const struct ecma *ecma,
                               const struct iis_test *from, struct plan_test *test)
{
    const char *problem = NULL;
    bool is_equal = ecma->syntax == SYNTAX_EXACT && ecma->base == NULL;
    test->op = is_equal ? "equals" : "regex";
    test->is_sensitive = from->is_sensitive;
    test->is_negated = from->is_negated;
    if (ecma->text[0] == '\0')
        return "a pattern is empty";
    test->text = is_equal ? ecma->text : ecma_translate(arena, ecma, &problem);
    /* IIS sees a missing header as empty; our language has no test that is true for nothing. */
    if (problem == NULL && !is_equal && ecma_matches(test->text, test->is_sensitive, SLICE("")))
        problem = "a pattern matches the empty text";
    return problem;
}

/* What the path is relative to is known only for rules of the whole server. */
static const char *plan_url(struct arena *arena, const struct iis_rule *rule, const char *scope,
                            struct plan *plan)
{
    const struct ecma ecma = {.syntax = rule->syntax, .text = rule->match.pattern, .base = ""};
    struct plan_test test = {.field = "path"};
    if (ecma_is_always(arena, &ecma))
        return rule->match.is_negated ? "a rule can never match" : NULL;
    if (*scope != '\0' && strcmp(scope, "Server") != 0)
        return "the address is relative to a place that the document does not say";
    const char *problem = add_pattern(arena, &ecma, &rule->match, &test);
    if (problem == NULL)
        plan->request[0].items[plan->request[0].n++] = test;
    return problem;
}

static const char *plan_tests(struct arena *arena, const struct iis_tests *tests, size_t group,
                              struct plan *plan)
{
    struct plan_group *request = &plan->request[group];
    struct plan_group *response = &plan->response[group];
    request->is_any = response->is_any = tests->is_any;
    for (size_t i = 0; i < tests->n; i++) {
        const struct iis_test *from = &tests->items[i];
        struct iis_place place;
        const char *problem = iis_place_find(arena, from->input, &place);
        if (problem != NULL)
            return problem;
        const struct ecma ecma = {.syntax = tests->syntax, .text = from->pattern};
        if (ecma_is_always(arena, &ecma)) {
            if (tests->is_any || from->is_negated)
                return "a condition says nothing";
            continue;
        }
        struct plan_test test = {.field = place.field, .name = place.name};
        problem = add_pattern(arena, &ecma, from, &test);
        if (problem != NULL)
            return problem;
        struct plan_group *to = place.is_response ? response : request;
        to->items[to->n++] = test;
    }
    return tests->is_any && request->n != 0 && response->n != 0
               ? "one of several conditions is about the request, another about the response"
               : NULL;
}

static const char *plan_inbound(const struct iis_rule *rule, struct plan *plan)
{
    for (size_t i = 0; i < PLAN_GROUPS; i++)
        if (plan->response[i].n != 0)
            return "an inbound rule looks at the response";
    if (plan->request[0].n + plan->request[1].n + plan->request[2].n == 0)
        return "a rule would hit every request";
    if (strcmp(rule->action, "AbortRequest") == 0) {
        plan->action = "abort";
        return NULL;
    }
    plan->action = "block";
    plan->status = rule->status;
    return strcmp(rule->action, "CustomResponse") == 0 && rule->status >= 400 && rule->status <= 599
               ? NULL
               : "only AbortRequest and error responses can be taken over";
}

/* "{R:1}; more": what was there, a separator, and what is added. */
static const char *plan_append(struct plan *plan, const struct ecma *match, const char *value)
{
    if (!ecma_captures_all(match, (unsigned)(value[3] - '0')))
        return "the new value of the header is made of a part of the old one";
    plan->action = "append_header";
    plan->separator = value[5] == ';' ? "; " : ", ";
    if (strncmp(value + 5, plan->separator, 2) != 0 || value[7] == '\0' ||
        strchr(value + 7, '{') != NULL)
        return "the new value of the header is put together in an unknown way";
    plan->value = value + 7;
    return NULL;
}

static const char *plan_outbound(struct arena *arena, const struct iis_rule *rule,
                                 struct plan *plan)
{
    const char *value = rule->value;
    const struct ecma match = {.syntax = rule->syntax, .text = rule->match.pattern};
    plan->header = iis_response_header(arena, rule->match.input);
    if (plan->header == NULL)
        return "an outbound rule changes something else than a response header";
    if (strcmp(rule->action, "Rewrite") != 0 || rule->match.is_negated ||
        !ecma_is_always(arena, &match))
        return "an outbound rule does something else than rewriting a whole header";
    if (strncmp(value, "{R:1}", 5) == 0 || strncmp(value, "{R:0}", 5) == 0)
        return plan_append(plan, &match, value);
    if (strchr(value, '{') != NULL)
        return "the new value of the header is put together in an unknown way";
    plan->action = *value == '\0' ? "remove_header" : "set_header";
    plan->value = *value == '\0' ? NULL : value;
    return NULL;
}

const char *plan_make(struct arena *arena, const struct iis_rule *rule, const char *scope,
                      struct plan *ret_plan)
{
    *ret_plan = (struct plan){0};
    const char *problem = NULL;
    if (!rule->is_outbound)
        problem = plan_url(arena, rule, scope, ret_plan);
    if (problem == NULL)
        problem = plan_tests(arena, &rule->conditions, 1, ret_plan);
    if (problem == NULL)
        problem = plan_tests(arena, &rule->preconditions, 2, ret_plan);
    if (problem != NULL)
        return problem;
    return rule->is_outbound ? plan_outbound(arena, rule, ret_plan) : plan_inbound(rule, ret_plan);
}
