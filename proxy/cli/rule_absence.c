/* Rules that a configuration leaves out, and why. */
#include "cli/rule_absence.h"

#include "changes/changes.h"

#include "stopgap/banned.h"

struct config rule_absence_undo(const struct config *config)
{
    struct config plain = *config;
    plain.n_modes = plain.n_exclusions = 0;
    plain.harden = (struct harden_config){.shapes = SHAPES_OFF};
    plain.when_stale = WHEN_STALE_OFF;
    plain.mitigations.enabled = plain.mitigations.server_enabled = true;
    plain.mitigations.blocked.n = 0;
    plain.state_dir = NULL;
    return plain;
}

const char *rule_absence_reason(const struct rule *rule, const struct ruleset *set,
                                const struct policy *policy, const struct config *config)
{
    const struct mode_row *row = changes_whole_row(rule, &policy->changes);
    const struct mitigation_info *mitigation = ruleset_find_mitigation(set, rule->mitigation);
    if (row != NULL && row->mode == RULES_OFF)
        return "modes says so";
    if (mitigation != NULL)
        return mitigation_state_word(mitigation->state);
    if (rule->activation == ACTIVATION_STALE)
        return config->when_stale != WHEN_STALE_OFF
                   ? "it waits until the rules are stale (rules.stale_after)"
                   : "it is for stale rules, and rules.when_stale is off";
    return rule->activation != ACTIVATION_ALWAYS ? "it is an option that is not switched on"
                                                 : "the configuration does not load it";
}
