/* The main thread: starts the workers, then signals, reloads, admin, statistics, the end. */
#pragma once

#include "config/config.h"

struct control_launch {
    const char *take_over_url;    /* admin socket of a running program to replace, or NULL */
    struct string_list arguments; /* this command line from the verb on, for a later upgrade */
};

/* Run the proxy until a signal ends it. Both are borrowed; config must be valid.
 * Returns an exit code; errors have been printed. */
int control_run(const struct config *config, const struct control_launch *launch);
