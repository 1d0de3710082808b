/* One visit to Microsoft's feed of mitigations: fetch, verify, convert, write down. The daemon and
 * `stopgap feed test` run the same. Blocking: off the event loops. */
#pragma once

#include "config/config.h"
#include "feed/fetch.h"
#include "feed/step.h"

#include "stopgap/eocs.h"

struct eocs_feed_visit {
    /* what for */
    const struct eocs_config *config;
    const char *state_dir;     /* where the newest document is remembered; NULL: nowhere */
    const char *root_path;     /* of the publisher's first root; NULL: what the state holds */
    bool writes;               /* the set below state_dir; else it is only judged */
    const atomic_bool *cancel; /* as in fetch_request */
    struct feed_steps steps;
    char etag[FETCH_ETAG_SIZE]; /* of the document known; renewed by a good visit */

    /* what came of it */
    bool is_good;
    bool is_unchanged; /* the server has what we have; set is empty */
    struct eocs_set set;
    struct fetch_response response;
    struct err err; /* unless good: E_FETCH_*, E_EOCS_*, E_TS_* */
};

void eocs_feed_run(struct eocs_feed_visit *visit);
