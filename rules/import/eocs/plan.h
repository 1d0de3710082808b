/* One URL Rewrite rule in the terms of our language, before it is written down. */
#pragma once

#include "iis_rule.h"

#include "eocs_limits.h"

struct plan_test {
    const char *field, *name; /* name NULL: the field has none */
    const char *op, *text;    /* "regex" or "equals" */
    bool is_sensitive, is_negated;
};

struct plan_group {
    bool is_any;
    struct plan_test items[EOCS_MAX_TESTS];
    size_t n;
};

enum { PLAN_GROUPS = 3 }; /* match, conditions, precondition */

struct plan {
    struct plan_group request[PLAN_GROUPS];
    struct plan_group response[PLAN_GROUPS];
    const char *action;                     /* of our language */
    unsigned status;                        /* of "block" */
    const char *header, *value, *separator; /* of the header actions */
};

/* Returns NULL, or why the rule has no equal. scope is that of its action. */
const char *plan_make(struct arena *arena, const struct iis_rule *rule, const char *scope,
                      struct plan *ret_plan);
