/* The documents of Microsoft's feed that failed here, over restarts: STATE_DIR/refused, a SHA-256 a
 * line, the oldest first. The trust store knows the bundles that failed. */
#pragma once

#include "stopgap/trust.h"

enum { REFUSED_MAX = 16 }; /* a new document comes every few weeks */

/* Returns how many there are; 0 without a folder, and when nothing can be read. */
size_t refused_read(const char *state_dir, char ret_hashes[REFUSED_MAX][TRUST_HASH_BYTES]);
/* hash  what stands behind its 64 digits does not count
 *
 * What cannot be written is tried again after the next start, as it would have been before. */
void refused_add(const char *state_dir, const char *hash);
