/* One request under inspection. */
#pragma once

#include "engine/evaluate.h"
#include "stopgap/buf.h"

struct inspection {
    struct lease *lease;
    enum rules_mode mode;
    uint64_t *bits;       /* what the scans found */
    uint64_t *candidates; /* rules to evaluate */
    uint64_t *pending;    /* rules that the body decides */
    size_t n_pending;
    uint32_t body_fields;               /* what those rules test of the body */
    struct rule_hit *hits;              /* [LIMIT_HITS_PER_REQUEST], NULL before the first */
    uint32_t edits[LIMIT_HEADER_EDITS]; /* response rules whose request part is true, in order */
    size_t n_edits;
    unsigned decision_rank; /* of the hit that decides, 0 without one */
    struct buf window;      /* the body so far */
    bool has_unexcluded;    /* a rule matched for which no exclusion holds */
    bool is_final;
    bool is_exhaustive;            /* trials only: evaluate every rule, rely on no bit */
    bool *matched;                 /* trials only: [n_rules], in place of hits */
    struct explaining *explaining; /* explanations only: looks at the fields of the body */
    struct verdict verdict;
    struct fields fields; /* the last: fields_init clears what needs it */
};

/* A new inspection in arena; NULL: no memory. */
struct inspection *inspection_start(struct lease *lease, const struct request_head *head,
                                    enum rules_mode mode, struct arena *arena);

/* Scan and evaluate the head. */
struct verdict inspection_judge_head(struct inspection *inspection);

/* Whether a response rule whose request part is true edits this response. */
bool inspection_wants_edit(struct inspection *inspection, uint32_t rule_index,
                           const struct response_head *response);

/* Note that rule matched: count it, report it, let it decide, remember its edit.
 *
 * mode  of the rule here; not RULES_OFF, unless this is a trial */
void inspection_note_match(struct inspection *inspection, uint32_t rule_index, enum rules_mode mode,
                           const struct witness *witness);

/* Count a match of rule for lease_rule_hits. */
void inspection_count(struct lease *lease, uint32_t rule_index);

/* What is shown of a witness, in arena: the field with its name, the bytes around the match and
 * where they start in the value. Empty when arena is full. */
struct slice witness_field(struct arena *arena, const struct witness *witness);
struct slice witness_excerpt(struct arena *arena, const struct witness *witness, size_t *ret_start);
/* Its value must not be logged. */
bool witness_is_secret(const struct witness *witness);

/* explain.c: note what every condition says of the request as it stands. */
void explaining_note(struct explaining *explaining, struct inspection *inspection);
