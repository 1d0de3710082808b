/* One request and its response: the step table.
 *
 *   READ_HEAD → CHECK_HEAD ─┬───────────────────────────┬→ CONNECT → RELAY → FINISH
 *                           └→ READ_BODY → CHECK_BODY ──┘
 *   any step ── refused, blocked, error, time-out ──→ ANSWER ─────────────→ FINISH
 *
 * txn.c holds the table and the steps; relay.c the two pipes of RELAY. */
#pragma once

#include "decide.h"
#include "http/parse.h"
#include "net/piece.h"

#include "stopgap/arena.h"
#include "stopgap/buf.h"
#include "stopgap/ruleset.h"

struct conn;
struct worker;

enum txn_step {
    TXN_READ_HEAD = 0,
    TXN_CHECK_HEAD,
    TXN_READ_BODY,
    TXN_CHECK_BODY,
    TXN_CONNECT,
    TXN_RELAY,
    TXN_ANSWER,
    TXN_FINISH,
    TXN_STEP_COUNT,
};

enum step_result {
    STEP_AGAIN = 0, /* run the step that txn->step names now */
    STEP_WAIT,      /* nothing to do before the next event */
    STEP_OVER,      /* the transaction is gone */
};

/* One direction of RELAY. */
enum pipe_state {
    PIPE_OPEN = 0,
    PIPE_DRAINING, /* the message goes nowhere any more; its bytes are thrown away */
    PIPE_DONE,
};

struct txn {
    struct conn *conn;
    enum txn_step step;
    struct arena arena;

    struct http_parser request;
    struct buf head_buf;       /* a head that came in parts */
    struct net_address client; /* behind trusted proxies */

    struct lease *lease; /* held while inspection may go on */
    struct inspection *inspection;
    struct buf window; /* body bytes that were read for the inspection */
    struct decision decision;
    struct slice rule_id;
    struct slice excluded_by; /* label of the exclusion that let it pass that rule */
    struct slice ruleset;
    struct slice vdir;
    bool sent_continue;
    bool would_stop;      /* rules on trial would have stopped it */
    bool has_credentials; /* or its connection has; known when it goes upstream */

    struct http_parser response;
    struct buf response_buf;
    bool has_response; /* its head is parsed */
    bool sent_request; /* the head went upstream */
    bool got_response; /* a byte of the response came */
    bool reused;       /* the upstream connection had served before */
    bool is_retried;
    bool is_tunnel;      /* after 101 */
    bool ended_upstream; /* the client's half-close was passed on */
    bool ended_client;   /* the upstream's was, in a tunnel */
    unsigned n_interim;
    enum http_framing client_framing; /* of the response */
    enum pipe_state up, down;
    struct chunk *current; /* keeps alive what a parser looks at */
    bool ends_early;       /* the response told that the rest of the request is not wanted */
    bool is_leg;           /* of a handshake: the next request has to come on this connection */
    bool drain_is_over;    /* the rest did not come in time */
    uint64_t drained;      /* bytes of the request that went nowhere */

    struct slice upstream_url; /* of the server that has the request */
    unsigned retry_after_s;    /* told with an answer of our own; 0: not */
    unsigned status;           /* sent to the client; 0: none yet */
    enum end_reason reason;
    struct slice detail;
    char incident[13]; /* empty: none */

    uint64_t started_ms; /* of the loop's clock */
    uint64_t started_us, head_us, inspect_us, connect_us, connect_started_us, sent_us, first_us;
    uint64_t bytes_in, bytes_out;
};

/* A new transaction; conn->txn. NULL: no memory. */
struct txn *txn_new(struct conn *conn);
/* Run steps until one waits. STEP_OVER: conn->txn is gone. */
enum step_result txn_run(struct txn *txn);
/* The connection ends under the transaction: account for it, log, free. */
void txn_cancel(struct txn *txn, enum end_reason reason);
/* Answer with an error of our own, if nothing was sent to the client yet; else cut the message. */
enum step_result txn_answer(struct txn *txn, unsigned status, enum end_reason reason,
                            struct slice detail);
/* Nothing more is asked of the rules: free the inspection, let go of the lease. */
void txn_end_inspection(struct txn *txn);
/* For the steps: move on. */
enum step_result txn_goto(struct txn *txn, enum txn_step step);
/* Nothing of a request has come yet. */
bool txn_is_empty(const struct txn *txn);
void txn_memory_free(struct worker *worker);

/* The window is not needed any more; another transaction of the worker may use its memory. */
void txn_window_done(struct txn *txn);

/* relay.c */
enum step_result relay_run(struct txn *txn);
