/* Certificates: read from the document, chained to anchors, compared with the deny list. */
#pragma once

#include "xml.h"

#include <openssl/x509.h>

#include "eocs_limits.h"
#include "stopgap/eocs.h"

struct eocs_trust {
    X509_STORE *sign_anchors;
    X509_STORE *ts_anchors;
    unsigned char denied[EOCS_MAX_DENIED][32]; /* SHA-256 of certificates */
    size_t n_denied;
};

/* The certificates of every X509Data below node. NULL: E_EOCS_CERT. Free with chain_free_certs. */
STACK_OF(X509) * chain_read_certs(struct arena *arena, const xmlNode *node, struct err *err);
void chain_free_certs(STACK_OF(X509) * certs);

/* The one certificate that is no CA, borrowed. NULL: E_EOCS_NOCERT, E_EOCS_KEY. */
X509 *chain_find_leaf(STACK_OF(X509) * certs, struct err *err);

struct chain_request {
    X509_STORE *anchors;
    X509 *leaf;
    STACK_OF(X509) * others; /* untrusted, may hold issuers */
    int64_t when;            /* the moment at which all of it must be valid */
    const char *code;        /* of the error */
    const char *option;      /* that would name another anchor */
};

/* E_EOCS_DENY, or request->code with the name of the unknown issuer. */
MUST_USE bool chain_verify(const struct eocs_trust *trust, const struct chain_request *request,
                           struct err *err);

/* True when the extended key usage of cert holds the dotted oid; *ret_n: how many it holds. */
bool chain_has_usage(X509 *cert, const char *oid, int *ret_n);
void chain_name(const X509_NAME *name, char out[EOCS_NAME_BYTES]);
MUST_USE bool chain_hash(const X509 *cert, unsigned char ret_hash[32]);
