/* The engine's word on rules that were translated, and samples that it agrees with. */
#pragma once

#include "import/iis/translate.h"
#include "language/rule.h"

enum {
    MAX_MUST_BLOCK = 3, /* enough to show alternatives; files stay readable */
    MAX_MUST_PASS = 2,
};

/* A rule file in the making. */
struct draft {
    const struct translated *translated;
    struct slice text; /* without samples */
    const char *id;
    const char *file;
    const char *problem; /* the engine does not take it; NULL: it does */
    struct sample must_block[MAX_MUST_BLOCK];
    size_t n_must_block;
    struct sample must_pass[MAX_MUST_PASS];
    size_t n_must_pass;
};

/* Compile the draft by itself and look for requests that it matches: problem or must_block. */
void prove_draft(struct arena *arena, struct draft *draft);

/* Look for requests that no rule of the set refuses, for each draft with a must_block sample.
 * False with err: the rules do not compile together, or memory is out. */
MUST_USE bool prove_set(struct arena *arena, struct draft *drafts, size_t n, struct err *err);

/* Load the finished texts as a set and run every sample. */
MUST_USE bool prove_texts(const struct slice *texts, const char *const *names, size_t n,
                          struct err *err);
