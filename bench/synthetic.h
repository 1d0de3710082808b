/* Rules as people write them, with words that ordinary traffic does not hold. The same number
 * always gives the same rule, so that figures of two days can be compared. */
#pragma once

#include "stopgap/buf.h"

/* Append rule `number` as the text of a rule file, id "BENCH-00042". False: no room. */
MUST_USE bool synthetic_rule(struct buf *text, unsigned number);
