/* Refused rule sets by their code: all are counted, but whoever offers one after the other does not
 * fill the log. Pure: the clock is the caller's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REFUSAL_CODES = 64,            /* there are about forty; what is beyond counts as the last */
    REFUSAL_CODE_BYTES = 32,       /* with the NUL */
    REFUSAL_BURST = 5,             /* lines of one code in a window: a person who tries things */
    REFUSAL_WINDOW_MS = 60 * 1000, /* a minute */
};

struct refusal {
    char code[REFUSAL_CODE_BYTES];
    uint64_t n; /* since the program started */
    uint64_t window_ms;
    unsigned n_told;   /* in the window */
    uint64_t n_untold; /* since the last that was told */
};

struct refusals {
    struct refusal items[REFUSAL_CODES];
    size_t n;
};

/* Count one. True: tell of it, and of *ret_n_untold others of this code that were not told. */
bool refusals_note(struct refusals *refusals, const char *code, uint64_t now_ms,
                   uint64_t *ret_n_untold);
