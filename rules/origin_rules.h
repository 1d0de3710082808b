/* From the files of an origin to rules. */
#pragma once

#include "language/language_limits.h"
#include "language/rule.h"
#include "origin/origin.h"

enum { RULE_ID_BYTES = LIMIT_RULE_ID_BYTES + 1 };

/* Parse the files of origin into rules. Of Microsoft's feed a rule whose id is taken is left out,
 * and shadowed names it: no document that somebody else publishes may make the whole set refused.
 *
 * shadowed  RULE_ID_BYTES; unchanged when nothing is left out
 *
 * False with err: E_LINT, E_LIMIT, E_MEMORY. */
MUST_USE bool origin_rules_add(const struct origin *origin, struct rule_list *rules, char *shadowed,
                               struct err *err);
