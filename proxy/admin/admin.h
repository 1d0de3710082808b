/* The admin listeners: a Unix socket and optionally loopback HTTP, on the control loop.
 *
 * GET /metrics (Prometheus text), /healthz, /readyz, /status.json on both; POST, which changes
 * something, on the Unix socket only. Knows nothing of rules and workers: it asks its backend. */
#pragma once

#include "config/config.h"
#include "net/inherit.h"
#include "proxy_limits.h"
#include "refusals.h"
#include "stats.h"

#include "stopgap/buf.h"
#include "stopgap/eocs.h"
#include "stopgap/err.h"
#include "stopgap/ruleset.h"
#include "stopgap/trust.h"

#include <uv.h>

struct rule_status { /* one rule of the active set */
    struct rule_info info;
    uint64_t hits; /* since the program started */
};

struct mitigation_status {
    struct mitigation_info info;
    const char *by;     /* the id whose block holds; "" without a block */
    const char *origin; /* "config" or "run time"; "" */
    const char *reason; /* of a block at run time */
    int64_t when_unix;
    uint32_t uid;
};

struct exclusion_status {
    const char *rule;
    const char *label;
    int64_t until_unix; /* 0: no end */
    bool is_active;
};

struct vdir_status { /* one virtual directory of one server, as its health checks see it */
    char name[LIMIT_VDIR_BYTES];
    const char *state; /* "unknown", "up" or "down" */
    bool is_down;
    uint64_t since_unix; /* in this state; 0: not checked yet */
    uint64_t checks, failed;
    char error[128]; /* of the last check that failed; may be empty */
};

struct server_status { /* one Exchange server */
    const char *url;
    uint64_t weight;
    uint64_t connections_open;
    uint64_t connections, failures; /* made, and those that could not be made */
    struct vdir_status vdirs[LIMIT_HEALTH_VDIRS];
    size_t n_vdirs;       /* 0: no checks */
    const char *parity;   /* its certificate and ours: "unknown", "equal", "same_key", "differs";
                           * NULL: not compared */
    bool is_parity_known; /* it has answered; else nothing of what follows is known */
    bool has_parity;
    uint64_t parity_checked_unix;
    char parity_names[160]; /* for which clients see the certificate below */
    char parity_error[128]; /* of the last try; "" after an answer */
    char ours_sha256[65], certificate_sha256[65];
    int64_t certificate_until_unix;
};

struct certificate_status { /* one certificate of a listener */
    const char *path;
    char sha256[65];
    int64_t until_unix;
    bool has_staple;
    int64_t staple_until_unix; /* INT64_MAX: no end */
    const char *staple_problem;
};

struct trust_status { /* how far the trust in rule sets reaches */
    struct trust_facts facts;
    struct trust_standing standing;
    const struct trust_name *names;
    size_t n_names;
    char error[1024]; /* of the last write of the state; empty after a good one */
    char error_code[32];
    uint64_t error_unix;
};

struct canary_status { /* new rules: on trial, or watched in force */
    bool is_on_trial, is_watched;
    const char *name; /* of what is, or was the last time: "core@1.6" */
    uint64_t since_unix, until_unix;
    uint64_t requests, requests_wanted; /* since then */
    uint64_t authenticated, stopped;    /* of these: would have been, or were */
    uint64_t n_trials, n_promoted, n_failed, n_returned;
    char error[1024]; /* of the last failure; empty: none since the start */
    char error_code[32];
    uint64_t error_unix;
};

struct feed_status {       /* Microsoft's feed of mitigations */
    const char *url;       /* NULL: not configured */
    const char *document;  /* SHA-256 of the signed content; "": none yet */
    int64_t signed_unix;   /* of the document; 0: not known */
    uint64_t contact_unix; /* the last good visit, also before the start; 0: none */
    uint64_t n_good, n_failed;
    size_t n_files; /* rule files in force */
    size_t n_left_out;
    const struct eocs_left_out *left_out; /* as many as are named, at most EOCS_MAX_LEFT_OUT */
    char error[1024];                     /* of the last visit; empty after a good one */
    char error_code[32];
    uint64_t error_unix;
};

struct stale_status { /* has nobody looked after the rules for long? */
    bool is_wanted;   /* rules.when_stale is on */
    bool is_stale;
    bool is_in_force; /* the rules for this case */
    size_t n_rules;   /* of them */
    uint64_t age_s;   /* of the newest sign */
    char reason[200];
};

struct webhook_status { /* who gets the events by POST */
    const char *url;    /* masked; NULL: not configured */
    uint64_t n_sent, n_lost;
    size_t n_waiting;
    const char *error; /* of the last attempt; empty after a good one */
    uint64_t error_unix;
};

struct feed_mirror_status {
    const char *url;
    int64_t asked_unix; /* 0: not yet */
    int64_t pulse_unix; /* when its pulse was made; 0: it had no good one */
    bool is_frozen;
    const char *error_code, *error; /* "": none */
};

struct feed_bundle_status {
    const char *name;
    const char *state; /* of own_feed_state_word */
    uint64_t epoch, serial;
    const char *lane;
    int64_t due_unix;
    const char *error_code, *error;
};

struct own_feed_status { /* the feed of signed bundles */
    bool is_configured;
    const char *ring;
    bool is_degraded;     /* no mirror with TLS can be used */
    int64_t contact_unix; /* the last good pulse; 0: none since the start */
    int64_t pulse_unix;   /* when the pulse of the last visit was made */
    uint64_t root_version;
    uint64_t n_good, n_failed;
    const char *error_code, *error; /* of the last visit; "" after a good one */
    int64_t error_unix;
    struct feed_mirror_status mirrors[LIMIT_FEED_MIRRORS];
    size_t n_mirrors;
    struct feed_bundle_status bundles[LIMIT_FEED_NAMES];
    size_t n_bundles;
};

/* Everything that status and metrics show; filled by the backend at each request. */
struct status {
    const char *version;
    uint64_t started_unix;
    uint64_t pid;
    bool is_ready; /* rules loaded, listening, not draining */
    bool is_draining;
    bool is_listening; /* the first part of a drain may still take connections */
    enum rules_mode mode;
    unsigned n_workers;
    struct worker_stats totals;
    struct string_list listeners; /* borrowed, as all strings here */
    const char *upstream;
    const struct pass_through_config *pass_through; /* what is not inspected */
    size_t n_pass_through;
    struct server_status *servers; /* malloc'd array, freed by status_done */
    size_t n_servers;
    /* rules */
    const char *ruleset_name;
    const char *ruleset_hash;
    struct ruleset_stats ruleset;
    struct rules_judgement judgement; /* all 0: the set was not judged */
    uint64_t ruleset_since_unix;      /* active since */
    uint64_t reloads_ok, reloads_failed;
    const struct refusals *refusals; /* of sets, by code; NULL: none */
    char reload_error[1024];         /* why the last load was refused; empty after a good one */
    char reload_error_code[32];
    uint64_t reload_error_unix;
    uint64_t tls_reloads_ok, tls_reloads_failed;
    char tls_error[1024]; /* why the last certificates were refused; empty after good ones */
    char tls_error_code[32];
    uint64_t tls_error_unix;
    struct canary_status canary;
    struct feed_status feed;
    struct own_feed_status own_feed;
    struct trust_status trust;
    struct certificate_status *certificates; /* malloc'd array, freed by status_done */
    size_t n_certificates;
    struct rule_status *rules; /* malloc'd array, freed by status_done */
    size_t n_rules;
    bool mitigations_on;         /* the switches */
    char mitigations_lost[1200]; /* why what was blocked at run time is not any more; "": it is */
    struct mitigation_status *mitigations; /* malloc'd array, freed by status_done */
    size_t n_mitigations;
    char builds[LIMIT_POLICY_BUILDS][256]; /* of the servers behind, for people */
    size_t n_builds;
    uint64_t events_lost;
    struct webhook_status webhook;
    struct stale_status stale;
    struct exclusion_status *exclusions; /* malloc'd array, freed by status_done */
    size_t n_exclusions;
    const char **warnings; /* about changes that name no rule; malloc'd array, as above */
    size_t n_warnings;
    bool trust_is_expired; /* a bundle's "expires" has passed: a state, not a stop */
};
void status_done(struct status *status);

/* Called once, on the control loop, when a reload ends. text is one line for a person. */
typedef void (*admin_reload_cb)(void *ctx, bool ok, const char *text);

/* A change of mitigations that somebody on the Unix socket asks for. */
struct admin_mitigation {
    const char *what; /* "block", "unblock", "enable", "disable" */
    const char *id;   /* "" for the last two */
    const char *reason;
    uint32_t uid; /* of the asking process */
};

enum { ADMIN_TRIAL_NAME_BYTES = 256 }; /* of several sets: "core@1.6+own@1.2" */

/* A change of what the trust store forces, or of a trial. */
struct admin_trust {
    const char *what; /* "pin", "unpin", "approve", "promote", "abandon", "reset-floor" */
    const char *name; /* of a rule set; "promote" and "abandon": of what is on trial */
    uint64_t serial;  /* of what is pinned or approved */
    unsigned days;    /* of a pin */
    const char *reason;
    uint32_t uid; /* of the asking process */
};

struct admin_backend {
    void *ctx;
    void (*collect)(void *ctx, struct status *ret_status);
    /* Start a reload; done is called later. */
    void (*reload)(void *ctx, admin_reload_cb done, void *done_ctx);
    /* Visit the feed of signed bundles now; done is called later, or at once with a refusal. */
    void (*fetch)(void *ctx, admin_reload_cb done, void *done_ctx);
    void (*drain)(void *ctx);
    /* Start a program that replaces this one; done is called later, or at once with a refusal. */
    void (*upgrade)(void *ctx, admin_reload_cb done, void *done_ctx);
    /* Process pid wants to replace this one: add the listening sockets, which stay ours, too. NULL,
     * or why not. */
    const char *(*lend)(void *ctx, int pid, struct inherited *sockets);
    /* It serves: drain, and leave the admin addresses with admin_leave. NULL, or why not. */
    const char *(*replaced)(void *ctx, int pid);
    /* Keep the change and load the rules again; done is called later, or at once with a refusal.
     * asked is checked for its form and borrowed for the call. */
    void (*mitigate)(void *ctx, const struct admin_mitigation *asked, admin_reload_cb done,
                     void *done_ctx);
    /* The same for the trust store. */
    void (*change_trust)(void *ctx, const struct admin_trust *asked, admin_reload_cb done,
                         void *done_ctx);
};

struct admin;
/* Listen on every address of config->admin, by sockets of the pool where it has them, which are
 * taken. backend is copied, its ctx kept. NULL with err; the
 * loop must then still run the close callbacks. */
struct admin *admin_start(uv_loop_t *loop, const struct config *config, struct inherited *pool,
                          const struct admin_backend *backend, struct err *err);
/* Listen no longer, and leave the socket file to the program that has the socket, too. Connections
 * go on. */
void admin_leave(struct admin *admin);
/* Close everything; the memory goes when the loop has run its close callbacks. */
void admin_stop(struct admin *admin);

/* Pure renderers, tested alone. False: over the limit. */
bool metrics_render(const struct status *status, struct buf *out);
bool status_render_json(const struct status *status, struct buf *out);
/* The JSON of a running program as a page for a terminal; used by `stopgap status`. */
bool status_render_text(struct slice json, FILE *out, struct err *err);

/* Where the command line looks when it is not told. */
#define ADMIN_DEFAULT_URL "unix:/run/stopgap/admin.sock"

struct admin_response {
    unsigned status; /* of HTTP */
    struct buf body; /* give it a maximum with buf_init, and free it with buf_done */
};

/* Client side, for the command line: one request to a Unix socket or loopback address, blocking,
 * at most timeout_ms. err has kind ERR_USAGE for a bad URL, else E_UNREACHABLE, E_TIMEOUT or
 * E_ANSWER. */
bool admin_request(const char *url, const char *method, const char *path, unsigned timeout_ms,
                   struct admin_response *response, struct err *err);
/* The same with a body; at most LIMIT_ADMIN_KEPT_BYTES are looked at. */
struct admin_question {
    const char *url, *method, *path;
    struct slice body;
    unsigned timeout_ms;
    struct inherited *pool; /* where listening sockets in the answer go; NULL: none are expected */
};
bool admin_ask(const struct admin_question *question, struct admin_response *response,
               struct err *err);
