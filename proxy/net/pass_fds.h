/* Descriptors that go from one process to another over a Unix socket (unix(7), SCM_RIGHTS). */
#pragma once

#include "net/inherit.h"

#include "stopgap/slice.h"

#include <sys/types.h>

/* Send bytes and n descriptors (at most LIMIT_PASSED_FDS) in one message; at least one byte. False
 * with errno, EAGAIN too: the peer gets nothing then. */
MUST_USE bool pass_fds_send(int socket, struct slice bytes, const int *fds, size_t n);
/* As recv(2) without flags. Listening sockets that came along go into the pool, everything else is
 * closed. More than fits into one message of ours, or into the pool, is EMSGSIZE. */
ssize_t pass_fds_receive(int socket, void *buffer, size_t size, struct inherited *pool);
