/* The rule set that a verb works on: paths from the command line, a configuration's, or the
 * built-in one. */
#pragma once

#include "config/config.h"

enum { RULE_PATHS_MAX = 64 };

struct rule_paths {
    const char *trust; /* root file for bundles; NULL: none */
    const char *bundles[RULE_PATHS_MAX];
    size_t n_bundles;
    const char *directories[RULE_PATHS_MAX];
    size_t n_directories;
    bool takes_all; /* options that are not switched on, too */
    bool is_stale;  /* those that are in force when the rules are stale, too */
};

/* path is a bundle (*.sgb) or a folder of rules; kept, not copied. Returns EXIT_FINE, or prints a
 * usage error of verb and returns its code. */
int rule_paths_add(struct rule_paths *paths, const char *verb, const char *path);
/* To be called when all options are read; the same results. */
int rule_paths_check(const struct rule_paths *paths, const char *verb);

/* The source that paths name, the built-in rules without any. It borrows both. */
struct rules_source rule_paths_source(const struct rule_paths *paths, struct trust_store *trust);

/* Load them; without a path what config says, and without a config (NULL) the built-in rules.
 *
 * Of a config: its bundles, the operator's changes and the mitigations that it blocks, with those
 * blocked at run time where `state` can be read. Which builds a running program has seen is not
 * known here, so no rule is left out for them. NULL with err. */
struct ruleset *rule_paths_load(const struct rule_paths *paths, const struct config *config,
                                struct err *err);
