/* From the name of a server to its addresses. */
#pragma once

#include "config/config.h"
#include "servers.h"

#include <netdb.h>

/* How to ask. */
const struct addrinfo *resolve_hints(void);
/* The first addresses of an answer; NULL: none. */
void resolve_take(const struct addrinfo *list, struct upstream_addresses *ret_addresses);
/* Ask now, blocking. NULL, or why not. */
const char *resolve_now(const struct server_config *server,
                        struct upstream_addresses *ret_addresses);
