/* Is the certificate that Exchange shows to us the one that clients see here?
 *
 * Extended Protection binds authentication to it: tls-server-end-point is a hash of the whole
 * certificate (RFC 5929 4.1), so an equal key is not enough. One comparison, for the command line
 * and for the running program. */
#pragma once

#include "config/config.h"
#include "net/tls_material.h"

enum { PARITY_NAMES_BYTES = 160 };

enum parity_verdict { /* in the order of the trouble they mean */
                      PARITY_UNKNOWN = 0,
                      PARITY_EQUAL,
                      PARITY_SAME_KEY, /* another certificate for the same key: differs */
                      PARITY_DIFFERS,
};

/* "unknown", "equal", "same_key" or "differs". */
const char *parity_word(enum parity_verdict verdict);

/* One certificate, for people. */
struct certificate_print {
    char sha256[65]; /* of its DER, in hexadecimal; "" when there is none */
    int64_t until_unix;
};
struct certificate_print certificate_print(const X509 *certificate);

/* What clients may see for some names: one certificate of each kind of key. */
struct parity_face {
    const struct tls_certificate *shown[TLS_KEY_KINDS]; /* borrowed from the material */
    size_t n_shown;
    char names[PARITY_NAMES_BYTES]; /* "mail.example.com, autodiscover.example.com and 3 more" */
    size_t n_names;
    size_t n_listed; /* of them in names */
};

struct parity_faces {
    struct parity_face *items;
    size_t n;
};

/* What differs, of all https listeners. materials: one a listener, borrowed for the life of the
 * faces. False: no memory; parity_faces_done is due in any case. */
MUST_USE bool parity_faces_make(struct parity_faces *faces, const struct config *config,
                                const struct tls_material *materials);
void parity_faces_done(struct parity_faces *faces);

/* How one face and one server's certificate get on. It is equal when any of the certificates
 * shown is: which of them a client sees depends on the client. */
struct parity_row {
    enum parity_verdict verdict;
    const struct parity_face *face;
    struct certificate_print ours; /* the one that comes nearest */
    struct certificate_print theirs;
};
struct parity_row parity_judge(const struct parity_face *face, const X509 *theirs);
/* The worst of all faces; verdict PARITY_UNKNOWN without faces. */
struct parity_row parity_judge_all(const struct parity_faces *faces, const X509 *theirs);
