/* What control knows of the servers: their addresses, resolved at start and again while the program
 * runs, and what the health checks say. Each change goes to the workers as a table of their own. */
#include "control_internal.h"

#include "resolve.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum { RESOLVE_EVERY_MS = 30 * 1000 };

struct server_table *control_new_table(const struct control *control)
{
    struct server_table *table = malloc(sizeof(*table));
    if (table != NULL)
        *table = control->table;
    return table;
}

static void control_post_table(void *ctx)
{
    struct control *control = ctx;
    if (control->is_stopping)
        return;
    for (unsigned i = 0; i < control->n_workers; i++) {
        struct worker_mail mail = {.table = control_new_table(control)};
        if (mail.table != NULL) /* else the worker goes on with what it knows */
            (void)worker_post(&control->workers[i], &mail);
    }
}

/* The servers first, then those of pass_through; .url NULL: that entry has none of its own. */
static size_t n_targets(const struct control *control)
{
    return config_n_servers(control->config) + control->config->n_pass_through;
}

static const struct server_config *target_server(const struct control *control, size_t i)
{
    size_t n_servers = config_n_servers(control->config);
    return i < n_servers ? config_server(control->config, i)
                         : &control->config->pass_through[i - n_servers].server;
}

static struct upstream_addresses *target_addresses(struct control *control, size_t i)
{
    size_t n_servers = config_n_servers(control->config);
    return i < n_servers ? &control->table.states[i].addresses
                         : &control->table.pass_through[i - n_servers];
}

void control_resolve_now(struct control *control)
{
    for (size_t i = 0; i < n_targets(control); i++) {
        const struct server_config *server = target_server(control, i);
        const char *problem =
            server->url != NULL ? resolve_now(server, target_addresses(control, i)) : NULL;
        if (problem != NULL)
            log_event("error", "upstream_name",
                      "%s does not resolve (%s); it is not used until it does", server->host,
                      problem);
    }
}

/* Once when it begins to fail and once when that is over, not every time. */
static void resolver_note(struct control_resolver *resolver, int status)
{
    const char *host = target_server(resolver->control, resolver->index)->host;
    bool is_failing = status != 0 && status != UV_ECANCELED;
    if (is_failing && !resolver->is_failing)
        log_event("error", "upstream_name",
                  "%s does not resolve any more (%s); the addresses known of it stay in use", host,
                  uv_strerror(status));
    else if (!is_failing && resolver->is_failing)
        log_event("info", "upstream_name", "%s resolves again", host);
    resolver->is_failing = is_failing;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct control_resolver *resolver =
        (struct control_resolver *)((char *)request - offsetof(struct control_resolver, request));
    struct control *control = resolver->control;
    struct upstream_addresses *known = target_addresses(control, resolver->index);
    struct upstream_addresses found;
    resolver->is_busy = false;
    resolver_note(resolver, status);
    if (status != 0) /* the addresses that worked stay */
        return;
    resolve_take(list, &found);
    uv_freeaddrinfo(list);
    if (found.n == 0 || memcmp(&found, known, sizeof(found)) == 0)
        return;
    *known = found;
    control_post_table(control);
}

void control_resolve_again(struct control *control)
{
    for (size_t i = 0; i < n_targets(control) && !control->is_stopping; i++) {
        const struct server_config *server = target_server(control, i);
        struct control_resolver *resolver = &control->resolvers[i];
        char service[8];
        if (resolver->is_busy || resolver->is_literal)
            continue;
        (void)snprintf(service, sizeof(service), "%u", server->port);
        resolver->is_busy = uv_getaddrinfo(&control->loop, &resolver->request, on_resolved,
                                           server->host, service, resolve_hints()) == 0;
    }
}

static void on_resolve_timer(uv_timer_t *timer)
{
    control_resolve_again(
        (struct control *)((char *)timer - offsetof(struct control, resolve_timer)));
}

/* An address literal needs no second look. */
static bool host_is_literal(const char *host)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
    struct addrinfo *list;
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return false;
    freeaddrinfo(list);
    return true;
}

static void control_resolve_start(struct control *control)
{
    bool has_names = false;
    for (size_t i = 0; i < n_targets(control); i++) {
        const struct server_config *server = target_server(control, i);
        bool is_literal = server->url == NULL || host_is_literal(server->host);
        control->resolvers[i] =
            (struct control_resolver){.control = control, .index = i, .is_literal = is_literal};
        has_names |= !is_literal;
    }
    if (has_names)
        (void)uv_timer_start(&control->resolve_timer, on_resolve_timer, RESOLVE_EVERY_MS,
                             RESOLVE_EVERY_MS);
}

bool control_servers_start(struct control *control, struct err *err)
{
    control_resolve_start(control);
    control->health = health_start(&(struct health_setup){.loop = &control->loop,
                                                          .config = control->config,
                                                          .table = &control->table,
                                                          .context = &control->check_context,
                                                          .events = control->events,
                                                          .on_change = control_post_table,
                                                          .ctx = control});
    return control->health != NULL || !config_checks_health(control->config) ||
           err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for the health checks");
}
