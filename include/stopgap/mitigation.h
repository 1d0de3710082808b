/* Mitigations: ids that one or more rules share, and what the operator decided about them.
 *
 * As in Microsoft's service an id is a letter and numbers, such as M1 or M2.1.0, and a block on M1
 * holds for M1.1, too. A rule without an id of that kind is a mitigation of its own. */
#pragma once

#include "stopgap/builds.h"
#include "stopgap/err.h"

enum {
    MITIGATION_ID_BYTES = 64,      /* with the NUL; as a rule's id */
    MITIGATION_REASON_BYTES = 201, /* with the NUL; one line for whoever asks later */
    MITIGATION_MAX_BLOCKS = 256,   /* what one admin keeps in mind, ten times over */
};

enum mitigation_state {
    MITIGATION_APPLIED = 0,
    MITIGATION_BLOCKED,        /* by the operator, by its id or the id of its family */
    MITIGATION_DISABLED,       /* by a switch, or the mode of all of its rules is off */
    MITIGATION_NOT_APPLICABLE, /* every server behind is known and has the fix */
    MITIGATION_FAILED,         /* wanted, but the load that should bring it was refused */
    MITIGATION_STATE_COUNT,
};

/* "Applied", "Blocked", "Disabled", "NotApplicable", "Failed": the service's own words. */
const char *mitigation_state_word(enum mitigation_state state);

/* What decides about one mitigation. */
struct mitigation_facts {
    bool is_org_on;    /* mitigations.enabled, and not switched off at run time */
    bool is_server_on; /* mitigations.server_enabled */
    bool is_blocked;
    bool is_off_by_rule; /* all of its rules have the mode off */
    bool is_applicable;
    bool is_load_failed;
};
enum mitigation_state mitigation_judge(const struct mitigation_facts *facts);

/* Does a block on `block` hold for `id`? Letters in any case, numbers by value: M01.1 is M1.1, a
 * missing last number is 0, and what is shorter holds for all below it. */
bool mitigation_id_covers(const char *block, const char *id);
/* The same mitigation: M01.1 is M1.1, and M2.1.0 is M2.1. */
bool mitigation_id_equals(const char *left, const char *right);
/* Letters, digits, '.', '_', '-', 1 to 63 of them. */
bool mitigation_id_is_good(const char *id);

/* What rules_load is told. Borrowed for the call. */
struct mitigation_policy {
    bool is_org_on;
    bool is_server_on;
    const char *const *blocked; /* ids */
    size_t n_blocked;
    bool uses_builds;                /* leave out what no server needs */
    const struct build_span *builds; /* one or more a server: it has one of these builds */
    size_t n_builds;                 /* 0: nothing is known */
};

/* One mitigation of a set. */
struct mitigation_info {
    const char *id;
    const char *title; /* of its first rule */
    const char *cve;   /* of its first rule */
    const char *type;  /* "UrlRewriteInbound" or "UrlRewriteOutbound" */
    enum mitigation_state state;
    size_t n_rules;
    size_t n_active; /* rules that are in the set */
};

/* A block set at run time. */
struct mitigation_block {
    char id[MITIGATION_ID_BYTES];
    int64_t when_unix;
    uint32_t uid; /* who asked */
    char reason[MITIGATION_REASON_BYTES];
};

/* What was changed at run time and survives a restart. */
struct mitigation_store {
    bool is_off; /* the organisation's switch */
    struct mitigation_block off;
    struct mitigation_block blocks[MITIGATION_MAX_BLOCKS];
    size_t n_blocks;
};

/* Printable ASCII that fits, so that it can stand in a log and a file as it is; not empty. */
bool mitigation_reason_is_good(const char *reason);
/* False with E_LIMIT when there is no room. Replaces the block of the same id. */
MUST_USE bool mitigation_store_block(struct mitigation_store *store,
                                     const struct mitigation_block *block, struct err *err);
/* False: there is no such block. */
bool mitigation_store_unblock(struct mitigation_store *store, const char *id);

/* Read DIRECTORY/mitigations. An absent file is an empty store; a damaged one is an error, for
 * what was blocked would come back without anybody's wish: E_MITIGATIONS. */
MUST_USE bool mitigation_store_load(const char *directory, struct mitigation_store *ret_store,
                                    struct err *err);
/* Replace the file at once: the old or the new one is there after a power cut. */
MUST_USE bool mitigation_store_save(const char *directory, const struct mitigation_store *store,
                                    struct err *err);
/* The text of the file, for the above and for tests. */
MUST_USE bool mitigation_store_parse(struct slice text, struct mitigation_store *ret_store,
                                     struct err *err);
