/* One request through the proxy's writers into the strict reader. */
#pragma once

#include "roundtrip.h"

/* Abort unless what goes upstream is this one request, and nothing behind it. */
void differential_check(const struct message *message, unsigned flags);
