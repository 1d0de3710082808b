/* The upstream's name: resolved at start, and again while the program runs. */
#include "control_internal.h"

#include <netdb.h>
#include <stdio.h>

#include "stopgap/banned.h"

enum { RESOLVE_EVERY_MS = 30 * 1000 };

static void addresses_take(const struct addrinfo *list, struct upstream_addresses *ret_addresses)
{
    *ret_addresses = (struct upstream_addresses){0};
    for (; list != NULL && ret_addresses->n < UPSTREAM_MAX_ADDRESSES; list = list->ai_next)
        if (list->ai_addrlen <= sizeof(ret_addresses->items[0]))
            memcpy(&ret_addresses->items[ret_addresses->n++], list->ai_addr, list->ai_addrlen);
}

static const struct addrinfo *resolve_hints(void)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    return &hints;
}

bool control_resolve_now(struct control *control, struct upstream_addresses *ret_addresses)
{
    const struct upstream_config *upstream = &control->config->upstream;
    char service[8];
    struct addrinfo *list;
    (void)snprintf(service, sizeof(service), "%u", upstream->port);
    int status = getaddrinfo(upstream->host, service, resolve_hints(), &list);
    if (status != 0) {
        *ret_addresses = (struct upstream_addresses){0};
        log_event("error", "upstream_name",
                  "%s does not resolve (%s); requests get 502 until it does", upstream->host,
                  gai_strerror(status));
        return false;
    }
    addresses_take(list, ret_addresses);
    freeaddrinfo(list);
    return true;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct control *control =
        (struct control *)((char *)request - offsetof(struct control, resolve));
    struct worker_mail mail = {.has_addresses = true};
    control->is_resolving = false;
    if (status == 0) { /* on failure the addresses that worked stay */
        addresses_take(list, &mail.addresses);
        uv_freeaddrinfo(list);
        for (unsigned i = 0; i < control->n_workers; i++)
            (void)worker_post(&control->workers[i], &mail);
    }
}

static void on_resolve_timer(uv_timer_t *timer)
{
    struct control *control =
        (struct control *)((char *)timer - offsetof(struct control, resolve_timer));
    const struct upstream_config *upstream = &control->config->upstream;
    char service[8];
    if (control->is_resolving || control->is_stopping)
        return;
    (void)snprintf(service, sizeof(service), "%u", upstream->port);
    control->is_resolving = uv_getaddrinfo(&control->loop, &control->resolve, on_resolved,
                                           upstream->host, service, resolve_hints()) == 0;
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

void control_resolve_start(struct control *control)
{
    if (!host_is_literal(control->config->upstream.host))
        (void)uv_timer_start(&control->resolve_timer, on_resolve_timer, RESOLVE_EVERY_MS,
                             RESOLVE_EVERY_MS);
}
