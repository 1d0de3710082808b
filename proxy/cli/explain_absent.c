/* Rules that would match, and that the configuration does not have in force. */
#include "cli/explain.h"

#include "cli/rule_absence.h"

#include "engine/engine.h"

#include <stdlib.h>

#include "stopgap/banned.h"

/* The set without what the operator changed, options too. */
static struct ruleset *load_all(const struct rule_paths *paths, bool has_config,
                                const struct config *config)
{
    struct err err = {0};
    struct rule_paths all = *paths;
    struct config plain = rule_absence_undo(config);
    all.takes_all = true;
    return rule_paths_load(&all, has_config ? &plain : NULL, &err);
}

static void collect(struct explain_absent *absent, const struct explanation *explanation,
                    const struct ruleset *real, const struct policy *policy,
                    const struct config *config)
{
    for (size_t i = 0; i < explanation->n_rules && absent->n < EXPLAIN_MAX_ABSENT; i++) {
        const struct explain_rule *rule = &explanation->rules[i];
        if (rule->result != EXPLAIN_YES || ruleset_find(real, rule->info->id) != SIZE_MAX)
            continue;
        size_t index = ruleset_find(absent->set, rule->info->id);
        absent->rules[absent->n++] = (struct explain_absent_rule){
            .id = rule->info->id,
            .why =
                rule_absence_reason(ruleset_source_rule(absent->set, index), real, policy, config)};
    }
}

void explain_absent_find(struct explain_absent *absent, const struct rule_paths *paths,
                         bool has_config, const struct explain_result_view *view)
{
    struct err err = {0};
    const struct explain_request *request = view->request;
    struct policy *policy = policy_new(view->config);
    absent->set = load_all(paths, has_config, view->config);
    struct lease *lease =
        absent->set != NULL && policy != NULL ? lease_new(absent->set, &err) : NULL;
    struct explanation *explanation =
        lease != NULL
            ? rules_explain(lease, &request->head, buf_slice(&request->body), RULES_BLOCK, &err)
            : NULL;
    if (explanation != NULL)
        collect(absent, explanation, view->set, policy, view->config);
    explanation_free(explanation);
    lease_free(lease);
    free(policy);
}

const char *explain_absent_why(const struct rule_paths *paths, bool has_config,
                               const struct explain_result_view *view)
{
    struct policy *policy = policy_new(view->config);
    struct ruleset *set = load_all(paths, has_config, view->config);
    size_t index = set != NULL ? ruleset_find(set, view->rule) : SIZE_MAX;
    const char *why = NULL;
    if (index != SIZE_MAX && policy != NULL)
        why = rule_absence_reason(ruleset_source_rule(set, index), view->set, policy, view->config);
    ruleset_unref(set);
    free(policy);
    return why;
}
