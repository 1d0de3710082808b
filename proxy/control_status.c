/* What control knows, for /metrics and /status.json. */
#include "control_internal.h"
#include "webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stopgap/banned.h"

static void collect_rules(struct control *control, struct status *status)
{
    const struct ruleset *set = control->set;
    status->ruleset_name = ruleset_name(set);
    status->ruleset_hash = ruleset_hash(set);
    status->ruleset_since_unix = control->set_since;
    ruleset_stats(set, &status->ruleset);
    status->judgement = control->judgement;
    control_collect_canary(control, status);
    status->trust_is_expired = status->ruleset.expires_unix != 0 &&
                               (int64_t)control_unix_now() > status->ruleset.expires_unix;
    size_t n = ruleset_n_rules(set);
    status->rules = calloc(n != 0 ? n : 1, sizeof(*status->rules));
    if (status->rules == NULL)
        return;
    status->n_rules = n;
    for (size_t i = 0; i < n; i++) {
        status->rules[i].info = *ruleset_rule(set, i);
        status->rules[i].hits = control_rule_hits(control, status->rules[i].info.id);
    }
}

enum { ERROR_BYTES = 1024, ERROR_CODE_BYTES = 32 };

/* Why the last try failed; both stay empty when it did not. */
static void collect_error(const struct err *err, char text[static ERROR_BYTES],
                          char code[static ERROR_CODE_BYTES])
{
    if (err->kind == ERR_NONE)
        return;
    err_format(err, text, ERROR_BYTES);
    (void)snprintf(code, ERROR_CODE_BYTES, "%s", err->code);
}

static void collect_reloads(const struct control *control, struct status *status)
{
    status->reloads_ok = control->reloads_ok;
    status->reloads_failed = control->reloads_failed;
    status->refusals = &control->refusals;
    collect_error(&control->reload_err, status->reload_error, status->reload_error_code);
    status->reload_error_unix = control->reload_err_unix;
}

static void collect_tls(const struct control *control, struct status *status)
{
    status->tls_reloads_ok = control->tls_ok;
    status->tls_reloads_failed = control->tls_failed;
    control_collect_certificates(control, status);
    collect_error(&control->tls_err, status->tls_error, status->tls_error_code);
    status->tls_error_unix = control->tls_err_unix;
}

static void collect_feed(const struct control *control, struct status *status)
{
    const struct control_eocs *eocs = control->eocs;
    if (eocs == NULL)
        return;
    struct feed_status *feed = &status->feed;
    *feed = (struct feed_status){.url = control->config->eocs.url,
                                 .document = eocs->current.sha256,
                                 .signed_unix = eocs->current.signed_at,
                                 .contact_unix = eocs->contact_unix,
                                 .n_good = eocs->n_good,
                                 .n_failed = eocs->n_failed,
                                 .n_files = eocs->current.n_files,
                                 .n_left_out = eocs->current.n_left_out,
                                 .left_out = eocs->current.left_out,
                                 .error_unix = eocs->err_unix};
    collect_error(&eocs->err, feed->error, feed->error_code);
}

static void collect_webhook(const struct control *control, struct status *status)
{
    const struct webhook *webhook = events_webhook(control->events);
    struct webhook_counts counts;
    if (webhook == NULL)
        return;
    webhook_count(webhook, &counts);
    status->webhook = (struct webhook_status){.url = counts.url,
                                              .n_sent = counts.n_sent,
                                              .n_lost = counts.n_lost,
                                              .n_waiting = counts.n_waiting,
                                              .error = counts.error,
                                              .error_unix = counts.error_unix};
}

static void collect_servers(struct control *control, struct status *status)
{
    size_t n = config_n_servers(control->config);
    status->servers = calloc(n, sizeof(*status->servers));
    if (status->servers == NULL)
        return;
    status->n_servers = n;
    for (size_t i = 0; i < n; i++) {
        struct server_status *server = &status->servers[i];
        struct server_counts *counts = &control->shared.servers[i];
        server->url = config_server(control->config, i)->url;
        server->weight = config_server(control->config, i)->weight;
        server->connections_open = atomic_load(&counts->n_connections);
        server->connections = atomic_load(&counts->connections);
        server->failures = atomic_load(&counts->failures);
        health_collect(control->health, i, server);
        control_parity_server(control, i, server);
    }
}

void control_collect(void *ctx, struct status *ret_status)
{
    struct control *control = ctx;
    *ret_status = (struct status){
        .version = STOPGAP_VERSION,
        .started_unix = control->started_unix,
        .pid = (uint64_t)getpid(),
        .is_ready = control->is_ready && !control->is_draining,
        .is_draining = control->is_draining,
        .is_listening = control->is_listening,
        .mode = control->config->mode,
        .n_workers = control->n_workers,
        .upstream = control->upstream_label,
        .pass_through = control->config->pass_through,
        .n_pass_through = control->config->n_pass_through,
        .listeners = control->listener_urls,
    };
    for (unsigned i = 0; i < control->n_workers; i++)
        worker_stats_add(&ret_status->totals, &control->workers[i].stats);
    collect_servers(control, ret_status);
    collect_rules(control, ret_status);
    control_collect_stale(control, ret_status);
    collect_reloads(control, ret_status);
    control_collect_mitigations(control, ret_status);
    control_collect_policy(control, ret_status);
    collect_tls(control, ret_status);
    collect_feed(control, ret_status);
    control_collect_feed(control, ret_status);
    control_collect_trust(control, ret_status);
    collect_webhook(control, ret_status);
}
