/* What is done about a verdict: the only place that knows open from closed. */
#pragma once

#include "config/config.h"
#include "reason.h"

#include "stopgap/verdict.h"

enum decision_kind {
    DECISION_FORWARD = 0,
    DECISION_WAIT_BODY,
    DECISION_ANSWER, /* with status */
    DECISION_ABORT,  /* close without an answer */
};

struct decision {
    enum decision_kind kind;
    unsigned status;
    enum end_reason reason;
    const char *word; /* for the logs: pass, excluded, detect, block, abort, fault */
};

/* Which rule may act where is in the verdict already; see stopgap/changes.h. */
struct decision decide(const struct verdict *verdict, enum fail_mode fail_mode);
