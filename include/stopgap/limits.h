/* Maxima that both sides of a folder border must agree on; each with its reason.
 * The proxy's own limits and time-outs are in proxy/proxy_limits.h. */
#pragma once

#include <stddef.h>

enum {
    LIMIT_EXCERPT_BYTES = 256,     /* of a match in the decision log: enough to see, no bodies */
    LIMIT_HITS_PER_REQUEST = 8,    /* a request that hits more is hostile anyway */
    LIMIT_HEADER_EDITS = 16,       /* response edits per response; published ones need one */
    LIMIT_BODY_WINDOW = 64 * 1024, /* bytes of a request body that rules can see */
    LIMIT_BODY_VALUES = 8192,      /* names and values of a body; EWS sends a few hundred */
    LIMIT_BODY_MEMORY_BYTES =
        4 * 1024 * 1024,       /* of one body's inspection: views, values, readers */
    LIMIT_INFLATE_RATIO = 200, /* text compresses 5 to 30 times; zeros 1000 times */
    LIMIT_JSON_DEPTH = 128,    /* ASP.NET stops at 100 */
    LIMIT_XML_DEPTH = 1024,    /* of elements whose text is seen; EWS nests under 20 */
    LIMIT_XML_OVERFLOW_BYTES =
        4 * 1024 * 1024,             /* libxml2's beside its heap; the worst known takes 1.1 MiB */
    LIMIT_MULTIPART_PARTS = 1024,    /* ASP.NET takes 1000; the control panel sends under 20 */
    LIMIT_DECODE_ROUNDS = 3,         /* no real back end decodes a target more often */
    LIMIT_ARENA_BYTES = 1024 * 1024, /* a transaction: head 128 KiB, its views and their records */
    LIMIT_QUERY_ARGS = 512,          /* clients send under 40 */
    LIMIT_FORM_FIELDS = 1024,        /* ASP.NET takes 1000; clients send under 40 */
    LIMIT_COOKIES = 256,             /* Exchange and ADFS together set under 40 */

    LIMIT_BUNDLE_BYTES = 32 * 1024 * 1024, /* 6000 rules of 4 KiB, each a header and whole blocks */
    LIMIT_BUNDLE_MEMBERS = 8192,           /* 6000 rules, keys, signatures, some tests */
    LIMIT_MEMBER_BYTES = 2 * 1024 * 1024,  /* one rule with its samples is under 64 KiB */
    LIMIT_MANIFEST_BYTES = 1024 * 1024,    /* 8192 file lines of 120 bytes */
    LIMIT_ROOT_BYTES = 64 * 1024,          /* 32 keys, anchors and revocations */
    LIMIT_SIGNATURE_BYTES = 1024,          /* RSA-4096 gives 512 */
    LIMIT_PULSE_BYTES = 4096,              /* 30 names and lanes, 130 bytes each */
    LIMIT_PULSE_FILE_BYTES = 64 * 1024,    /* 32 signatures, each a header and whole blocks */
    LIMIT_ROOT_FILE_BYTES = 256 * 1024,    /* a root and the signatures of two times 32 keys */
    LIMIT_KEYS_PER_ROOT = 32,              /* five people with two devices each, twice over */
    LIMIT_ROOT_STEPS = 1024,               /* roots a walk; one a month for 85 years */

    LIMIT_MODES = 256,      /* rows: what one admin keeps in mind, ten times over */
    LIMIT_EXCLUSIONS = 256, /* each is looked at for every rule that matches */

    LIMIT_RULES = 6000,                       /* 5000 beside the shipped ones; they load in 5 s */
    LIMIT_PATTERNS = 30000,                   /* five a rule */
    LIMIT_PATTERN_BYTES = 4096,               /* longer ones are generated, and wrong */
    LIMIT_RULE_FILE_BYTES = 256 * 1024,       /* samples with encoded bodies */
    LIMIT_CONDITION_DEPTH = 16,               /* nesting of all/any/none */
    LIMIT_CONDITIONS = 256,                   /* nodes of one rule's tree */
    LIMIT_SAMPLES_PER_RULE = 500,             /* variants found by adversarial passes */
    LIMIT_SCRATCH_BYTES = 32 * 1024 * 1024,   /* of one worker; 5000 rules take 100 KiB */
    LIMIT_DATABASE_BYTES = 256 * 1024 * 1024, /* compiled; 5000 patterns take 5 MiB */
};
