/* The pulse of a feed, and its roots: what says that there is something newer.
 *
 * A pulse is signed by keys that are online, so all it can do is to say "newest is this, as of
 * then": nothing is installed, withdrawn or believed because of it. What it names is checked by the
 * signatures of the bundle itself. */
#pragma once

#include "stopgap/bundle.h"

enum {
    PULSE_MAX_ENTRIES = 32, /* of 120 bytes and more in 4 KiB */
    PULSE_NAME_BYTES = 64,  /* with the NUL */
    PULSE_HASH_BYTES = 65,
    PULSE_LANE_BYTES = 20, /* "65535.65535.65535" */
};

/* One bundle that is on offer. */
struct pulse_entry {
    char name[PULSE_NAME_BYTES];
    uint64_t epoch, serial;
    char sha256[PULSE_HASH_BYTES]; /* of the file, whose name it is, too */
    uint64_t size;
    char lane[PULSE_LANE_BYTES]; /* the oldest engine that it is for: "1.0" */
};

struct pulse {
    int64_t created;
    uint64_t root_version; /* the publisher's newest */
    char root_hash[PULSE_HASH_BYTES];
    struct pulse_entry entries[PULSE_MAX_ENTRIES];
    size_t n_entries;
    bool is_signed; /* false: the root has no role pulse, so this is a hint and nothing more */
};

/* Read the file of a pulse: form and limits only, nothing of it is to be believed.
 * False with err: E_PULSE_SYNTAX. */
MUST_USE bool pulse_parse(struct slice bytes, struct pulse *ret_pulse, struct err *err);

/* The same, and check it by the root in force: signature, no step back behind the newest pulse
 * known, one history of roots. False with err: E_PULSE_SYNTAX, E_PULSE_SIG,
 * E_ENGINE_TOO_OLD_CRYPTO, E_PULSE_ROLLBACK, E_ROOT_BEHIND, E_ROOT_FORK. Nothing is written;
 * trust_note_contact does that. */
MUST_USE bool pulse_read(const struct trust_store *store, struct slice bytes,
                         struct pulse *ret_pulse, struct err *err);

/* Of the bundles of this name the one for this engine: the highest lane that is not above it.
 * below  only lanes below this one, for the case that the bundle of that lane says that it is for a
 *        newer engine; NULL: any
 *
 * NULL with err: E_NAME when there is none of the name, E_ENGINE_TOO_OLD when all are for newer
 * engines. */
const struct pulse_entry *pulse_find(const struct pulse *pulse, const char *name, const char *below,
                                     struct err *err);

/* ---- what a feed offers, compared with what is here */

/* The version of the root in force. */
uint64_t trust_root_version(const struct trust_store *store);

/* Walk along the roots in the file of a feed: root/NNNNNNNNNN and root/NNNNNNNNNN.sig/ID of one
 * root or several, in the bundle's container. Where it has nothing newer, nothing happens.
 * False with err: those of bundle_open's walk. */
MUST_USE bool trust_walk_file(struct trust_store *store, struct slice bytes, struct err *err);

/* What the root in force says about a field of one word, such as "mirror", "eocs-sign-anchor",
 * "eocs-ts-anchor" and "eocs-deny", in its order; called with each value until it returns false. */
void trust_list_values(const struct trust_store *store, const char *field,
                       bool (*each)(void *ctx, struct slice value), void *ctx);

enum trust_news {
    TRUST_NEWS_OLDER = 0, /* than what was authenticated here before */
    TRUST_NEWS_SAME,      /* its very place */
    TRUST_NEWS_NEWER,
};

/* Where (epoch, serial) stands by what is known of the name in the channel production. */
enum trust_news trust_news(const struct trust_store *store, const char *name, uint64_t epoch,
                           uint64_t serial);

/* Who takes a bundle when. */
struct trust_ring {
    bool is_early;     /* else not before the bundle's stable-after */
    bool has_rules;    /* of this name; who has none waits for nothing */
    uint64_t spread_s; /* installs come one after the other within so long */
};

/* When this bundle is due here, in seconds since 1970; 0: now. Critical ones wait for stable-after
 * only. With a clock that is behind what was signed, nothing waits.
 *
 * signed_now  a time that the publisher has signed just now, such as a pulse; 0: none */
int64_t trust_due(struct trust_store *store, const struct bundle_facts *facts, const char *sha256,
                  const struct trust_ring *ring, int64_t signed_now);
