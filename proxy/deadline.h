/* Coarse deadlines: a wheel that one timer per loop turns, instead of a timer a connection.
 *
 * Setting a later deadline is a store; only an earlier one moves the entry. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum { DEADLINE_SLOTS = 256 }; /* times TIMEOUT_SWEEP_MS: 64 s, longer ones go round again */

struct deadline {
    TAILQ_ENTRY(deadline) entry;
    uint64_t at_ms; /* when it is due */
    uint64_t tick;  /* the slot it waits in; 0: in none */
};

TAILQ_HEAD(deadline_list, deadline);

struct deadline_wheel {
    struct deadline_list slots[DEADLINE_SLOTS];
    uint64_t tick;  /* the last one that was swept */
    uint64_t until; /* the one that the sweep under way runs to */
};

void deadline_wheel_init(struct deadline_wheel *wheel, uint64_t now_ms);
/* Due at at_ms, in milliseconds of the wheel's clock. */
void deadline_set(struct deadline_wheel *wheel, struct deadline *deadline, uint64_t at_ms);
void deadline_clear(struct deadline_wheel *wheel, struct deadline *deadline);
/* Take the next deadline that is due, or NULL. Call until NULL. */
struct deadline *deadline_sweep(struct deadline_wheel *wheel, uint64_t now_ms);
