/* Signed rule bundles and the roots that say who may sign them.
 *
 * File formats: a bundle is one strict ustar file with a text manifest, rules, signatures and the
 * root chain; a root file numbers keys, roles and thresholds. Nothing here opens a socket, and
 * no clock is read except the one given in trust_options. */
#pragma once

#include "stopgap/buf.h"
#include "stopgap/err.h"
#include "stopgap/slice.h"

struct trust_store;
struct bundle;

struct trust_options {
    const char *root_path; /* root file the operator trusts; NULL: only what state_dir holds */
    const char *state_dir; /* floors and the newest root are kept here; NULL: in memory only */
    int64_t now;           /* seconds since 1970; 0: the system clock, read at each check */
    bool allow_test_root;  /* accept "usage test": never in production */
    bool is_read_only;     /* start from state_dir and write nothing: for what only looks */
    bool holds;            /* a set that is new here is refused while the root has expired */
};

/* Read the root and the state. NULL with err: E_ROOT_*, E_STATE_*. */
struct trust_store *trust_open(const struct trust_options *options, struct err *err);
void trust_close(struct trust_store *store); /* NULL is allowed */

/* The state in state_dir was damaged: protection against older bundles began anew. Say so. */
bool trust_state_was_lost(const struct trust_store *store);

/* Read path into one buffer and check container, root, signatures, manifest, order and contents.
 *
 * Roots in the bundle that follow the one in force are walked to first, and kept even when the
 * bundle itself is refused. Everything in the returned bundle was covered by the checked
 * signatures, now or when the same manifest was first accepted here. The highest
 * (epoch, serial) that was ever authenticated for the bundle's name is remembered in the store;
 * a lower one is E_ROLLBACK, the same serial with other bytes E_SERIAL_REUSED, the same bytes
 * again are fine. Not thread-safe for one store; call it off the event loops. */
struct bundle *bundle_open(struct trust_store *store, const char *path, struct err *err);
/* The same for bytes in memory, which are taken. label names them in err. */
struct bundle *bundle_open_bytes(struct trust_store *store, const char *label, struct buf *bytes,
                                 struct err *err);
void bundle_close(struct bundle *bundle); /* NULL is allowed */

/* What a bundle says of itself. */
struct bundle_facts {
    char name[64];
    char min_engine[20]; /* "1.0.0" */
    bool is_lab;
    uint64_t epoch, serial;
    int64_t created, stable_after;
    bool is_critical;
};
/* Hex SHA-256 of a bundle's file, with the NUL. False with err: no memory. */
MUST_USE bool bundle_hash_bytes(struct slice bytes, char ret_hash[65], struct err *err);
/* Read the manifest; nothing is checked but the form. False with err: E_BUNDLE_*, E_MANIFEST_*,
 * E_ENGINE_TOO_OLD. */
MUST_USE bool bundle_read_facts(struct slice bytes, struct bundle_facts *ret_facts,
                                struct err *err);

const char *bundle_name(const struct bundle *bundle); /* "exchange-core" */
/* The file, as it was read and checked. */
struct slice bundle_bytes(const struct bundle *bundle);
uint64_t bundle_epoch(const struct bundle *bundle);
uint64_t bundle_serial(const struct bundle *bundle);
const char *bundle_hash(const struct bundle *bundle);    /* hex SHA-256 of the file */
int64_t bundle_created(const struct bundle *bundle);     /* seconds since 1970 */
const char *bundle_expires(const struct bundle *bundle); /* "2027-02-24T00:00:00Z" */
bool bundle_is_expired(const struct bundle *bundle); /* a state to show, never a reason to stop */

/* Accepted here before, but by keys that no longer count: a state to show, never a reason to stop.
 */
bool bundle_is_marked(const struct bundle *bundle);

bool bundle_is_critical(const struct bundle *bundle);  /* urgency */
uint64_t bundle_max_cost(const struct bundle *bundle); /* 0: the publisher does not say */

/* The rule files, in the order of their names. */
size_t bundle_n_rules(const struct bundle *bundle);
struct slice bundle_rule(const struct bundle *bundle, size_t index, const char **ret_name);
