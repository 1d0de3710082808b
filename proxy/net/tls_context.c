/* Contexts and what both sides of TLS agree to: made off the loops. */
#include "net/tls_internal.h"

#include <openssl/err.h>

#include "stopgap/banned.h"

/* Mozilla "intermediate", version 5.7. */
static const char ciphers_tls12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char groups[] = "X25519:P-256:P-384";
static const unsigned char alpn_http11[] = "\x08http/1.1";

/* RFC 7301: Windows authentication does not work over HTTP/2, so http/1.1 is all we speak. A
 * client that offers only other protocols goes on without ALPN, as IIS lets it. */
static int on_select_alpn(SSL *ssl, const unsigned char **ret_protocol, unsigned char *ret_len,
                          const unsigned char *offered, unsigned offered_len, void *arg)
{
    unsigned char *selected = NULL;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&selected, ret_len, alpn_http11, sizeof(alpn_http11) - 1, offered,
                              offered_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *ret_protocol = selected;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(const SSL_METHOD *method, struct err *err)
{
    SSL_CTX *context = tls_prepare() ? SSL_CTX_new(method) : NULL;
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, ciphers_tls12) != 1 ||
        SSL_CTX_ctrl(context, SSL_CTRL_SET_GROUPS_LIST, 0, (void *)(uintptr_t)groups) != 1) {
        SSL_CTX_free(context);
        (void)tls_err(err, "E_TLS", "cannot set up TLS", NULL);
        return NULL;
    }
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); /* 18 instead of 35 KiB idle */
    return context;
}

/* The context of the certificate for this name takes over; without one the default stays. */
static int on_server_name(SSL *ssl, int *ret_alert, void *bank)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *context = name != NULL ? tls_bank_find(bank, slice_str(name)) : NULL;
    (void)ret_alert;
    if (context != NULL)
        (void)SSL_set_SSL_CTX(ssl, context); /* on failure the default answers */
    return SSL_TLSEXT_ERR_OK;
}

static int on_status_request(SSL *ssl, void *bank)
{
    const struct tls_staple *staple = tls_bank_staple(bank, SSL_get_certificate(ssl));
    void *copy = staple != NULL ? OPENSSL_memdup(staple->der, staple->len) : NULL;
    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    /* What the macros of tls1.h do, without their casts that clang warns of. */
    (void)SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP, (long)staple->len, copy);
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *tls_context_serve(const struct tls_material *material, struct tls_bank *bank,
                           struct err *err)
{
    static const unsigned char session_id[] = "stopgap";
    SSL_CTX *context = context_new(TLS_server_method(), err);
    if (context == NULL)
        return NULL;
    if (SSL_CTX_set_session_id_context(context, session_id, sizeof(session_id) - 1) != 1 ||
        !tls_tickets_use(context, material->tickets)) {
        SSL_CTX_free(context);
        (void)tls_err(err, "E_TLS", "cannot set up TLS", NULL);
        return NULL;
    }
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets do it */
    (void)SSL_CTX_set_num_tickets(context, 1); /* each costs 3 to 5 % of a handshake */
    SSL_CTX_set_alpn_select_cb(context, on_select_alpn, NULL);
    (void)SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
    (void)SSL_CTX_set_tlsext_servername_arg(context, bank);
    (void)SSL_CTX_set_tlsext_status_cb(context, on_status_request);
    (void)SSL_CTX_set_tlsext_status_arg(context, bank);
    return context;
}

/* The upstream gave us a ticket: keep the newest. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_session_cache *cache = SSL_get_app_data(ssl);
    if (cache == NULL || cache->context != SSL_get_SSL_CTX(ssl))
        return 0;
    SSL_SESSION_free(cache->session);
    cache->session = session;
    return 1; /* the reference is ours now */
}

SSL_CTX *tls_client_context(const char *ca_path, bool verify, struct err *err)
{
    SSL_CTX *context = context_new(TLS_client_method(), err);
    if (context == NULL)
        return NULL;
    SSL_CTX_set_verify(context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    bool ok = ca_path != NULL ? SSL_CTX_load_verify_file(context, ca_path) == 1
                              : SSL_CTX_set_default_verify_paths(context) == 1;
    if (!ok) {
        SSL_CTX_free(context);
        (void)tls_err(err, "E_CA_READ", "cannot read CA certificates from",
                      ca_path != NULL ? ca_path : "the system's store");
        return NULL;
    }
    (void)SSL_CTX_set_alpn_protos(context, alpn_http11, sizeof(alpn_http11) - 1);
    (void)SSL_CTX_set_session_cache_mode(context,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_new_session);
    return context;
}

void tls_session_cache_done(struct tls_session_cache *cache)
{
    SSL_SESSION_free(cache->session);
    *cache = (struct tls_session_cache){0};
}
