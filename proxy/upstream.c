/* Opening, serving and letting go of upstream connections. */
#include "upstream.h"

#include "conn.h"
#include "worker.h"

#include <stdio.h>
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
    (void)snprintf(upstream->failure_text, sizeof(upstream->failure_text), "%s", text);
}

/* Put TCP, and TLS where configured, into the struct and start to connect. */
static void upstream_connect(struct upstream *upstream)
{
    struct worker *worker = upstream->worker;
    const struct upstream_config *config = &worker->config->upstream;
    tcp_stream_init(&upstream->tcp, &worker->loop, &worker->hub, &upstream_events, upstream);
    upstream->stream = &upstream->tcp.stream;
    bool ok = true;
    if (worker->upstream_context != NULL) {
        struct tls_peer peer = {.name = config->name != NULL ? config->name : config->host,
                                .cache = &worker->upstream_sessions};
        ok = tls_stream_init(&upstream->tls, &upstream->tcp.stream, worker->upstream_context, &peer,
                             &upstream_events, upstream);
        upstream->stream = &upstream->tls.stream;
    }
    if (!ok) {
        upstream_set_failure(upstream, STREAM_MEMORY, "no memory for TLS");
        return;
    }
    const struct upstream_addresses *addresses = &worker->addresses;
    size_t index = (worker->next_address + upstream->n_tried) % addresses->n;
    upstream->n_tried++;
    counter_add(&worker->stats.upstream_connections, 1);
    tcp_stream_connect(&upstream->tcp, (const struct sockaddr *)&addresses->items[index]);
}

/* n_tried  addresses that refused this attempt already */
static struct upstream *upstream_start(struct conn *conn, unsigned n_tried)
{
    struct worker *worker = conn->worker;
    struct upstream *upstream = calloc(1, sizeof(*upstream));
    if (upstream == NULL)
        return NULL;
    upstream->conn = conn;
    upstream->worker = worker;
    upstream->n_tried = n_tried;
    conn->upstream = upstream;
    if (worker->addresses.n == 0)
        upstream_set_failure(upstream, STREAM_UNREACHABLE, "the upstream's name does not resolve");
    else
        upstream_connect(upstream);
    return upstream;
}

struct upstream *upstream_open(struct conn *conn)
{
    return upstream_start(conn, 0);
}

static void upstream_free(struct upstream *upstream)
{
    piece_queue_clear(&upstream->in);
    if (upstream->stream == &upstream->tls.stream)
        tls_stream_done(&upstream->tls);
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
    upstream->is_open = true;
    upstream->worker->next_address += upstream->n_tried - 1; /* begin with what works */
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
    unsigned n_tried = upstream->n_tried;
    bool may_try_next =
        failure == STREAM_UNREACHABLE && conn != NULL && n_tried < upstream->worker->addresses.n;
    upstream_set_failure(upstream, failure, text);
    if (may_try_next) { /* the same attempt goes on with the next address */
        upstream_close(upstream, true);
        if (upstream_start(conn, n_tried) == NULL)
            conn_fail(conn, END_NO_MEMORY, true);
        return;
    }
    upstream_run(upstream);
}

static void on_upstream_closed(struct stream *stream)
{
    upstream_free(stream->owner);
}
