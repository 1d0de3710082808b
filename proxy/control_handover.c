/* One program replaces another without losing a connection: both have the same listening sockets
 * for a moment, so a queue never is without a program that serves it.
 *
 * The new one borrows the sockets, starts, and says that it serves; until then nothing changes in
 * the old one, and after that the old one drains. */
#include "control_start.h"

#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum { ASK_TIMEOUT_MS = 10 * 1000 }; /* the other one's control loop only has to turn */

/* ---- the old program */

const char *control_lend(void *ctx, int pid, struct inherited *sockets)
{
    struct control *control = ctx;
    if (control->is_draining || control->is_stopping)
        return "this program ends already";
    if (!successor_begin(&control->successor, pid, uv_now(&control->loop)))
        return "another process takes over already";
    log_event("info", "sockets_lent", "process %d starts with the sockets of this one", pid);
    *sockets = control->listening;
    return NULL;
}

const char *control_replaced(void *ctx, int pid)
{
    struct control *control = ctx;
    char state[32];
    if (!successor_is(&control->successor, pid))
        return "only the process that got the sockets can have taken over";
    log_event("info", "replaced", "process %d serves now", pid);
    /* Not STOPPING=1: the service goes on, and this process is no longer its main one. */
    (void)snprintf(state, sizeof(state), "MAINPID=%d", pid);
    notify_state(state);
    control_upgrade_taken(control, pid);
    admin_leave(control->admin);
    (void)uv_timer_stop(&control->watchdog_timer);
    /* Rules and mitigations are looked after by one program only. */
    (void)uv_fs_event_stop(&control->watch);
    (void)uv_timer_stop(&control->watch_timer);
    (void)uv_timer_stop(&control->mitigation_timer);
    control_eocs_stop(control);
    control_feed_stop(control);
    control_builds_stop(control);
    control_trust_leave(control);
    control_drain_replaced(control); /* which may have begun, on a signal */
    return NULL;
}

void control_leave_admin(struct control *control)
{
    if (control->admin != NULL && successor_is_alive(&control->successor))
        admin_leave(control->admin);
    successor_done(&control->successor);
}

/* ---- the new program */

enum ask_result {
    ASK_FAILED = 0, /* nobody answers */
    ASK_REFUSED,
    ASK_GRANTED,
};

static enum ask_result ask(const struct control *control, const char *path, struct inherited *pool,
                           struct err *err)
{
    struct admin_response response = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
    struct admin_question question = {.url = control->take_over_url,
                                      .method = "POST",
                                      .path = path,
                                      .timeout_ms = ASK_TIMEOUT_MS,
                                      .pool = pool};
    enum ask_result result = admin_ask(&question, &response, err) ? ASK_GRANTED : ASK_FAILED;
    struct slice text = buf_slice(&response.body);
    if (text.len != 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (result == ASK_GRANTED && response.status != 200) {
        (void)err_set(err, ERR_IO, "E_TAKE_OVER", "%s refuses to be taken over: " SLICE_FMT,
                      control->take_over_url, SLICE_ARG(text));
        result = ASK_REFUSED;
    }
    buf_done(&response.body);
    return result;
}

bool control_take_sockets(struct control *control, struct err *err)
{
    return control->take_over_url == NULL ||
           ask(control, "/listeners", &control->inherited, err) == ASK_GRANTED;
}

/* The path of an admin socket that only the program before listened on goes with it. */
static void remove_path(int fd)
{
    struct sockaddr_un address = {0};
    socklen_t len = sizeof(address) - 1;
    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 && address.sun_family == AF_UNIX &&
        address.sun_path[0] == '/')
        (void)unlink(address.sun_path);
}

/* Another one was quicker, or this one too slow: it is too many. */
static void step_back(struct control *control, const struct err *err)
{
    log_event("error", "not_replaced", "this program ends again: %s", err->text);
    control->is_too_late = true;
    admin_leave(control->admin);
    control_drain_replaced(control);
}

void control_say_taken(struct control *control)
{
    struct err err = {0};
    if (control->take_over_url == NULL)
        return;
    enum ask_result result = ask(control, "/taken", NULL, &err);
    if (result == ASK_REFUSED) {
        step_back(control, &err);
        return;
    }
    if (result == ASK_FAILED)
        log_event("warn", "not_replaced", "this program serves, the one before may serve, too: %s",
                  err.text);
    control_trust_take(control);
    /* The one before may have changed or fetched something since this one read it. */
    control_mitigations_again(control);
    if (control->config->state_dir != NULL || control->config->rules_watch != NULL)
        control_reload_rules(control, NULL, NULL);
    for (size_t i = 0; i < control->inherited.n; i++) {
        char name[INHERITED_NAME_BYTES];
        inherited_name(control->inherited.fds[i], name);
        log_event("info", "listener_left", "%s is no longer configured", name);
        remove_path(control->inherited.fds[i]);
    }
}
