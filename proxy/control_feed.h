/* The feed of signed bundles as a source of rules: when it is visited, and what a visit changes. */
#pragma once

#include "admin/admin.h"
#include "feed/own_feed.h"

struct control;

/* What a visit found out, for the control thread; the visit itself belongs to the pool while it
 * runs. */
struct control_feed_report {
    struct own_feed_name names[LIMIT_FEED_NAMES];
    size_t n_names;
    struct feed_mirror_report {
        char url[LIMIT_MIRROR_BYTES + 1];
        int64_t asked_unix, pulse_created;
        bool is_frozen;
        struct err err;
    } mirrors[LIMIT_FEED_MIRRORS];
    size_t n_mirrors;
    bool is_degraded;
    int64_t pulse_created;
    uint64_t root_version;
};

struct control_feed {
    struct control *control;
    uv_timer_t timer;
    uv_work_t work;
    bool is_busy;    /* a visit is on the pool */
    bool is_waiting; /* it has ended, and a load of somebody else is under way */
    bool has_kept;   /* there are bundles that no load has taken yet */
    atomic_bool cancel;
    struct own_feed_visit visit;
    struct control_feed_report report; /* of the last visit */
    int64_t contact_unix;              /* the last good pulse; 0: none since the start */
    uint64_t n_good, n_failed;
    unsigned n_failed_in_a_row;
    struct err err; /* of the last visit; kind ERR_NONE after a good one */
    int64_t err_unix;
    admin_reload_cb done[LIMIT_ADMIN_CONNECTIONS]; /* who waits for a visit */
    void *done_ctx[LIMIT_ADMIN_CONNECTIONS];
    size_t n_done;
};

/* Without feed.urls there is nothing to do. */
bool control_feed_init(struct control *control, struct err *err);
/* Begin to visit; the loop runs soon. */
void control_feed_start(struct control *control);
/* Visit now; see struct admin_backend. */
void control_feed_fetch(void *ctx, admin_reload_cb done, void *done_ctx);
/* Give up a visit and close the timer; control_feed_done when the loop has ended. */
void control_feed_stop(struct control *control);
void control_feed_done(struct control *control);
void control_collect_feed(const struct control *control, struct status *status);
