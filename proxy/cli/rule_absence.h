/* Why a rule is not in the set that a configuration makes. */
#pragma once

#include "cli/rule_paths.h"
#include "language/rule.h"
#include "policy.h"

#include "stopgap/ruleset.h"

/* The configuration without what the operator changed about rules, so that every rule is there. */
struct config rule_absence_undo(const struct config *config);

/* A few words; rule is one that set, which config makes, does not have. */
const char *rule_absence_reason(const struct rule *rule, const struct ruleset *set,
                                const struct policy *policy, const struct config *config);
