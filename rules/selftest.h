/* Rules prove themselves before they go live. */
#pragma once

#include "engine/engine.h"

/* Run every sample of every rule: must_block has to be matched by its own rule; must_pass has
 * to pass its own rule and every enforced one that could stop the request.
 *
 * False with err: E_SELFTEST, the rule, the number of the sample and the rule's file. */
MUST_USE bool rules_selftest(struct ruleset *set, struct err *err);

/* The same for every rule, whatever the others do: failed is told the first failure of each.
 * False with err only when the test could not be made. */
MUST_USE bool rules_selftest_each(struct ruleset *set,
                                  void (*failed)(void *ctx, size_t index, const struct err *err),
                                  void *ctx, struct err *err);

/* Which rules of the lease's set match sample, one bool each. False: it could not be judged. */
MUST_USE bool rules_try_sample(struct lease *lease, const struct sample *sample, bool *ret_matched);
