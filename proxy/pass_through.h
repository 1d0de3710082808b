/* A client connection whose TLS goes through to a server as it is: bytes in, bytes out.
 *
 * Nothing is inspected, so it is only for names that the configuration lists. Its end is one
 * record in the access log. */
#pragma once

#include "reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;

/* Connect to the server of config->pass_through[index]; what lies in conn->in goes there first.
 * name is copied. False: no memory, or nobody to connect to; conn->pass may be set. */
bool pass_through_begin(struct conn *conn, size_t index, const char *name);
/* Something happened: move bytes, pass on ends, or close. Called by conn_run only. */
void pass_through_run(struct conn *conn);
/* How long what it waits for now may take. */
uint64_t pass_through_timeout(const struct conn *conn);
/* That has passed. */
void pass_through_expire(struct conn *conn);
/* Bytes that the server has not acknowledged; a system call. */
size_t pass_through_pending(const struct conn *conn);
/* The connection closes: write the record and let go of the server. */
void pass_through_end(struct conn *conn, enum end_reason reason, bool reset);
