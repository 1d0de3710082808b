/* Certificates with their keys, names and stapled responses; immutable once loaded, but for the
 * ticket keys. */
#pragma once

#include "net/tls_tickets.h"

#include "stopgap/err.h"

#include <openssl/ssl.h>

enum {
    TLS_KEY_KINDS = 4, /* RSA, RSA-PSS, elliptic curve, others */
    TLS_PROBLEM_BYTES = 200,
};

/* Where one certificate comes from. All strings are borrowed for the load. */
struct tls_source {
    const char *cert_path;    /* PEM chain, the server's own certificate first */
    const char *key_path;     /* PEM */
    const char *ocsp_path;    /* OCSP response (DER) to staple, or NULL */
    const char *const *names; /* served with it instead of those that stand in it */
    size_t n_names;
};

/* DNS names and patterns "*.example.com", in lower case. */
struct tls_names {
    char **items;
    size_t n;
};

/* An OCSP response that may be shown until it expires. */
struct tls_staple {
    unsigned char *der; /* NULL: none */
    size_t len;
    int64_t until_unix; /* INT64_MAX: the responder names no end */
};

struct tls_certificate {
    char *path; /* where the leaf was read; NULL: made in memory */
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    struct tls_names names;
    struct tls_staple staple;
    char staple_problem[TLS_PROBLEM_BYTES]; /* why a response that was asked for is not shown */
};

/* What all workers share of one listener. */
struct tls_material {
    struct tls_certificate *items; /* the first is for clients that name nobody we know */
    size_t n;
    struct tls_tickets *tickets; /* so that any worker resumes; not NULL once loaded */
};

/* Read n certificates; says so when a key does not belong to its certificate. A response that
 * cannot be stapled is no error: see staple_problem. On failure nothing is left to free. */
bool tls_material_load(struct tls_material *material, const struct tls_source *sources, size_t n,
                       struct err *err);
/* A certificate for host made in memory, valid 30 days: for trying out only. */
bool tls_material_self_signed(struct tls_material *material, const char *host, struct err *err);
void tls_material_done(struct tls_material *material);

/* The certificates that clients who ask for name (lower case) get, one of each kind of key, for
 * what they can verify decides. NULL: clients that name nobody we know. Returns how many. */
size_t tls_material_shown(const struct tls_material *material, const char *name,
                          const struct tls_certificate *ret_shown[static TLS_KEY_KINDS]);

/* Keep sessions alive over a reload, but only when every certificate is still the same: a resumed
 * session would go on under the old one, which channel binding (RFC 5929) does not survive. */
void tls_material_keep_tickets(struct tls_material *material, const struct tls_material *before);

/* Add a name in lower case; what cannot be a DNS name or pattern is left out. False: no memory,
 * or over the limit. */
bool tls_names_add(struct tls_names *names, struct slice name);
/* Does one of them stand for name (lower case)? Exact, or "*." for exactly one label. */
bool tls_names_cover(const struct tls_names *names, struct slice name);
void tls_names_done(struct tls_names *names);
/* A name a TLS client sent, in lower case and without a final dot. False: too long. */
bool tls_name_fold(struct slice name, char out[static 256]);

/* Read a response and judge it for this certificate: of it, good, in its time and, where the
 * issuer is in the chain, signed. False with a text in problem: it must not be shown. */
bool tls_staple_load(struct tls_staple *staple, const char *path, X509 *leaf,
                     STACK_OF(X509) * chain, char problem[static TLS_PROBLEM_BYTES]);

/* "what name: OpenSSL's reason" into err. Returns false. */
bool tls_err(struct err *err, const char *code, const char *what, const char *name);
