/* What a new rule set changes: its rules, and what becomes of requests. */
#pragma once

#include "drift/drift.h"
#include "engine/engine.h"

struct rule_change {
    const struct rule *old_rule; /* NULL: added */
    const struct rule *new_rule; /* NULL: removed */
    unsigned aspects;            /* of enum rule_aspect, for a changed one */
    enum drift drift;
};

/* What a set does with a request, ordered by how hard it is. */
enum outcome {
    OUTCOME_PASS = 0,
    OUTCOME_DETECT,
    OUTCOME_EDIT, /* a change of the response */
    OUTCOME_BLOCK,
    OUTCOME_ABORT,
};

struct sample_verdict {
    enum outcome outcome;
    unsigned status;         /* of a block */
    const struct rule *rule; /* that decides; NULL for a pass */
};

/* A sample that the two sets judge differently. */
struct verdict_change {
    const struct rule *owner; /* whose sample it is, in the set that has it */
    const struct sample *sample;
    bool is_must_block; /* else must_pass */
    bool is_of_new;     /* the sample stands in the new set only */
    size_t number;      /* in its list, from 1 */
    struct sample_verdict old_verdict;
    struct sample_verdict new_verdict;
};

/* All zero is an empty one. Points into the two sets, which must live as long. */
struct rules_diff {
    struct rule_change *changes; /* in the order of the ids */
    size_t n_changes;
    struct verdict_change *verdicts; /* in the order of the sets */
    size_t n_verdicts;
    size_t n_samples;  /* that were judged by both */
    size_t n_unjudged; /* where a set reached a limit of the matcher */
};

/* Compare two sets and let both judge the samples of both. False with err: no memory. */
MUST_USE bool rules_diff_make(struct ruleset *old_set, struct ruleset *new_set,
                              struct rules_diff *ret_diff, struct err *err);
void rules_diff_done(struct rules_diff *diff);

const char *outcome_word(enum outcome outcome); /* "pass", "detect", "edit", "block", "abort" */
