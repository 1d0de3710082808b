/* One thread, one loop: its listeners, connections, TLS contexts, lease and counters.
 *
 * Control talks to a worker through one mailbox. Everything else here belongs to the worker's
 * thread; the counters may be read from elsewhere. */
#pragma once

#include "build_watch.h"
#include "config/config.h"
#include "deadline.h"
#include "http/parse.h"
#include "log/log.h"
#include "net/acceptor.h"
#include "net/tls.h"
#include "servers.h"
#include "stats.h"

#include "stopgap/buf.h"
#include "stopgap/err.h"
#include "stopgap/ruleset.h"

#include <uv.h>

struct address_table;
struct conn;
struct txn_memory;
struct worker;

TAILQ_HEAD(conn_list, conn);

/* Leases that are on their way out; grows as needed. */
struct lease_list {
    struct lease **items;
    size_t n;
    size_t room;
};

/* TLS of one worker: a context a listener (NULL: no TLS) and one for the upstream. */
struct worker_tls {
    SSL_CTX *upstream;
    size_t n;
    SSL_CTX *listeners[];
};
void worker_tls_free(struct worker_tls *tls);

/* What control leaves for a worker; taken as a whole. */
struct worker_mail {
    struct worker_tls *tls;     /* new certificates, or NULL; taken */
    struct lease *lease;        /* a new rule set, or NULL */
    struct server_table *table; /* what has become of the servers, or NULL; malloc'd, taken */
    bool drains;                /* finish what is running, take nothing new */
    bool is_replaced;           /* drains, and a successor has the listening sockets, too */
    bool stops;                 /* close everything now */
};

struct worker_listener {
    struct worker *worker;
    const struct listen_config *config;
    SSL_CTX *context; /* NULL: no TLS */
};

/* One socket of a listener; there are several when a program with more workers handed over. */
struct worker_socket {
    struct acceptor acceptor;
    LIST_ENTRY(worker_socket) entry;
    const struct worker_listener *listener;
};
LIST_HEAD(worker_sockets, worker_socket);

/* Refused connections since the last line in the log about them. */
struct refusal_log {
    uint64_t n;
    uint64_t logged_ms; /* 0: never */
};

/* The limits all workers share. */
struct worker_shared {
    const struct config *config;
    struct http_limits http_limits;
    struct http_limits response_limits;
    unsigned max_connections;        /* limits.connections, or what the descriptors allow */
    struct address_table *addresses; /* NULL: no limit for one address */
    _Atomic unsigned n_connections;  /* touched at accept and close only */
    _Atomic unsigned n_running;      /* workers whose loop has not ended */
    struct server_counts servers[LIMIT_SERVERS];
    uint64_t server_keys[LIMIT_SERVERS];    /* for the source hash */
    struct slice vdirs[LIMIT_HEALTH_VDIRS]; /* the columns of a server table */
    size_t n_vdirs;
    void (*on_outbox)(void *ctx); /* any worker's thread: something lies in an outbox */
    void *on_outbox_ctx;
};

enum { WORKER_FREE_WINDOWS = 8 }; /* 512 KiB; bodies that overlap for longer take malloc's */

struct worker {
    uv_thread_t thread;
    uv_loop_t loop;
    unsigned index;
    struct worker_shared *shared;
    const struct config *config;

    struct stream_hub hub;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t sweep;
    uv_async_t wake;
    struct deadline_wheel wheel;

    struct worker_listener *listeners;
    size_t n_listeners;
    struct worker_sockets sockets; /* of all of them */
    SSL_CTX *upstream_context;     /* NULL: no TLS to the upstream */
    struct tls_session_cache upstream_sessions[LIMIT_SERVERS];
    struct server_table *table;
    size_t next_address[LIMIT_SERVERS]; /* where the next connection starts to try */
    uint64_t server_turn;

    struct conn_list conns;
    struct conn_list dead; /* closed in this loop turn, freed at its end */
    uint64_t n_conns_made;
    struct refusal_log refused_total, refused_address;
    uint64_t accept_logged_ms;
    struct txn_memory *free_txns;
    unsigned n_free_txns;
    struct buf free_windows[WORKER_FREE_WINDOWS]; /* of bodies that were inspected, for the next */
    unsigned n_free_windows;

    struct lease *lease;       /* current; held by no one while no inspection runs */
    struct lease_list leaving; /* replaced, but an inspection still uses them */

    _Atomic uint64_t beat_us; /* clock_now_us when the loop last turned; UINT64_MAX: it ended */
    struct worker_stats stats;
    struct build_watch builds; /* control reads it */
    struct log_buffer *log;
    uint64_t random; /* state of the incident ids */
    bool is_draining;
    unsigned turns_to_close; /* turns of the loop until a drain closes the listeners */
    uint64_t idle_until_ms;  /* until then no connection counts as idle */
    uint64_t quiet_ms;       /* silence that makes a connection idle then */
    bool is_stopping;

    uv_mutex_t mail_lock; /* guards the two below */
    struct worker_mail mail;
    struct lease_list outbox; /* nobody uses these any more; control frees them */
};

/* What a worker is made with; all of it is taken. */
struct worker_parts {
    struct log_buffer *log;    /* NULL: no logs */
    SSL_CTX *upstream_context; /* NULL: no TLS to the upstream */
    struct lease *lease;
    struct server_table *table; /* malloc'd */
};

/* Prepare everything that can fail, on the main thread. */
bool worker_init(struct worker *worker, unsigned index, struct worker_shared *shared,
                 const struct worker_parts *parts, struct err *err);
/* Give it one bound socket and its TLS context (or NULL); both are taken. */
bool worker_add_listener(struct worker *worker, int fd, const struct listen_config *config,
                         SSL_CTX *context, struct err *err);
/* One more bound socket of the listener that was added last; it is taken. */
bool worker_add_socket(struct worker *worker, int fd, struct err *err);
bool worker_start(struct worker *worker, struct err *err);
/* Leave mail; merged with what was not yet taken. Returns a lease that was overtaken, which the
 * caller frees, or NULL. Any thread. */
struct lease *worker_post(struct worker *worker, const struct worker_mail *mail);
/* Take what lies in the outbox; the caller frees ret_leases->items. Any thread. */
void worker_take_leases(struct worker *worker, struct lease_list *ret_leases);
/* Wait for the thread; its last leases lie in the outbox then. */
void worker_join(struct worker *worker);
/* Free everything else. */
void worker_done(struct worker *worker);

/* For conn and txn. */
static inline uint64_t worker_now_ms(const struct worker *worker)
{
    return uv_now(&worker->loop);
}
/* In a drain: when a connection between two requests that last spoke at this time is closed. A
 * request may be on its way until the client has been silent for a moment. */
static inline uint64_t worker_idle_until_ms(const struct worker *worker, uint64_t last_ms)
{
    uint64_t quiet_at = last_ms + worker->quiet_ms;
    return quiet_at > worker->idle_until_ms ? quiet_at : worker->idle_until_ms;
}
uint64_t clock_now_us(void);  /* monotonic */
uint64_t clock_wall_us(void); /* since 1970 */
/* A transaction is over with a lease: when it was the last holder of an old one, hand it back. */
void worker_release_lease(struct worker *worker, struct lease *lease);
/* Twelve characters that name an event to client and log. */
void worker_incident_id(struct worker *worker, char out[static 13]);
