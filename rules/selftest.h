/* Rules prove themselves before they go live. */
#pragma once

#include "engine/engine.h"

/* Run every sample of every rule: must_block has to be matched by its own rule; must_pass has
 * to pass its own rule and every enforced one that could stop the request.
 *
 * False with err: E_SELFTEST, the rule, the number of the sample and the rule's file. */
MUST_USE bool rules_selftest(struct ruleset *set, struct err *err);
