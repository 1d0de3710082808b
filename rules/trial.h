/* New rules on trial beside the old ones: one set in which the rules that are in force stay as they
 * are, and what is new or changed only reports. */
#pragma once

#include "language/rule.h"
#include "origin/origin.h"

/* Mix the rules of a candidate with those in force.
 *
 * rules   all rules of the candidate. When some of those that came by themselves (is_tried) do not
 *         stand among the old ones, they are marked (is_trial), and the old rules of such sources
 *         are added; else nothing changes
 * before  what is in force; borrowed
 * ret_n   rules on trial
 *
 * False with err: E_LIMIT, E_MEMORY. */
MUST_USE bool trial_mix(struct rule_list *rules, const struct origins *before, size_t *ret_n,
                        struct err *err);

/* The sources of such a set that are in force: of the old ones those that came by themselves, of
 * the new ones the others. NULL: no memory. */
struct origins *trial_origins(const struct origins *candidate, const struct origins *before);
