/* getaddrinfo, for the start and for the command line. */
#include "resolve.h"

#include <stdio.h>

#include "stopgap/banned.h"

const struct addrinfo *resolve_hints(void)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    return &hints;
}

void resolve_take(const struct addrinfo *list, struct upstream_addresses *ret_addresses)
{
    *ret_addresses = (struct upstream_addresses){0};
    for (; list != NULL && ret_addresses->n < UPSTREAM_MAX_ADDRESSES; list = list->ai_next)
        if (list->ai_addrlen <= sizeof(ret_addresses->items[0]))
            memcpy(&ret_addresses->items[ret_addresses->n++], list->ai_addr, list->ai_addrlen);
}

const char *resolve_now(const struct server_config *server,
                        struct upstream_addresses *ret_addresses)
{
    char service[8];
    struct addrinfo *list;
    (void)snprintf(service, sizeof(service), "%u", server->port);
    int status = getaddrinfo(server->host, service, resolve_hints(), &list);
    if (status != 0)
        return gai_strerror(status);
    resolve_take(list, ret_addresses);
    freeaddrinfo(list);
    return NULL;
}
