/* Shared by the cmd_root*.c files: the verbs below `stopgap root`. */
#pragma once

#include "cli/cli.h"
#include "trust/chain.h"

enum root_verb { ROOT_INIT = 0, ROOT_ADD_KEY, ROOT_RETIRE_KEY, ROOT_REVOKE, ROOT_ROTATE };

enum { ROOT_MAX_LINES = 64 }; /* options that become lines of their own, in one call */

struct root_new_key {
    EVP_PKEY *pkey; /* owned */
    unsigned roles;
};

/* What one call asks for; 0 and NULL: not given. */
struct root_change {
    enum root_verb verb;
    const char *folder;
    struct root_new_key added[LIMIT_KEYS_PER_ROOT];
    size_t n_added;
    const char *named[LIMIT_KEYS_PER_ROOT]; /* keys that the root has: path of a file, or id */
    size_t n_named;
    const char *lines[ROOT_MAX_LINES]; /* "--mirror" and its like: "mirror", then the value */
    const char *values[ROOT_MAX_LINES];
    size_t n_lines;
    const char *dropped_mirrors[ROOT_MAX_LINES];
    size_t n_dropped_mirrors;
    unsigned thresholds[ROLE_COUNT];
    int64_t created, expires, from, sunset, end, date;
    uint64_t epoch; /* of root 1 */
    const char *reason;
    bool is_test, raises_epoch, both_sets, is_sure, is_dry_run;
};

/* Read the options of the verb argv[0]. EXIT_FINE with *ret_over: there is nothing more to do. */
int root_read_options(int argc, char **argv, struct root_change *change, bool *ret_over);

/* Make the next root, show it, and write it down as a draft. */
MUST_USE bool root_apply(const struct root_change *change, struct err *err);

/* argv[0] is the verb, optind is reset. */
int root_change(int argc, char **argv);
int root_sign(int argc, char **argv);
int root_show(int argc, char **argv);

/* Find a key of the root by the path of a file or by the beginning of its id. NULL with err. */
const struct root_key *root_resolve_key(const struct root *root, const char *text, struct err *err);

/* Help of one verb; NULL: there is no such verb. */
const char *root_help(const char *verb);
