/* A reader of requests that shares no code with the proxy: slow, small, and without mercy. What
 * the proxy writes to the upstream must be clear to it. */
#pragma once

#include "stopgap/buf.h"

struct strict_request {
    struct slice method, target, host; /* borrowed from the bytes */
    struct buf body;
    bool is_chunked;
    bool has_length;
    uint64_t length;
};

/* Cut one complete request off *rest. False: these bytes are not one; call strict_done anyway. */
bool strict_read(struct slice *rest, struct strict_request *ret_request);
void strict_done(struct strict_request *request);
