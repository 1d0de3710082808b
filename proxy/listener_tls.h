/* The certificates of a listener: its own first, then those for all. */
#pragma once

#include "config/config.h"
#include "net/tls_material.h"

/* Is its certificate made in memory, for want of any other? */
bool listener_tls_is_self_signed(const struct config *config, const struct listen_config *listen);
/* Read the certificates of one https listener, or make one. Blocking. */
bool listener_tls_load(const struct config *config, const struct listen_config *listen,
                       struct tls_material *material, struct err *err);
