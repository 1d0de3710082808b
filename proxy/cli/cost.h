/* What the files of `stopgap rules cost` share. */
#pragma once

#include "cost/cost.h"
#include "traffic/traffic.h"

#include <stdio.h>

/* Requests as the proxy's parser sees them. */
struct cost_input {
    struct traffic traffic;
    struct cost_request *requests; /* those that the parser took; slices point into traffic */
    size_t n;
    size_t n_refused;
    double parse_ns; /* per request, heads and bodies */
    struct arena memory;
    void *first_chunk;
};

/* Parse what input->traffic holds. False with err: nothing is left, or no memory. cost_input_done
 * is to be called in any case. */
MUST_USE bool cost_input_parse(struct cost_input *input, struct err *err);
void cost_input_done(struct cost_input *input);

/* A set and what it cost. */
struct cost_side {
    const char *label; /* as the command line names it */
    struct ruleset *set;
    struct cost_report report;
};

struct cost_result {
    const struct cost_input *input;
    const char *traffic; /* where it comes from */
    bool is_of_samples;  /* from the set itself */
    struct cost_side sides[2];
    size_t n_sides; /* 2 with --against */
    size_t top;     /* rules that are listed */
};

void cost_print_text(const struct cost_result *result);
/* Returns an exit code. */
int cost_print_json(const struct cost_result *result);

/* The rules of a side, the dearest first; calloc'd, the caller frees. NULL: no memory. */
size_t *cost_rank(const struct cost_side *side);

/* "evaluated for every request: ..." of an advice. */
void cost_advice_text(const struct cost_advice *advice, char *out, size_t size);
extern const char *const cost_reason_words[COST_REASON_COUNT];
