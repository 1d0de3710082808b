/* The client behind trusted proxies. */
#pragma once

#include "config/config.h"
#include "http/head.h"

/* Walk X-Forwarded-For from its end: the first address that is not a trusted proxy is the client.
 * ret_address keeps its value where the field is missing or not an address. */
void forwarded_client(const struct http_head *head, const struct config *config,
                      struct net_address *ret_address);
/* "192.0.2.1" or "2001:db8::1" (brackets and a port are tolerated). */
bool forwarded_parse_address(struct slice text, struct net_address *ret_address);
