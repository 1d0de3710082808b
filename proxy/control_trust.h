/* How far our trust reaches: watched on the pool, told when it changes, shown in status. */
#pragma once

#include "config/config.h"

#include "stopgap/ruleset.h"
#include "stopgap/trust.h"

#include <uv.h>

struct control;

/* What one look at the store found. */
struct trust_look {
    bool is_good; /* facts and names are */
    struct trust_facts facts;
    struct trust_name names[TRUST_MAX_NAMES];
    size_t n_names;
    size_t n_ended_pins;
    struct err err; /* of a write */
};

struct control_trust {
    struct control *control;
    struct trust_store *store; /* of the same folder as control->trust; for the pool, and alone */
    uv_timer_t timer;
    uv_work_t work;
    bool is_busy;
    bool is_left;       /* to the program that replaced this one */
    bool wants_another; /* asked for while it was busy */

    /* What the next work is asked. */
    uint64_t noted_boot_s; /* up to when the run time was noted */
    uint64_t run_s;        /* to be noted now */
    uint64_t prove_boot_s; /* the sets in force are good then; 0: nothing is to be proved */
    bool proves;
    bool saw_load; /* a load was under way when it began */

    struct trust_look found; /* the pool's while it is busy */

    struct trust_look look; /* the last good one */

    /* What was told. */
    bool is_told;
    enum trust_freshness freshness;
    unsigned marks;
    int64_t days_left;
    uint64_t told_boot_s; /* the last repetition */
    struct err write_err; /* kind ERR_NONE: the last write went well */
    bool is_unkept;       /* what is in force could not be kept; a load may cure that */
    uint64_t write_err_unix;
    bool has_no_rules; /* nothing could be loaded at the start */

    char damage[TRUST_DAMAGE_BYTES]; /* as in struct trust_facts */
    bool is_mended;                  /* store is still the one of before */
};

/* Open control->trust, when there may be signed sets, and look after it: count this start, and give
 * up a set that killed us. What is damaged is left out and told. False with err: no memory, or
 * something is damaged and another program is running, which would be replaced. */
bool control_trust_init(struct control *control, struct err *err);
/* The state takes no set (why), and has none: the configured ones are verified without it. At the
 * start. False: there is no root file, or it cannot be used. */
MUST_USE bool control_trust_forget(struct control *control, const struct err *why);
/* Try to use what was damaged at the start. On the loop, while nothing is loaded. */
void control_trust_mend(struct control *control);
/* Begin to watch; the loop runs soon. */
void control_trust_start(struct control *control);
/* This program ends in an orderly way, so no set killed it, or has been replaced by one that looks
 * after the store: the last is noted, and nothing is written or told any more. */
void control_trust_leave(struct control *control);
/* This program has replaced another one, whose end took back that this start was counted. */
void control_trust_take(struct control *control);
/* Close the timer. control_trust_done when the loop has ended; it notes the run time. */
void control_trust_stop(struct control *control);
void control_trust_done(struct control *control);

/* Paths of kept bundles; an empty list when there is none, or no memory. Where the trust store of
 * the loads is nobody else's. */
void control_trust_kept(struct control *control, enum trust_choice choice,
                        struct string_list *ret_paths);
/* These sets are about to be in force: E_STATE_WRITE when that cannot be kept. Not on the loop. */
MUST_USE bool control_trust_begin(struct control *control, const struct ruleset *set,
                                  struct err *err);
/* A load was refused: a candidate that is at fault is given up. Not on the loop. */
bool control_trust_refused(struct control *control, const struct err *why);
/* They are in force now, or were before. */
void control_trust_loaded(struct control *control, bool is_new);
/* The same at the start, where rules are not refused because they cannot be kept. */
void control_trust_first(struct control *control);
/* Writing the state failed, for another reason than a load. */
void control_trust_note_error(struct control *control, const struct err *err);
/* When the newest pulse was made, and how long this program ran since the last contact, over all
 * restarts; both 0 without a feed. */
void control_trust_feed(const struct control *control, int64_t *ret_pulse, int64_t *ret_silent_s);
/* Something in the state was changed: look now. */
void control_trust_poke(struct control *control);

/* control_trust_open.c, for control_trust.c. Both stores; false as control_trust_init. */
MUST_USE bool control_trust_open(struct control *control, struct err *err);
/* The store of the watch becomes the mended one, while the pool does not have it. */
void control_trust_take_mended(struct control_trust *trust);
