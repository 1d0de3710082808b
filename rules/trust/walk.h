/* From one root to the next: a successor counts with the thresholds of the root before it and its
 * own, and names the hash of the root before it. Dates of a root never stop the walk, so who slept
 * for years catches up. Private to rules/trust. */
#pragma once

#include "signature.h"
#include "store.h"

/* Check that text is the root after old.
 *
 * archive  holds its signatures as root/NNNNNNNNNN.sig/ID
 *
 * NULL with err: those of root_parse, E_ROOT_ROLLBACK, E_ROOT_PREVIOUS, E_ROOT_EPOCH, E_ROOT_TEST,
 * E_ROOT_OLD_THRESHOLD, E_ROOT_NEW_THRESHOLD, E_ENGINE_TOO_OLD_CRYPTO. */
struct root *walk_step(const struct root *old, struct slice text, const struct ustar *archive,
                       bool allow_test_root, struct err *err);

/* The signatures on next that count by the root keys of judge when next was created. */
void walk_count(const struct root *judge, const struct root *next, const struct ustar *archive,
                struct signature_tally *ret_tally);

/* Walk from the root in force as far as the archive leads, at most LIMIT_ROOT_STEPS, and remember
 * the way. False with err when a successor is there and is refused; the good ones before it stay.
 */
MUST_USE bool walk_archive(struct trust_store *store, const struct ustar *archive, struct err *err);
