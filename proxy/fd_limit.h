/* File descriptors: a client connection takes two, and some stay free whatever clients do, so that
 * logs, rules, certificates, health checks and the admin socket go on. */
#pragma once

#include "config/config.h"

/* Raise the process's limit as far as it may go for limits.connections. */
void fd_limit_raise(const struct config *config);
/* The client connections that can be open at once: limits.connections, or less when the limit of
 * descriptors does not allow so many, which is logged with its remedy. Call it when everything
 * else is open. False: not even one, with err. */
bool fd_limit_fit(const struct config *config, unsigned *ret_connections, struct err *err);
