/* One client connection of the stand-in: parses requests, writes one page for each. */
#pragma once

#include <stdbool.h>
#include <uv.h>

struct standin {
    uv_loop_t *loop;
    uv_tcp_t listener;
    bool print_requests; /* one line a request to standard output */
};

/* Once before the first connection. */
void connection_setup(void);

/* Accept what waits at the listener. The connection frees itself when it ends. */
void connection_accept(struct standin *standin);

/* End the connection that owns this handle, as at the end of the program. */
void connection_end(uv_handle_t *handle);
