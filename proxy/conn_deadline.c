/* When a connection has waited for too long, and what happens then. */
#include "config/config.h"
#include "conn.h"
#include "pass_through.h"
#include "proxy_limits.h"
#include "txn.h"
#include "upstream.h"
#include "worker.h"

#include "stopgap/banned.h"

static bool tunnel_is_over(const struct txn *txn)
{
    return txn->ended_upstream && txn->ended_client;
}

static uint64_t relay_silence(const struct conn *conn)
{
    const struct timeouts_config *timeouts = &conn->worker->config->timeouts;
    const struct txn *txn = conn->txn;
    if (tunnel_is_over(txn))
        return LIMIT_DRAIN_MS;
    bool waits_for_client = txn->up != PIPE_DONE && (!txn->has_response || txn->down == PIPE_DONE);
    if (!waits_for_client)
        return txn->has_response ? timeouts->relay_ms : timeouts->upstream_ms;
    /* MS-RPCH: an IN channel is silent for as long as its user is. */
    bool is_channel = slice_starts_with(txn->request.head.method, SLICE("RPC_"));
    return is_channel ? timeouts->relay_ms : timeouts->body_ms;
}

/* Bytes wait for a peer to take them. */
static bool relay_is_blocked(const struct conn *conn)
{
    return stream_queued(conn->client) != 0 ||
           (conn->upstream != NULL && stream_queued(conn->upstream->stream) != 0);
}

static uint64_t relay_timeout(const struct conn *conn)
{
    uint64_t silence_ms = relay_silence(conn);
    uint64_t write_ms = conn->worker->config->timeouts.write_ms;
    return relay_is_blocked(conn) && write_ms < silence_ms ? write_ms : silence_ms;
}

/* Only an upstream connection that is authenticated is worth more than its place at the server:
 * any other one is made again in a moment, and clients that ask once and then hold their connection
 * would hold one of Exchange's for as long. */
static bool conn_has_spare_upstream(const struct conn *conn)
{
    return conn->state == CONN_OPEN && conn->txn == NULL && conn->upstream != NULL &&
           !conn->is_bound;
}

static uint64_t idle_timeout(const struct conn *conn)
{
    const struct timeouts_config *timeouts = &conn->worker->config->timeouts;
    uint64_t idle_ms = conn->n_requests == 0 ? timeouts->header_ms : timeouts->keepalive_ms;
    return conn_has_spare_upstream(conn) && timeouts->upstream_idle_ms < idle_ms
               ? timeouts->upstream_idle_ms
               : idle_ms;
}

static uint64_t conn_timeout(const struct conn *conn)
{
    const struct timeouts_config *timeouts = &conn->worker->config->timeouts;
    if (conn->state == CONN_PROXY_HEADER || conn->state == CONN_HELLO ||
        conn->state == CONN_HANDSHAKE)
        return timeouts->handshake_ms;
    if (conn->state == CONN_PASSING)
        return pass_through_timeout(conn);
    if (conn->state != CONN_OPEN) /* the end of a last response goes out at the client's pace */
        return stream_pending(conn->client) != 0 ? timeouts->write_ms : LIMIT_DRAIN_MS;
    if (conn->txn == NULL)
        return idle_timeout(conn);
    switch (conn->txn->step) {
    case TXN_READ_HEAD:
    case TXN_CHECK_HEAD:
        return timeouts->header_ms;
    case TXN_READ_BODY:
    case TXN_CHECK_BODY:
        return timeouts->body_ms;
    case TXN_CONNECT:
        return conn->upstream != NULL && conn->upstream->tcp.is_open ? timeouts->handshake_ms
                                                                     : timeouts->connect_ms;
    case TXN_RELAY:
        return relay_timeout(conn);
    case TXN_ANSWER:
    case TXN_FINISH:
    case TXN_STEP_COUNT:
        break;
    }
    return timeouts->write_ms;
}

static uint64_t conn_deadline_ms(const struct conn *conn)
{
    const struct txn *txn = conn->state == CONN_OPEN ? conn->txn : NULL;
    uint64_t at = conn->last_activity_ms + conn_timeout(conn);
    if (conn->state == CONN_OPEN && txn == NULL && conn->worker->is_draining)
        at = worker_idle_until_ms(conn->worker, conn->last_activity_ms);
    else if (txn != NULL && txn->step <= TXN_CHECK_HEAD)
        at = txn->started_ms + conn->worker->config->timeouts.header_ms; /* dripping is no help */
    return at;
}

void conn_set_deadline(struct conn *conn)
{
    /* What was queued in this turn is not flushed yet: conn_expire asks again what holds. */
    bool is_ending = conn->state == CONN_LINGER || conn->state == CONN_CLOSING;
    deadline_set(&conn->worker->wheel, &conn->deadline,
                 is_ending ? conn->last_activity_ms + LIMIT_DRAIN_MS : conn_deadline_ms(conn));
}

static void txn_expire(struct conn *conn)
{
    struct txn *txn = conn->txn;
    enum step_result result = STEP_AGAIN;
    switch (txn->step) {
    case TXN_READ_HEAD:
    case TXN_CHECK_HEAD:
        result = txn_answer(txn, 408, END_HEAD_TIMEOUT, slice_make(NULL, 0));
        break;
    case TXN_READ_BODY:
    case TXN_CHECK_BODY:
        result = txn_answer(txn, 408, END_BODY_TIMEOUT, slice_make(NULL, 0));
        break;
    case TXN_CONNECT:
        if (upstream_try_next(conn))
            break;
        if (conn->upstream != NULL)
            upstream_close(conn->upstream, true);
        result = txn_answer(txn, 504, END_UPSTREAM_CONNECT_TIMEOUT, slice_make(NULL, 0));
        break;
    case TXN_RELAY:
        txn->drain_is_over = txn->down == PIPE_DONE;
        if (txn->drain_is_over)
            break; /* relay_run sees it */
        if (tunnel_is_over(txn) && !relay_is_blocked(conn))
            break; /* and that the last bytes are gone */
        if (stream_queued(conn->client) != 0)
            conn_close(conn, END_WRITE_TIMEOUT, true);
        else if (conn->upstream != NULL && stream_queued(conn->upstream->stream) != 0)
            result = txn_answer(txn, 504, END_WRITE_TIMEOUT, SLICE("the upstream takes no data"));
        else if (!txn->has_response && txn->up != PIPE_DONE)
            result = txn_answer(txn, 408, END_BODY_TIMEOUT, slice_make(NULL, 0));
        else
            result =
                txn_answer(txn, 504, txn->has_response ? END_RELAY_TIMEOUT : END_UPSTREAM_TIMEOUT,
                           slice_make(NULL, 0));
        break;
    case TXN_ANSWER:
    case TXN_FINISH:
    case TXN_STEP_COUNT:
        break;
    }
    (void)result; /* conn_run goes on from whatever step there is now */
    conn_run(conn);
}

/* Bytes moved that no event tells of. */
static void conn_wait_on(struct conn *conn)
{
    conn_touch(conn);
    deadline_set(&conn->worker->wheel, &conn->deadline, conn_deadline_ms(conn));
}

/* Has a slow peer taken bytes since the last look? on_sent tells only that a queue became short,
 * which takes a client of 3 KB/s more than a minute. The kernel is asked when a write time-out has
 * passed, and at no other time; a peer that stopped is found out at the second look. */
static bool conn_peer_takes(struct conn *conn)
{
    bool is_blocked = conn->state != CONN_OPEN ||
                      (conn->txn != NULL && conn->txn->step == TXN_RELAY && relay_is_blocked(conn));
    if (!is_blocked)
        return false;
    size_t pending = stream_pending(conn->client);
    if (conn->upstream != NULL)
        pending += stream_pending(conn->upstream->stream);
    if (conn->pass != NULL)
        pending += pass_through_pending(conn);
    bool moved = pending != 0 && pending != conn->pending_seen;
    conn->pending_seen = pending;
    return moved;
}

/* Between two requests: the upstream connection goes first, where nothing hangs on it. */
static void idle_expire(struct conn *conn)
{
    uint64_t keepalive_ms = conn->worker->config->timeouts.keepalive_ms;
    if (!conn_has_spare_upstream(conn) ||
        worker_now_ms(conn->worker) >= conn->last_activity_ms + keepalive_ms) {
        conn_close(conn, conn->n_requests == 0 ? END_HEAD_TIMEOUT : END_KEEPALIVE_TIMEOUT, false);
        return;
    }
    upstream_close(conn->upstream, false);
    conn_set_deadline(conn);
}

void conn_expire(struct conn *conn)
{
    /* The deadline was set while bytes were queued that have left since: what holds now? */
    uint64_t at = conn_deadline_ms(conn);
    if (worker_now_ms(conn->worker) < at) {
        deadline_set(&conn->worker->wheel, &conn->deadline, at);
        return;
    }
    if (conn->state == CONN_PROXY_HEADER)
        conn_close(conn, END_PROXY_PROTOCOL, true);
    else if (conn->state == CONN_HELLO || conn->state == CONN_HANDSHAKE)
        conn_close(conn, END_TLS_TIMEOUT, true);
    else if (conn_peer_takes(conn))
        conn_wait_on(conn);
    else if (conn->state == CONN_PASSING)
        pass_through_expire(conn);
    else if (conn->state == CONN_LINGER || conn->state == CONN_CLOSING)
        /* All of the answer is there: a reset could still take it out of the peer's hands. */
        stream_close(conn->client,
                     conn->state == CONN_CLOSING || stream_pending(conn->client) != 0);
    else if (conn->txn != NULL)
        txn_expire(conn);
    else if (conn->worker->is_draining)
        conn_close(conn, END_SHUTDOWN, false);
    else
        idle_expire(conn);
}
