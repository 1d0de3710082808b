/* The life of one request; every stage is called from here. */
#include "txn.h"

#include "conn.h"
#include "forwarded.h"
#include "http/write.h"
#include "log/log.h"
#include "probe.h"
#include "txn_log.h"
#include "upstream.h"
#include "worker.h"

#include <assert.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    TXN_MEMORY_BYTES = 16 * 1024, /* with the first part of the arena */
    TXN_MAX_FREE = 256,           /* 4 MiB a worker */
};

struct txn_memory {
    union {
        struct txn_memory *next;
        struct txn txn;
    };
    _Alignas(16) char arena[];
};

static enum step_result step_read_head(struct txn *txn);
static enum step_result step_check_head(struct txn *txn);
static enum step_result step_read_body(struct txn *txn);
static enum step_result step_check_body(struct txn *txn);
static enum step_result step_connect(struct txn *txn);
static enum step_result step_relay(struct txn *txn);
static enum step_result step_answer(struct txn *txn);
static enum step_result step_finish(struct txn *txn);

#define TO(step) (1u << (step))

struct step_info {
    enum step_result (*run)(struct txn *txn);
    unsigned may_go_to;
};

static const struct step_info steps[TXN_STEP_COUNT] = {
    [TXN_READ_HEAD] = {step_read_head, TO(TXN_CHECK_HEAD) | TO(TXN_ANSWER)},
    [TXN_CHECK_HEAD] = {step_check_head, TO(TXN_READ_BODY) | TO(TXN_CONNECT) | TO(TXN_ANSWER)},
    [TXN_READ_BODY] = {step_read_body, TO(TXN_CHECK_BODY) | TO(TXN_ANSWER)},
    [TXN_CHECK_BODY] = {step_check_body, TO(TXN_CONNECT) | TO(TXN_ANSWER)},
    [TXN_CONNECT] = {step_connect, TO(TXN_RELAY) | TO(TXN_ANSWER)},
    [TXN_RELAY] = {step_relay, TO(TXN_CONNECT) | TO(TXN_FINISH) | TO(TXN_ANSWER)},
    [TXN_ANSWER] = {step_answer, TO(TXN_FINISH)},
    [TXN_FINISH] = {step_finish, 0},
};

enum step_result txn_goto(struct txn *txn, enum txn_step step)
{
    assert((steps[txn->step].may_go_to & TO(step)) != 0);
    txn->step = step;
    return STEP_AGAIN;
}

enum step_result txn_run(struct txn *txn)
{
    enum step_result result;
    do
        result = steps[txn->step].run(txn);
    while (result == STEP_AGAIN);
    return result;
}

/* ---- begin and end */

struct txn *txn_new(struct conn *conn)
{
    struct worker *worker = conn->worker;
    struct txn_memory *memory = worker->free_txns;
    if (memory != NULL) {
        worker->free_txns = memory->next;
        worker->n_free_txns--;
    } else {
        memory = malloc(TXN_MEMORY_BYTES);
        if (memory == NULL)
            return NULL;
    }
    struct txn *txn = &memory->txn;
    *txn = (struct txn){
        .conn = conn, .started_ms = worker_now_ms(worker), .started_us = clock_now_us()};
    arena_init(&txn->arena, memory->arena, TXN_MEMORY_BYTES - sizeof(*memory), LIMIT_ARENA_BYTES);
    http_parser_init_request(&txn->request, &worker->shared->http_limits);
    buf_init(&txn->head_buf, LIMIT_HEAD_BYTES * 2 + LIMIT_READ_LONG_BYTES);
    buf_init(&txn->response_buf, LIMIT_HEAD_BYTES * 2 + LIMIT_READ_LONG_BYTES);
    buf_init(&txn->window, LIMIT_BODY_WINDOW);
    txn->decision.word = "refuse";
    conn->txn = txn;
    conn->n_requests++;
    return txn;
}

void txn_end_inspection(struct txn *txn)
{
    rules_end(txn->inspection);
    txn->inspection = NULL;
    if (txn->lease != NULL)
        worker_release_lease(txn->conn->worker, txn->lease);
    txn->lease = NULL;
}

void txn_window_done(struct txn *txn)
{
    struct worker *worker = txn->conn->worker;
    if (txn->window.ptr != NULL && worker->n_free_windows < WORKER_FREE_WINDOWS) {
        txn->window.len = 0;
        worker->free_windows[worker->n_free_windows++] = txn->window;
        buf_init(&txn->window, LIMIT_BODY_WINDOW);
    }
    buf_done(&txn->window);
}

static void txn_free(struct txn *txn)
{
    struct worker *worker = txn->conn->worker;
    txn_end_inspection(txn);
    buf_done(&txn->head_buf);
    buf_done(&txn->response_buf);
    txn_window_done(txn);
    arena_done(&txn->arena);
    txn->conn->txn = NULL;
    struct txn_memory *memory = (struct txn_memory *)txn;
    if (worker->n_free_txns >= TXN_MAX_FREE) {
        free(memory);
        return;
    }
    memory->next = worker->free_txns;
    worker->free_txns = memory;
    worker->n_free_txns++;
}

void txn_memory_free(struct worker *worker)
{
    while (worker->free_txns != NULL) {
        struct txn_memory *memory = worker->free_txns;
        worker->free_txns = memory->next;
        free(memory);
    }
    worker->n_free_txns = 0;
    while (worker->n_free_windows != 0)
        buf_done(&worker->free_windows[--worker->n_free_windows]);
}

bool txn_is_empty(const struct txn *txn)
{
    return txn->step == TXN_READ_HEAD && txn->head_buf.len == 0;
}

void txn_cancel(struct txn *txn, enum end_reason reason)
{
    if (txn->reason == END_OK)
        txn->reason = reason;
    txn_log(txn);
    txn_free(txn);
}

enum step_result txn_answer(struct txn *txn, unsigned status, enum end_reason reason,
                            struct slice detail)
{
    txn->reason = reason;
    txn->detail = detail;
    if (txn->status == 0) {
        txn->status = status;
        return txn_goto(txn, TXN_ANSWER);
    }
    /* Too late for an answer: the client must see a message that is cut, never a complete one. */
    conn_close(txn->conn, reason, txn->client_framing == FRAMING_CLOSE);
    return STEP_OVER;
}

static enum step_result txn_refuse(struct txn *txn, const struct http_refusal *refusal)
{
    return txn_answer(txn, refusal->status, refusal->reason, slice_str(refusal->text));
}

/* ---- READ_HEAD */

/* Parse what came first in place: nearly every head arrives in one piece. */
static enum parse_result read_head_in_place(struct txn *txn)
{
    struct piece_queue *in = &txn->conn->in;
    struct slice bytes = piece_queue_front(in)->bytes;
    enum parse_result result = http_parse_head(&txn->request, bytes, &txn->arena, true);
    if (result == PARSE_HEAD) {
        piece_queue_consume(in, txn->request.head_len);
        return result;
    }
    if (result == PARSE_MORE) {
        if (!buf_append(&txn->head_buf, bytes))
            return http_refuse(&txn->request, 503, END_NO_MEMORY, "no memory for the head");
        piece_queue_consume(in, bytes.len);
    }
    return result;
}

static enum parse_result read_head_in_parts(struct txn *txn)
{
    struct piece_queue *in = &txn->conn->in;
    size_t before = txn->head_buf.len;
    struct slice bytes = piece_queue_front(in)->bytes;
    if (!buf_append(&txn->head_buf, bytes))
        return http_refuse(&txn->request, 431, END_HEAD_TOO_LARGE, "header section is too long");
    enum parse_result result =
        http_parse_head(&txn->request, buf_slice(&txn->head_buf), &txn->arena, true);
    if (result == PARSE_HEAD)
        piece_queue_consume(in, txn->request.head_len - before);
    else if (result == PARSE_MORE)
        piece_queue_consume(in, bytes.len);
    return result;
}

static enum step_result step_read_head(struct txn *txn)
{
    struct conn *conn = txn->conn;
    while (!piece_queue_is_empty(&conn->in)) {
        enum parse_result result =
            txn->head_buf.len == 0 ? read_head_in_place(txn) : read_head_in_parts(txn);
        if (result == PARSE_REFUSED)
            return txn_refuse(txn, &txn->request.refusal);
        if (result == PARSE_HEAD) {
            buf_done(&txn->head_buf);
            txn->head_us = clock_now_us() - txn->started_us;
            return txn_goto(txn, TXN_CHECK_HEAD);
        }
    }
    return STEP_WAIT;
}

/* ---- CHECK_HEAD */

static enum step_result txn_decide(struct txn *txn, const struct verdict *verdict)
{
    const struct config *config = txn->conn->worker->config;
    txn->decision = decide(verdict, config->fail_mode);
    txn->would_stop = verdict->would_stop;
    if (verdict->n_hits != 0) {
        txn->rule_id = verdict->hits[0].rule_id;
        if (verdict->is_excluded)
            txn->excluded_by = verdict->hits[0].excluded_by;
    }
    if (verdict->scan_failed)
        counter_add(&txn->conn->worker->stats.matcher_faults, 1);
    if (txn->decision.kind != DECISION_WAIT_BODY && verdict->n_hits != 0)
        txn_log_decision(txn, verdict);
    if (txn->decision.kind != DECISION_WAIT_BODY && !verdict->edits_response)
        txn_end_inspection(txn);
    switch (txn->decision.kind) {
    case DECISION_FORWARD:
        return txn_goto(txn, TXN_CONNECT);
    case DECISION_WAIT_BODY:
        return txn_goto(txn, TXN_READ_BODY);
    case DECISION_ANSWER:
        return txn_answer(txn, txn->decision.status, txn->decision.reason, slice_make(NULL, 0));
    case DECISION_ABORT:
        txn->reason = txn->decision.reason;
        conn_close(txn->conn, txn->reason, true);
        return STEP_OVER;
    }
    return STEP_WAIT;
}

static struct request_head txn_request_head(const struct txn *txn)
{
    const struct http_head *head = &txn->request.head;
    return (struct request_head){
        .method = head->method,
        .target = head->target,
        .host = head->host,
        .fields = head->fields,
        .n_fields = head->n_fields,
        .client = txn->client,
        .has_body = !txn->request.is_done,
    };
}

/* The first segment as it stands there, where no rule set looked at it. */
static struct slice txn_raw_vdir(struct slice target)
{
    struct slice path = slice_head(target, slice_find(target, '?'));
    struct slice rest = path.len != 0 && path.ptr[0] == '/' ? slice_from(path, 1) : path;
    return slice_head(rest, slice_find(rest, '/'));
}

static enum step_result step_check_head(struct txn *txn)
{
    struct worker *worker = txn->conn->worker;
    const struct http_head *head = &txn->request.head;
    txn->client = txn->conn->address;
    if (txn->conn->is_trusted)
        forwarded_client(head, worker->config, &txn->client);
    if (head->has_upgrade && !worker->config->allow_upgrade)
        return txn_answer(txn, 501, END_UPGRADE_REFUSED, SLICE("set allow_upgrade to permit it"));
    if (worker->config->mode == RULES_OFF || worker->lease == NULL ||
        probe_is_exempt(&txn->request, worker->shared->vdirs, worker->shared->n_vdirs)) {
        txn->vdir = txn_raw_vdir(head->target);
        txn->decision.word = "pass";
        return txn_goto(txn, TXN_CONNECT);
    }
    uint64_t before = txn->started_us + txn->head_us; /* just now */
    txn->lease = worker->lease;
    lease_hold(txn->lease);
    struct request_head *request = arena_alloc(&txn->arena, sizeof(*request));
    struct verdict verdict = {.scan_failed = true, .mode = worker->config->mode};
    if (request != NULL) {
        *request = txn_request_head(txn);
        verdict = rules_check_head(txn->lease, request, worker->config->mode, &txn->arena,
                                   &txn->inspection);
    }
    txn->vdir = verdict.vdir;
    txn->ruleset = slice_str(ruleset_name(lease_ruleset(txn->lease)));
    if (txn->ruleset.len != 0)
        txn->ruleset = arena_copy(&txn->arena, txn->ruleset);
    txn->inspect_us = clock_now_us() - before;
    return txn_decide(txn, &verdict);
}

/* ---- READ_BODY and CHECK_BODY */

static void on_window_body(void *ctx, struct slice bytes)
{
    struct txn *txn = ctx;
    txn->bytes_in += bytes.len;
    /* step_read_body never hands over more than the window has room for. */
    bool fits = buf_append(&txn->window, bytes);
    if (!fits)
        (void)http_refuse(&txn->request, 503, END_NO_MEMORY, "no memory for the body window");
}

static enum step_result step_read_body(struct txn *txn)
{
    struct conn *conn = txn->conn;
    size_t window = rules_body_window(txn->inspection);
    if (txn->window.ptr == NULL && conn->worker->n_free_windows != 0)
        txn->window = conn->worker->free_windows[--conn->worker->n_free_windows];
    txn->request.on_body = on_window_body;
    txn->request.body_ctx = txn;
    while (!piece_queue_is_empty(&conn->in) && !txn->request.is_done && txn->window.len < window) {
        size_t before = txn->window.len;
        size_t used;
        struct slice bytes = slice_head(piece_queue_front(&conn->in)->bytes, window - before);
        enum parse_result result = http_parse_body(&txn->request, bytes, &used);
        if (result == PARSE_REFUSED || txn->request.refusal.status != 0)
            return txn_refuse(txn, &txn->request.refusal);
        piece_queue_consume(&conn->in, used);
        counter_add(&conn->worker->stats.inspected_bytes, txn->window.len - before);
    }
    if (txn->request.is_done || txn->window.len >= window)
        return txn_goto(txn, TXN_CHECK_BODY);
    if (txn->request.head.expects_continue && !txn->sent_continue) {
        txn->sent_continue = true;
        stream_send_static(conn->client, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    return STEP_WAIT;
}

static enum step_result step_check_body(struct txn *txn)
{
    uint64_t before = clock_now_us();
    struct verdict verdict = rules_check_body(txn->inspection, buf_slice(&txn->window), true);
    txn->inspect_us += clock_now_us() - before;
    return txn_decide(txn, &verdict);
}

/* ---- CONNECT */

static enum step_result connect_failed(struct txn *txn)
{
    struct upstream *upstream = txn->conn->upstream;
    static const struct {
        unsigned status;
        enum end_reason reason;
    } answers[] = {
        [STREAM_OK] = {502, END_UPSTREAM_CONNECT},
        [STREAM_RESET] = {502, END_UPSTREAM_CONNECT},
        [STREAM_UNREACHABLE] = {502, END_UPSTREAM_CONNECT},
        [STREAM_TLS] = {502, END_UPSTREAM_TLS},
        [STREAM_CERTIFICATE] = {502, END_UPSTREAM_CERTIFICATE},
        [STREAM_MEMORY] = {503, END_NO_MEMORY},
    };
    enum stream_failure failure = upstream->failure;
    txn->connect_us = clock_now_us() - txn->connect_started_us;
    struct slice detail = arena_copy(&txn->arena, upstream_failure_text(upstream));
    upstream_close(upstream, true);
    return txn_answer(txn, answers[failure].status, answers[failure].reason, detail);
}

/* Sending the request on would only move the wait to a server that cannot help. A server that
 * recovers now is seen when so many checks were good. */
static enum step_result all_are_down(struct txn *txn)
{
    const struct health_config *health = &txn->conn->worker->config->health;
    txn->retry_after_s = (unsigned)((health->interval_ms * health->rise + 999) / 1000);
    return txn_answer(txn, 503, END_UPSTREAM_DOWN, slice_make(NULL, 0));
}

static enum step_result step_connect(struct txn *txn)
{
    struct conn *conn = txn->conn;
    if (conn->upstream != NULL && conn->upstream->is_open && upstream_is_stale(conn->upstream))
        upstream_close(conn->upstream, false);
    if (conn->upstream == NULL) {
        size_t column = servers_column(conn->worker, txn->vdir);
        if (!servers_any_up(conn->worker, column))
            return all_are_down(txn);
        txn->connect_started_us = clock_now_us();
        conn_touch(conn);
        if (upstream_open(conn, column) == NULL)
            return txn_answer(txn, 503, END_NO_MEMORY, SLICE("no memory for a connection"));
        if (conn->upstream == NULL) /* the next address could not be tried: conn_fail was called */
            return STEP_WAIT;
    }
    if (conn->upstream->failure != STREAM_OK)
        return connect_failed(txn);
    if (!conn->upstream->is_open)
        return STEP_WAIT;
    if (txn->connect_started_us != 0)
        txn->connect_us = clock_now_us() - txn->connect_started_us;
    txn->upstream_url =
        slice_str(config_server(conn->worker->config, conn->upstream->attempt.server)->url);
    return txn_goto(txn, TXN_RELAY);
}

/* ---- RELAY */

static enum step_result step_relay(struct txn *txn)
{
    return relay_run(txn);
}

/* ---- ANSWER and FINISH */

static enum step_result step_answer(struct txn *txn)
{
    struct conn *conn = txn->conn;
    char answer[512];
    conn->closes_after |=
        !txn->request.is_done || txn->request.head.wants_close || conn->worker->is_draining;
    if (txn->incident[0] == '\0')
        worker_incident_id(conn->worker, txn->incident);
    const struct http_head *head = &txn->request.head;
    const struct own_answer own = {
        .status = txn->status,
        .incident_id = slice_str(txn->incident),
        .retry_after_s = txn->retry_after_s,
        .closes = conn->closes_after,
        .says_keep_alive = head->minor == 0,
        .is_head = head->is_head,
    };
    size_t body = 0;
    size_t len = http_write_answer(&own, answer, sizeof(answer), &body);
    if (stream_send_copy(conn->client, slice_make(answer, len)))
        txn->bytes_out += body;
    else
        conn->closes_after = true;
    if (conn->upstream != NULL && txn->sent_request)
        upstream_close(conn->upstream, true); /* it may hold half of this request */
    return txn_goto(txn, TXN_FINISH);
}

static enum step_result step_finish(struct txn *txn)
{
    txn_log(txn);
    txn_free(txn);
    return STEP_OVER;
}
