/* A stream hub on a loop that has no worker: what is sent leaves in the same turn of the loop. */
#pragma once

#include "net/stream.h"

#include <uv.h>

struct hub_loop {
    struct stream_hub hub;
    uv_prepare_t prepare;
    uv_check_t after;
};

void hub_loop_start(struct hub_loop *hub_loop, uv_loop_t *loop);
/* Close the handles; may be called twice. After the loop has ended: stream_hub_done. */
void hub_loop_stop(struct hub_loop *hub_loop);
