/* A listening socket whose connections are taken by hand, not by uv_listen: libuv 1.44 calls back
 * without end while accept fails for lack of memory, and when descriptors run out it throws away
 * everybody who waits. */
#pragma once

#include <stdbool.h>
#include <uv.h>

enum acceptor_result {
    ACCEPTOR_MORE = 0,
    ACCEPTOR_EMPTY,  /* nobody waits */
    ACCEPTOR_FAILED, /* errno: something has run out; see acceptor_rest */
};

struct acceptor {
    uv_poll_t handle; /* its data belongs to the owner */
    uv_poll_cb callback;
    int fd;
    bool rests;
};

/* Listen with a bound socket, which is taken, and be called when somebody waits. 0, or an error of
 * libuv; the socket is the caller's then. */
int acceptor_start(struct acceptor *acceptor, uv_loop_t *loop, int fd, int backlog,
                   uv_poll_cb callback);
/* Close a socket that was started; a second call does nothing. */
void acceptor_stop(struct acceptor *acceptor, uv_close_cb closed);
/* ACCEPTOR_MORE with *ret_fd -1: that one had gone already. */
enum acceptor_result acceptor_take(const struct acceptor *acceptor, int *ret_fd);
/* Out of descriptors or memory, here or in the whole system: trying at once again would only burn
 * the processor, and those who wait lose nothing but time. */
void acceptor_rest(struct acceptor *acceptor);
/* Try again, if it rests and is not closed. */
void acceptor_resume(struct acceptor *acceptor);
/* What to do about the errno of ACCEPTOR_FAILED, for the end of a line; "": nothing is known. */
const char *acceptor_remedy(int error);
