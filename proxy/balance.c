/* The two methods, and the ramp of a slow start. */
#include "balance.h"

#include <math.h>

#include "stopgap/banned.h"

enum {
    FULL_SHARE = 1000,
    LEAST_SHARE = 10, /* of FULL_SHARE, at the begin of a slow start: somebody must try it */
};

/* splitmix64's finish: each bit of the input changes half of the output. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t balance_key(struct slice url)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < url.len; i++)
        hash = (hash ^ (unsigned char)ascii_lower(url.ptr[i])) * 0x100000001b3u;
    return mix(hash);
}

/* An IPv4 address, or the network of an IPv6 one: its second half changes every few hours
 * (RFC 8981), and the client would move with it. */
static uint64_t client_key(const struct net_address *client)
{
    uint64_t key = 0;
    memcpy(&key, client->bytes + (net_address_is_ipv4(client) ? 8 : 0), sizeof(key));
    return mix(key + 0x9e3779b97f4a7c15u);
}

/* The weight, times FULL_SHARE; less while a recovered server warms up. */
static uint64_t weight_now(const struct balance_query *query, const struct balance_server *server)
{
    uint64_t share = FULL_SHARE;
    if (server->recovered_at_ms != 0 && query->slow_start_ms != 0) {
        uint64_t age_ms =
            query->now_ms > server->recovered_at_ms ? query->now_ms - server->recovered_at_ms : 0;
        if (age_ms < query->slow_start_ms)
            share = age_ms * FULL_SHARE / query->slow_start_ms;
        share = share < LEAST_SHARE ? LEAST_SHARE : share;
    }
    return (server->weight != 0 ? server->weight : 1) * share;
}

/* -weight / ln(u) with u from 0 to 1 wins in proportion to the weights. */
static double bid(const struct balance_query *query, const struct balance_server *server)
{
    uint64_t hash = mix(client_key(query->client) ^ server->key);
    double u = ((double)(hash >> 11) + 0.5) * 0x1p-53;
    return -(double)weight_now(query, server) / log(u);
}

/* Does a get the connection rather than b? Compares (connections + 1) / weight. */
static bool is_less_loaded(const struct balance_query *query, const struct balance_server *a,
                           const struct balance_server *b)
{
    return (a->n_connections + 1) * weight_now(query, b) <
           (b->n_connections + 1) * weight_now(query, a);
}

static bool is_better(const struct balance_query *query, const struct balance_server *a,
                      const struct balance_server *b)
{
    if (query->method == BALANCE_SOURCE_HASH)
        return bid(query, a) > bid(query, b);
    return is_less_loaded(query, a, b);
}

static int pick(const struct balance_query *query, const struct balance_server *servers, size_t n,
                bool takes_avoided)
{
    int best = BALANCE_NONE;
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)((query->turn + i) % n);
        const struct balance_server *server = &servers[at];
        if (server->is_down || server->was_tried || (server->is_avoided && !takes_avoided))
            continue;
        if (best == BALANCE_NONE || is_better(query, server, &servers[best]))
            best = (int)at;
    }
    return best;
}

int balance_pick(const struct balance_query *query, const struct balance_server *servers, size_t n)
{
    int best = pick(query, servers, n, false);
    return best != BALANCE_NONE ? best : pick(query, servers, n, true);
}
