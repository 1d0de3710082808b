/* One client connection: owns both streams, the transaction and the deadline; the only place that
 * closes. */
#pragma once

#include "deadline.h"
#include "net/tcp.h"
#include "net/tls.h"
#include "reason.h"

#include "stopgap/request.h"

struct address_place;
struct pass_through;
struct txn;
struct upstream;
struct worker;
struct worker_listener;

enum conn_state {
    CONN_PROXY_HEADER = 0, /* a trusted balancer tells whom it speaks for */
    CONN_HELLO,            /* a TLS name may say that it is passed through */
    CONN_HANDSHAKE,        /* TLS with the client */
    CONN_OPEN,
    CONN_PASSING, /* bytes go through to a server; conn->pass has it */
    CONN_LINGER,  /* the last answer is out; what still comes is thrown away */
    CONN_CLOSING, /* waits for on_closed */
};

struct conn {
    struct worker *worker;
    TAILQ_ENTRY(conn) entry; /* in worker->conns, later in worker->dead */
    struct deadline deadline;
    uint64_t last_activity_ms;
    const struct worker_listener *listener;

    struct tcp_stream tcp;
    struct tls_stream *tls; /* NULL: plain */
    struct stream *client;  /* the upper one */
    struct upstream *upstream;
    struct pass_through *pass; /* in CONN_PASSING only */
    int server;                /* that it was connected to, and comes back to; -1: none yet */
    struct piece_queue in;     /* bytes of requests, not yet read */
    struct txn *txn;           /* NULL between requests */

    uint64_t id;
    uint64_t n_requests;
    struct net_address address;
    struct address_place *place; /* what it counts for in shared->addresses, or NULL */
    uint16_t port;
    bool is_bound;   /* a request may have authenticated the upstream connection: it is kept */
    bool is_known;   /* a request with credentials was answered well */
    bool is_trusted; /* the peer is one of trusted_proxies */
    bool has_ended;  /* the client sends nothing more */
    bool has_failed; /* the client's stream broke, or memory is out: close with the two below */
    bool fails_by_reset;
    enum end_reason fail_reason;
    bool is_running; /* inside conn_run */
    bool must_rerun;
    bool closes_after; /* no further request on this connection */
    enum conn_state state;
    size_t n_lingered;   /* bytes thrown away in CONN_LINGER */
    size_t pending_seen; /* unacknowledged bytes when a write time-out was last looked at */
};

/* Memory for a connection that may come; NULL: none. Then either of the next two. */
struct conn *conn_new(struct worker *worker, const struct worker_listener *listener);
/* None came. */
void conn_discard(struct conn *conn);
/* It came; fd is taken. A connection over a limit is refused at once. */
void conn_begin(struct conn *conn, int fd);
/* Something happened: let the transaction go on. */
void conn_run(struct conn *conn);
/* Note that bytes moved, for the idle time-outs. */
void conn_touch(struct conn *conn);
/* The end, with its reason; what is queued to the client still goes out unless reset. */
void conn_close(struct conn *conn, enum end_reason reason, bool reset);
/* Close, but not under a transaction that is running: then as soon as it returns. */
void conn_fail(struct conn *conn, enum end_reason reason, bool reset);
/* conn_deadline.c: set the deadline for what the connection waits for now. */
void conn_set_deadline(struct conn *conn);
/* conn_deadline.c: the deadline has passed. */
void conn_expire(struct conn *conn);
/* The worker drains: connections between requests close when they have been silent for a moment,
 * the others after their answer. */
void conn_drain(struct conn *conn);
/* Give back the memory of a dead connection. */
void conn_free(struct conn *conn);
