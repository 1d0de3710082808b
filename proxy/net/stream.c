/* The dirty list: who has to be flushed at the end of this loop turn. */
#include "net/stream.h"

#include "stopgap/banned.h"

void stream_hub_init(struct stream_hub *hub)
{
    chunk_pool_init(&hub->pool);
    TAILQ_INIT(&hub->dirty);
}

void stream_hub_done(struct stream_hub *hub)
{
    chunk_pool_done(&hub->pool);
}

void stream_flush(struct stream *stream)
{
    if (!stream->is_dirty)
        return;
    stream_unmark_dirty(stream);
    stream->ops->flush(stream);
}

void stream_hub_flush(struct stream_hub *hub)
{
    struct stream *stream;
    /* A TLS stream that is flushed makes the one below it dirty, which then stands at the end. */
    while ((stream = TAILQ_FIRST(&hub->dirty)) != NULL)
        stream_flush(stream);
}

void stream_init(struct stream *stream, struct stream_hub *hub, const struct stream_ops *ops,
                 const struct stream_events *events, void *owner)
{
    *stream = (struct stream){.ops = ops, .events = events, .owner = owner, .hub = hub};
}

void stream_mark_dirty(struct stream *stream)
{
    if (stream->is_dirty)
        return;
    stream->is_dirty = true;
    TAILQ_INSERT_TAIL(&stream->hub->dirty, stream, dirty_entry);
}

void stream_unmark_dirty(struct stream *stream)
{
    if (!stream->is_dirty)
        return;
    stream->is_dirty = false;
    TAILQ_REMOVE(&stream->hub->dirty, stream, dirty_entry);
}

bool stream_send_copy(struct stream *stream, struct slice bytes)
{
    struct chunk_pool *pool = &stream->hub->pool;
    if (bytes.len > CHUNK_BYTES)
        return false;
    struct slice space = fill_space(pool, &pool->write, bytes.len);
    if (space.ptr == NULL)
        return false;
    struct piece piece = fill_take(&pool->write, bytes.len);
    memcpy(piece.chunk->data + (piece.bytes.ptr - piece.chunk->data), bytes.ptr, bytes.len);
    stream_send(stream, piece);
    return true;
}
