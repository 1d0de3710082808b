/* What follows a 101 that was asked for. */
#pragma once

#include "txn.h"

/* Move what came from the client, and what came from the upstream. */
void tunnel_up(struct txn *txn);
void tunnel_down(struct txn *txn);
/* The upstream half-closed: pass it on. The tunnel is over when both sides ended and the last bytes
 * are with the upstream; those leave without an event, so txn_expire looks again.
 * STEP_OVER: the connection is closed. */
enum step_result tunnel_upstream_ended(struct txn *txn);
