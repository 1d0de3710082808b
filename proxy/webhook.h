/* POSTs each event to a URL of the operator's, one at a time and in order, on a thread of the pool.
 *
 * All calls on the control thread; none of them waits. A server that is away costs the events that
 * no longer fit into the queue, and nothing else. */
#pragma once

#include "config/config.h"

#include <uv.h>

struct webhook;

struct webhook_counts {
    const char *url; /* masked; as long as the webhook lives */
    uint64_t n_sent, n_lost;
    size_t n_waiting;  /* the one under way included */
    const char *error; /* of the last attempt; "" after a good one */
    uint64_t error_unix;
};

/* config is borrowed and has a webhook. NULL: no memory. */
struct webhook *webhook_start(uv_loop_t *loop, const struct events_config *config);
void webhook_send(struct webhook *webhook, const char *json);
void webhook_count(const struct webhook *webhook, struct webhook_counts *ret_counts);
/* Give up what is under way; the loop must run the callbacks, then webhook_free. */
void webhook_stop(struct webhook *webhook);
void webhook_free(struct webhook *webhook);
