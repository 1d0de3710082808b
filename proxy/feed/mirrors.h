/* The mirrors of a feed, and what is remembered of each from one visit to the next. */
#pragma once

#include "feed/fetch.h"
#include "proxy_limits.h"

struct feed_mirror {
    char url[LIMIT_MIRROR_BYTES + 1]; /* with a slash at its end */
    bool is_plain;                    /* without TLS */
    char etag[FETCH_ETAG_SIZE];       /* of the pulse below; "": none */
    struct buf pulse;                 /* the file as it came last */
    uint64_t skipped_until_ms;        /* of the monotonic clock: it sent what is no good */

    /* of the last time that it was asked */
    int64_t asked_unix;    /* 0: not yet */
    int64_t pulse_created; /* 0: there was no good pulse */
    bool is_frozen;        /* its pulse is a day older than that of another mirror */
    struct err err;        /* kind ERR_NONE: it was fine */
    bool is_asked;         /* in this visit */
};

/* All zero is an empty list. */
struct feed_mirrors {
    struct feed_mirror *items[LIMIT_FEED_MIRRORS];
    size_t n;
    uint64_t all_asked_ms; /* when each was asked last; 0: never */
};

/* Begin a new list, of which feed_mirrors_add takes over what is remembered, and
 * feed_mirrors_end forgets the rest. */
void feed_mirrors_begin(struct feed_mirrors *mirrors, struct feed_mirrors *ret_old);
/* One more, unless it is there or the list is full. False: no memory. */
MUST_USE bool feed_mirrors_add(struct feed_mirrors *mirrors, struct feed_mirrors *old,
                               struct slice url);
void feed_mirrors_end(struct feed_mirrors *old);

/* Those with TLS or those without, in random order: first those that sent nothing bad lately.
 *
 * ret_order      indices
 * ret_n_skipped  so many of them, at the end, are asked only when nobody else helps
 *
 * Returns how many. */
size_t feed_mirrors_order(const struct feed_mirrors *mirrors, bool is_plain, uint64_t now_ms,
                          size_t ret_order[LIMIT_FEED_MIRRORS], size_t *ret_n_skipped);

/* Note how asking a mirror ended; err NULL: well. What is no good makes it wait for an hour; who
 * cannot be reached is asked again next time. */
void feed_mirror_note(struct feed_mirror *mirror, const struct err *err, uint64_t now_ms);

/* Compare the pulses of all: who is a day behind the newest is marked. Returns the index of the
 * newest, SIZE_MAX when there is none. */
size_t feed_mirrors_compare(const struct feed_mirrors *mirrors);
