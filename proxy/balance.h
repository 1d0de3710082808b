/* Which server takes a new connection; pure.
 *
 * Least connections: the fewest connections for its weight. Source hash: rendezvous hashing, each
 * server bids for each client and the highest bid wins, so a server that leaves moves its own
 * clients only, and one that comes back gets exactly those again. */
#pragma once

#include "config/config.h"

/* What is known of one server at the moment of the choice. */
struct balance_server {
    uint64_t key;             /* balance_key of its URL */
    uint64_t weight;          /* 1 to 100 */
    uint64_t n_connections;   /* of all workers */
    uint64_t recovered_at_ms; /* when it came back, for the slow start; 0: it never was away */
    bool is_down;             /* a health check says so; never chosen */
    bool was_tried;           /* for this connection, in vain; never chosen */
    bool is_avoided;          /* it refused somebody just now; chosen when there is no other */
};

struct balance_query {
    enum balance_method method;
    const struct net_address *client;
    uint64_t now_ms;
    uint64_t slow_start_ms; /* 0: none */
    uint64_t turn;          /* where equals begin, so that they take turns */
};

enum { BALANCE_NONE = -1 };

/* Position of the server, or BALANCE_NONE when each is down or was tried. */
int balance_pick(const struct balance_query *query, const struct balance_server *servers, size_t n);

/* What stands for a server in the hash: its URL, so that its place in the list does not matter. */
uint64_t balance_key(struct slice url);
