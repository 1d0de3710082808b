/* From the configuration to what the rules are told: modes, exclusions, options.
 *
 * Made once; the configuration must outlive it. */
#pragma once

#include "config/config.h"
#include "proxy_limits.h"

#include "stopgap/changes.h"
#include "stopgap/limits.h"

/* The configured ones, and the networks under `harden`, each for an option and a stale rule. */
enum { POLICY_EXCLUSIONS = LIMIT_EXCLUSIONS + 4 };

struct policy {
    struct rules_changes changes; /* its arrays are those below */
    struct mode_row modes[LIMIT_MODES + 1];
    struct exclusion exclusions[POLICY_EXCLUSIONS];
    char labels[POLICY_EXCLUSIONS][LIMIT_EXCLUSION_LABEL_BYTES];
    const char *enabled[LIMIT_RULES + 8];
};

/* NULL: no memory. Free it with free(). */
struct policy *policy_new(const struct config *config);
