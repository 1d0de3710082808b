/* Listening sockets, made on the main thread before any worker runs. */
#pragma once

#include "net/inherit.h"

#include "stopgap/err.h"

#include <stdint.h>

/* The sockets of one address. Worker i serves those whose number modulo the number of workers is
 * i: closing one would lose what waits in its queue, so all that were inherited go on. */
struct listener_sockets {
    int fds[LIMIT_WORKERS];
    unsigned n;
};

struct listener_place {
    const char *host; /* a literal address, or a name that resolves */
    uint16_t port;
    const char *url; /* for messages */
};

/* Make at least one socket per worker for a place.
 *
 * Those of the pool are all taken, and shared when there are fewer than workers. When there are
 * none each is bound with SO_REUSEPORT, so that the kernel spreads connections; before that a plain
 * bind proves that nobody else has the port: another process with SO_REUSEPORT would share it in
 * silence. On failure nothing stays open. */
bool listener_bind(const struct listener_place *place, struct inherited *pool, unsigned n_workers,
                   struct listener_sockets *ret_sockets, struct err *err);
