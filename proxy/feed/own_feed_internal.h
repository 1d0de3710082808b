/* Shared by own_feed*.c only. */
#pragma once

#include "feed/own_feed.h"

#include "stopgap/limits.h"
#include "stopgap/trust.h"

struct own_feed_run {
    struct own_feed_visit *visit;
    struct trust_store *store;
    struct feed_mirrors old_mirrors; /* while the list is made anew */
    bool had_memory;
    size_t n_tls;       /* mirrors with TLS */
    struct pulse pulse; /* the newest that was verified */
    bool has_pulse;
    struct feed_mirror *pulse_mirror; /* that had it */
};

/* One file of a mirror. */
struct own_feed_get {
    struct feed_mirror *mirror;
    const char *path; /* below the mirror's URL */
    const char *etag;
    uint64_t deadline_ms; /* of all that is asked of this mirror in a row */
};

uint64_t own_feed_now_ms(void);
MUST_USE bool own_feed_get(struct own_feed_run *run, const struct own_feed_get *get,
                           struct buf *ret_bytes, struct fetch_response *ret_response,
                           struct err *err);

static inline bool own_feed_is_cancelled(const struct own_feed_run *run)
{
    return run->visit->cancel != NULL && atomic_load(run->visit->cancel);
}

/* Take what the pulse offers of one name, unless it is here or waits. */
void own_feed_take(struct own_feed_run *run, struct own_feed_name *name);
