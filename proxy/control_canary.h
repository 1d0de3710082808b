/* New rules on trial, and new rules in force under watch: what the traffic says of them, and the
 * way back. For control*.c only. */
#pragma once

#include "admin/admin.h"
#include "rates.h"
#include "refused.h"

#include "stopgap/ruleset.h"
#include "stopgap/trust.h"

#include <uv.h>

struct control;
struct status;
struct load_job;

enum {
    CANARY_REFUSED = REFUSED_MAX, /* sources that failed; each comes once */
    CANARY_MOMENTS = 61,          /* one a minute: the hour before */
    CANARY_GIVEN_UP = 8,          /* sources of one candidate */
    CANARY_REASON_BYTES = 300,
};

enum canary_watch {
    CANARY_IDLE = 0,
    CANARY_TRIAL, /* new rules only report beside those in force */
    CANARY_FORCE, /* they are in force since a while */
};

/* What a load is to do about new rules; owned by its job. */
struct load_order {
    struct ruleset *before; /* see rules_source; a reference */
    bool tries;
    bool promotes;
    struct ruleset *returns_to; /* publish this one again, and load nothing; a reference or NULL */
    const char *code; /* E_CANARY, E_WATCHDOG or E_ABANDONED: why the next ones are given up */
    struct trust_set given_up[CANARY_GIVEN_UP];
    size_t n_given_up;
    char refused[CANARY_REFUSED][TRUST_HASH_BYTES];
    const char *refused_list[CANARY_REFUSED];
    size_t n_refused;
    struct err left_out;     /* why a bundle was, see rules_source; kind ERR_NONE: none was */
    struct rules_news *news; /* see rules_source; borrowed, NULL at first */
};
void load_order_done(struct load_order *order);

struct control_canary {
    struct control *control;
    uv_timer_t timer;
    enum canary_watch watch;
    char name[256]; /* of what is watched: "core@1.6" */
    bool is_critical;
    unsigned n_deaths; /* of the program, while this was on trial before */
    uint64_t since_unix;
    struct rates began;                   /* the counters at that moment */
    struct rates before;                  /* what happened in the hour before it */
    struct ruleset *standing;             /* the last set without rules on trial; a reference */
    struct ruleset *former;               /* CANARY_FORCE: the set before it; a reference */
    struct rates moments[CANARY_MOMENTS]; /* a ring */
    size_t n_moments;
    bool has_asked;     /* a load that promotes or returns is under way */
    uint64_t ask_at_ms; /* not before that */
    char refused[CANARY_REFUSED][TRUST_HASH_BYTES]; /* the oldest first */
    size_t n_refused;
    struct err err; /* the last failure; kind ERR_NONE: none */
    uint64_t err_unix;
    uint64_t n_trials, n_promoted, n_failed, n_returned;
};

/* The program before this one died while rules were on trial. */
bool control_canary_was_cut(const struct control *control);
/* The set of the start is in force. */
void control_canary_start(struct control *control);
void control_canary_stop(struct control *control);
void control_canary_done(struct control *control);

/* What the load that begins now is to do. */
void control_canary_order(struct control *control, struct load_order *ret_order);
/* A load is over. old: the set before it, good for the call; NULL: nothing was published. */
void control_canary_loaded(struct control *control, const struct load_job *job,
                           struct ruleset *old);
/* A source that is no bundle failed: it stands aside until another one comes, over restarts, too.
 */
void control_canary_refuse(struct control *control, const char *hash);
bool control_canary_has_refused(const struct control *control, const char *hash);
/* Such sources, for the first load. */
void control_canary_refused(struct control *control, struct load_order *order);
/* An operator ends the trial of this name now: its rules act, or are given up. done is called
 * later. Returns why not, or NULL. */
const char *control_canary_end(struct control *control, const struct admin_trust *asked,
                               bool is_good, admin_reload_cb done, void *done_ctx);
void control_collect_canary(const struct control *control, struct status *status);
