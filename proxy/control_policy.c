/* What the operator changed about rules, while the program runs: exclusions end, and names may mean
 * nothing in a new set. */
#include "control_internal.h"

#include <stdlib.h>

#include "stopgap/banned.h"

static bool is_over(const struct exclusion *exclusion)
{
    return exclusion->until_unix != 0 && (int64_t)control_unix_now() >= exclusion->until_unix;
}

void control_policy_tick(struct control *control)
{
    const struct rules_changes *changes = &control->policy->changes;
    for (size_t i = 0; i < changes->n_exclusions; i++) {
        const struct exclusion *exclusion = &changes->exclusions[i];
        if (control->is_end_told[i] || !is_over(exclusion))
            continue;
        control->is_end_told[i] = true;
        events_emit(control->events, EVENT_EXCLUSION_EXPIRED, exclusion->rule,
                    "exclusion %s for rule %s is over and not active any more", exclusion->label,
                    exclusion->rule);
    }
}

void control_policy_warn(const struct control *control)
{
    const struct rules_changes *changes = &control->policy->changes;
    for (size_t i = 0; i < ruleset_n_warnings(control->set); i++)
        log_event("warn", "rule_unknown", "%s", ruleset_warning(control->set, i));
    for (size_t i = 0; i < changes->n_exclusions; i++)
        if (is_over(&changes->exclusions[i]))
            log_event("warn", "exclusion_over", "%s for rule %s: remove it, or give it a new end",
                      changes->exclusions[i].label, changes->exclusions[i].rule);
}

void control_collect_policy(const struct control *control, struct status *status)
{
    const struct rules_changes *changes = &control->policy->changes;
    size_t n_warnings = ruleset_n_warnings(control->set);
    status->exclusions = calloc(changes->n_exclusions + 1, sizeof(*status->exclusions));
    status->warnings = calloc(n_warnings + 1, sizeof(*status->warnings));
    if (status->exclusions == NULL || status->warnings == NULL)
        return;
    for (size_t i = 0; i < changes->n_exclusions; i++)
        status->exclusions[status->n_exclusions++] =
            (struct exclusion_status){.rule = changes->exclusions[i].rule,
                                      .label = changes->exclusions[i].label,
                                      .until_unix = changes->exclusions[i].until_unix,
                                      .is_active = !is_over(&changes->exclusions[i])};
    for (size_t i = 0; i < n_warnings; i++)
        status->warnings[status->n_warnings++] = ruleset_warning(control->set, i);
}
