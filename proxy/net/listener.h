/* Listening sockets, made on the main thread before any worker runs. */
#pragma once

#include "stopgap/err.h"

#include <stdint.h>

/* Bind one socket per worker to host:port (a literal address, or a name that resolves).
 *
 * Each has SO_REUSEPORT, so that the kernel spreads connections. Before that, a plain bind proves
 * that nobody else has the port: another process with SO_REUSEPORT would share it in silence.
 * On failure nothing stays open. */
bool listener_bind(const char *host, uint16_t port, const char *url, int *ret_fds, unsigned n_fds,
                   struct err *err);
