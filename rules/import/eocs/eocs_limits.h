/* Maxima of this folder, each with its reason. */
#pragma once

enum {
    EOCS_MAX_DEPTH = 32,                   /* the published document needs 7 with its signature */
    EOCS_MAX_NODES = 20000,                /* the published document has under 60 */
    EOCS_MAX_CERTS = 8,                    /* leaf, one or two issuers, root */
    EOCS_MAX_CERT_BYTES = 8192,            /* Microsoft's have under 2 KiB */
    EOCS_MAX_TOKEN_BYTES = 64 * 1024,      /* the published token has 5 KiB */
    EOCS_MAX_SIGNATURE_BYTES = 1024,       /* RSA-8192 */
    EOCS_MAX_CHAIN_DEPTH = 3,              /* issuers between leaf and anchor */
    EOCS_MIN_KEY_BITS = 2048,              /* what Microsoft signs with */
    EOCS_MAX_ANCHORS = 64,                 /* Microsoft has under ten roots */
    EOCS_MAX_ANCHOR_BYTES = 256 * 1024,    /* 64 certificates in PEM */
    EOCS_MAX_DENIED = 1000,                /* revoked by hand; bounds the search */
    EOCS_MAX_DENY_BYTES = 128 * 1024,      /* 1000 lines with a remark each */
    EOCS_MAX_MITIGATIONS = 200,            /* three were published in five years */
    EOCS_MAX_ACTIONS = 32,                 /* of one mitigation; a published one needs two */
    EOCS_MAX_RULES = 16,                   /* URL Rewrite rules of one action */
    EOCS_MAX_TESTS = 32,                   /* conditions of one rule */
    EOCS_MAX_TEXT_BYTES = 8 * 1024 * 1024, /* everything a document becomes in memory */
    EOCS_MAX_STATE_BYTES = 4096,           /* three short lines */
};
