/* The worker's choice of a server: what the table and the counters say, put before balance_pick. */
#include "servers.h"

#include "balance.h"
#include "worker.h"

#include "stopgap/banned.h"

void servers_share(struct worker_shared *shared)
{
    const struct config *config = shared->config;
    shared->n_vdirs = config_health_vdirs(config, shared->vdirs, LIMIT_HEALTH_VDIRS);
    for (size_t i = 0; i < config_n_servers(config); i++)
        shared->server_keys[i] = balance_key(slice_str(config_server(config, i)->url));
}

size_t servers_column(const struct worker *worker, struct slice vdir)
{
    const struct worker_shared *shared = worker->shared;
    for (size_t i = 0; i < shared->n_vdirs; i++)
        if (slice_equal_nocase(shared->vdirs[i], vdir))
            return i;
    return SERVERS_OTHER;
}

static struct balance_server server_now(const struct worker *worker, size_t i,
                                        const struct server_query *query)
{
    struct server_counts *counts = &worker->shared->servers[i];
    const struct server_state *state = &worker->table->states[i];
    uint64_t avoided_until_ms =
        atomic_load_explicit(&counts->avoided_until_ms, memory_order_relaxed);
    return (struct balance_server){
        .key = worker->shared->server_keys[i],
        .weight = config_server(worker->config, i)->weight,
        .n_connections = atomic_load_explicit(&counts->n_connections, memory_order_relaxed),
        .recovered_at_ms = state->recovered_at_ms[query->column],
        .is_down = state->is_down[query->column],
        .was_tried = (query->tried >> i & 1) != 0,
        .is_avoided = avoided_until_ms > worker_now_ms(worker),
    };
}

int servers_pick(struct worker *worker, const struct server_query *query)
{
    struct balance_server servers[LIMIT_SERVERS];
    size_t n = config_n_servers(worker->config);
    for (size_t i = 0; i < n; i++)
        servers[i] = server_now(worker, i, query);
    if (query->wanted >= 0) {
        const struct balance_server *wanted = &servers[query->wanted];
        if (!wanted->is_down && !wanted->was_tried && !wanted->is_avoided)
            return query->wanted;
    }
    struct balance_query balance = {
        .method = worker->config->upstream.balance,
        .client = query->client,
        .now_ms = worker_now_ms(worker),
        .slow_start_ms = worker->config->upstream.slow_start_ms,
        .turn = worker->server_turn++,
    };
    return balance_pick(&balance, servers, n);
}

bool servers_any_up(const struct worker *worker, size_t column)
{
    for (size_t i = 0; i < config_n_servers(worker->config); i++)
        if (!worker->table->states[i].is_down[column])
            return true;
    return false;
}

void servers_begin(struct worker *worker, size_t server)
{
    struct server_counts *counts = &worker->shared->servers[server];
    atomic_fetch_add_explicit(&counts->n_connections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->connections, 1, memory_order_relaxed);
}

void servers_reach(struct worker *worker, size_t server)
{
    atomic_store_explicit(&worker->shared->servers[server].avoided_until_ms, 0,
                          memory_order_relaxed);
}

void servers_fail(struct worker *worker, size_t server)
{
    struct server_counts *counts = &worker->shared->servers[server];
    atomic_fetch_add_explicit(&counts->failures, 1, memory_order_relaxed);
    atomic_store_explicit(&counts->avoided_until_ms,
                          worker_now_ms(worker) + worker->config->health.interval_ms,
                          memory_order_relaxed);
}

void servers_end(struct worker *worker, size_t server)
{
    atomic_fetch_sub_explicit(&worker->shared->servers[server].n_connections, 1,
                              memory_order_relaxed);
}
