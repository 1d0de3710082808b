/* A graceful end: readiness turns first, the listeners close when balancers have seen it, what
 * runs gets time to finish, and what is left then is cut. */
#include "control_internal.h"

#include <stdatomic.h>

#include "stopgap/banned.h"

static struct control *control_of_drain_timer(uv_timer_t *timer)
{
    return (struct control *)((char *)timer - offsetof(struct control, drain_timer));
}

static void on_drain_end(uv_timer_t *timer)
{
    struct control *control = control_of_drain_timer(timer);
    log_event("warn", "drain_timeout", "%llu connections are cut",
              (unsigned long long)atomic_load(&control->shared.n_connections));
    control_stop(control);
}

static void leave_listeners(struct control *control, bool is_replaced)
{
    struct worker_mail mail = {.drains = true, .is_replaced = is_replaced};
    uint64_t drain_ms = control->config->timeouts.drain_ms;
    control->is_listening = false;
    log_event("info", "draining", "no new connections; running requests have %llu ms",
              (unsigned long long)drain_ms);
    for (unsigned i = 0; i < control->n_workers; i++)
        (void)worker_post(&control->workers[i], &mail);
    (void)uv_timer_start(&control->drain_timer, on_drain_end, drain_ms, 0);
}

static void on_drain_delay(uv_timer_t *timer)
{
    struct control *control = control_of_drain_timer(timer);
    if (!control->is_stopping)
        leave_listeners(control, false);
}

void control_drain(struct control *control)
{
    uint64_t delay_ms = control->config->timeouts.drain_delay_ms;
    if (control->is_draining || control->is_stopping)
        return;
    control->is_draining = true;
    notify_state("STOPPING=1");
    if (delay_ms == 0) {
        leave_listeners(control, false);
        return;
    }
    log_event("info", "not_ready", "/readyz says 503; listeners close in %llu ms",
              (unsigned long long)delay_ms);
    (void)uv_timer_start(&control->drain_timer, on_drain_delay, delay_ms, 0);
}

void control_drain_replaced(struct control *control)
{
    control->is_draining = true;
    leave_listeners(control, true);
}
