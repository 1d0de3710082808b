/* Records and counters of a transaction. */
#include "txn_log.h"

#include "conn.h"
#include "log/log.h"
#include "worker.h"

#include "stopgap/banned.h"

/* Without memmem, which prepares for long texts before it looks at one. */
static bool contains(struct slice text, struct slice word)
{
    size_t at;
    while ((at = slice_find(text, word.ptr[0])) != SIZE_MAX) {
        text = slice_from(text, at);
        if (slice_starts_with(text, word))
            return true;
        text = slice_from(text, 1);
    }
    return false;
}

/* Pages that Exchange shows to everybody: that credentials came along says nothing. */
static bool is_open_page(struct slice target)
{
    struct slice path = slice_head(target, slice_find(target, '?'));
    return slice_ends_with_nocase(path, SLICE("/healthcheck.htm")) ||
           contains(path, SLICE("/auth/")) || contains(path, SLICE(".json"));
}

/* By these a set of rules is watched: do clients that Exchange knows get through? */
static void count_known(const struct txn *txn, struct worker_stats *stats)
{
    struct conn *conn = txn->conn;
    unsigned status = txn->has_response ? txn->response.head.status : 0;
    bool is_stopped = txn->reason == END_RULE_BLOCK || txn->reason == END_RULE_ABORT;
    if (is_stopped && conn->is_known)
        counter_add(&stats->blocked_known, 1);
    if (status >= 500)
        counter_add(&stats->server_errors, 1);
    bool is_good = status / 100 == 2 || status == 304;
    if (!is_good || !txn->has_credentials || is_open_page(txn->request.head.target))
        return;
    conn->is_known = true;
    counter_add(&stats->authenticated, 1);
    if (txn->would_stop)
        counter_add(&stats->would_stop, 1);
}

static void txn_count(const struct txn *txn)
{
    struct worker_stats *stats = &txn->conn->worker->stats;
    count_known(txn, stats);
    if (txn->ruleset.len != 0)
        counter_add(&stats->inspected[inspect_bucket(txn->inspect_us)], 1);
    counter_add(&stats->requests, 1);
    counter_add(&stats->client_bytes_out, txn->bytes_out);
    counter_add(&stats->ended[txn->reason], 1);
    if (txn->reason == END_RULE_BLOCK || txn->reason == END_RULE_ABORT)
        counter_add(&stats->requests_blocked, 1);
    else if (txn->excluded_by.len != 0)
        counter_add(&stats->requests_excluded, 1);
    else if (txn->rule_id.len != 0)
        counter_add(&stats->requests_detected, 1);
    if (txn->reason >= END_BAD_REQUEST && txn->reason <= END_UPGRADE_REFUSED)
        counter_add(&stats->requests_refused, 1);
    if (txn->status == 502 || txn->status == 504)
        counter_add(&stats->upstream_failures, txn->reason >= END_UPSTREAM_CONNECT &&
                                                   txn->reason <= END_UPSTREAM_BAD_RESPONSE);
}

void txn_log(struct txn *txn)
{
    struct conn *conn = txn->conn;
    struct worker *worker = conn->worker;
    const struct http_head *head = &txn->request.head;
    if (txn_is_empty(txn) && txn->reason != END_OK && txn->status == 0)
        return; /* a connection without a request is the connection's story */
    txn_count(txn);
    if (worker->log == NULL)
        return;
    uint64_t now = clock_now_us();
    struct access_record record = {
        .wall_us = clock_wall_us(),
        .connection_id = conn->id,
        .request_number = conn->n_requests,
        .client = txn->client,
        .client_port = conn->port,
        .listener = slice_str(conn->listener->config->url),
        .upstream = txn->sent_request ? txn->upstream_url : slice_make(NULL, 0),
        .method = head->method,
        .host = head->host,
        .target = head->target,
        .vdir = txn->vdir,
        .http_minor = head->minor,
        .status = txn->status,
        .upstream_status = txn->has_response ? txn->response.head.status : 0,
        .bytes_in = txn->bytes_in,
        .bytes_out = txn->bytes_out,
        .head_us = txn->head_us,
        .inspect_us = txn->inspect_us,
        .connect_us = txn->connect_us,
        .response_us = txn->first_us != 0 ? txn->first_us - txn->sent_us : 0,
        .total_us = now - txn->started_us,
        .reason = txn->reason,
        .detail = txn->detail,
        .ruleset = txn->ruleset,
        .rule_id = txn->rule_id,
        .excluded_by = txn->excluded_by,
        .incident_id = slice_str(txn->incident),
        .decision = slice_str(txn->decision.word),
    };
    if (txn->request.head.raw.len == 0) { /* its slices may point to bytes that moved */
        record.method = record.host = record.target = slice_make(NULL, 0);
        record.client = conn->address;
    }
    access_log_write(worker->log, &record);
}

void txn_log_decision(struct txn *txn, const struct verdict *verdict)
{
    struct worker *worker = txn->conn->worker;
    const struct http_head *head = &txn->request.head;
    worker_incident_id(worker, txn->incident);
    if (worker->log == NULL)
        return;
    struct decision_record record = {
        .wall_us = clock_wall_us(),
        .connection_id = txn->conn->id,
        .request_number = txn->conn->n_requests,
        .client = txn->client,
        .incident_id = slice_str(txn->incident),
        .decision = slice_str(txn->decision.word),
        .method = head->method,
        .host = head->host,
        .target = head->target,
        .vdir = txn->vdir,
        .ruleset = txn->ruleset,
        .status = txn->decision.status,
        .hits = verdict->hits,
        .n_hits = verdict->n_hits,
        .hits_truncated = verdict->hits_truncated,
    };
    decision_log_write(worker->log, &record);
}
