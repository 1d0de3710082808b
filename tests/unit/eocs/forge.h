/* Makes signed documents of our own, good ones and attacks, with certificates made on the spot.
 * For the tests of rules/import/eocs and their black-box twin. */
#pragma once

#include "stopgap/buf.h"

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

/* Who signs a document or a stamp. The good signer's certificate ended long before FORGE_NOW. */
enum forge_who {
    WHO_SIGNER = 0, /* leaf below issuer below root */
    WHO_ROOT,
    WHO_ISSUER,
    WHO_CODE_ONLY,     /* same issuer, no usage for Exchange */
    WHO_EXCHANGE_ONLY, /* same issuer, no usage for code */
    WHO_LATER,         /* same issuer, valid only after the stamp */
    WHO_CURRENT,       /* same issuer, valid at FORGE_NOW */
    WHO_SHA1,          /* same issuer, signed with SHA-1 */
    WHO_SMALL,         /* same issuer, RSA-1024 */
    WHO_EC,            /* same issuer, elliptic curve */
    WHO_SELF,          /* signed by itself */
    WHO_STRANGER_ROOT, /* another authority with the same names */
    WHO_STRANGER,
    WHO_TSA_ROOT,
    WHO_TSA,
    WHO_TSA_TWO_USES,
    WHO_TSA_CODE,    /* may sign code, not stamps */
    WHO_TSA_LATER,   /* valid only after the stamp */
    WHO_TSA_FOREIGN, /* of the other authority */
    WHO_COUNT,
};

/* The usual content. One line ends with CR LF, as in the published document. */
#define FORGE_HEARTBEAT                                                                            \
    "  <Config id=\"PING1\" desc=\"Heartbeat of the forge.\">\r\n"                                 \
    "    <ActionList>\n"                                                                           \
    "      <Action type=\"DoNothing\" scope=\"Server\" desc=\"Nothing.\">\n"                       \
    "        <Value>DoNothing</Value>\n"                                                           \
    "      </Action>\n"                                                                            \
    "    </ActionList>\n"                                                                          \
    "  </Config>\n"

enum forge_stamp {
    STAMP_GOOD = 0,
    STAMP_NONE,
    STAMP_OTHER_BYTES,
    STAMP_ALTERED,
    STAMP_NO_CMS,
    STAMP_OTHER_TYPE,
    STAMP_NO_INFO,
    STAMP_TWO_SIGNERS,
    STAMP_NO_BINDING,
    STAMP_NEWER, /* a year after the usual time */
};

#define FORGE_NOW 1795521600     /* 2026-11-24 */
#define FORGE_STAMPED 1622548800 /* 2021-06-01T12:00:00Z */
#define FORGE_NEWER 1627819200   /* 2021-08-01T12:00:00Z */

struct forge_change {
    const char *find, *with;
};

/* A document: the usual text, changed before it is signed and again afterwards. */
struct forge_recipe {
    enum forge_who who;
    enum forge_who certificate; /* shown instead of the signer's; 0: the signer's */
    enum forge_who stamper;     /* 0: WHO_TSA */
    enum forge_stamp stamp;
    struct forge_change before[3];
    struct forge_change after[2];
    const char *configs; /* NULL: FORGE_HEARTBEAT */
};

struct forge {
    EVP_PKEY *keys[WHO_COUNT];
    X509 *certs[WHO_COUNT];
};

void forge_init(struct forge *forge); /* asserts that everything works */
void forge_done(struct forge *forge);
/* text is empty; its maximum is raised to 4 MiB. */
void forge_make(const struct forge *forge, const struct forge_recipe *recipe, struct buf *text);
/* PEM of one certificate into path. */
void forge_write_cert(const struct forge *forge, enum forge_who who, const char *path);
/* Replaces every find; asserts that it was there. */
void forge_replace(struct buf *text, const char *find, const char *with);
