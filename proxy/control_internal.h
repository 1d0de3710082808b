/* Shared by control*.c only. */
#pragma once

#include "admin/admin.h"
#include "config/config.h"
#include "control.h"
#include "control_canary.h"
#include "control_eocs.h"
#include "control_feed.h"
#include "control_mitigations.h"
#include "control_trust.h"
#include "events.h"
#include "feed/fetch.h"
#include "health.h"
#include "log/log.h"
#include "net/inherit.h"
#include "notify.h"
#include "policy.h"
#include "proxy_limits.h"
#include "refusals.h"
#include "successor.h"
#include "worker.h"

#include "stopgap/bundle.h"

#include <stdatomic.h>
#include <uv.h>

struct upgrade;

enum { CONTROL_SIGNALS = 5 };

/* Everything TLS needs, read from files: at the start, and by each reload on the pool. */
struct tls_load {
    struct tls_material *materials; /* one a listener; .n 0: no TLS, or self-signed and kept */
    struct worker_tls **workers;    /* one a worker; taken when they are published */
    SSL_CTX *checks;                /* for health checks, or NULL */
    unsigned n_workers;
    bool had_error;
    struct err err;
};

/* Where the rules of a load come from, beside those compiled in; owned. */
struct rule_files {
    struct string_list bundles; /* configured ones, then what lies in the watched directory */
    size_t n_own;               /* configured ones */
    char *eocs_directory;       /* NULL: none */
};

/* One load on the pool: its own copy of the request, then its result. */
struct load_job {
    uv_work_t work;
    struct control *control;
    struct rule_files files;
    struct policy_copy *policy;
    struct load_order order;
    struct ruleset *set;   /* the result, or NULL with err */
    struct lease **leases; /* one a worker */
    struct err err;
    struct rules_judgement judgement;
    struct rules_news given_up; /* what was left out, so that the rest loads; err says why */
    bool had_error;
    bool reads_tls; /* certificates, too: one command renews both */
    struct tls_load tls;
    size_t n_waiting; /* who asked before it began; later ones wait for the next load */
};

/* One server's name, looked up again now and then. */
struct control_resolver {
    uv_getaddrinfo_t request;
    struct control *control;
    size_t index; /* of the server */
    bool is_busy;
    bool is_literal; /* an address, no name */
    bool is_failing; /* the last look-up did */
};

struct control {
    uv_loop_t loop;
    const struct config *config;
    struct worker_shared shared;
    struct worker *workers;
    unsigned n_workers;           /* made */
    struct inherited inherited;   /* at the start: sockets that nobody has taken yet */
    struct inherited listening;   /* of the workers, for a successor; good until a drain begins */
    const char *take_over_url;    /* admin socket of the program that this one replaces, or NULL */
    struct string_list arguments; /* of the command line, from the verb on; borrowed */
    char program[4096];           /* the file of this program, for an upgrade */
    bool has_spare_stderr;        /* until the start is over the program before hears us */
    struct upgrade *upgrade;      /* under way, or NULL */
    struct successor successor;   /* the process that got our sockets */
    bool is_too_late;             /* another one has replaced the program that this one should */
    struct log_writer *log;
    struct trust_store *trust;         /* for loads; NULL: nothing is signed */
    struct control_trust *trust_watch; /* NULL: before the start */
    struct admin *admin;

    uv_signal_t signals[CONTROL_SIGNALS];
    uv_async_t outbox;      /* a worker gave leases back, or ended */
    uv_timer_t drain_timer; /* of a graceful stop: its delay, then its end */
    uv_timer_t watchdog_timer;
    uv_timer_t resolve_timer;
    struct control_resolver resolvers[LIMIT_SERVERS + LIMIT_PASS_THROUGH];
    struct server_table table; /* what the workers have, too */
    struct health *health;     /* NULL: no checks */
    uv_fs_event_t watch;
    uv_timer_t watch_timer; /* several renames become one load */
    bool watches;
    uv_timer_t mitigation_timer;
    struct events *events;
    struct mitigations mitigations;
    struct control_eocs *eocs; /* NULL: not configured */
    struct control_feed *feed; /* NULL: not configured */
    struct policy *policy;
    bool is_end_told[POLICY_EXCLUSIONS]; /* of its exclusions */
    struct {
        bool is_loaded; /* the set in force was told that the rules are stale */
        uint64_t retry_at_ms;
    } stale;

    struct control_canary canary;
    struct rules_judgement judgement; /* of it; all 0: nobody was asked */
    char cache[4096];                 /* folder of compiled databases; "": none */
    struct ruleset *set;              /* active */
    uint64_t set_since;
    struct string_list listener_urls;
    char upstream_label[1024]; /* URLs of the servers; cut when they are too long */
    struct lease_list leases;  /* all that are out, for their hit counters */
    void *totals;              /* tree of struct rule_total, see tsearch(3) */
    struct load_job *job;      /* the load under way */
    bool wants_another;        /* asked for while one was under way */
    bool wants_tls;            /* the next load reads certificates */
    admin_reload_cb reload_done[LIMIT_ADMIN_CONNECTIONS]; /* who waits for it */
    void *reload_ctx[LIMIT_ADMIN_CONNECTIONS];
    size_t n_waiting;
    uint64_t reloads_ok, reloads_failed;
    struct refusals refusals; /* of sets, by code */
    struct err reload_err;    /* of the last load; kind ERR_NONE after a good one */
    uint64_t reload_err_unix;

    struct tls_material *materials; /* in use, one a listener */
    struct parity_watch *parity;    /* control_parity.c */
    SSL_CTX *check_context;         /* of the health checks; NULL: no TLS, or none */
    uint64_t tls_ok, tls_failed;    /* loads of certificates */
    struct err tls_err;             /* of the last one; kind ERR_NONE after a good one */
    uint64_t tls_err_unix;

    uint64_t started_unix;
    uint64_t watchdog_us; /* how long systemd waits; 0: for ever */
    bool is_stuck;        /* a worker does not answer */
    bool is_ready;
    bool is_listening;
    bool is_draining;
    bool is_stopping;
    bool has_begun_with_kept; /* the first set is what was in force; the files are still to be read
                               */
    atomic_bool is_over;      /* the same, for what runs on the pool */
};

/* control_rules.c */
/* With a judgement where there are rules that are not in the program. On the pool, too. */
struct ruleset *control_load(struct control *control, const struct rule_files *files,
                             const struct policy_copy *policy, struct load_order *order,
                             struct rules_judgement *judgement, struct err *err);
/* What was judged is in force now: remember, and tell. */
void control_note_judgement(struct control *control, const struct rules_judgement *judgement);
/* Load at start: a set that is refused leaves the built-in rules. NULL with err. */
bool control_rules_start(struct control *control, struct err *err);
/* A set was refused: remember why, and tell. */
void control_note_refusal(struct control *control, const struct err *err);
/* Tell of the withdrawn bundle that the set in force was loaded without, if there is one. */
void control_note_left_out(struct control *control, const struct load_order *order);
struct lease *control_new_lease(struct control *control, struct err *err);
void control_rules_done(struct control *control);

/* control_publish.c */
/* Load everything that comes from files again, and look up names; done is called once, when that is
 * over. */
void control_reload(struct control *control, admin_reload_cb done, void *done_ctx);
/* Only the rules: what changes them by itself must not meet a certificate that is half renewed. */
void control_reload_rules(struct control *control, admin_reload_cb done, void *done_ctx);
/* Call done when the next load that begins is over. False: too many wait. */
MUST_USE bool control_wait_load(struct control *control, admin_reload_cb done, void *done_ctx);
/* A load that promotes what is on trial, or returns to a set; order is moved from. While another
 * load is under way nothing happens. */
void control_load_ordered(struct control *control, struct load_order *order);

/* control_totals.c */
void control_retire_leases(struct control *control);
/* Since the program started. */
uint64_t control_rule_hits(const struct control *control, const char *id);
void control_totals_done(struct control *control);

/* control_rule_files.c */
bool control_find_rule_files(const struct control *control, struct rule_files *ret_files,
                             struct err *err);
void control_rule_files_done(struct rule_files *files);
/* At the start: the operator's files, and what was in force beside them, so that what came by
 * itself meanwhile goes through its trial. False: nothing is kept, or none comes by itself. */
bool control_find_kept_files(struct control *control, struct rule_files *ret_files);
/* Load again when a bundle comes into the watched directory. */
void control_watch_start(struct control *control);

/* control_mitigations.c */
void control_mitigations_start(struct control *control);
/* Read what is stored again; a load of the rules must follow. */
void control_mitigations_again(struct control *control);
void control_mitigate(void *ctx, const struct admin_mitigation *asked, admin_reload_cb done,
                      void *done_ctx);
/* old  the set before; NULL at the start */
void control_tell_mitigations(struct control *control, const struct ruleset *old,
                              const struct ruleset *set);
void control_collect_mitigations(struct control *control, struct status *status);

/* control_builds.c */
/* Look at what servers showed, and ask those that show nothing, when it is time. */
void control_builds_tick(struct control *control);
/* The builds that a load may rely on; 0: not enough is known. */
size_t control_builds(const struct control *control,
                      struct build_span ret_builds[LIMIT_POLICY_BUILDS]);
void control_collect_builds(const struct control *control, struct status *status);
/* Give up asking; the loop must run the callback. */
void control_builds_stop(struct control *control);

/* control_policy.c */
/* Tell of exclusions that ended. */
void control_policy_tick(struct control *control);
/* A new set is in force: log what is odd about the operator's changes. */
void control_policy_warn(const struct control *control);
void control_collect_policy(const struct control *control, struct status *status);

/* control_stale.c */
/* Are the rules stale, and does the operator want to have it acted upon? */
bool control_is_stale(const struct control *control);
/* The load that was told is_stale is over; is_active: its rules are in force. */
void control_stale_loaded(struct control *control, bool is_stale, bool is_active);
void control_stale_tick(struct control *control);
/* After the rules. */
void control_collect_stale(const struct control *control, struct status *status);

/* control_tls.c */
/* Read every certificate and the upstream's CA, and make contexts for n workers. False: err says
 * why, and control_tls_done frees what there is. Runs on the pool, too: control is not changed. */
bool control_tls_load(const struct control *control, struct tls_load *load, unsigned n_workers);
/* The first load is in use from now on. */
void control_tls_use(struct control *control, struct tls_load *load);
/* Give the contexts of a good load to the workers, or note the refusal of a bad one. Appends what
 * happened to text. Returns false for a refusal. */
bool control_tls_finish(struct control *control, struct tls_load *load, char *text, size_t size);
/* Make new keys of session tickets where the ones in use are old. */
void control_tls_renew_tickets(struct control *control);
void control_tls_load_free(const struct control *control, struct tls_load *load);
void control_tls_done(struct control *control);

/* control_parity.c */
/* Begin to look after certificates, ours and those of the servers. */
bool control_parity_start(struct control *control, struct err *err);
/* Our certificates are others now. */
void control_parity_renew(struct control *control);
void control_parity_stop(struct control *control); /* the loop must run the close callbacks */
void control_parity_done(struct control *control);
void control_parity_server(const struct control *control, size_t server,
                           struct server_status *status);
void control_collect_certificates(const struct control *control, struct status *status);

/* control_trust_change.c; see struct admin_backend */
void control_change_trust(void *ctx, const struct admin_trust *asked, admin_reload_cb done,
                          void *done_ctx);

/* control_trust.c */
void control_collect_trust(const struct control *control, struct status *status);

/* control_upstream.c */
/* Goes on without a server whose name does not resolve: it may come back. */
void control_resolve_now(struct control *control);
/* Look names up again in the background: new connections go where they lead then. */
void control_resolve_again(struct control *control);
/* A copy for one worker; NULL: no memory. */
struct server_table *control_new_table(const struct control *control);
/* Begin to look after the servers: names, and health where it is configured. */
bool control_servers_start(struct control *control, struct err *err);

/* control_status.c */
void control_collect(void *ctx, struct status *ret_status);

/* control_drain.c */
/* Begin a graceful end; nothing happens when it has begun. */
void control_drain(struct control *control);

/* The same without a delay, for a successor has the listeners, and is ready. */
void control_drain_replaced(struct control *control);

/* control_handover.c; see struct admin_backend */
const char *control_lend(void *ctx, int pid, struct inherited *sockets);
const char *control_replaced(void *ctx, int pid);
/* At the end: the path of the admin socket stays for a successor that has the socket. */
void control_leave_admin(struct control *control);

/* control_upgrade.c */
/* Remember how this program was started. Main thread, before any other. */
void control_upgrade_init(struct control *control);
/* The start is over: what is said from now on does not concern the program before. */
void control_upgrade_done(struct control *control);
/* See struct admin_backend. */
void control_upgrade(void *ctx, admin_reload_cb done, void *done_ctx);
/* Process pid has replaced this one. */
void control_upgrade_taken(struct control *control, int pid);
void control_upgrade_stop(struct control *control);

/* control_watchdog.c */
/* Give systemd signs of life when it asks for them. */
void control_watchdog_start(struct control *control);

/* control.c */
/* End now. */
void control_stop(struct control *control);
uint64_t control_unix_now(void);
