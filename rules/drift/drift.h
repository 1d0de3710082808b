/* How one rule differs from another form of it. Pure. */
#pragma once

#include "language/rule.h"

/* How many requests the new form of something matches. */
enum drift {
    DRIFT_NONE = 0,
    DRIFT_TIGHTER, /* the new one acts on more: what passed may be stopped */
    DRIFT_LOOSER,  /* the new one acts on less: what was stopped may pass */
    DRIFT_OTHER,   /* both, or it cannot be told */
};

/* What differs between two forms of a rule. */
enum rule_aspect {
    ASPECT_WHEN = 1u << 0,
    ASPECT_WHEN_RESPONSE = 1u << 1,
    ASPECT_MODE = 1u << 2,
    ASPECT_ACTION = 1u << 3,
    ASPECT_BUILDS = 1u << 4,
    ASPECT_SAMPLES = 1u << 5,
    ASPECT_TEXTS = 1u << 6, /* title, CVEs, references, severity, notes */
    ASPECT_ACTIVATION = 1u << 7,
};

/* What becomes of one rule; one of the two may be NULL: it comes, or goes.
 *
 * ret_aspects  bits of enum rule_aspect, when both are there */
enum drift diff_rule(const struct rule *old_rule, const struct rule *new_rule,
                     unsigned *ret_aspects);

/* How much more or less requests make new_node true than old_node. */
enum drift diff_trees(const struct node *old_node, const struct node *new_node);

bool sample_is_same(const struct sample *a, const struct sample *b);

const char *drift_word(enum drift drift); /* "same", "tighter", "looser", "different" */
