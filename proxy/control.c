/* The control loop: what runs beside the data path. */
#include "address_table.h"
#include "control_start.h"
#include "fd_limit.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "stopgap/banned.h"

static const int handled_signals[CONTROL_SIGNALS] = {SIGHUP, SIGUSR1, SIGQUIT, SIGTERM, SIGINT};

uint64_t control_unix_now(void)
{
    return (uint64_t)time(NULL);
}

/* ---- the end */

static void control_close_handles(struct control *control)
{
    uv_handle_t *handles[] = {
        (uv_handle_t *)&control->outbox,         (uv_handle_t *)&control->drain_timer,
        (uv_handle_t *)&control->resolve_timer,  (uv_handle_t *)&control->watch,
        (uv_handle_t *)&control->watch_timer,    (uv_handle_t *)&control->mitigation_timer,
        (uv_handle_t *)&control->watchdog_timer,
    };
    control_eocs_stop(control);
    control_feed_stop(control);
    control_builds_stop(control);
    control_trust_stop(control);
    control_canary_stop(control);
    control_leave_admin(control);
    if (control->admin != NULL)
        admin_stop(control->admin);
    control->admin = NULL;
    control_upgrade_stop(control);
    events_stop(control->events);
    health_stop(control->health);
    control_parity_stop(control);
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
        if (!uv_is_closing(handles[i]))
            uv_close(handles[i], NULL);
    for (size_t i = 0; i < CONTROL_SIGNALS; i++)
        if (!uv_is_closing((uv_handle_t *)&control->signals[i]))
            uv_close((uv_handle_t *)&control->signals[i], NULL);
}

void control_stop(struct control *control)
{
    struct worker_mail mail = {.stops = true};
    if (control->is_stopping)
        return;
    control->is_stopping = true;
    atomic_store(&control->is_over, true);
    notify_state("STOPPING=1");
    for (unsigned i = 0; i < control->n_workers; i++)
        (void)worker_post(&control->workers[i], &mail);
}

/* A worker gave back a lease, or has ended; after the last one the loop ends. */
static void on_outbox(uv_async_t *async)
{
    struct control *control = (struct control *)((char *)async - offsetof(struct control, outbox));
    control_retire_leases(control);
    if (atomic_load(&control->shared.n_running) == 0)
        control_close_handles(control);
}

static void notify_outbox(void *ctx)
{
    struct control *control = ctx;
    (void)uv_async_send(&control->outbox);
}

/* ---- signals and admin */

static void on_signal(uv_signal_t *handle, int number)
{
    struct control *control = handle->data;
    switch (number) {
    case SIGHUP:
        control_reload(control, NULL, NULL);
        break;
    case SIGUSR1:
        log_writer_reopen(control->log);
        log_event("info", "logs_reopened", "on signal USR1");
        break;
    case SIGQUIT:
        control_drain(control);
        break;
    default:
        control_stop(control);
    }
}

static void admin_reload(void *ctx, admin_reload_cb done, void *done_ctx)
{
    control_reload(ctx, done, done_ctx);
}

static void admin_drain(void *ctx)
{
    control_drain(ctx);
}

static bool control_start_admin(struct control *control, struct err *err)
{
    struct admin_backend backend = {.ctx = control,
                                    .collect = control_collect,
                                    .reload = admin_reload,
                                    .fetch = control_feed_fetch,
                                    .drain = admin_drain,
                                    .upgrade = control_upgrade,
                                    .lend = control_lend,
                                    .replaced = control_replaced,
                                    .mitigate = control_mitigate,
                                    .change_trust = control_change_trust};
    if (control->config->n_admin == 0)
        return true;
    control->admin =
        admin_start(&control->loop, control->config, &control->inherited, &backend, err);
    return control->admin != NULL;
}

/* ---- the start */

static void control_init(struct control *control, const struct config *config)
{
    *control = (struct control){.config = config, .started_unix = control_unix_now()};
    control->shared = (struct worker_shared){
        .config = config, .on_outbox = notify_outbox, .on_outbox_ctx = control};
    for (size_t i = 0, len = 0; i < config_n_servers(config); i++)
        if (len < sizeof(control->upstream_label))
            len += (size_t)snprintf(control->upstream_label + len,
                                    sizeof(control->upstream_label) - len, "%s%s",
                                    i != 0 ? "," : "", config_server(config, i)->url);
    (void)uv_loop_init(&control->loop);
    (void)uv_async_init(&control->loop, &control->outbox, on_outbox);
    (void)uv_timer_init(&control->loop, &control->drain_timer);
    (void)uv_timer_init(&control->loop, &control->watchdog_timer);
    (void)uv_timer_init(&control->loop, &control->resolve_timer);
    (void)uv_timer_init(&control->loop, &control->watch_timer);
    (void)uv_timer_init(&control->loop, &control->mitigation_timer);
    (void)uv_fs_event_init(&control->loop, &control->watch);
    for (size_t i = 0; i < CONTROL_SIGNALS; i++) {
        (void)uv_signal_init(&control->loop, &control->signals[i]);
        control->signals[i].data = control;
        (void)uv_signal_start(&control->signals[i], on_signal, handled_signals[i]);
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error code, not a death */
    (void)signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow */
}

/* When everything else has its descriptors, and before the first client has one. */
static bool control_limit_clients(struct control *control, struct err *err)
{
    const struct limits_config *limits = &control->config->limits;
    struct worker_shared *shared = &control->shared;
    if (!fd_limit_fit(control->config, &shared->max_connections, err))
        return false;
    if (limits->connections_per_address == 0)
        return true;
    shared->addresses =
        address_table_new(shared->max_connections, limits->connections_per_address, err);
    return shared->addresses != NULL;
}

static bool control_start(struct control *control, struct err *err)
{
    const struct config *config = control->config;
    fd_limit_raise(config);
    control->events = events_start(&control->loop, config);
    control->policy = policy_new(config);
    if (control->events == NULL || control->policy == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    control_mitigations_start(control);
    control->log = log_writer_start(config->access_log, config->decision_log, err);
    if (control->log == NULL)
        return false;
    if (config->mode == RULES_OFF)
        log_event("warn", "mode_off", "no request is inspected");
    if (config_has_upstream_tls(config) && !config->upstream.verify)
        log_event("warn", "upstream_unverified",
                  "the certificate of %s is not verified: anybody on the way can read mail",
                  control->upstream_label);
    for (size_t i = 0; i < config->n_listen; i++)
        if (!config_add_string(&control->listener_urls, config->listen[i].url, err))
            return false;
    if (!control_eocs_init(control, err) || !control_feed_init(control, err) ||
        !control_trust_init(control, err) || !control_rules_start(control, err))
        return false;
    bool ok = control_inherit(control, err) && control_make_workers(control, err) &&
              control_start_admin(control, err) && control_limit_clients(control, err) &&
              control_servers_start(control, err) && control_parity_start(control, err) &&
              control_start_workers(control, err);
    if (ok)
        control_say_taken(control);
    control_inherit_end(control);
    if (!ok || control->is_too_late)
        return ok;
    control_watch_start(control);
    control_eocs_start(control);
    control_feed_start(control);
    control_trust_start(control);
    control_canary_start(control);
    if (control->has_begun_with_kept)
        control_reload_rules(control, NULL, NULL);
    return true;
}

static void control_done(struct control *control)
{
    control_retire_leases(control);
    for (unsigned i = 0; i < control->n_workers; i++)
        worker_done(&control->workers[i]);
    free(control->workers);
    address_table_free(control->shared.addresses);
    for (size_t i = 0; i < control->listener_urls.n; i++)
        free(control->listener_urls.items[i]);
    free(control->listener_urls.items);
    control_rules_done(control);
    control_parity_done(control);
    control_tls_done(control);
    log_writer_stop(control->log);
    control_eocs_done(control);
    control_feed_done(control);
    control_trust_done(control);
    control_canary_done(control);
    events_free(control->events);
    health_free(control->health);
    free(control->policy);
    (void)uv_loop_close(&control->loop);
    free(control);
}

static void announce_pass_through(const struct config *config)
{
    for (size_t i = 0; i < config->n_pass_through; i++)
        for (size_t k = 0; k < config->pass_through[i].names.n; k++)
            log_event(
                "warn", "pass_through", "connections for %s are not inspected; they go to %s%s",
                config->pass_through[i].names.items[k],
                config->pass_through[i].server.url != NULL ? config->pass_through[i].server.url
                                                           : "the upstream",
                config_pass_through_is_risky(config, i)
                    ? ", where a client can ask for any Host past the rules: 'stopgap check' "
                      "says more"
                    : "");
}

static void control_announce(struct control *control)
{
    control->is_ready = true;
    control->is_listening = true;
    for (size_t i = 0; i < control->config->n_listen; i++)
        log_event("info", "listening", "url=%s upstream=%s workers=%u mode=%s rules=%s",
                  control->config->listen[i].url, control->upstream_label, control->n_workers,
                  control->config->mode == RULES_BLOCK    ? "block"
                  : control->config->mode == RULES_DETECT ? "detect"
                                                          : "off",
                  ruleset_name(control->set));
    announce_pass_through(control->config);
    notify_state("READY=1");
    control_watchdog_start(control);
}

int control_run(const struct config *config, const struct control_launch *launch)
{
    struct err err = {0};
    struct control *control = malloc(sizeof(*control));
    if (control == NULL)
        return 1;
    control_init(control, config);
    control->take_over_url = launch->take_over_url;
    control->arguments = launch->arguments;
    control_upgrade_init(control);
    if (!control_start(control, &err)) {
        char line[1400];
        err_format(&err, line, sizeof(line));
        (void)fprintf(stderr, "stopgap: %s\n", line);
        control_trust_leave(control);
        return 1; /* the process ends; nothing was served yet */
    }
    if (!control->is_too_late)
        control_announce(control);
    control_upgrade_done(control);
    (void)uv_run(&control->loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < control->n_workers; i++)
        worker_join(&control->workers[i]);
    log_event("info", "stopped", "after %llu s",
              (unsigned long long)(control_unix_now() - control->started_unix));
    int status = control->is_too_late ? 1 : 0;
    control_done(control);
    return status;
}
