/* The connection to Exchange that belongs to one client connection.
 *
 * There is no pool: NTLM and Kerberos authenticate the connection (DECISIONS.md 1). */
#pragma once

#include "net/tcp.h"
#include "net/tls.h"

struct conn;
struct worker;

/* Where an attempt to connect has come to. */
struct upstream_attempt {
    size_t column;    /* servers_column */
    size_t server;    /* tried now */
    unsigned n_tried; /* addresses of it */
    uint32_t failed;  /* a bit for each server that was tried in vain */
};

struct upstream {
    struct tcp_stream tcp;
    struct tls_stream *tls; /* NULL: plain */
    struct stream *stream;  /* the upper one */
    struct conn *conn;      /* NULL: nobody waits for it any more */
    struct worker *worker;
    struct piece_queue in; /* bytes of responses, not yet read */
    struct upstream_attempt attempt;
    unsigned n_responses; /* complete ones; 0: new */
    bool is_open;
    bool has_ended; /* the upstream sends nothing more */
    enum stream_failure failure;
    char *failure_text; /* owned; NULL: no failure, or no memory for its text */
};

/* Start to connect to a server that is up in this column; there must be one. The client's former
 * server comes first. Ends in a call of conn_run with is_open or failure set. NULL: no memory. */
struct upstream *upstream_open(struct conn *conn, size_t column);
/* It took too long: go on with the next address or server. False: there is none, and nothing was
 * done; or no memory, and the upstream is gone. */
bool upstream_try_next(struct conn *conn);
/* Say for whom a connection to a server is, where the configuration wants it. False: no memory. */
bool upstream_send_proxy_header(const struct conn *conn, struct stream *stream);
/* Why it failed, borrowed from it. */
struct slice upstream_failure_text(const struct upstream *upstream);
/* Between two requests: it ended, failed, or spoke without being asked, so it serves no more. */
bool upstream_is_stale(const struct upstream *upstream);
/* Let go of it: it closes in its own time. reset: by RST, so that a cut message shows. */
void upstream_close(struct upstream *upstream, bool reset);
