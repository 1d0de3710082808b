/* What a transaction leaves behind: one access record, perhaps a decision record, counters. */
#pragma once

#include "txn.h"

/* Count and write the access record; once, when the transaction ends. */
void txn_log(struct txn *txn);
/* A rule matched: give the event an id and write the decision record. */
void txn_log_decision(struct txn *txn, const struct verdict *verdict);
