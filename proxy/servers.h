/* The Exchange servers as the workers see them: where they are, which of their virtual directories
 * are up, how many connections each has, and whose turn it is.
 *
 * Control makes the tables and posts one to each worker, which owns it from then on. The counters
 * are shared by all threads; they are touched when a connection to a server begins, fails or ends,
 * like the count of clients, and never on the path of a request. */
#pragma once

#include "config/config.h"
#include "proxy_limits.h"

#include <stdatomic.h>
#include <sys/socket.h>

struct worker;
struct worker_shared;

enum {
    UPSTREAM_MAX_ADDRESSES = 8, /* of one name; a round-robin entry of a site has fewer */
    /* Column of what no health check looks at: up while any directory of the server is up. */
    SERVERS_OTHER = LIMIT_HEALTH_VDIRS,
    SERVERS_COLUMNS,
};

/* Where a server's name leads. */
struct upstream_addresses {
    struct sockaddr_storage items[UPSTREAM_MAX_ADDRESSES];
    size_t n;
};

struct server_state {
    struct upstream_addresses addresses;
    bool is_down[SERVERS_COLUMNS];
    uint64_t recovered_at_ms[SERVERS_COLUMNS]; /* of the monotonic clock; 0: it never was down */
};

/* Immutable once it was posted. */
struct server_table {
    struct server_state states[LIMIT_SERVERS];
    struct upstream_addresses
        pass_through[LIMIT_PASS_THROUGH]; /* of entries with an own upstream */
};

/* What all threads count of one server. */
struct server_counts {
    _Atomic unsigned n_connections;    /* open now */
    _Atomic uint64_t connections;      /* made since the start */
    _Atomic uint64_t failures;         /* connections that could not be made */
    _Atomic uint64_t avoided_until_ms; /* it refused somebody: others come first until then */
};

/* Who asks for a server, and what for. */
struct server_query {
    const struct net_address *client;
    size_t column;  /* servers_column */
    uint32_t tried; /* a bit for each server that failed for this connection */
    int wanted;     /* the server this client had before, or -1 */
};

/* Fill in what all workers share, from shared->config. Before any of them starts. */
void servers_share(struct worker_shared *shared);
/* Column of a virtual directory: the first segment of the path, of any case. */
size_t servers_column(const struct worker *worker, struct slice vdir);
/* The server for a new connection, or BALANCE_NONE. */
int servers_pick(struct worker *worker, const struct server_query *query);
/* Is there a server that no health check calls down in this column? */
bool servers_any_up(const struct worker *worker, size_t column);

/* A connection to the server was begun, is there, could not be made, or is over. */
void servers_begin(struct worker *worker, size_t server);
void servers_reach(struct worker *worker, size_t server);
void servers_fail(struct worker *worker, size_t server);
void servers_end(struct worker *worker, size_t server);
