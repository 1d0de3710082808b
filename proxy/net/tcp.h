/* The stream over libuv's TCP. Embedded in its owner, which frees it after on_closed. */
#pragma once

#include "net/stream.h"

#include "stopgap/request.h"

#include <sys/socket.h>

#include <uv.h>

struct tcp_stream {
    struct stream stream;
    uv_tcp_t handle;
    struct piece_queue queue;
    size_t sending; /* bytes of the queue that libuv has */
    bool is_open;
    bool is_reading;
    bool is_writing; /* libuv has the first bytes of the queue */
    bool was_high;   /* on_sent is due when the queue has fallen */
    bool has_failed;
    bool wants_end;
    bool has_ended;   /* shutdown was asked for */
    bool wants_close; /* when the queue is out */
    bool is_closing;
};

/* Prepare; the handle belongs to loop from here on and must be closed. */
void tcp_stream_init(struct tcp_stream *tcp, uv_loop_t *loop, struct stream_hub *hub,
                     const struct stream_events *events, void *owner);

/* Take an accepted socket. on_open does not come; reading is off. False: it could not be used and
 * is closed; close the stream all the same. */
MUST_USE bool tcp_stream_accept(struct tcp_stream *tcp, int fd);

/* Connect; ends in on_open or on_failed. */
void tcp_stream_connect(struct tcp_stream *tcp, const struct sockaddr *address);

/* The peer's, or our own address as IPv6 (IPv4 mapped) with port. False: not connected. */
bool tcp_stream_peer(const struct tcp_stream *tcp, struct net_address *ret_address,
                     uint16_t *ret_port);
bool tcp_stream_local(const struct tcp_stream *tcp, struct net_address *ret_address,
                      uint16_t *ret_port);
