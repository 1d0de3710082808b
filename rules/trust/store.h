/* The trust store: the root in force and the floors. Private to rules/trust. */
#pragma once

#include "manifest.h"
#include "root.h"
#include "state.h"
#include "stopgap/bundle.h"

struct trust_store {
    struct root *root;
    struct state state;
    int folder;         /* of the state files; -1: in memory only */
    bool keep_previous; /* the file "state" is good and may become state.prev */
    bool was_lost;
    bool allow_test_root;
    int64_t fixed_now; /* 0: the system clock */
};

int64_t store_now(const struct trust_store *store);

/* Step H: compare (epoch, serial) with the floor of the name and raise it, on disk first.
 *
 * manifest_hash  of the manifest's bytes, whose signatures were checked
 *
 * False with err: E_EPOCH, E_ROLLBACK, E_SERIAL_REUSED, E_STATE_*. The same manifest again is
 * true and writes nothing. */
MUST_USE bool store_admit(struct trust_store *store, const struct manifest *manifest,
                          const char *manifest_hash, struct err *err);
