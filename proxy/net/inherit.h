/* Listening sockets that somebody made for us: systemd, or a running stopgap that we replace.
 *
 * A socket that is handed over keeps its queue, so no connection is lost between two programs. */
#pragma once

#include "proxy_limits.h"

#include "stopgap/err.h"

#include <sys/socket.h>

struct inherited {
    int fds[LIMIT_INHERITED_SOCKETS];
    size_t n;
};

enum { INHERITED_NAME_BYTES = 128 }; /* of an address for people; longer paths are cut */

/* Take one in; false and closed when it is no listening stream socket of TCP or a Unix path. */
bool inherited_add(struct inherited *pool, int fd);
/* Take what systemd gave (sd_listen_fds(3): LISTEN_FDS, LISTEN_PID), and forget the variables so
 * that no child believes they are meant for it. Main thread, before any other. Returns how many
 * descriptors were of no use. */
size_t inherited_from_systemd(struct inherited *pool);
/* A socket that listens on exactly this address, no longer in the pool; -1: none. */
int inherited_take(struct inherited *pool, const struct sockaddr *address);
/* "192.0.2.1:443", "[::]:443" or a path. */
void inherited_name(int fd, char out[static INHERITED_NAME_BYTES]);
/* Close what nobody took. */
void inherited_close(struct inherited *pool);
