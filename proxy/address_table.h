/* How many connections each client address has, over all workers.
 *
 * Touched when a connection begins and ends, never on the path of a request; so one lock is enough.
 * An IPv4 address counts by itself, IPv6 by its /64, which is what one subscriber has. The hash has
 * a secret key: nobody can choose addresses that meet in one chain. */
#pragma once

#include "stopgap/err.h"
#include "stopgap/request.h"

struct address_table;
struct address_place; /* one address that has connections */

/* max_places    connections there can be at once, so that there is a place for each; all of the
 *               memory is taken here, 60 bytes for each
 * max_each      connections of one address, at least 1
 *
 * NULL with err. */
struct address_table *address_table_new(size_t max_places, uint64_t max_each, struct err *err);
void address_table_free(struct address_table *table);

/* One more connection of this address. NULL: it has as many as it may. Any thread. */
MUST_USE struct address_place *address_table_take(struct address_table *table,
                                                  const struct net_address *address);
/* That connection is over. NULL is allowed. Any thread. */
void address_table_release(struct address_table *table, struct address_place *place);
