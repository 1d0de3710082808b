/* A connection in memory: two streams that hand bytes to each other late, in parts, and once more
 * after the reader has said stop. Nothing happens but in fake_link_step. */
#pragma once

#include "net/stream.h"

#include "stopgap/buf.h"

enum fake_split {
    SPLIT_NOT = 0,
    SPLIT_BYTES,  /* one at a time */
    SPLIT_RANDOM, /* and now and then in spite of stream_read(false) */
};

struct fake_stream {
    struct stream stream;
    struct fake_stream *peer;
    struct fake_link *link;
    struct buf queue; /* sent by the owner, not flushed */
    struct buf wire;  /* on the way to the peer, from wire_at on */
    size_t wire_at;
    bool is_open;
    bool is_reading;
    bool was_high;
    bool wants_end;
    bool has_ended;   /* the peer knows */
    bool wants_close; /* when everything is flushed */
    bool is_closing;
    bool is_closed;
    bool is_broken;   /* a reset that the owner does not know yet */
    bool was_stopped; /* one more piece may come in spite of stream_read(false) */
    bool is_clogged;  /* the peer's kernel takes nothing for the moment */
};

struct fake_link {
    struct stream_hub *hub;
    struct fake_stream ends[2];
    enum fake_split split;
    uint64_t random;
};

void fake_link_init(struct fake_link *link, struct stream_hub *hub, enum fake_split split,
                    uint64_t seed);
void fake_link_done(struct fake_link *link);
/* Whom the events of one end concern. */
void fake_stream_own(struct fake_stream *fake, const struct stream_events *events, void *owner);
/* Report on_open: the connection stands. */
void fake_stream_connect(struct fake_stream *fake);
/* Do one thing that the network would do. False: there is nothing left to do. */
bool fake_link_step(struct fake_link *link);
/* Flush and step until nothing happens any more. */
void fake_link_run(struct fake_link *link);
/* As if the wire from this end were cut: the peer sees a FIN behind what was delivered. */
void fake_stream_cut(struct fake_stream *fake);
/* As if the peer had sent RST. */
void fake_stream_break(struct fake_stream *fake);
/* Put bytes of a stranger on the wire from this end. */
void fake_stream_inject(struct fake_stream *fake, struct slice bytes);
