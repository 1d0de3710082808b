/* Made-up requests for a rule: what they must look like follows from its tests. Whether they do
 * what they should is for the engine to say. */
#pragma once

#include "import/iis/translate.h"
#include "language/rule.h"

enum {
    PLAN_VARIANTS = 6, /* alternatives of patterns, members of MatchAny */
    PLAN_LAYOUTS = 3,  /* ways to bring an address, a path and a query together */
    PLAN_NEUTRAL = 8,  /* ordinary requests of Exchange */
};

/* What to ask for. */
struct plan_wish {
    unsigned variant;
    unsigned layout;
    size_t broken; /* number of the test that shall fail; SIZE_MAX: none */
};

/* How many tests the rule has. */
size_t plan_n_tests(const struct translated *translated);

/* A sample in the arena. False: none can be written down for this wish. */
MUST_USE bool plan_sample(struct arena *arena, const struct translated *translated,
                          const struct plan_wish *wish, struct sample *ret_sample);

/* An ordinary request, index below PLAN_NEUTRAL. */
bool plan_neutral(struct arena *arena, size_t index, struct sample *ret_sample);
