/* A window for each code. */
#include "refusals.h"

#include <stdio.h>
#include <string.h>

#include "stopgap/banned.h"

static struct refusal *find(struct refusals *refusals, const char *code)
{
    for (size_t i = 0; i < refusals->n; i++)
        if (strcmp(refusals->items[i].code, code) == 0)
            return &refusals->items[i];
    if (refusals->n == REFUSAL_CODES)
        return &refusals->items[REFUSAL_CODES - 1];
    struct refusal *added = &refusals->items[refusals->n++];
    (void)snprintf(added->code, sizeof(added->code), "%s", code);
    return added;
}

bool refusals_note(struct refusals *refusals, const char *code, uint64_t now_ms,
                   uint64_t *ret_n_untold)
{
    struct refusal *refusal = find(refusals, code);
    if (refusal->n == 0 || now_ms - refusal->window_ms >= REFUSAL_WINDOW_MS) {
        refusal->window_ms = now_ms;
        refusal->n_told = 0;
    }
    refusal->n++;
    if (refusal->n_told == REFUSAL_BURST) {
        refusal->n_untold++;
        return false;
    }
    refusal->n_told++;
    *ret_n_untold = refusal->n_untold;
    refusal->n_untold = 0;
    return true;
}
