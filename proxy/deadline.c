/* The wheel of deadlines. */
#include "deadline.h"

#include "proxy_limits.h"

#include <stddef.h>

#include "stopgap/banned.h"

void deadline_wheel_init(struct deadline_wheel *wheel, uint64_t now_ms)
{
    for (unsigned i = 0; i < DEADLINE_SLOTS; i++)
        TAILQ_INIT(&wheel->slots[i]);
    wheel->tick = wheel->until = now_ms / TIMEOUT_SWEEP_MS;
}

static struct deadline_list *slot_of(struct deadline_wheel *wheel, uint64_t tick)
{
    return &wheel->slots[tick % DEADLINE_SLOTS];
}

static void deadline_insert(struct deadline_wheel *wheel, struct deadline *deadline)
{
    uint64_t tick = deadline->at_ms / TIMEOUT_SWEEP_MS + 1;
    /* One that is over comes in the next sweep: in this one it could come for ever. */
    if (tick <= wheel->until)
        tick = wheel->until + 1;
    if (tick > wheel->tick + DEADLINE_SLOTS - 1) /* looked at again when its turn comes */
        tick = wheel->tick + DEADLINE_SLOTS - 1;
    deadline->tick = tick;
    TAILQ_INSERT_TAIL(slot_of(wheel, tick), deadline, entry);
}

void deadline_set(struct deadline_wheel *wheel, struct deadline *deadline, uint64_t at_ms)
{
    deadline->at_ms = at_ms;
    if (deadline->tick != 0 && deadline->tick <= at_ms / TIMEOUT_SWEEP_MS + 1)
        return; /* its turn comes early enough to look again */
    deadline_clear(wheel, deadline);
    deadline_insert(wheel, deadline);
}

void deadline_clear(struct deadline_wheel *wheel, struct deadline *deadline)
{
    if (deadline->tick == 0)
        return;
    TAILQ_REMOVE(slot_of(wheel, deadline->tick), deadline, entry);
    deadline->tick = 0;
}

struct deadline *deadline_sweep(struct deadline_wheel *wheel, uint64_t now_ms)
{
    wheel->until = now_ms / TIMEOUT_SWEEP_MS;
    while (wheel->tick < wheel->until) {
        struct deadline_list *slot = slot_of(wheel, wheel->tick + 1);
        struct deadline *deadline = TAILQ_FIRST(slot);
        if (deadline == NULL) {
            wheel->tick++;
            continue;
        }
        deadline_clear(wheel, deadline);
        if (deadline->at_ms <= now_ms)
            return deadline;
        deadline_insert(wheel, deadline);
    }
    return NULL;
}
