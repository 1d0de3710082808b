/* From the configuration to what the rules are told: modes, exclusions, options.
 *
 * Made once; the configuration must outlive it. */
#pragma once

#include "config/config.h"
#include "proxy_limits.h"

#include "stopgap/changes.h"
#include "stopgap/limits.h"

struct policy {
    struct rules_changes changes; /* its arrays are those below */
    struct mode_row modes[LIMIT_MODES + 1];
    struct exclusion exclusions[LIMIT_EXCLUSIONS + 2];
    char labels[LIMIT_EXCLUSIONS + 2][LIMIT_EXCLUSION_LABEL_BYTES];
    const char *enabled[LIMIT_RULES + 8];
};

/* NULL: no memory. Free it with free(). */
struct policy *policy_new(const struct config *config);
