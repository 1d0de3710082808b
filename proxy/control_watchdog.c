/* systemd's watchdog: a sign of life as long as the loop of every worker turns. This timer shows
 * that the control loop does. */
#include "control_internal.h"

#include "stopgap/banned.h"

/* A third of the time that systemd waits, so that one late sign does not end the program; silence
 * of half of it is no sign of life any more, with room for the sweep of a worker. */
enum { SIGNS = 3, SILENCE = 2, SHORTEST_SILENCE_US = 1000 * 1000 };

static bool is_alive(struct control *control, uint64_t silence_us)
{
    uint64_t now_us = clock_now_us();
    for (unsigned i = 0; i < control->n_workers; i++) {
        uint64_t beat_us = atomic_load_explicit(&control->workers[i].beat_us, memory_order_relaxed);
        if (beat_us >= now_us || now_us - beat_us <= silence_us)
            continue;
        if (!control->is_stuck)
            log_event(
                "error", "worker_stuck",
                "worker %u has not answered for %llu ms; systemd is told nothing until it does", i,
                (unsigned long long)((now_us - beat_us) / 1000));
        return false;
    }
    return true;
}

static void on_watchdog(uv_timer_t *timer)
{
    struct control *control =
        (struct control *)((char *)timer - offsetof(struct control, watchdog_timer));
    uint64_t silence_us = control->watchdog_us / SILENCE;
    if (silence_us < SHORTEST_SILENCE_US)
        silence_us = SHORTEST_SILENCE_US;
    control->is_stuck = !is_alive(control, silence_us);
    if (!control->is_stuck)
        notify_state("WATCHDOG=1");
}

void control_watchdog_start(struct control *control)
{
    uint64_t period_ms;
    control->watchdog_us = notify_watchdog_us();
    if (control->watchdog_us == 0)
        return;
    period_ms = control->watchdog_us / 1000 / SIGNS;
    (void)uv_timer_start(&control->watchdog_timer, on_watchdog, 0, period_ms != 0 ? period_ms : 1);
}
