/* The hash that names a rule set's content. */
#pragma once

#include "language/rule.h"
#include "stopgap/mitigation.h"

enum { DIGEST_HEX_BYTES = 65 };

/* Hex SHA-256 over every rule that is left, with the mode it has now, in order, and over the states
 * of all mitigations. It does not depend on layout or comments of the files. False: no memory. */
MUST_USE bool rules_digest(const struct rule_list *rules, const struct mitigation_info *mitigations,
                           size_t n_mitigations, char ret_hex[DIGEST_HEX_BYTES]);
