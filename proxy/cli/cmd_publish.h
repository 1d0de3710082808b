/* Shared by the cmd_publish*.c files. */
#pragma once

#include "cli/cli.h"
#include "trust/chain.h"
#include "trust/pulse.h"

enum { PUBLISH_MAX_FILES = 16, PUBLISH_MAX_ENGINES = 8 };

/* A bundle that is to be offered. */
struct publish_item {
    const char *path;
    struct buf bytes;
    struct bundle_facts facts;
    struct pulse_entry entry;
};

struct publish {
    const char *folder; /* what a web server shows */
    const char *roots;  /* folder of the chain; NULL: that in folder */
    char roots_path[4096];
    struct publish_item items[PUBLISH_MAX_FILES];
    size_t n_items;
    EVP_PKEY *keys[LIMIT_KEYS_PER_ROOT]; /* of the pulse */
    size_t n_keys;
    const char *engines[PUBLISH_MAX_ENGINES];
    size_t n_engines;
    bool checks, is_sure, allows_test;

    struct chain chain;
    struct pulse old; /* the pulse that is in the folder */
    bool has_old;
    struct pulse pulse; /* the next one */
    struct buf pulse_bytes;
};

/* A client of the first root that has followed the chain, at this time (0: now). NULL with err. */
struct trust_store *publish_open_client(const struct publish *publish, int64_t now,
                                        struct err *err);
/* Verify as a client does. NULL with err. */
struct bundle *publish_verify(const struct publish_item *item, struct trust_store *store,
                              struct err *err);

/* What must hold before the bundle is offered: the same at later dates, without one family of keys,
 * lint, compiling, samples, what changes, older engines. Prints a line for each. */
MUST_USE bool publish_check(const struct publish *publish, const struct publish_item *item,
                            struct err *err);
/* The same for the chain of roots. */
MUST_USE bool publish_check_chain(const struct publish *publish, struct err *err);

/* DIR/NAME. False with err: too long. */
MUST_USE bool publish_path(const struct publish *publish, const char *name, char *out, size_t size,
                           struct err *err);
/* Write everything, the pulse last: who looks meanwhile sees the old offer or the new one. */
MUST_USE bool publish_write(const struct publish *publish, struct err *err);
