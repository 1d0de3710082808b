/* What the files of the load generator share: one run, its connections, its counters. */
#pragma once

#include "form.h"
#include "histogram.h"
#include "usage.h"

#include <sys/queue.h>

#include <llhttp.h>
#include <openssl/ssl.h>

struct load_options {
    const char *request; /* file with the request */
    uint16_t port;       /* on 127.0.0.1 */
    unsigned connections;
    double rate;      /* requests a second in open loop; 0: each connection asks again at once */
    unsigned warm_ms; /* not measured */
    unsigned run_ms;  /* measured */
    unsigned least;   /* in closed loop: measured on until so many were answered */
    bool has_tls;     /* 1.3, AES-256-GCM, X25519; certificates are not looked at */
    bool resumes;     /* offer the session of an earlier connection */
    bool is_one_shot; /* a new connection for each request */
    bool holds;       /* one request on each connection, then hold them until stdin ends */
    uint64_t seed;
    struct usage_pids proxy;
    struct usage_pids others; /* the rest of the bench: no foreign load */
};

enum client_state {
    CLIENT_CLOSED = 0,
    CLIENT_CONNECTING,
    CLIENT_HANDSHAKE,
    CLIENT_SENDING,
    CLIENT_READING,
    CLIENT_IDLE,
};

struct load;

/* One connection. */
struct client {
    struct load *load;
    STAILQ_ENTRY(client) next; /* of the idle ones, in open loop */
    enum client_state state;
    int fd;
    bool is_answered;
    bool wants_write; /* epoll tells when it is possible */
    SSL *tls;         /* NULL without */
    llhttp_t parser;
    char *request; /* form.len bytes, the part that varies filled in */
    size_t n_sent;
    uint64_t due_ns; /* when the request should begin: latency counts from here */
};

struct load_counts {
    uint64_t n_answers;
    uint64_t n_bytes; /* read */
    uint64_t n_handshakes;
    uint64_t n_resumed;
    uint64_t n_bad_status;  /* neither 2xx nor 3xx */
    uint64_t n_lost;        /* connections that failed or were closed on us */
    uint64_t n_overdue_max; /* requests in open loop that waited for a connection, at worst */
};

struct load {
    const struct load_options *options;
    struct form form;
    llhttp_settings_t parser_settings;
    SSL_CTX *tls;
    SSL_SESSION *session; /* the newest */
    int epoll;
    struct client *clients; /* [options->connections] */
    STAILQ_HEAD(, client) idle;
    uint64_t random;
    struct load_counts counts;
};

/* ---- client.c */

/* Ask once; connects first where there is no connection. due_ns: see struct client. */
void client_ask(struct client *client, uint64_t due_ns);
void client_on_event(struct client *client, uint32_t events);
void client_close(struct client *client);
void client_settings_init(llhttp_settings_t *settings);

/* ---- tls.c */

/* False, with a message: OpenSSL cannot do it. */
bool tls_init(struct load *load);
void tls_done(struct load *load);
/* On client->fd; false: no memory. */
bool tls_start(struct client *client);

/* ---- run.c: what happens on a connection */

void run_on_answer(struct client *client);
/* The connection is closed by then; it was idle, or a request on it is lost. */
void run_on_failure(struct client *client, bool was_idle);

/* The whole run, and its result as one line of JSON. Returns the exit status. */
int run(const struct load_options *options);
