/* The connection to Exchange that belongs to one client connection.
 *
 * There is no pool: NTLM and Kerberos authenticate the connection (DECISIONS.md 1). */
#pragma once

#include "net/tcp.h"
#include "net/tls.h"

struct conn;
struct worker;

struct upstream {
    struct tcp_stream tcp;
    struct tls_stream tls; /* in use when stream points to it */
    struct stream *stream; /* the upper one */
    struct conn *conn;     /* NULL: nobody waits for it any more */
    struct worker *worker;
    struct piece_queue in; /* bytes of responses, not yet read */
    unsigned n_tried;      /* addresses */
    unsigned n_responses;  /* complete ones; 0: new */
    bool is_open;
    bool has_ended; /* the upstream sends nothing more */
    enum stream_failure failure;
    char failure_text[128];
};

/* Start to connect; ends in a call of conn_run with is_open or failure set. NULL: no memory. */
struct upstream *upstream_open(struct conn *conn);
/* Between two requests: it ended, failed, or spoke without being asked, so it serves no more. */
bool upstream_is_stale(const struct upstream *upstream);
/* Let go of it: it closes in its own time. reset: by RST, so that a cut message shows. */
void upstream_close(struct upstream *upstream, bool reset);
