/* The RELAY step: two one-way pipes that run at the same time, each with its own end.
 *
 * A pipe stops when its sink has more than LIMIT_QUEUE_HIGH_BYTES queued; conn.c then stops
 * reading the source, and on_sent lets both go on. */
#include "conn.h"
#include "early.h"
#include "http/write.h"
#include "log/log.h"
#include "proxy_limits.h"
#include "tunnel.h"
#include "txn.h"
#include "upstream.h"
#include "worker.h"

#include "stopgap/banned.h"

/* Room in the stream's write fill, or NULL. */
static char *write_space(struct stream *stream, size_t room)
{
    struct chunk_pool *pool = &stream->hub->pool;
    if (room > CHUNK_BYTES || fill_space(pool, &pool->write, room).ptr == NULL)
        return NULL;
    return pool->write.chunk->data + pool->write.used;
}

/* Send the len bytes that were written there; 0: writing failed. */
static bool head_send(struct stream *stream, size_t len)
{
    if (len == 0)
        return false;
    stream_send(stream, fill_take(&stream->hub->pool.write, len));
    return true;
}

/* One piece of a body, in a chunk of its own where the receiver is told so. When a piece cannot be
 * sent the message has a hole, so the whole connection goes. */
static void body_send(struct txn *txn, struct stream *stream, struct piece piece, bool chunked)
{
    char line[20];
    if (chunked &&
        !stream_send_copy(stream, slice_make(line, http_write_chunk_line(piece.bytes.len, line)))) {
        conn_fail(txn->conn, END_NO_MEMORY, true);
        return;
    }
    stream_send(stream, piece);
    if (chunked)
        stream_send_static(stream, SLICE("\r\n"));
}

/* ---- client to upstream */

static void on_request_body(void *ctx, struct slice bytes)
{
    struct txn *txn = ctx;
    txn->bytes_in += bytes.len;
    if (txn->up == PIPE_OPEN)
        body_send(txn, txn->conn->upstream->stream,
                  (struct piece){.chunk = txn->current, .bytes = bytes},
                  txn->request.head.framing == FRAMING_CHUNKED);
    else
        txn->drained += bytes.len;
}

static bool relay_send_head(struct txn *txn)
{
    struct conn *conn = txn->conn;
    const struct http_head *head = &txn->request.head;
    const struct config *config = conn->worker->config;
    char address[48];
    size_t len = net_address_format(&conn->address, address, sizeof(address));
    struct request_rewrite rewrite = {
        .client = slice_make(address, len),
        .default_host = slice_str(config_server_name(config, conn->upstream->attempt.server)),
        .is_tls = conn->tls != NULL,
        .trusts_forwarded = conn->is_trusted,
        .keeps_upgrade = head->has_upgrade && config->allow_upgrade,
    };
    struct stream *upstream = conn->upstream->stream;
    size_t room = http_request_room(head, &rewrite);
    char *out = write_space(upstream, room);
    if (out == NULL || !head_send(upstream, http_write_request(head, &rewrite, out, room)))
        return false;
    bool chunked = head->framing == FRAMING_CHUNKED;
    struct slice window = buf_slice(&txn->window);
    if (window.len != 0) {
        out = write_space(upstream, window.len);
        if (out == NULL)
            return false;
        memcpy(out, window.ptr, window.len);
        struct piece piece = fill_take(&upstream->hub->pool.write, window.len);
        chunk_ref(piece.chunk); /* a chunk's line is written to the same fill */
        body_send(txn, upstream, piece, chunked);
        chunk_unref(piece.chunk);
        txn_window_done(txn);
    }
    if (txn->request.is_done) {
        txn->up = PIPE_DONE;
        if (chunked)
            stream_send_static(upstream, SLICE("0\r\n\r\n"));
    }
    return true;
}

static void note_credentials(struct txn *txn)
{
    struct conn *conn = txn->conn;
    enum http_credentials shown =
        conn->is_bound ? CREDENTIALS_CONNECTION : http_credentials(&txn->request.head);
    conn->is_bound = shown == CREDENTIALS_CONNECTION;
    txn->has_credentials = shown != CREDENTIALS_NONE;
}

static enum step_result relay_start(struct txn *txn)
{
    struct upstream *upstream = txn->conn->upstream;
    txn->sent_request = true;
    txn->reused = upstream->n_responses != 0;
    txn->request.on_body = on_request_body;
    txn->request.body_ctx = txn;
    txn->sent_us = clock_now_us();
    note_credentials(txn);
    http_parser_init_response(&txn->response, &txn->conn->worker->shared->response_limits,
                              txn->request.head.is_head);
    if (!relay_send_head(txn))
        return txn_answer(txn, 503, END_NO_MEMORY, SLICE("no memory for the request head"));
    return STEP_WAIT;
}

static bool relay_up_is_open(const struct txn *txn)
{
    const struct conn *conn = txn->conn;
    if (txn->up == PIPE_DRAINING)
        return true;
    return txn->up == PIPE_OPEN && conn->upstream != NULL &&
           stream_queued(conn->upstream->stream) < LIMIT_QUEUE_HIGH_BYTES;
}

/* Returns STEP_WAIT when there is nothing more to do in this direction now. */
static enum step_result relay_up(struct txn *txn)
{
    struct conn *conn = txn->conn;
    while (!piece_queue_is_empty(&conn->in) && relay_up_is_open(txn)) {
        struct piece piece = *piece_queue_front(&conn->in);
        size_t used;
        chunk_ref(piece.chunk);
        txn->current = piece.chunk;
        enum parse_result result = http_parse_body(&txn->request, piece.bytes, &used);
        piece_queue_consume(&conn->in, used);
        chunk_unref(piece.chunk);
        if (result == PARSE_REFUSED)
            return txn_answer(txn, txn->request.refusal.status, txn->request.refusal.reason,
                              slice_str(txn->request.refusal.text));
        if (result == PARSE_DONE) {
            if (txn->up == PIPE_OPEN && txn->request.head.framing == FRAMING_CHUNKED)
                stream_send_static(conn->upstream->stream, SLICE("0\r\n\r\n"));
            txn->up = PIPE_DONE;
        }
    }
    return STEP_WAIT;
}

/* ---- upstream to client */

static void on_response_body(void *ctx, struct slice bytes)
{
    struct txn *txn = ctx;
    txn->bytes_out += bytes.len;
    body_send(txn, txn->conn->client, (struct piece){.chunk = txn->current, .bytes = bytes},
              txn->client_framing == FRAMING_CHUNKED);
}

/* An HTTP/1.0 client knows no chunks; an HTTP/1.1 client gets them where the upstream has no
 * length, so that a cut message shows. */
static enum http_framing framing_for_client(const struct txn *txn)
{
    enum http_framing framing = txn->response.head.framing;
    if (framing == FRAMING_CHUNKED || framing == FRAMING_CLOSE)
        return txn->request.head.minor == 0 ? FRAMING_CLOSE : FRAMING_CHUNKED;
    return framing;
}

static size_t relay_edits(struct txn *txn, struct header_edit *edits)
{
    if (txn->inspection == NULL)
        return 0;
    struct response_head head = {
        .status = txn->response.head.status,
        .fields = txn->response.head.fields,
        .n_fields = txn->response.head.n_fields,
    };
    size_t n = rules_edit_response(txn->inspection, &head, edits, LIMIT_HEADER_EDITS);
    if (n != 0) {
        counter_add(&txn->conn->worker->stats.responses_edited, 1);
        if (txn->rule_id.len == 0) {
            txn->rule_id = arena_copy(&txn->arena, edits[0].rule_id);
            txn->decision.word = "edit_response";
        }
    }
    return n;
}

static bool relay_send_response(struct txn *txn, bool is_final)
{
    struct conn *conn = txn->conn;
    struct header_edit edits[LIMIT_HEADER_EDITS];
    struct response_rewrite rewrite = {
        .is_upgrade = txn->is_tunnel,
        .framing = FRAMING_NONE,
    };
    if (is_final) {
        rewrite.framing = txn->client_framing = framing_for_client(txn);
        rewrite.edits = edits;
        rewrite.n_edits = relay_edits(txn, edits);
        early_decide(txn);
        /* A drain has time for one more request, a handshake that is cut is an error to a user. */
        bool is_drained = conn->worker->is_draining && !txn->is_leg;
        conn->closes_after |= txn->request.head.wants_close || is_drained ||
                              rewrite.framing == FRAMING_CLOSE || txn->ends_early;
        rewrite.closes = conn->closes_after;
        rewrite.says_keep_alive = txn->request.head.minor == 0 && !conn->closes_after;
    }
    size_t room = http_response_room(&txn->response.head, &rewrite);
    char *out = write_space(conn->client, room);
    return out != NULL &&
           head_send(conn->client, http_write_response(&txn->response.head, &rewrite, out, room));
}

/* 1xx: passed on at once (RFC 9110 15.2), but not to an HTTP/1.0 client, which knows none. */
static enum step_result relay_interim(struct txn *txn)
{
    const struct http_limits *limits = &txn->conn->worker->shared->response_limits;
    if (++txn->n_interim > LIMIT_INTERIM_RESPONSES)
        return txn_answer(txn, 502, END_UPSTREAM_BAD_RESPONSE, SLICE("too many interim responses"));
    bool was_answered = txn->sent_continue && txn->response.head.status == 100; /* by ourselves */
    if (txn->request.head.minor == 1 && !was_answered && !relay_send_response(txn, false))
        return txn_answer(txn, 503, END_NO_MEMORY, SLICE("no memory for a response head"));
    http_parser_init_response(&txn->response, limits, txn->response.is_head_request);
    buf_done(&txn->response_buf);
    return STEP_AGAIN;
}

static enum step_result relay_final(struct txn *txn)
{
    unsigned status = txn->response.head.status;
    bool was_asked = txn->request.head.has_upgrade && txn->conn->worker->config->allow_upgrade;
    if (status == 101 && !(was_asked && txn->response.head.has_upgrade))
        return txn_answer(txn, 502, END_UPSTREAM_BAD_RESPONSE, SLICE("101 that nobody asked for"));
    txn->has_response = true;
    txn->is_tunnel = status == 101;
    txn->status = status;
    txn->first_us = clock_now_us();
    build_watch_note(&txn->conn->worker->builds, (size_t)txn->conn->server, &txn->response.head,
                     worker_now_ms(txn->conn->worker) / 1000);
    txn->response.on_body = on_response_body;
    txn->response.body_ctx = txn;
    if (!relay_send_response(txn, true))
        return txn_answer(txn, 503, END_NO_MEMORY, SLICE("no memory for the response head"));
    txn_end_inspection(txn);
    buf_done(&txn->response_buf);
    return STEP_AGAIN;
}

/* Parse the response head from the first piece, or from what was collected of it. */
static enum parse_result response_head(struct txn *txn, size_t *ret_used)
{
    struct piece *front = piece_queue_front(&txn->conn->upstream->in);
    struct buf *buf = &txn->response_buf;
    struct slice bytes = front->bytes;
    size_t before = buf->len;
    if (before != 0) {
        if (!buf_append(buf, bytes))
            return http_refuse(&txn->response, 502, END_UPSTREAM_BAD_RESPONSE, "endless head");
        bytes = buf_slice(buf);
    }
    enum parse_result result = http_parse_head(&txn->response, bytes, &txn->arena, false);
    *ret_used = result == PARSE_HEAD ? txn->response.head_len - before : front->bytes.len;
    if (result == PARSE_MORE && before == 0 && !buf_append(buf, bytes))
        return http_refuse(&txn->response, 502, END_UPSTREAM_BAD_RESPONSE, "endless head");
    return result;
}

static enum step_result relay_response_head(struct txn *txn)
{
    struct upstream *upstream = txn->conn->upstream;
    size_t used = 0;
    struct chunk *chunk = piece_queue_front(&upstream->in)->chunk;
    chunk_ref(chunk); /* the head's slices point into it until it is written */
    enum parse_result result = response_head(txn, &used);
    enum step_result next = STEP_AGAIN;
    if (result == PARSE_REFUSED) {
        next =
            txn_answer(txn, 502, END_UPSTREAM_BAD_RESPONSE, slice_str(txn->response.refusal.text));
    } else {
        piece_queue_consume(&upstream->in, used);
        if (result == PARSE_HEAD)
            next = txn->response.head.status < 200 && txn->response.head.status != 101
                       ? relay_interim(txn)
                       : relay_final(txn);
    }
    chunk_unref(chunk);
    return next;
}

static void relay_response_end(struct txn *txn)
{
    if (txn->client_framing == FRAMING_CHUNKED)
        stream_send_static(txn->conn->client, SLICE("0\r\n\r\n"));
    txn->down = PIPE_DONE;
    txn->conn->upstream->n_responses++;
}

static enum step_result relay_response_body(struct txn *txn)
{
    struct upstream *upstream = txn->conn->upstream;
    struct piece piece = *piece_queue_front(&upstream->in);
    size_t used;
    chunk_ref(piece.chunk);
    txn->current = piece.chunk;
    enum parse_result result = http_parse_body(&txn->response, piece.bytes, &used);
    piece_queue_consume(&upstream->in, used);
    chunk_unref(piece.chunk);
    if (result == PARSE_REFUSED)
        return txn_answer(txn, 502, END_UPSTREAM_BAD_RESPONSE,
                          slice_str(txn->response.refusal.text));
    if (result == PARSE_DONE)
        relay_response_end(txn);
    return STEP_AGAIN;
}

/* Returns STEP_OVER when the transaction is gone, STEP_AGAIN when it went to another step. */
static enum step_result relay_down(struct txn *txn)
{
    struct conn *conn = txn->conn;
    while (txn->down == PIPE_OPEN && conn->upstream != NULL &&
           !piece_queue_is_empty(&conn->upstream->in) &&
           stream_queued(conn->client) < LIMIT_QUEUE_HIGH_BYTES) {
        enum step_result result;
        txn->got_response = true;
        if (txn->is_tunnel) {
            tunnel_down(txn);
            return STEP_WAIT;
        }
        if (!txn->has_response)
            result = relay_response_head(txn);
        else
            result = relay_response_body(txn);
        if (result == STEP_OVER || txn->step != TXN_RELAY)
            return result;
        if (txn->has_response && txn->response.is_done && txn->down == PIPE_OPEN && !txn->is_tunnel)
            relay_response_end(txn); /* no body at all */
    }
    return STEP_WAIT;
}

/* ---- ends */

/* RFC 9110 9.2.2: safe methods without a body may be sent again when the connection had served
 * before and closed without a byte of answer: it was idle too long and the request crossed its
 * end. Anything else might be done twice. */
static bool relay_may_retry(const struct txn *txn)
{
    static const struct slice safe[] = {SLICE_INIT("GET"), SLICE_INIT("HEAD"),
                                        SLICE_INIT("OPTIONS")};
    if (txn->got_response || txn->is_retried || !txn->reused || txn->up != PIPE_DONE ||
        txn->request.head.framing != FRAMING_NONE)
        return false;
    for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
        if (slice_equal(txn->request.head.method, safe[i]))
            return true;
    return false;
}

static enum step_result relay_upstream_gone(struct txn *txn)
{
    struct conn *conn = txn->conn;
    struct upstream *upstream = conn->upstream;
    bool was_reset = upstream->failure != STREAM_OK;
    if (txn->is_tunnel && was_reset) {
        conn_close(conn, END_OK, true);
        return STEP_OVER;
    }
    if (txn->is_tunnel)
        return tunnel_upstream_ended(txn);
    if (!was_reset && txn->has_response && http_parse_end(&txn->response)) {
        relay_response_end(txn);
        return STEP_AGAIN;
    }
    if (relay_may_retry(txn)) {
        upstream_close(upstream, true);
        counter_add(&conn->worker->stats.upstream_reopened, 1);
        txn->is_retried = true;
        txn->sent_request = false;
        return txn_goto(txn, TXN_CONNECT);
    }
    struct slice detail = arena_copy(
        &txn->arena, was_reset ? upstream_failure_text(upstream)
                               : SLICE("the upstream closed before its response was complete"));
    return txn_answer(txn, 502, was_reset ? END_UPSTREAM_RESET : END_UPSTREAM_CLOSED, detail);
}

/* Both messages are complete, or as complete as they will be. */
static enum step_result relay_finish(struct txn *txn)
{
    struct conn *conn = txn->conn;
    struct upstream *upstream = conn->upstream;
    bool is_clean = txn->request.is_done && txn->up == PIPE_DONE;
    conn->closes_after |= !is_clean;
    if (upstream != NULL &&
        (!is_clean || txn->response.head.wants_close || upstream_is_stale(upstream) ||
         txn->response.head.framing == FRAMING_CLOSE))
        upstream_close(upstream, !is_clean);
    return txn_goto(txn, TXN_FINISH);
}

/* A complete response to an unfinished request: what still comes goes upstream as long as that
 * listens, and nowhere within a bound, because a client that meets a reset may lose the answer.
 * When the response told of the end, CONN_LINGER reads on instead. */
static enum step_result relay_early(struct txn *txn)
{
    struct conn *conn = txn->conn;
    if (conn->upstream == NULL || conn->upstream->has_ended ||
        conn->upstream->failure != STREAM_OK || txn->response.head.wants_close)
        txn->up = PIPE_DRAINING;
    bool is_over = conn->has_ended || txn->ends_early || txn->drain_is_over ||
                   txn->drained > LIMIT_DRAIN_BYTES;
    return is_over ? relay_finish(txn) : STEP_WAIT;
}

static enum step_result relay_client_ended(struct txn *txn)
{
    struct conn *conn = txn->conn;
    if (!txn->is_tunnel && txn->up != PIPE_DONE) {
        conn_close(conn, END_CLIENT_ABORT, true);
        return STEP_OVER;
    }
    if (!txn->ended_upstream) { /* a half-close means the same to Exchange as to us */
        txn->ended_upstream = true;
        stream_end(conn->upstream->stream);
    }
    return STEP_WAIT;
}

enum step_result relay_run(struct txn *txn)
{
    struct conn *conn = txn->conn;
    enum step_result result = txn->sent_request ? STEP_WAIT : relay_start(txn);
    if (result != STEP_WAIT)
        return result;
    if (!txn->is_tunnel)
        result = relay_up(txn);
    if (result == STEP_WAIT)
        result = relay_down(txn);
    if (result != STEP_WAIT)
        return result;
    if (txn->is_tunnel)
        tunnel_up(txn); /* what came before the 101, too: no event may follow */
    if (txn->down == PIPE_DONE)
        return txn->up == PIPE_DONE ? relay_finish(txn) : relay_early(txn);
    struct upstream *upstream = conn->upstream;
    if (piece_queue_is_empty(&upstream->in) &&
        (upstream->has_ended || upstream->failure != STREAM_OK))
        return relay_upstream_gone(txn);
    if (conn->has_ended && piece_queue_is_empty(&conn->in))
        return relay_client_ended(txn);
    return STEP_WAIT;
}
