/* The control thread's share of mitigations: what the operator and the traffic decide, as a policy
 * for the next load. For control*.c only. */
#pragma once

#include "feed/build_ask.h"
#include "proxy_limits.h"

#include "stopgap/changes.h"
#include "stopgap/mitigation.h"

struct config;
struct control;

/* A policy with its own memory, for a load on another thread. */
struct policy_copy {
    struct mitigation_policy policy;
    struct rules_changes changes; /* its arrays belong to the program */
    bool is_stale;                /* as in rules_source */
    const char *blocked[MITIGATION_MAX_BLOCKS + LIMIT_RULES];
    char ids[MITIGATION_MAX_BLOCKS][MITIGATION_ID_BYTES];
    struct build_span builds[LIMIT_POLICY_BUILDS];
};

/* A build that a server behind has shown. */
struct known_build {
    struct build build; /* all zero: a text that is no build */
    uint64_t seen_s;    /* of the loops' clock */
};

/* What a server said when it was asked. */
struct asked_build {
    struct build_answer answer;
    uint64_t seen_s; /* of the loops' clock; 0: never */
};

struct build_job;

struct mitigations {
    struct mitigation_store store;
    struct err lost; /* why what was stored could not be read; kind ERR_NONE: it could */
    struct known_build known[LIMIT_KNOWN_BUILDS];
    size_t n_known;
    uint64_t known_since_s;                        /* of the first one */
    struct build_span loaded[LIMIT_POLICY_BUILDS]; /* what the active rules were told */
    size_t n_loaded;
    bool has_shown[LIMIT_SERVERS]; /* its build, in answers to clients, and lately */
    struct asked_build asked[LIMIT_SERVERS];
    uint64_t ask_at_ms;    /* the next time */
    struct build_job *job; /* asking; NULL: not now */
    uint64_t retry_at_ms;  /* 0: now; after a load that was refused, later */
};

/* NULL: no memory. The caller frees. */
struct policy_copy *control_policy(struct control *control);
/* The load with this policy is over; is_active: its rules are in force. */
void control_policy_done(struct control *control, const struct policy_copy *policy, bool is_active);
