/* Names of rule sets that a configuration takes from two sides. */
#pragma once

#include "config/config.h"

/* Say on stderr which configured bundles have a name that the feed brings, too: the file goes
 * first, and once the feed had a newer one it is refused as too old. */
void name_clash_print(const struct config *config);
