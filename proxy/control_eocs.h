/* Microsoft's feed as a source of rules: when it is visited, and what a visit changes. */
#pragma once

#include "feed/eocs_feed.h"

struct control;

struct control_eocs {
    struct control *control;
    uv_timer_t timer;
    uv_work_t work;
    bool is_busy;    /* a visit is on the pool */
    bool is_waiting; /* it has ended, and a load of somebody else is under way */
    atomic_bool cancel;
    struct eocs_feed_visit visit;
    struct eocs_set current;   /* in force, or on trial */
    struct eocs_set candidate; /* being loaded; path "": none */
    struct eocs_set kept;      /* what a restart has; not current while that is on trial */
    struct eocs_set former;    /* what kept gives way to when it fails; path "": it is proved */
    bool is_unkept;            /* the state folder is behind kept and former */
    uint64_t contact_unix;     /* the last visit that ended well; 0: none since the start */
    uint64_t n_good, n_failed;
    unsigned n_failed_in_a_row;
    struct err err; /* of the last visit; kind ERR_NONE after a good one */
    uint64_t err_unix;
};

/* Take up the set that the state folder has; nothing is fetched yet. Without eocs.url there is
 * nothing to do. */
bool control_eocs_init(struct control *control, struct err *err);
/* Begin to visit; the loop runs soon. */
void control_eocs_start(struct control *control);
/* Give up a visit and close the timer; control_eocs_done when the loop has ended. */
void control_eocs_stop(struct control *control);
void control_eocs_done(struct control *control);

/* What is stored was left out of the first set: the next visit tries it again. */
void control_eocs_drop(struct control *control);
/* Folder of the set before one that is not proved yet; NULL: there is none. */
const char *control_eocs_former(const struct control *control);
/* The first load took that one in the place of the other. */
void control_eocs_fall_back(struct control *control);
/* What a restart has follows what the trial and the watch say; each second, and after a load. */
void control_eocs_settle(struct control *control);
/* A document of this hash failed. True: what a restart has was made of it in another way (mode or
 * version), so its hash must not be refused then. */
bool control_eocs_keeps(const struct control *control, const char *hash);
/* Folder of the rule files that a load takes in: the candidate, or what is in force. NULL: none. */
const char *control_eocs_directory(const struct control *control);
