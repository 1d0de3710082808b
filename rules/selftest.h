/* Rules prove themselves before they go live. */
#pragma once

#include "engine/engine.h"

/* Run every sample of every rule: must_block has to be matched by its own rule; must_pass has
 * to pass its own rule and every enforced one that could stop the request.
 *
 * False with err: E_SELFTEST, the rule, the number of the sample and the rule's file. */
MUST_USE bool rules_selftest(struct ruleset *set, struct err *err);

/* Which rules of the lease's set match sample, one bool each. False: it could not be judged. */
MUST_USE bool rules_try_sample(struct lease *lease, const struct sample *sample, bool *ret_matched);
