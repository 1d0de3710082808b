/* The operator's changes on a list of rules, before it is compiled. Private to rules/. */
#pragma once

#include "language/rule.h"
#include "stopgap/changes.h"

/* Does name mean this rule: by its id, or as its mitigation or the family of that? */
bool rule_is_named(const struct rule *rule, const char *name);
/* The same; "*" names every rule, and NULL does, too. */
bool rule_is_chosen(const struct rule *rule, const char *name);

/* Move the rules whose option or state is not on to inactive: to the set they do not exist.
 *
 * inactive  has room for all rules
 * is_stale  those with ACTIVATION_STALE are on */
void changes_choose(struct rule_list *rules, struct rule_list *inactive,
                    const struct rules_changes *changes, bool is_stale);

/* The row that holds for this rule everywhere; NULL without one. */
const struct mode_row *changes_whole_row(const struct rule *rule,
                                         const struct rules_changes *changes);

/* Set the modes that hold everywhere: what is off moves to dropped, what shall only report is
 * marked. A rule that is off everywhere but in some directory stays.
 *
 * dropped  has room for all rules */
void changes_apply_modes(struct rule_list *rules, struct rule_list *dropped,
                         const struct rules_changes *changes);

/* A line for each change that names no rule; the caller frees them and the array. False: no
 * memory, and nothing to free. Call it before changes_choose. */
MUST_USE bool changes_warn(const struct rule_list *rules, const struct rules_changes *changes,
                           char ***ret_lines, size_t *ret_n);
