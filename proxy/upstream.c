/* Opening, serving and letting go of upstream connections. */
#include "upstream.h"

#include "balance.h"
#include "conn.h"
#include "net/proxy_protocol.h"
#include "txn.h"
#include "worker.h"

#include <assert.h>
#include <stdlib.h>

#include "stopgap/banned.h"

static void on_upstream_open(struct stream *stream);
static void on_upstream_data(struct stream *stream, struct piece piece);
static void on_upstream_end(struct stream *stream);
static void on_upstream_sent(struct stream *stream);
static void on_upstream_failed(struct stream *stream, enum stream_failure failure,
                               const char *text);
static void on_upstream_closed(struct stream *stream);

static const struct stream_events upstream_events = {
    .on_open = on_upstream_open,
    .on_data = on_upstream_data,
    .on_end = on_upstream_end,
    .on_sent = on_upstream_sent,
    .on_failed = on_upstream_failed,
    .on_closed = on_upstream_closed,
};

static void upstream_run(struct upstream *upstream)
{
    if (upstream->conn != NULL)
        conn_run(upstream->conn);
}

static void upstream_set_failure(struct upstream *upstream, enum stream_failure failure,
                                 const char *text)
{
    upstream->failure = failure;
    free(upstream->failure_text);
    upstream->failure_text = strdup(text);
}

struct slice upstream_failure_text(const struct upstream *upstream)
{
    return upstream->failure_text != NULL ? slice_str(upstream->failure_text) : SLICE("");
}

bool upstream_send_proxy_header(const struct conn *conn, struct stream *stream)
{
    enum proxy_protocol_version version = conn->worker->config->upstream.proxy_protocol;
    struct proxy_protocol_ends ends = {.source = conn->address, .source_port = conn->port};
    char header[PROXY_PROTOCOL_WRITE_BYTES];
    if (version == PROXY_PROTOCOL_NONE)
        return true;
    ends.is_known = tcp_stream_local(&conn->tcp, &ends.target, &ends.target_port);
    size_t len = proxy_protocol_write(version == PROXY_PROTOCOL_V2, &ends, header);
    return stream_send_copy(stream, slice_make(header, len));
}

/* False: no memory. */
static bool upstream_add_tls(struct upstream *upstream)
{
    struct worker *worker = upstream->worker;
    size_t server = upstream->attempt.server;
    struct tls_peer peer = {.name = config_server_name(worker->config, server),
                            .cache = &worker->upstream_sessions[server]};
    upstream->tls = calloc(1, sizeof(*upstream->tls));
    if (upstream->tls == NULL)
        return false;
    upstream->stream = &upstream->tls->stream;
    return tls_stream_init(upstream->tls, &upstream->tcp.stream, worker->upstream_context, &peer,
                           &upstream_events, upstream);
}

/* Put TCP, and TLS where configured, into the struct and start to connect. */
static void upstream_connect(struct upstream *upstream)
{
    struct worker *worker = upstream->worker;
    struct upstream_attempt *attempt = &upstream->attempt;
    size_t server = attempt->server;
    tcp_stream_init(&upstream->tcp, &worker->loop, &worker->hub, &upstream_events, upstream);
    upstream->stream = &upstream->tcp.stream;
    servers_begin(worker, server);
    bool ok = upstream_send_proxy_header(upstream->conn, &upstream->tcp.stream);
    if (ok && config_server(worker->config, server)->tls)
        ok = upstream_add_tls(upstream);
    if (!ok) {
        upstream_set_failure(upstream, STREAM_MEMORY, "no memory for an upstream connection");
        return;
    }
    const struct upstream_addresses *addresses = &worker->table->states[server].addresses;
    size_t index = (worker->next_address[server] + attempt->n_tried) % addresses->n;
    attempt->n_tried++;
    counter_add(&worker->stats.upstream_connections, 1);
    tcp_stream_connect(&upstream->tcp, (const struct sockaddr *)&addresses->items[index]);
}

static bool attempt_pick(struct conn *conn, struct upstream_attempt *attempt)
{
    struct server_query query = {
        .client = conn->txn != NULL ? &conn->txn->client : &conn->address,
        .column = attempt->column,
        .tried = attempt->failed,
        .wanted = conn->server,
    };
    int server = servers_pick(conn->worker, &query);
    if (server == BALANCE_NONE)
        return false;
    attempt->server = (size_t)server;
    attempt->n_tried = 0;
    return true;
}

/* Move on: to the next address of the server where that may help, else to the next server. Only
 * while no byte of a request was sent. */
static bool attempt_next(struct conn *conn, struct upstream_attempt *attempt, bool tries_addresses)
{
    struct worker *worker = conn->worker;
    if (tries_addresses && attempt->n_tried < worker->table->states[attempt->server].addresses.n)
        return true;
    servers_fail(worker, attempt->server);
    attempt->failed |= UINT32_C(1) << attempt->server;
    return attempt_pick(conn, attempt);
}

static struct upstream *upstream_start(struct conn *conn, const struct upstream_attempt *attempt)
{
    struct worker *worker = conn->worker;
    struct upstream *upstream = calloc(1, sizeof(*upstream));
    if (upstream == NULL)
        return NULL;
    upstream->conn = conn;
    upstream->worker = worker;
    upstream->attempt = *attempt;
    conn->upstream = upstream;
    while (worker->table->states[upstream->attempt.server].addresses.n == 0) {
        if (attempt_next(conn, &upstream->attempt, false))
            continue;
        upstream_set_failure(upstream, STREAM_UNREACHABLE, "the upstream's name does not resolve");
        return upstream;
    }
    upstream_connect(upstream);
    return upstream;
}

struct upstream *upstream_open(struct conn *conn, size_t column)
{
    struct upstream_attempt attempt = {.column = column};
    bool is_picked = attempt_pick(conn, &attempt);
    assert(is_picked); /* the caller looked */
    (void)is_picked;
    return upstream_start(conn, &attempt);
}

bool upstream_try_next(struct conn *conn)
{
    struct upstream_attempt attempt = conn->upstream->attempt;
    if (!attempt_next(conn, &attempt, !conn->upstream->tcp.is_open))
        return false;
    upstream_close(conn->upstream, true);
    conn_touch(conn);
    return upstream_start(conn, &attempt) != NULL;
}

static void upstream_free(struct upstream *upstream)
{
    piece_queue_clear(&upstream->in);
    if (upstream->tls != NULL)
        tls_stream_done(upstream->tls);
    free(upstream->tls);
    free(upstream->failure_text);
    if (upstream->stream != NULL)
        servers_end(upstream->worker, upstream->attempt.server);
    free(upstream);
}

bool upstream_is_stale(const struct upstream *upstream)
{
    return upstream->has_ended || upstream->failure != STREAM_OK ||
           !piece_queue_is_empty(&upstream->in);
}

void upstream_close(struct upstream *upstream, bool reset)
{
    if (upstream->conn != NULL)
        upstream->conn->upstream = NULL;
    upstream->conn = NULL;
    if (upstream->stream == NULL) { /* never started */
        upstream_free(upstream);
        return;
    }
    /* Nobody waits for it any more, so no deadline ends a queue that the upstream does not take. */
    stream_close(upstream->stream, reset || stream_queued(upstream->stream) != 0);
}

/* ---- events: note the fact, run the transaction */

static void on_upstream_open(struct stream *stream)
{
    struct upstream *upstream = stream->owner;
    const struct upstream_attempt *attempt = &upstream->attempt;
    upstream->is_open = true;
    upstream->worker->next_address[attempt->server] += attempt->n_tried - 1; /* what works */
    servers_reach(upstream->worker, attempt->server);
    if (upstream->conn != NULL)
        upstream->conn->server = (int)attempt->server;
    stream_read(upstream->stream, true);
    if (upstream->conn != NULL)
        conn_touch(upstream->conn);
    upstream_run(upstream);
}

static void on_upstream_data(struct stream *stream, struct piece piece)
{
    struct upstream *upstream = stream->owner;
    if (upstream->conn == NULL)
        return;
    if (!piece_queue_push(&upstream->in, piece))
        upstream_set_failure(upstream, STREAM_MEMORY, "out of memory");
    conn_touch(upstream->conn);
    upstream_run(upstream);
}

static void on_upstream_end(struct stream *stream)
{
    struct upstream *upstream = stream->owner;
    upstream->has_ended = true;
    upstream_run(upstream);
}

static void on_upstream_sent(struct stream *stream)
{
    struct upstream *upstream = stream->owner;
    if (upstream->conn != NULL)
        conn_touch(upstream->conn);
    upstream_run(upstream);
}

static void on_upstream_failed(struct stream *stream, enum stream_failure failure, const char *text)
{
    struct upstream *upstream = stream->owner;
    struct conn *conn = upstream->conn;
    struct upstream_attempt attempt = upstream->attempt;
    bool may_try_next = conn != NULL && !upstream->is_open && failure != STREAM_MEMORY;
    upstream_set_failure(upstream, failure, text);
    if (may_try_next && attempt_next(conn, &attempt, failure == STREAM_UNREACHABLE)) {
        upstream_close(upstream, true);
        conn_touch(conn);
        if (upstream_start(conn, &attempt) == NULL)
            conn_fail(conn, END_NO_MEMORY, true);
        else if (conn->upstream != NULL && conn->upstream->failure != STREAM_OK)
            conn_run(conn);
        return;
    }
    upstream_run(upstream);
}

static void on_upstream_closed(struct stream *stream)
{
    upstream_free(stream->owner);
}
