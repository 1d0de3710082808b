/* One pass of Hyperscan over a request: which bits are set. */
#pragma once

#include "engine/fields.h"

/* Show the head to the lease's database and set bits for what hits, for anomalies and for a body
 * that follows. False: the matcher failed or memory is out. */
MUST_USE bool scan_head(struct lease *lease, const struct fields *fields, uint64_t *bits);

/* The same for the body in all its views. */
MUST_USE bool scan_body(struct lease *lease, const struct fields *fields, uint64_t *bits);
