/* Four signed bundles s1 to s4 of one name, and a state folder that keeps them. */
#pragma once

#include "publisher.h"

#include "stopgap/trust.h"
#include "trust/state.h"

static inline void put_serial(uint64_t serial)
{
    struct manifest facts = plain_facts(serial);
    struct draft draft = {0};
    char name[32];
    (void)snprintf(name, sizeof(name), "s%llu", (unsigned long long)serial);
    assert_true(draft_put(&draft, "rules/a.yaml", SLICE("id: A\n"), NULL));
    assert_true(draft_put_manifest(&draft, &facts, NULL));
    sign_draft(&draft, 0);
    put_draft(&draft, name);
}

static inline void start_anew(void)
{
    remove_tree(in_folder("state"));
    make_plain_root(1, "");
    for (uint64_t serial = 1; serial <= 4; serial++)
        put_serial(serial);
}

static inline void must(bool done, const struct err *err)
{
    if (!done)
        fail_msg("%s: %s", err->code, err->text);
}

/* Open the bundle sSERIAL, keep it, and say which set it is. */
static inline struct trust_set keep(struct trust_store *store, uint64_t serial,
                                    enum trust_origin origin)
{
    char name[32];
    struct trust_set set;
    struct err err = {0};
    (void)snprintf(name, sizeof(name), "s%llu", (unsigned long long)serial);
    struct bundle *bundle = bundle_open(store, in_folder(name), &err);
    must(bundle != NULL, &err);
    must(trust_keep_bundle(store, bundle, origin, &err), &err);
    trust_set_of(bundle, &set);
    bundle_close(bundle);
    return set;
}

/* Bring a serial into force and let it run long enough. */
static inline void live(struct trust_store *store, uint64_t serial, enum trust_origin origin,
                        bool is_proved)
{
    struct err err = {0};
    struct trust_set set = keep(store, serial, origin);
    must(trust_begin(store, &set, 1, &err), &err);
    if (is_proved)
        must(trust_prove(store, &err), &err);
}

/* The serial that a choice leads to; 0: none. It is opened from the state folder, so that its
 * signatures are looked at, too. */
static inline uint64_t chosen(struct trust_store *store, enum trust_choice choice)
{
    struct trust_paths paths;
    struct err err = {0};
    must(trust_find_paths(store, choice, &paths, &err), &err);
    assert_true(paths.n <= 1);
    uint64_t serial = 0;
    if (paths.n == 1) {
        struct bundle *bundle = bundle_open(store, paths.items[0], &err);
        must(bundle != NULL, &err);
        serial = bundle_serial(bundle);
        bundle_close(bundle);
    }
    trust_paths_done(&paths);
    return serial;
}

static inline struct trust_name name_of(struct trust_store *store)
{
    struct trust_name names[TRUST_MAX_NAMES];
    assert_int_equal(trust_names(store, names, TRUST_MAX_NAMES), 1);
    return names[0];
}
