/* Client connections: events become facts, conn_run lets the transaction use them. */
#include "conn.h"

#include "accept.h"
#include "address_table.h"
#include "config/config.h"
#include "net/client_hello.h"
#include "net/proxy_protocol.h"
#include "pass_through.h"
#include "proxy_limits.h"
#include "txn.h"
#include "upstream.h"
#include "worker.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "stopgap/banned.h"

static void on_client_open(struct stream *stream);
static void on_client_data(struct stream *stream, struct piece piece);
static void on_client_end(struct stream *stream);
static void on_client_sent(struct stream *stream);
static void on_client_failed(struct stream *stream, enum stream_failure failure, const char *text);
static void on_client_closed(struct stream *stream);
static void conn_open(struct conn *conn);
static void conn_start_tls(struct conn *conn);
static bool conn_peer_is_trusted(const struct conn *conn);

static const struct stream_events client_events = {
    .on_open = on_client_open,
    .on_data = on_client_data,
    .on_end = on_client_end,
    .on_sent = on_client_sent,
    .on_failed = on_client_failed,
    .on_closed = on_client_closed,
};

/* ---- running */

void conn_touch(struct conn *conn)
{
    conn->last_activity_ms = worker_now_ms(conn->worker);
}

/* The request is over; the connection may not be. */
static void conn_next_request(struct conn *conn)
{
    bool has_more = !conn->has_ended || !piece_queue_is_empty(&conn->in);
    if (!conn->closes_after && has_more)
        return;
    if (conn->upstream != NULL)
        upstream_close(conn->upstream, false);
    /* Closing with unread bytes sends a reset that can overtake our answer, so read on for a
     * moment (RFC 9112 9.6). */
    conn->state = CONN_LINGER;
    conn_touch(conn);
    piece_queue_clear(&conn->in);
    stream_end(conn->client);
    if (conn->has_ended)
        conn_close(conn, END_OK, false);
    else
        stream_read(conn->client, true);
}

/* A request begins when a byte of it is there. False: nothing to do, or the end. */
static bool conn_begin_request(struct conn *conn)
{
    if (piece_queue_is_empty(&conn->in)) {
        if (conn->has_ended)
            conn_close(conn, END_CLIENT_CLOSED, false);
        return false;
    }
    if (txn_new(conn) != NULL)
        return true;
    conn_close(conn, END_NO_MEMORY, true);
    return false;
}

/* The client went away before its request was whole. */
static void conn_check_cut(struct conn *conn)
{
    if (conn->has_ended && conn->txn->step < TXN_CONNECT)
        conn_close(conn, txn_is_empty(conn->txn) ? END_CLIENT_CLOSED : END_CLIENT_ABORT, false);
}

/* One transaction after the other, until one has to wait. */
static void conn_step(struct conn *conn)
{
    while (conn->state == CONN_OPEN) {
        if (conn->txn == NULL && !conn_begin_request(conn))
            return;
        if (txn_run(conn->txn) == STEP_WAIT) {
            conn_check_cut(conn);
            return;
        }
        if (conn->state == CONN_OPEN)
            conn_next_request(conn);
    }
}

/* A side that has as much queued as its source may read ahead is written to now, not at the end of
 * the turn: the bytes are still in the cache, their memory is free for the next read, and most
 * often the source need not be paused at all. */
static void conn_flush(struct conn *conn)
{
    if (stream_queued(conn->client) >= LIMIT_QUEUE_HIGH_BYTES) {
        stream_flush(conn->client);
        stream_flush(&conn->tcp.stream); /* below TLS */
    }
    struct upstream *upstream = conn->upstream;
    if (upstream != NULL && stream_queued(upstream->stream) >= LIMIT_QUEUE_HIGH_BYTES) {
        stream_flush(upstream->stream);
        stream_flush(&upstream->tcp.stream);
    }
}

/* Read on unless what was read already waits for its turn, or the other side is slow. */
static void conn_set_reading(struct conn *conn)
{
    struct upstream *upstream = conn->upstream;
    if (conn->state != CONN_OPEN)
        return;
    bool up_is_full = upstream != NULL && stream_queued(upstream->stream) >= LIMIT_QUEUE_HIGH_BYTES;
    if (!conn->has_ended)
        stream_read(conn->client, conn->in.n_bytes < LIMIT_READ_BYTES && !up_is_full);
    if (upstream != NULL && upstream->is_open && !upstream->has_ended &&
        upstream->failure == STREAM_OK)
        stream_read(upstream->stream, upstream->in.n_bytes < LIMIT_READ_BYTES &&
                                          stream_queued(conn->client) < LIMIT_QUEUE_HIGH_BYTES);
}

/* What is read and not used waits: for an answer, a connection, or the other side. Without memory
 * it waits where it is. */
static void conn_settle(struct conn *conn)
{
    struct chunk_pool *pool = &conn->worker->hub.pool;
    if (!piece_queue_is_empty(&conn->in))
        (void)piece_queue_settle(&conn->in, pool);
    if (conn->upstream != NULL && !piece_queue_is_empty(&conn->upstream->in))
        (void)piece_queue_settle(&conn->upstream->in, pool);
}

static void conn_check_idle_upstream(struct conn *conn)
{
    if (conn->txn == NULL && conn->upstream != NULL && upstream_is_stale(conn->upstream))
        upstream_close(conn->upstream, false);
}

void conn_run(struct conn *conn)
{
    if (conn->is_running) {
        conn->must_rerun = true;
        return;
    }
    conn->is_running = true;
    do {
        conn->must_rerun = false;
        if (conn->state == CONN_PASSING)
            pass_through_run(conn);
        conn_step(conn);
        if (conn->state == CONN_OPEN)
            conn_flush(conn); /* its events ask for one more round */
        if (conn->has_failed)
            conn_close(conn, conn->fail_reason, conn->fails_by_reset);
        conn_check_idle_upstream(conn);
    } while (conn->must_rerun && (conn->state == CONN_OPEN || conn->state == CONN_PASSING));
    conn->is_running = false;
    if (conn->state == CONN_CLOSING)
        return;
    conn_settle(conn);
    conn_set_reading(conn);
    conn_set_deadline(conn);
}

/* ---- events */

static void on_client_open(struct stream *stream)
{
    struct conn *conn = stream->owner;
    counter_add(&conn->worker->stats.tls_handshakes, 1);
    if (tls_stream_was_resumed(conn->tls))
        counter_add(&conn->worker->stats.tls_resumed, 1);
    conn->state = CONN_OPEN;
    conn_touch(conn);
    stream_read(conn->client, true);
    conn_run(conn);
}

/* The first bytes that came, in one place; at most size. */
static struct slice conn_gather(const struct conn *conn, char *out, size_t size)
{
    struct piece_queue in = conn->in; /* a look at the queue, not a second one */
    size_t len = 0;
    for (unsigned i = 0; i < in.n && len < size; i++) {
        struct slice part = slice_head(piece_queue_at(&in, i)->bytes, size - len);
        memcpy(out + len, part.ptr, part.len);
        len += part.len;
    }
    return slice_make(out, len);
}

/* The PROXY header stands before everything else, TLS too. */
static void conn_read_proxy_header(struct conn *conn)
{
    char head[PROXY_PROTOCOL_V2_BYTES];
    size_t used = 0;
    switch (proxy_protocol_parse(conn_gather(conn, head, sizeof(head)), &conn->address, &conn->port,
                                 &used)) {
    case PROXY_PROTOCOL_MORE:
        conn_settle(conn);
        return;
    case PROXY_PROTOCOL_BAD:
        conn_close(conn, END_PROXY_PROTOCOL, true);
        return;
    case PROXY_PROTOCOL_ADDRESS:
        conn->is_trusted = conn_peer_is_trusted(conn);
        break;
    case PROXY_PROTOCOL_LOCAL:
        break;
    }
    piece_queue_consume(&conn->in, used);
    conn_open(conn);
}

/* Whoever ends the TLS of this connection gets all of it from the first byte. */
static void conn_read_hello(struct conn *conn)
{
    char bytes[LIMIT_CLIENT_HELLO_BYTES];
    char name[CLIENT_HELLO_NAME_BYTES];
    struct slice seen = conn_gather(conn, bytes, sizeof(bytes));
    enum client_hello hello = client_hello_read(seen, name);
    if (hello == CLIENT_HELLO_MORE && seen.len < sizeof(bytes)) {
        conn_settle(conn);
        return;
    }
    int index = hello == CLIENT_HELLO_NAME
                    ? config_pass_through(conn->worker->config, slice_str(name))
                    : -1;
    if (index < 0) {
        conn_start_tls(conn);
        return;
    }
    conn->state = CONN_PASSING;
    conn_touch(conn);
    if (pass_through_begin(conn, (size_t)index, name))
        conn_run(conn);
    else
        conn_close(conn, END_NO_MEMORY, true);
}

static void on_client_data(struct stream *stream, struct piece piece)
{
    struct conn *conn = stream->owner;
    counter_add(&conn->worker->stats.client_bytes_in, piece.bytes.len);
    if (conn->state == CONN_LINGER) {
        conn->n_lingered += piece.bytes.len;
        if (conn->n_lingered > LIMIT_DRAIN_BYTES)
            conn_close(conn, END_OK, false);
        return;
    }
    if (conn->state == CONN_HANDSHAKE || conn->state == CONN_CLOSING)
        return;
    if (!piece_queue_push(&conn->in, piece)) {
        conn_close(conn, END_NO_MEMORY, true);
        return;
    }
    if (conn->state == CONN_PROXY_HEADER) {
        conn_read_proxy_header(conn);
        return;
    }
    if (conn->state == CONN_HELLO) { /* not touched: dripping is no help */
        conn_read_hello(conn);
        return;
    }
    conn_touch(conn);
    conn_run(conn);
}

static void on_client_end(struct stream *stream)
{
    struct conn *conn = stream->owner;
    conn->has_ended = true;
    if (conn->state == CONN_PROXY_HEADER)
        conn_close(conn, END_PROXY_PROTOCOL, true);
    else if (conn->state == CONN_HELLO)
        conn_close(conn, piece_queue_is_empty(&conn->in) ? END_CLIENT_CLOSED : END_TLS_FAILED,
                   true);
    else if (conn->state == CONN_LINGER)
        conn_close(conn, END_OK, false);
    else
        conn_run(conn);
}

static void on_client_sent(struct stream *stream)
{
    struct conn *conn = stream->owner;
    conn_touch(conn);
    conn_run(conn);
}

static void on_client_failed(struct stream *stream, enum stream_failure failure, const char *text)
{
    struct conn *conn = stream->owner;
    (void)text;
    enum end_reason reason = failure == STREAM_MEMORY ? END_NO_MEMORY : END_CLIENT_RESET;
    if (failure == STREAM_TLS || failure == STREAM_CERTIFICATE)
        reason = END_TLS_FAILED;
    conn_fail(conn, reason, failure != STREAM_TLS); /* an alert must still get out */
}

static void on_client_closed(struct stream *stream)
{
    struct conn *conn = stream->owner;
    struct worker *worker = conn->worker;
    deadline_clear(&worker->wheel, &conn->deadline);
    TAILQ_REMOVE(&worker->conns, conn, entry);
    TAILQ_INSERT_TAIL(&worker->dead, conn, entry); /* callers up the stack may still look at it */
}

/* ---- begin and end */

static bool conn_peer_is_trusted(const struct conn *conn)
{
    const struct config *config = conn->worker->config;
    return net_list_contains(&config->trusted_proxies, &conn->address);
}

/* A balancer's own address stands for many clients, so it has no limit. */
static bool conn_take_place(struct conn *conn)
{
    struct address_table *addresses = conn->worker->shared->addresses;
    if (addresses == NULL || conn->is_trusted)
        return true;
    conn->place = address_table_take(addresses, &conn->address);
    return conn->place != NULL;
}

/* The address is known: TLS first where the listener has it, then requests. */
static void conn_open(struct conn *conn)
{
    conn_touch(conn);
    if (!conn_take_place(conn)) {
        accept_note_refused(conn->worker, &conn->address);
        conn_close(conn, END_ADDRESS_LIMIT, true); /* before TLS costs us anything */
        return;
    }
    if (conn->listener->context == NULL) {
        conn->state = CONN_OPEN;
        stream_read(conn->client, true);
        conn_run(conn);
        return;
    }
    if (conn->worker->config->n_pass_through == 0) {
        conn_start_tls(conn);
        return;
    }
    conn->state = CONN_HELLO;
    conn_set_deadline(conn);
    stream_read(conn->client, true);
    if (!piece_queue_is_empty(&conn->in))
        conn_read_hello(conn);
}

/* What came already is the beginning of the handshake. */
static void conn_start_tls(struct conn *conn)
{
    conn->state = CONN_HANDSHAKE;
    conn->tls = calloc(1, sizeof(*conn->tls));
    if (conn->tls == NULL || !tls_stream_init(conn->tls, &conn->tcp.stream, conn->listener->context,
                                              NULL, &client_events, conn)) {
        conn_close(conn, END_NO_MEMORY, true);
        return;
    }
    conn->client = &conn->tls->stream;
    tls_stream_start(conn->tls);
    conn_set_deadline(conn);
    struct piece_queue early = conn->in;
    conn->in = (struct piece_queue){0};
    for (unsigned i = 0; i < early.n; i++)
        conn->tcp.stream.events->on_data(&conn->tcp.stream, *piece_queue_at(&early, i));
    piece_queue_clear(&early);
}

struct conn *conn_new(struct worker *worker, const struct worker_listener *listener)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        return NULL;
    conn->worker = worker;
    conn->listener = listener;
    conn->server = -1;
    return conn;
}

void conn_discard(struct conn *conn)
{
    free(conn);
}

void conn_begin(struct conn *conn, int fd)
{
    struct worker *worker = conn->worker;
    unsigned n_others = atomic_fetch_add(&worker->shared->n_connections, 1);
    conn->id = ++worker->n_conns_made << 8 | worker->index;
    conn->client = &conn->tcp.stream;
    tcp_stream_init(&conn->tcp, &worker->loop, &worker->hub, &client_events, conn);
    TAILQ_INSERT_TAIL(&worker->conns, conn, entry);
    counter_add(&worker->stats.connections_open, 1);
    conn_touch(conn);
    bool is_over = n_others >= worker->shared->max_connections;
    bool ok = tcp_stream_accept(&conn->tcp, fd) &&
              tcp_stream_peer(&conn->tcp, &conn->address, &conn->port);
    if (!ok || is_over) {
        if (is_over)
            accept_note_refused(worker, NULL);
        conn_close(conn, is_over ? END_CONNECTION_LIMIT : END_CLIENT_CLOSED, true);
        return;
    }
    counter_add(&worker->stats.connections, 1);
    conn->is_trusted = conn_peer_is_trusted(conn);
    if (!worker->config->proxy_protocol || !conn->is_trusted) {
        conn_open(conn);
        return;
    }
    stream_read(conn->client, true);
    conn_set_deadline(conn);
}

void conn_close(struct conn *conn, enum end_reason reason, bool reset)
{
    if (conn->state == CONN_CLOSING)
        return;
    conn->state = CONN_CLOSING;
    if (conn->pass != NULL)
        pass_through_end(conn, reason, reset);
    else if (conn->txn != NULL)
        txn_cancel(conn->txn, reason);
    else if (reason != END_OK)
        counter_add(&conn->worker->stats.ended[reason], 1);
    if (conn->upstream != NULL)
        upstream_close(conn->upstream, reset);
    piece_queue_clear(&conn->in);
    conn_touch(conn);
    conn_set_deadline(conn); /* a peer that takes nothing does not keep us */
    stream_close(conn->client, reset);
}

void conn_drain(struct conn *conn)
{
    if (conn->state == CONN_OPEN && conn->txn == NULL)
        conn_run(conn);
}

void conn_fail(struct conn *conn, enum end_reason reason, bool reset)
{
    if (!conn->is_running) {
        conn_close(conn, reason, reset);
        return;
    }
    conn->has_failed = true;
    conn->fail_reason = reason;
    conn->fails_by_reset = reset;
}

void conn_free(struct conn *conn)
{
    if (conn->tls != NULL)
        tls_stream_done(conn->tls);
    free(conn->tls);
    piece_queue_clear(&conn->in);
    address_table_release(conn->worker->shared->addresses, conn->place);
    counter_add(&conn->worker->stats.connections_open, UINT64_MAX); /* minus one */
    atomic_fetch_sub(&conn->worker->shared->n_connections, 1);
    free(conn);
}
