/* The objects of the admin server. Private to proxy/admin: admin.c has the listeners and the
 * timer, conn.c the connections, route.c what they are asked. */
#pragma once

#include "admin/admin.h"
#include "admin/parse.h"
#include "net/acceptor.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>

struct admin_listener {
    struct acceptor acceptor;
    struct admin *admin;
    const char *url;    /* borrowed from the configuration */
    uint64_t logged_ms; /* when it last said that it rests; 0: never */
    bool is_started;
    bool is_unix;
    bool is_inherited; /* until the start has succeeded, the socket is another program's as well */
    char *unix_path;   /* removed at the end when it is still the inode we made */
    dev_t device;
    ino_t inode;
};

enum admin_conn_state {
    ADMIN_CONN_READING = 0, /* the request */
    ADMIN_CONN_WAITING,     /* for the backend */
    ADMIN_CONN_WRITING,     /* the answer */
    ADMIN_CONN_LINGERING,   /* until the client closes, so that it gets all of the answer */
    ADMIN_CONN_CLOSING,
};

struct admin_conn;

/* What the backend holds while a reload runs; outlives a connection that closes meanwhile. */
struct admin_wait {
    struct admin_conn *conn; /* NULL: it has gone */
};

struct admin_conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } uv;
    LIST_ENTRY(admin_conn) link;
    struct admin *admin;
    bool is_unix;
    enum admin_conn_state state;
    uint64_t deadline_ms; /* of uv_now; UINT64_MAX: none */
    bool saw_eof;
    const char *allow; /* the Allow field of a 405, or NULL */
    struct admin_wait *wait;
    struct admin_parser parser;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct buf head; /* of the answer */
    struct buf body;
    char input[4096];
};

struct admin {
    uv_loop_t *loop;
    struct admin_backend backend;
    struct admin_listener listeners[LIMIT_ADMIN_LISTENERS];
    size_t n_listeners;
    LIST_HEAD(, admin_conn) conns;
    size_t n_conns;
    size_t n_tcp_conns; /* of these, over loopback */
    uv_timer_t timer; /* runs while there are connections, for their deadlines, and while a listener
                       * rests */
    size_t n_handles; /* open ones; the last close callback frees */
    bool is_closing;
};

/* ---- admin.c */

/* A handle of the server has closed. */
void admin_release(struct admin *admin);

/* ---- conn.c */

/* Take one in. */
enum acceptor_result admin_conn_accept(struct admin_listener *listener);
/* The timer: deadlines, and listeners that rest. */
void admin_sweep_start(struct admin *admin);
void admin_conn_close(struct admin_conn *conn);
/* Answer and close. body is taken; its maximum stays. type NULL: plain text. */
void admin_conn_answer(struct admin_conn *conn, unsigned status, const char *type,
                       struct buf *body);
/* One line of text as the answer. */
void admin_conn_answer_text(struct admin_conn *conn, unsigned status, const char *text);

/* Who asks; the kernel says it, so nobody can claim to be somebody else. */
MUST_USE bool admin_conn_peer(struct admin_conn *conn, struct ucred *ret_peer);
/* The answer is out: close when the client has it. */
void admin_conn_linger(struct admin_conn *conn);

/* ---- route.c, for all that must wait */

/* Wait for the backend: what its callback gets. NULL: no memory, and that was answered. */
struct admin_wait *admin_conn_wait(struct admin_conn *conn);
/* The callback: the text is the answer. */
void admin_conn_done(void *ctx, bool ok, const char *text);

/* ---- handover.c */

void admin_post_listeners(struct admin_conn *conn);
void admin_post_taken(struct admin_conn *conn);
void admin_post_upgrade(struct admin_conn *conn);

/* ---- mitigations.c */

void admin_post_mitigations(struct admin_conn *conn);

/* ---- trust_post.c */

void admin_post_trust(struct admin_conn *conn);

/* ---- route.c */

/* The request is whole: do what it asks. */
void admin_route(struct admin_conn *conn);
