/* Certificates and contexts: made on the main thread, off the loops. */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "stopgap/banned.h"

/* Mozilla "intermediate", version 5.7. */
static const char ciphers_tls12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char groups[] = "X25519:P-256:P-384";
static const unsigned char alpn_http11[] = "\x08http/1.1";

enum { SELF_SIGNED_SECONDS = 30 * 24 * 3600 };

static bool tls_err(struct err *err, const char *code, const char *what, const char *name)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    (void)err_set(err, ERR_IO, code, "%s%s%s%s%s", what, name != NULL ? " " : "",
                  name != NULL ? name : "", reason != NULL ? ": " : "",
                  reason != NULL ? reason : "");
    ERR_clear_error();
    return false;
}

static bool material_read_chain(struct tls_material *material, const char *path, struct err *err)
{
    BIO *file = BIO_new_file(path, "r");
    if (file == NULL)
        return tls_err(err, "E_CERT_READ", "cannot read certificate", path);
    material->certificate = PEM_read_bio_X509_AUX(file, NULL, NULL, NULL);
    material->chain = sk_X509_new_null();
    X509 *next;
    while (material->certificate != NULL && material->chain != NULL &&
           (next = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL)
        if (sk_X509_push(material->chain, next) == 0)
            X509_free(next);
    (void)BIO_free(file);
    if (material->certificate == NULL)
        return tls_err(err, "E_CERT_READ", "no PEM certificate in", path);
    ERR_clear_error(); /* the end of the file counts as an error */
    return true;
}

bool tls_material_load(struct tls_material *material, const char *cert_path, const char *key_path,
                       struct err *err)
{
    *material = (struct tls_material){0};
    if (!material_read_chain(material, cert_path, err))
        goto fail;
    BIO *file = BIO_new_file(key_path, "r");
    if (file == NULL) {
        (void)tls_err(err, "E_KEY_READ", "cannot read key", key_path);
        goto fail;
    }
    /* An empty passphrase instead of a prompt: a service has no terminal. */
    material->key = PEM_read_bio_PrivateKey(file, NULL, NULL, (void *)(uintptr_t) "");
    (void)BIO_free(file);
    if (material->key == NULL) {
        (void)tls_err(err, "E_KEY_READ", "no usable PEM key (encrypted keys are not supported) in",
                      key_path);
        goto fail;
    }
    if (X509_check_private_key(material->certificate, material->key) != 1) {
        ERR_clear_error();
        (void)err_set(err, ERR_IO, "E_CERT_KEY_MISMATCH",
                      "key %s does not belong to certificate %s; give the key the certificate was "
                      "requested with",
                      key_path, cert_path);
        goto fail;
    }
    if (RAND_bytes(material->ticket_keys, sizeof(material->ticket_keys)) == 1)
        return true;
    (void)tls_err(err, "E_RANDOM", "no random numbers", NULL);
fail:
    tls_material_done(material);
    return false;
}

static bool self_signed_fill(X509 *certificate, EVP_PKEY *key, const char *host)
{
    char names[320];
    X509_NAME *name = X509_get_subject_name(certificate);
    unsigned char serial[8];
    if (RAND_bytes(serial, sizeof(serial)) != 1)
        return false;
    serial[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);
    bool ok =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    (void)snprintf(names, sizeof(names), "DNS:localhost,IP:127.0.0.1,DNS:%s", host);
    X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    ok = ok && alt != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), SELF_SIGNED_SECONDS) != NULL &&
         X509_set_pubkey(certificate, key) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    (const unsigned char *)"stopgap self-signed", -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && X509_add_ext(certificate, alt, -1) == 1 &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
    X509_EXTENSION_free(alt);
    return ok;
}

bool tls_material_self_signed(struct tls_material *material, const char *host, struct err *err)
{
    *material = (struct tls_material){0};
    material->key = EVP_EC_gen("P-256");
    material->certificate = X509_new();
    material->chain = sk_X509_new_null();
    /* An address as host stands in no DNS name; localhost serves then. */
    bool is_name = host[0] != '\0' && strspn(host, "0123456789.:[]abcdefABCDEF") != strlen(host);
    if (material->key != NULL && material->certificate != NULL && material->chain != NULL &&
        self_signed_fill(material->certificate, material->key, is_name ? host : "localhost") &&
        RAND_bytes(material->ticket_keys, sizeof(material->ticket_keys)) == 1)
        return true;
    tls_material_done(material);
    return tls_err(err, "E_CERT_MAKE", "cannot make a self-signed certificate", NULL);
}

void tls_material_done(struct tls_material *material)
{
    X509_free(material->certificate);
    sk_X509_pop_free(material->chain, X509_free);
    EVP_PKEY_free(material->key);
    *material = (struct tls_material){0};
}

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

SSL_CTX *tls_server_context(const struct tls_material *material, struct err *err)
{
    static const unsigned char session_id[] = "stopgap";
    SSL_CTX *context = context_new(TLS_server_method(), err);
    if (context == NULL)
        return NULL;
    union { /* OpenSSL takes the keys as void *, but only reads them */
        const unsigned char *from;
        void *to;
    } keys = {.from = material->ticket_keys};
    if (SSL_CTX_use_certificate(context, material->certificate) != 1 ||
        SSL_CTX_set1_chain(context, material->chain) != 1 ||
        SSL_CTX_use_PrivateKey(context, material->key) != 1 ||
        SSL_CTX_set_session_id_context(context, session_id, sizeof(session_id) - 1) != 1 ||
        SSL_CTX_set_tlsext_ticket_keys(context, keys.to, TLS_TICKET_KEY_BYTES) != 1) {
        SSL_CTX_free(context);
        (void)tls_err(err, "E_TLS", "cannot use the certificate", NULL);
        return NULL;
    }
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets do it */
    (void)SSL_CTX_set_num_tickets(context, 1); /* each costs 3 to 5 % of a handshake */
    SSL_CTX_set_alpn_select_cb(context, on_select_alpn, NULL);
    return context;
}

/* The upstream gave us a ticket: keep the newest. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_session_cache *cache = SSL_get_app_data(ssl);
    if (cache == NULL)
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
    cache->session = NULL;
}
