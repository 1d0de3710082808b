/* One visit to the feed of signed bundles: pulse, roots, bundles. The daemon, `stopgap feed test`
 * and `stopgap feed fetch` run the same. Blocking: off the event loops.
 *
 * A mirror is a folder of any web server, as `stopgap publish` writes it:
 *   pulse                  what is newest, signed
 *   root/NNNNNNNNNN.tar    a root and its signatures
 *   bundles/SHA256.sgb     the bundles
 * No redirect is followed and nothing is decoded. Who the server is does not matter for what is
 * believed. */
#pragma once

#include "config/config.h"
#include "feed/mirrors.h"
#include "feed/step.h"

#include "stopgap/pulse.h"

enum own_feed_state {
    OWN_FEED_UNKNOWN = 0, /* the feed was not reached yet */
    OWN_FEED_CURRENT,     /* what is offered is here */
    OWN_FEED_TAKEN,       /* by this visit */
    OWN_FEED_WAITING,     /* for its ring, until due */
    OWN_FEED_FAILED,
};

/* One of the names that the configuration lists. */
struct own_feed_name {
    const char *name; /* of the configuration */
    enum own_feed_state state;
    struct pulse_entry entry; /* what is offered to this engine; name "": nothing */
    int64_t due_unix;         /* of one that waits */
    struct err err;           /* of one that failed */
};

struct own_feed_visit {
    /* what for; kept from visit to visit */
    const struct feed_config *config;
    struct trust_options trust; /* is_read_only follows from writes */
    bool writes;                /* what is good is kept; else it is only judged */
    const atomic_bool *cancel;  /* as in fetch_request */
    struct feed_steps steps;
    /* Unless it writes: look at a bundle that was verified, for tools; NULL: nobody does. False
     * with err: it would be refused. */
    bool (*on_bundle)(void *ctx, const struct bundle *bundle, struct err *err);
    void *on_bundle_ctx;
    struct feed_mirrors mirrors;

    /* what came of it */
    bool is_good;     /* there was a good pulse, and nothing failed */
    bool has_contact; /* there was a pulse, and it was signed */
    bool is_degraded; /* by a mirror without TLS, since none with TLS could be used */
    bool has_new;     /* there are new candidates or a new root in the state folder */
    int64_t pulse_created;
    uint64_t root_version;
    unsigned retry_after_s;
    int64_t due_unix; /* the earliest of those that wait; 0: none */
    struct own_feed_name names[LIMIT_FEED_NAMES];
    size_t n_names;
    struct err err; /* unless good; of the first that failed */
};

void own_feed_run(struct own_feed_visit *visit);
/* Free what is remembered. */
void own_feed_done(struct own_feed_visit *visit);

/* "unknown", "current", "taken", "waiting", "failed" */
const char *own_feed_state_word(enum own_feed_state state);
