/* floor: the least that an HTTP proxy on libuv and llhttp does. Both sides are parsed, heads are
 * written anew without hop-by-hop fields and with X-Forwarded-For, TLS is possible towards the
 * client. There are no limits, time-outs, logs or rules: what it costs is a lower bound, and nobody
 * should use it for anything else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <llhttp.h>
#include <openssl/ssl.h>
#include <uv.h>

enum {
    READ_BYTES = 256 * 1024,
    HEAD_BYTES = 64 * 1024, /* of all heads that one read completes */
    MAX_PIECES = 64,        /* of one write */
};

struct pair;

/* One connection of a pair, and what comes in on it. */
struct side {
    uv_tcp_t tcp;
    struct pair *pair;
    llhttp_t parser;
    size_t name_at;  /* where in pair->out the field begins that is being read */
    size_t head_len; /* of a head that goes on in the next read, in head */
    char *head;      /* [HEAD_BYTES], only then */
    unsigned n_writes;
};

struct floor {
    uv_loop_t loop;
    uv_tcp_t listener;
    struct sockaddr_in upstream;
    llhttp_settings_t request;
    llhttp_settings_t response;
    SSL_CTX *tls; /* NULL: plain */
};

/* A client and its upstream connection. */
struct pair {
    struct floor *floor;
    struct side client;
    struct side upstream;
    uv_connect_t connect;
    SSL *tls; /* of the client */
    unsigned n_open;
    bool is_closing;
};

/* What one read makes: pieces of the read and of heads, written at its end in one go. */
struct out {
    uv_buf_t pieces[MAX_PIECES];
    unsigned n;
    size_t head_len;  /* used of head */
    size_t head_from; /* not yet in a piece */
    char head[HEAD_BYTES];
};
extern struct out out; /* one loop, one read at a time */

/* ---- relay.c */

void relay_accept(struct floor *floor);
void relay_settings_init(struct floor *floor);
void relay_close(struct pair *pair);
/* Bytes of a side, decrypted. */
void relay_feed(struct side *side, const char *bytes, size_t len);
/* To the socket; what it does not take is copied, and the other side is not read meanwhile. */
void relay_send(struct side *to, uv_buf_t *pieces, unsigned n);

/* ---- tls.c */

bool tls_init(struct floor *floor, const char *cert, const char *key);
bool tls_start(struct pair *pair);
void tls_read(struct pair *pair, const char *bytes, size_t len);
void tls_send(struct pair *pair, const uv_buf_t *pieces, unsigned n);
