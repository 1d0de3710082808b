/* Bytes in both directions, completion-shaped: no socket, no readiness, no result of a write.
 *
 * A stream has one owner, who gives it events. tcp.c is the stream over libuv; tls.c is a filter
 * that is a stream above another one; tests have one that delays and splits.
 *
 * Rules of the interface
 * - on_data lends a piece for the call; take a reference on its chunk to keep it.
 * - stream_send queues and never reports bytes written; streams with something queued are flushed
 *   once per loop turn, so that a head and its body leave in one write. An owner flushes a queue
 *   that has become long at once, which is cheaper than to stop its source and start it again.
 * - stream_read(false) is a wish: data may still arrive afterwards.
 * - stream_close is asynchronous; on_closed is the last event, and the only one after it. */
#pragma once

#include "net/piece.h"

#include "stopgap/slice.h"

#include <sys/queue.h>

struct stream;

enum stream_failure {
    STREAM_OK = 0,
    STREAM_RESET,       /* the peer reset the connection, or it broke */
    STREAM_UNREACHABLE, /* connect failed */
    STREAM_TLS,         /* handshake or record */
    STREAM_CERTIFICATE, /* the peer's certificate is not what we expect */
    STREAM_MEMORY,      /* out of memory, descriptors or ports on our side */
};

struct stream_events {
    void (*on_open)(struct stream *stream); /* connected, and the handshake is done */
    void (*on_data)(struct stream *stream, struct piece piece);
    void (*on_end)(struct stream *stream);  /* the peer sends nothing more */
    void (*on_sent)(struct stream *stream); /* the queue fell to LIMIT_QUEUE_LOW_BYTES or less */
    void (*on_failed)(struct stream *stream, enum stream_failure failure, const char *text);
    void (*on_closed)(struct stream *stream);
};

/* What a kind of stream does; see the functions below. */
struct stream_ops {
    void (*send)(struct stream *stream, struct piece piece);
    void (*flush)(struct stream *stream);
    void (*read)(struct stream *stream, bool wanted);
    void (*end)(struct stream *stream);
    void (*close)(struct stream *stream, bool reset);
    size_t (*queued)(const struct stream *stream);
    size_t (*pending)(const struct stream *stream);
};

TAILQ_HEAD(stream_list, stream);

/* What the streams of one worker share. */
struct stream_hub {
    struct chunk_pool pool;
    struct stream_list dirty; /* something is queued and was not yet flushed */
};

struct stream {
    const struct stream_ops *ops;
    const struct stream_events *events;
    void *owner; /* whom the events concern; each table of events knows its type */
    struct stream_hub *hub;
    TAILQ_ENTRY(stream) dirty_entry;
    bool is_dirty;
};

void stream_hub_init(struct stream_hub *hub);
void stream_hub_done(struct stream_hub *hub);
/* Flush what is dirty; the worker calls it before and after each poll. */
void stream_hub_flush(struct stream_hub *hub);
/* Flush this one now, if it is dirty; on_sent and on_failed may come meanwhile. */
void stream_flush(struct stream *stream);

void stream_init(struct stream *stream, struct stream_hub *hub, const struct stream_ops *ops,
                 const struct stream_events *events, void *owner);
/* For implementations: flush this stream at the end of the loop turn, or no longer. */
void stream_mark_dirty(struct stream *stream);
void stream_unmark_dirty(struct stream *stream);

/* Queue a piece; a reference is taken. */
static inline void stream_send(struct stream *stream, struct piece piece)
{
    if (piece.bytes.len != 0)
        stream->ops->send(stream, piece);
}

/* Queue constant memory. */
static inline void stream_send_static(struct stream *stream, struct slice bytes)
{
    stream_send(stream, (struct piece){.bytes = bytes});
}

/* Queue a copy of a few bytes. False: no memory. */
MUST_USE bool stream_send_copy(struct stream *stream, struct slice bytes);

static inline void stream_read(struct stream *stream, bool wanted)
{
    stream->ops->read(stream, wanted);
}

/* Tell the peer that nothing more comes, once the queue is out. */
static inline void stream_end(struct stream *stream)
{
    stream->ops->end(stream);
}

/* Close: with reset at once, by RST; else when the queue is out or broken. */
static inline void stream_close(struct stream *stream, bool reset)
{
    stream->ops->close(stream, reset);
}

/* Bytes not yet taken by the kernel. */
static inline size_t stream_queued(const struct stream *stream)
{
    return stream->ops->queued(stream);
}

/* Bytes the peer has not acknowledged: what is queued and what the kernel still holds. A system
 * call, so for time-outs only. */
static inline size_t stream_pending(const struct stream *stream)
{
    return stream->ops->pending(stream);
}
