/* Starting the trust by hand: a root that a person vouches for by its hash. */
#pragma once

#include "store.h"

enum bootstrap_result { BOOTSTRAP_NEW = 0, BOOTSTRAP_NEXT, BOOTSTRAP_SAME };

/* Make the root in options->root_path the one that options->state_dir begins with.
 *
 * sha256  hex, as it was told by another way than the file
 *
 * A folder that has a root already takes only the one that follows it directly: then the person
 * stands for the signatures that its publisher can give no more. False with err: E_ROOT_HASH,
 * E_ROOT_TEST, E_ROOT_ROLLBACK, E_ROOT_FORK, E_ROOT_PREVIOUS, those of trust_open. */
MUST_USE bool trust_bootstrap(const struct trust_options *options, struct slice sha256,
                              enum bootstrap_result *ret_result, struct err *err);
