/* TLS as a stream above another stream: OpenSSL between two byte queues, no socket.
 *
 * OpenSSL reads straight from the piece that arrived and writes straight into the pool's write
 * fill, so an idle connection holds no buffer. */
#pragma once

#include "net/stream.h"
#include "net/tls_material.h"

#include "stopgap/err.h"

/* Once, before any thread starts. False: no memory. */
MUST_USE bool tls_prepare(void);

/* TLS 1.2 and 1.3, Mozilla "intermediate", ALPN http/1.1 only. The certificate follows the name
 * that a client asks for. One context a worker, because OpenSSL 3.0 locks what contexts share;
 * connections keep the one they began with. NULL with err. */
SSL_CTX *tls_server_context(const struct tls_material *material, struct err *err);
/* ca_path NULL: the system's store. verify false: any certificate will do. */
SSL_CTX *tls_client_context(const char *ca_path, bool verify, struct err *err);

/* Client side: the name the certificate must have, a DNS name (also sent as SNI) or an address.
 * False: no memory. */
MUST_USE bool tls_expect(SSL *ssl, const char *name);

/* Keeps the newest session with the upstream, so that the next handshake is short. A session has
 * the verdict of the context that judged its certificate, so it serves this one only. */
struct tls_session_cache {
    SSL_SESSION *session;
    const SSL_CTX *context; /* of the newest connection; only compared */
};
/* Forget the session; connections that are under way add none. */
void tls_session_cache_done(struct tls_session_cache *cache);

struct tls_stream {
    struct stream stream;
    struct stream *under;
    SSL *ssl;
    struct piece_queue held;  /* ciphertext OpenSSL has not taken yet */
    struct piece_queue queue; /* plaintext to encrypt */
    bool is_server;
    bool is_open;
    bool has_failed;
    bool has_peer_ended;  /* close_notify came */
    bool has_under_ended; /* FIN came */
    bool wants_read;
    bool wants_end;
    bool wants_close;
    bool is_closing;
    bool is_busy; /* inside OpenSSL's loop: do not re-enter */
};

/* The server that a client-side stream talks to. */
struct tls_peer {
    const char *name;                /* SNI, and the name or address its certificate must have */
    struct tls_session_cache *cache; /* may be NULL */
};

/* Put TLS above `under`, whose owner it becomes; client side with a peer, server side without.
 *
 * context, peer->cache  borrowed for the life of the stream
 *
 * False: no memory. In any case the stream is closed like any other, and after on_closed the
 * owner calls tls_stream_done. */
MUST_USE bool tls_stream_init(struct tls_stream *tls, struct stream *under, SSL_CTX *context,
                              const struct tls_peer *peer, const struct stream_events *events,
                              void *owner);
/* Server side: start to read. The client side starts when `under` is open. */
void tls_stream_start(struct tls_stream *tls);
void tls_stream_done(struct tls_stream *tls);
bool tls_stream_was_resumed(const struct tls_stream *tls);
