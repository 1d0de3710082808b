/* The main thread: starts the workers, then signals, reloads, admin, statistics, the end. */
#pragma once

#include "config/config.h"

/* Run the proxy until a signal ends it. config is borrowed and must be valid.
 * Returns an exit code; errors have been printed. */
int control_run(const struct config *config);
