/* New connections: taken from the queues of the listening sockets while there is room for them. */
#pragma once

#include "stopgap/err.h"

struct net_address;
struct worker;
struct worker_socket;

/* Listen with a bound socket, which is taken. */
bool accept_start(struct worker *worker, struct worker_socket *socket, int fd, struct err *err);
/* Close the socket; a second call does nothing. */
void accept_stop(struct worker_socket *socket);
/* From the sweep: sockets that rest because something had run out try again. */
void accept_resume(struct worker *worker);
/* A connection is refused, for limits.connections (address NULL) or because its address has too
 * many: count it, and tell the log at most once in LIMIT_REFUSAL_LOG_MS. */
void accept_note_refused(struct worker *worker, const struct net_address *address);
