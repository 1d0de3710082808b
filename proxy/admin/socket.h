/* Makes the Unix socket of the admin server. Private to proxy/admin. */
#pragma once

#include "stopgap/err.h"

#include <sys/un.h>

/* Fills address; false with err when path does not fit. */
MUST_USE bool admin_socket_address(const char *path, struct sockaddr_un *ret_address,
                                   struct err *err);

/* A bound descriptor of mode 0660 that does not listen yet, or -1 with err.
 *
 * A socket file that nobody answers on is the rest of a program that died, and is removed; when
 * somebody answers, or when path is something else than a socket, that is an error. */
int admin_socket_bind(const char *path, struct err *err);
