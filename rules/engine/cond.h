/* Condition trees, compiled. */
#pragma once

#include "engine/private.h"

/* What compiling a rule's trees needs. */
struct cond_context {
    struct ruleset *set;
    struct pattern_table *table;
    const struct rule *rule;
    bool is_response; /* of when_response: no scan sees these fields */
};

/* Compile node into the set's arena; NULL with err (rule id and file included). */
MUST_USE struct cond *cond_compile(const struct cond_context *context, const struct node *node,
                                   struct err *err);

/* Choose the patterns of which one must hit before rule can match, and mark them as used.
 * False: no memory. A rule without such a set gets n_guard 0. */
MUST_USE bool guard_choose(struct pattern_table *table, struct compiled_rule *rule,
                           struct arena *memory);

/* Note what the scan must be shown for cond; after all guards are chosen. False: no memory. */
MUST_USE bool needs_note(struct ruleset *set, struct pattern_table *table, const struct cond *cond);
