/* Microsoft's signed feed of Exchange mitigations (EOCS), read as a source of rules.
 *
 * The document is one XML file with an enveloped signature and an RFC 3161 time stamp. Verifying
 * opens no file and no connection and reads no clock; eocs_trust_open reads the files before.
 * Thread-safe for different documents; one eocs_trust may serve several threads. */
#pragma once

#include "stopgap/buf.h"
#include "stopgap/err.h"

enum {
    EOCS_MAX_BYTES = 1024 * 1024, /* fifty times the published document */
    EOCS_NAME_BYTES = 256,        /* of a certificate's subject, for showing */
    EOCS_HASH_BYTES = 65,         /* hex SHA-256 and a NUL */
};

struct eocs_trust;
struct trust_store;

/* Whose signatures count. Each path is a PEM file or a folder of *.pem and *.crt files. */
struct eocs_trust_options {
    const char *sign_anchors; /* for the document's signer; NULL: Microsoft's, compiled in */
    const char *ts_anchors;   /* for the time stamp's signer; NULL: Microsoft's, compiled in */
    const char *deny;         /* file of certificate SHA-256, one a line; NULL: none */
    /* The root in force here adds its anchors and denials to these, so that a publisher can follow
     * a change at Microsoft for every install; NULL: none. */
    const struct trust_store *publisher;
};

/* NULL with err: E_EOCS_ANCHOR, E_EOCS_DENYLIST, E_EOCS_INIT. Needed first: it also sets up the
 * XML and signature libraries, once for the process. */
struct eocs_trust *eocs_trust_open(const struct eocs_trust_options *options, struct err *err);
void eocs_trust_close(struct eocs_trust *trust); /* NULL is allowed */

enum eocs_kind {
    EOCS_NOTHING, /* DoNothing: the heartbeat */
    EOCS_REWRITE, /* an IIS URL Rewrite rule that we understand whole */
    EOCS_SERVICE, /* a Windows service to stop: for the admin, not for a proxy */
    EOCS_APP_POOL,
    EOCS_UNKNOWN, /* kept and shown; its mitigation is not converted */
};

struct iis_rule; /* rules/import/eocs/iis_rule.h */

struct eocs_action {
    enum eocs_kind kind;
    const char *type, *scope, *desc; /* as written; "" when absent */
    const char *value;               /* text or XML of Value */
    const struct iis_rule *rules;    /* of EOCS_REWRITE */
    size_t n_rules;
    const char *problem; /* of EOCS_UNKNOWN: what was not understood; else NULL */
};

struct eocs_mitigation {
    const char *id, *desc;
    const char *applicability; /* "name=value ..." of attributes about builds; "" when absent */
    const struct eocs_action *actions;
    size_t n_actions;
    const char *problem; /* something was not understood, so it is not converted; else NULL */
};

/* What the signature covers, and who gave it. Owns all its texts. */
struct eocs_document {
    const char *version;
    int64_t signed_at; /* genTime of the stamp, seconds since 1970; 0: no stamp */
    char signer[EOCS_NAME_BYTES], signer_sha256[EOCS_HASH_BYTES];
    char issuer[EOCS_NAME_BYTES];
    char stamper[EOCS_NAME_BYTES]; /* "" without a stamp */
    char sha256[EOCS_HASH_BYTES];  /* of the bytes that were hashed for the signature */
    const struct eocs_mitigation *mitigations;
    size_t n_mitigations;
};

struct eocs_options {
    const struct eocs_trust *trust;
    int64_t now;    /* seconds since 1970; judges documents without a stamp */
    int64_t newest; /* signed_at of the newest document accepted before; 0: none */
};

/* Check a document step by step and read what its signature covers.
 *
 * bytes  borrowed; ret_document is to be freed with eocs_document_free
 * False with err: E_EOCS_* or E_TS_*, see rules/import/README.md. */
MUST_USE bool eocs_verify(struct slice bytes, const struct eocs_options *options,
                          struct eocs_document **ret_document, struct err *err);
void eocs_document_free(struct eocs_document *document); /* NULL is allowed */

const char *eocs_kind_name(enum eocs_kind kind);
/* Ids of shipped rules that do the work of a published mitigation; NULL: none known. */
const char *eocs_known_rule(const char *id);

/* One rule file that was made of a mitigation. */
struct eocs_file {
    char name[80]; /* "EOCS-M1.yaml" */
    struct buf text;
};

struct eocs_files {
    struct eocs_file *items;
    size_t n;
};

/* Make the rule files of one mitigation and prove them by their samples: the same input gives the
 * same bytes.
 *
 * is_enforced  the rules act; else they only report (mode: detect)
 * ret_files    none for a heartbeat; free with eocs_files_free
 * False with err: E_EOCS_UNKNOWN (an action is not understood), E_EOCS_ADMIN (service or
 * application pool: to be done by hand), E_EOCS_CONVERT (no equal rule can be written),
 * E_EOCS_SAMPLE (no request could be built that the pattern matches), or what a rule set is refused
 * with. All of it or nothing. */
MUST_USE bool eocs_convert(const struct eocs_mitigation *mitigation, bool is_enforced,
                           struct eocs_files *ret_files, struct err *err);
void eocs_files_free(struct eocs_files *files);

/* What a folder remembers of the feed: the newest signed_at, so that an older document is refused.
 * Nothing remembered gives 0. False: E_EOCS_STATE. */
MUST_USE bool eocs_state_load(const char *folder, int64_t *ret_newest, struct err *err);
MUST_USE bool eocs_state_save(const char *folder, const struct eocs_document *document,
                              struct err *err);
/* signed_at of the document with this hash, when it is the newest; 0: not known. */
int64_t eocs_state_signed(const char *folder, const char *sha256);

/* When the feed was last reached and verified, by the clock of that time; 0: never, or not known.
 */
int64_t eocs_contact_load(const char *folder);
/* Now it was. Nothing depends on it but how old the rules seem to be after a restart. */
void eocs_contact_save(const char *folder);

/* ---- the rule files of the newest document, in the folder of the state */

enum {
    EOCS_MAX_LEFT_OUT = 32, /* mitigations named with their reason; there are under five in all */
    EOCS_PATH_BYTES = 4096,
};

struct eocs_left_out {
    char id[64];
    struct err why;
};

/* What one document came to. */
struct eocs_set {
    char path[EOCS_PATH_BYTES];   /* folder of its rule files; "": there is no set */
    char sha256[EOCS_HASH_BYTES]; /* of what the document's signature covers */
    int64_t signed_at;            /* 0: not known */
    size_t n_mitigations;
    size_t n_files;
    struct eocs_left_out left_out[EOCS_MAX_LEFT_OUT];
    size_t n_left_out; /* may be more than are named */
};

/* Convert every mitigation that can be, and put the files below folder, beside those in force: a
 * set is written whole or not at all, and one that is there already is taken as it is.
 *
 * folder  NULL: nothing is written, ret_set->path stays ""
 * bytes   of the document, kept with it for people
 * False with err: E_EOCS_WRITE. What cannot be converted is left out and named. */
MUST_USE bool eocs_set_make(const char *folder, const struct eocs_document *document,
                            struct slice bytes, bool is_enforced, struct eocs_set *ret_set,
                            struct err *err);
/* Remember its document as the newest: older ones are refused from now on. False: E_EOCS_STATE. */
MUST_USE bool eocs_set_accept(const char *folder, const struct eocs_set *set, struct err *err);
/* Make it the one in force, also after a restart; every other set but these two is removed.
 *
 * former  what to go back to should set fail; path "": nothing, as set is proved
 * False with err: E_EOCS_WRITE; both are as they were, or former alone is done. */
MUST_USE bool eocs_set_keep(const char *folder, const struct eocs_set *set,
                            const struct eocs_set *former, struct err *err);
/* The one in force, and what to go back to; the path is "" when there is none. */
void eocs_set_read(const char *folder, struct eocs_set *ret_current, struct eocs_set *ret_former);
