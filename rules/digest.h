/* The hash that names a rule set's content. */
#pragma once

#include "language/rule.h"
#include "stopgap/changes.h"
#include "stopgap/mitigation.h"

enum { DIGEST_HEX_BYTES = 65 };

/* What one rule does, when and for whom: not its texts, samples or source. Two rules of the same
 * digest are interchangeable. */
struct rule_digest {
    unsigned char bytes[32];
};
/* False: no memory. */
MUST_USE bool rule_digest(const struct rule *rule, struct rule_digest *ret_digest);

struct digest_input {
    const struct rule_list *rules; /* those that are left, with the mode they have now */
    const struct mitigation_info *mitigations;
    size_t n_mitigations;
    const struct rules_changes *changes; /* its modes and exclusions */
};

/* Hex SHA-256 over all of that, in order. It does not depend on layout or comments of the files.
 * False: no memory. */
MUST_USE bool rules_digest(const struct digest_input *input, char ret_hex[DIGEST_HEX_BYTES]);
