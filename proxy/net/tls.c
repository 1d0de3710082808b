/* The TLS filter: handshake, records, orderly end. */
#include "net/tls_internal.h"

#include <stddef.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "stopgap/banned.h"

enum { RECORD_BYTES = 16 * 1024 }; /* RFC 8446 5.1: the most plaintext in one record */

static struct tls_stream *tls_of(struct stream *stream)
{
    return (struct tls_stream *)((char *)stream - offsetof(struct tls_stream, stream));
}

/* ---- OpenSSL's view of the two queues */

static int on_bio_read(BIO *bio, char *out, int max)
{
    struct tls_stream *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (tls->held.n == 0 || max <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    struct slice part = slice_head(piece_queue_front(&tls->held)->bytes, (size_t)max);
    memcpy(out, part.ptr, part.len);
    piece_queue_consume(&tls->held, part.len);
    return (int)part.len;
}

static int on_bio_write(BIO *bio, const char *bytes, int len)
{
    struct tls_stream *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (len <= 0 || !stream_send_copy(tls->under, slice_make(bytes, (size_t)len)))
        return -1;
    return len;
}

static long on_bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
    (void)bio;
    (void)number;
    (void)ptr;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *method; /* made by tls_prepare, before the workers start */

bool tls_prepare(void)
{
    if (method != NULL)
        return true;
    if (!tls_sni_prepare() || !tls_tickets_prepare())
        return false;
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    return method != NULL && BIO_meth_set_read(method, on_bio_read) == 1 &&
           BIO_meth_set_write(method, on_bio_write) == 1 &&
           BIO_meth_set_ctrl(method, on_bio_ctrl) == 1;
}

/* ---- failing */

static void tls_fail(struct tls_stream *tls, enum stream_failure failure, const char *text)
{
    if (tls->has_failed || tls->is_closing)
        return;
    tls->has_failed = true;
    if (tls->wants_close)
        tls->stream.ops->close(&tls->stream, true);
    else
        tls->stream.events->on_failed(&tls->stream, failure, text);
}

/* OpenSSL said no: tell why in words that help, and let its alert go out. */
static void tls_fail_ssl(struct tls_stream *tls)
{
    char text[256];
    unsigned long code = ERR_peek_last_error();
    bool is_judged = !tls->is_server && SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE;
    long verify = is_judged ? SSL_get_verify_result(tls->ssl) : X509_V_OK;
    enum stream_failure failure = STREAM_TLS;
    if (verify != X509_V_OK) {
        failure = STREAM_CERTIFICATE;
        (void)snprintf(text, sizeof(text), "certificate: %s",
                       X509_verify_cert_error_string(verify));
    } else if (code != 0 && ERR_reason_error_string(code) != NULL) {
        (void)snprintf(text, sizeof(text), "%s", ERR_reason_error_string(code));
    } else {
        (void)snprintf(text, sizeof(text), "connection ended during TLS");
    }
    ERR_clear_error();
    tls_fail(tls, failure, text);
}

/* ---- from the peer */

static bool tls_is_dead(const struct tls_stream *tls)
{
    return tls->has_failed || tls->is_closing || tls->wants_close;
}

/* SSL_get_error looks at this thread's queue of errors. It is nearly always empty, and clearing it
 * all the same takes 800 instructions. */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

static void tls_handshake(struct tls_stream *tls)
{
    forget_errors();
    int result = SSL_do_handshake(tls->ssl);
    if (result != 1) {
        if (SSL_get_error(tls->ssl, result) != SSL_ERROR_WANT_READ)
            tls_fail_ssl(tls);
        else if (tls->has_under_ended)
            tls_fail(tls, STREAM_TLS, "the peer closed during the TLS handshake");
        return;
    }
    tls->is_open = true;
    if (tls->queue.n != 0 || tls->wants_end)
        stream_mark_dirty(&tls->stream);
    tls->stream.events->on_open(&tls->stream);
}

/* One decrypted record to the owner. False: nothing more to read now. */
static bool tls_read_record(struct tls_stream *tls)
{
    struct chunk_pool *pool = &tls->stream.hub->pool;
    struct slice space = fill_space(pool, &pool->plain, RECORD_BYTES);
    if (space.ptr == NULL) {
        tls_fail(tls, STREAM_MEMORY, "out of memory");
        return false;
    }
    forget_errors();
    int n_read = SSL_read(tls->ssl, pool->plain.chunk->data + pool->plain.used, (int)space.len);
    if (n_read > 0) {
        tls->stream.events->on_data(&tls->stream, fill_take(&pool->plain, (size_t)n_read));
        return true;
    }
    int error = SSL_get_error(tls->ssl, n_read);
    bool is_cut = error == SSL_ERROR_WANT_READ && tls->has_under_ended;
    if (error == SSL_ERROR_ZERO_RETURN || (is_cut && tls->is_server)) {
        /* A FIN without close_notify can only cut a request, and its own framing shows that; a
         * whole one gets its answer, as over plain TCP. */
        tls->has_peer_ended = true;
        stream_read(tls->under, false);
        tls->stream.events->on_end(&tls->stream);
    } else if (error != SSL_ERROR_WANT_READ) {
        tls_fail_ssl(tls);
    } else if (is_cut) {
        /* A server's response may end with the connection, so a truncation attack would make a
         * part of it look whole: the owner must see a broken connection. */
        tls_fail(tls, STREAM_RESET, "the peer closed without close_notify");
    }
    return false;
}

/* Else SSL_read would take its buffers, find nothing and give them back, once for each request. */
static bool tls_may_have_record(const struct tls_stream *tls)
{
    return tls->held.n != 0 || tls->has_under_ended || SSL_has_pending(tls->ssl) == 1;
}

/* Give OpenSSL what is held, while the owner wants data. */
static void tls_pump(struct tls_stream *tls)
{
    if (tls->is_busy)
        return;
    tls->is_busy = true;
    if (!tls->is_open && !tls_is_dead(tls))
        tls_handshake(tls);
    while (tls->is_open && tls->wants_read && !tls->has_peer_ended && !tls_is_dead(tls) &&
           tls_may_have_record(tls))
        if (!tls_read_record(tls))
            break;
    tls->is_busy = false;
}

static void on_under_data(struct stream *under, struct piece piece)
{
    struct tls_stream *tls = under->owner;
    if (tls_is_dead(tls))
        return;
    if (!piece_queue_push(&tls->held, piece))
        tls_fail(tls, STREAM_MEMORY, "out of memory");
    else
        tls_pump(tls);
}

static void on_under_end(struct stream *under)
{
    struct tls_stream *tls = under->owner;
    tls->has_under_ended = true;
    if (!tls->has_peer_ended && !tls_is_dead(tls))
        tls_pump(tls);
}

static void on_under_open(struct stream *under)
{
    struct tls_stream *tls = under->owner;
    stream_read(under, true);
    tls_pump(tls);
}

static void on_under_sent(struct stream *under)
{
    struct tls_stream *tls = under->owner;
    if (!tls_is_dead(tls))
        tls->stream.events->on_sent(&tls->stream);
}

static void on_under_failed(struct stream *under, enum stream_failure failure, const char *text)
{
    struct tls_stream *tls = under->owner;
    tls_fail(tls, failure, text);
}

static void on_under_closed(struct stream *under)
{
    struct tls_stream *tls = under->owner;
    stream_unmark_dirty(&tls->stream);
    tls->stream.events->on_closed(&tls->stream);
}

static const struct stream_events under_events = {
    .on_open = on_under_open,
    .on_data = on_under_data,
    .on_end = on_under_end,
    .on_sent = on_under_sent,
    .on_failed = on_under_failed,
    .on_closed = on_under_closed,
};

/* ---- to the peer */

static void tls_send(struct stream *stream, struct piece piece)
{
    struct tls_stream *tls = tls_of(stream);
    if (tls_is_dead(tls) || tls->wants_end)
        return;
    if (!piece_queue_push(&tls->queue, piece))
        tls_fail(tls, STREAM_MEMORY, "out of memory");
    else if (tls->is_open)
        stream_mark_dirty(stream);
}

static bool tls_write(struct tls_stream *tls, struct slice bytes)
{
    forget_errors();
    if (SSL_write(tls->ssl, bytes.ptr, (int)bytes.len) > 0)
        return true;
    tls_fail_ssl(tls); /* the BIO takes everything, so it can only be broken */
    return false;
}

/* Head and body of a small response go into one record: gather short pieces first. */
static struct slice tls_next_record(struct tls_stream *tls, char *gather)
{
    struct piece *front = piece_queue_front(&tls->queue);
    if (front->bytes.len >= RECORD_BYTES || tls->queue.n == 1)
        return slice_head(front->bytes, RECORD_BYTES);
    size_t len = 0;
    for (unsigned i = 0; i < tls->queue.n && len < RECORD_BYTES; i++) {
        struct slice part = slice_head(piece_queue_at(&tls->queue, i)->bytes, RECORD_BYTES - len);
        memcpy(gather + len, part.ptr, part.len);
        len += part.len;
    }
    return slice_make(gather, len);
}

static void tls_flush(struct stream *stream)
{
    struct tls_stream *tls = tls_of(stream);
    char gather[RECORD_BYTES];
    while (tls->queue.n != 0 && tls->is_open && !tls->has_failed && !tls->is_closing) {
        struct slice record = tls_next_record(tls, gather);
        if (!tls_write(tls, record))
            return;
        piece_queue_consume(&tls->queue, record.len);
    }
    if (tls->queue.n != 0 || tls->has_failed || tls->is_closing)
        return;
    if (tls->wants_close) {
        tls->stream.ops->close(stream, false);
    } else if (tls->wants_end) {
        (void)SSL_shutdown(tls->ssl); /* close_notify; the answer to it is not waited for */
        stream_end(tls->under);
    }
}

static void tls_read(struct stream *stream, bool wanted)
{
    struct tls_stream *tls = tls_of(stream);
    if (tls->wants_read == wanted || tls_is_dead(tls))
        return;
    tls->wants_read = wanted;
    if (!tls->is_open)
        return; /* the handshake reads anyway */
    if (!tls->has_peer_ended)
        stream_read(tls->under, wanted);
    if (wanted)
        tls_pump(tls);
}

static void tls_end(struct stream *stream)
{
    struct tls_stream *tls = tls_of(stream);
    if (tls_is_dead(tls) || tls->wants_end)
        return;
    tls->wants_end = true;
    if (tls->is_open)
        stream_mark_dirty(stream);
}

static void tls_close(struct stream *stream, bool reset)
{
    struct tls_stream *tls = tls_of(stream);
    if (tls->is_closing) {
        stream_close(tls->under, reset);
        return;
    }
    if (!reset && tls->queue.n != 0 && tls->is_open && !tls->has_failed) {
        tls->wants_close = true;
        stream_mark_dirty(stream);
        return;
    }
    tls->is_closing = true;
    stream_unmark_dirty(stream);
    piece_queue_clear(&tls->queue);
    /* tls_end may have asked for close_notify without a flush since. */
    if (!reset && tls->is_open && !tls->has_failed &&
        (SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN) == 0)
        (void)SSL_shutdown(tls->ssl);
    stream_close(tls->under, reset);
}

static size_t tls_queued(const struct stream *stream)
{
    const struct tls_stream *tls =
        (const struct tls_stream *)((const char *)stream - offsetof(struct tls_stream, stream));
    return tls->queue.n_bytes + stream_queued(tls->under);
}

static size_t tls_pending(const struct stream *stream)
{
    const struct tls_stream *tls =
        (const struct tls_stream *)((const char *)stream - offsetof(struct tls_stream, stream));
    return tls->queue.n_bytes + stream_pending(tls->under);
}

static const struct stream_ops tls_ops = {
    .send = tls_send,
    .flush = tls_flush,
    .read = tls_read,
    .end = tls_end,
    .close = tls_close,
    .queued = tls_queued,
    .pending = tls_pending,
};

/* ---- life */

bool tls_expect(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1)
        return true;
    /* What SSL_set_tlsext_host_name does, without its cast that clang warns of. */
    return SSL_set1_host(ssl, name) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)name) == 1;
}

static void tls_use_cache(SSL *ssl, const SSL_CTX *context, struct tls_session_cache *cache)
{
    if (cache->context != context)
        tls_session_cache_done(cache);
    cache->context = context;
    (void)SSL_set_app_data(ssl, cache);
    if (cache->session != NULL)
        (void)SSL_set_session(ssl, cache->session); /* else a full handshake */
}

bool tls_stream_init(struct tls_stream *tls, struct stream *under, SSL_CTX *context,
                     const struct tls_peer *peer, const struct stream_events *events, void *owner)
{
    *tls = (struct tls_stream){.under = under, .is_server = peer == NULL};
    stream_init(&tls->stream, under->hub, &tls_ops, events, owner);
    under->events = &under_events;
    under->owner = tls;
    BIO *bio = method != NULL ? BIO_new(method) : NULL;
    tls->ssl = SSL_new(context);
    if (bio == NULL || tls->ssl == NULL) {
        (void)BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    if (peer == NULL) {
        SSL_set_accept_state(tls->ssl);
        return true;
    }
    SSL_set_connect_state(tls->ssl);
    if (peer->cache != NULL)
        tls_use_cache(tls->ssl, context, peer->cache);
    return tls_expect(tls->ssl, peer->name);
}

void tls_stream_start(struct tls_stream *tls)
{
    stream_read(tls->under, true);
}

void tls_stream_done(struct tls_stream *tls)
{
    piece_queue_clear(&tls->held);
    piece_queue_clear(&tls->queue);
    SSL_free(tls->ssl);
    tls->ssl = NULL;
}

bool tls_stream_was_resumed(const struct tls_stream *tls)
{
    return SSL_session_reused(tls->ssl) == 1;
}
