/* The operator's policy on a list of rules: which mitigations they make, and which rules go. */
#pragma once

#include "language/rule.h"
#include "stopgap/mitigation.h"

/* Fill ret_infos with the mitigations of both lists, in the order of their first rules, and move
 * what must not be in force from rules to dropped.
 *
 * dropped    what the operator's modes took out already; has room for all rules
 * policy     NULL: everything applies
 * ret_infos  calloc'd, the caller frees; its texts belong to the rules
 *
 * False: no memory. */
MUST_USE bool mitigations_apply(struct rule_list *rules, struct rule_list *dropped,
                                const struct mitigation_policy *policy,
                                struct mitigation_info **ret_infos, size_t *ret_n);

/* Range `index` of the rule's builds; a border that is not given is not known. */
struct build_span rule_build_span(const struct rule *rule, size_t index);
/* May a server that has one of these builds need the rule? */
bool rule_applies_to(const struct rule *rule, const struct build_span *builds);
