/* The fake connection. It keeps every rule of net/stream.h, and uses every freedom it gives. */
#include "net/fake_stream.h"

#include "http/message.h"
#include "net/piece_copy.h"
#include "proxy_limits.h"

#include <stddef.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum { FAKE_MAX_BYTES = 64 * 1024 * 1024 };

static struct fake_stream *fake_of(struct stream *stream)
{
    return (struct fake_stream *)((char *)stream - offsetof(struct fake_stream, stream));
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void fake_send(struct stream *stream, struct piece piece)
{
    struct fake_stream *fake = fake_of(stream);
    if (fake->is_closing || fake->wants_close || fake->wants_end || fake->is_broken)
        return;
    must(buf_append(&fake->queue, piece.bytes));
    fake->was_high |= fake->queue.len + fake->wire.len - fake->wire_at > LIMIT_QUEUE_LOW_BYTES;
    stream_mark_dirty(stream);
}

static void fake_flush(struct stream *stream)
{
    struct fake_stream *fake = fake_of(stream);
    must(buf_append(&fake->wire, buf_slice(&fake->queue)));
    buf_done(&fake->queue);
    if (fake->wants_close)
        fake->is_closing = true;
}

static void fake_read(struct stream *stream, bool wanted)
{
    struct fake_stream *fake = fake_of(stream);
    fake->was_stopped |= fake->is_reading && !wanted;
    fake->is_reading = wanted;
}

static void fake_end(struct stream *stream)
{
    fake_of(stream)->wants_end = true;
}

static void fake_close(struct stream *stream, bool reset)
{
    struct fake_stream *fake = fake_of(stream);
    if (!reset && fake->queue.len != 0 && !fake->is_broken) {
        fake->wants_close = true;
        stream_mark_dirty(stream);
        return;
    }
    if (reset && !fake->is_closed)
        fake_stream_break(fake->peer);
    stream_unmark_dirty(stream);
    fake->is_closing = true;
    fake->wants_end = true;
}

static size_t fake_queued(const struct stream *stream)
{
    const struct fake_stream *fake =
        (const struct fake_stream *)((const char *)stream - offsetof(struct fake_stream, stream));
    return fake->queue.len + fake->wire.len - fake->wire_at;
}

static const struct stream_ops fake_ops = {
    .send = fake_send,
    .flush = fake_flush,
    .read = fake_read,
    .end = fake_end,
    .close = fake_close,
    .queued = fake_queued,
    .pending = fake_queued,
};

void fake_link_init(struct fake_link *link, struct stream_hub *hub, enum fake_split split,
                    uint64_t seed)
{
    *link = (struct fake_link){.hub = hub, .split = split, .random = seed};
    for (unsigned i = 0; i < 2; i++) {
        struct fake_stream *fake = &link->ends[i];
        stream_init(&fake->stream, hub, &fake_ops, NULL, NULL);
        fake->peer = &link->ends[1 - i];
        fake->link = link;
        buf_init(&fake->queue, FAKE_MAX_BYTES);
        buf_init(&fake->wire, FAKE_MAX_BYTES);
    }
}

void fake_link_done(struct fake_link *link)
{
    for (unsigned i = 0; i < 2; i++) {
        buf_done(&link->ends[i].queue);
        buf_done(&link->ends[i].wire);
    }
}

void fake_stream_own(struct fake_stream *fake, const struct stream_events *events, void *owner)
{
    fake->stream.events = events;
    fake->stream.owner = owner;
}

void fake_stream_connect(struct fake_stream *fake)
{
    fake->is_open = true;
    fake->stream.events->on_open(&fake->stream);
}

void fake_stream_cut(struct fake_stream *fake)
{
    buf_done(&fake->queue);
    buf_done(&fake->wire);
    fake->wire_at = 0;
    fake->wants_end = true;
}

void fake_stream_break(struct fake_stream *fake)
{
    if (!fake->is_closing)
        fake->is_broken = true;
}

void fake_stream_inject(struct fake_stream *fake, struct slice bytes)
{
    must(buf_append(&fake->wire, bytes));
}

/* ---- what the network does */

static size_t part_len(struct fake_link *link, size_t len)
{
    if (link->split == SPLIT_BYTES)
        return 1;
    if (link->split == SPLIT_RANDOM) {
        uint64_t draw = test_random(&link->random);
        size_t max = (draw & 7) == 0 ? 40000 : 100;
        size_t part = 1 + (size_t)((draw >> 8) % max);
        return part < len ? part : len;
    }
    return len;
}

static bool step_data(struct fake_stream *to)
{
    struct fake_stream *from = to->peer;
    size_t len = from->wire.len - from->wire_at;
    bool takes = to->is_reading || (to->was_stopped && to->link->split == SPLIT_RANDOM);
    if (len == 0 || !takes || to->is_closing || to->wants_close || from->is_clogged)
        return false;
    to->was_stopped = false;
    len = part_len(to->link, len);
    struct piece piece =
        piece_copy(&to->link->hub->pool, slice_make(from->wire.ptr + from->wire_at, len));
    must(piece.chunk != NULL);
    from->wire_at += len;
    if (from->wire_at == from->wire.len) {
        buf_done(&from->wire);
        from->wire_at = 0;
    }
    to->stream.events->on_data(&to->stream, piece);
    chunk_unref(piece.chunk);
    return true;
}

static bool step_sent(struct fake_stream *fake)
{
    if (!fake->was_high || fake_queued(&fake->stream) > LIMIT_QUEUE_LOW_BYTES)
        return false;
    fake->was_high = false;
    if (!fake->is_closing && !fake->wants_close)
        fake->stream.events->on_sent(&fake->stream);
    return true;
}

static bool step_end(struct fake_stream *to)
{
    struct fake_stream *from = to->peer;
    bool is_due = from->wants_end && from->queue.len == 0 && from->wire.len == 0 && to->is_reading;
    if (!is_due || from->has_ended || to->is_closing || to->wants_close)
        return false;
    from->has_ended = true;
    to->stream.events->on_end(&to->stream);
    return true;
}

static bool step_break(struct fake_stream *fake)
{
    if (!fake->is_broken || fake->is_closing)
        return false;
    fake->is_broken = false;
    buf_done(&fake->queue);
    if (fake->wants_close)
        fake->is_closing = true;
    else
        fake->stream.events->on_failed(&fake->stream, STREAM_RESET, "connection reset");
    return true;
}

static bool step_closed(struct fake_stream *fake)
{
    if (!fake->is_closing || fake->is_closed)
        return false;
    fake->is_closed = true;
    fake->wants_end = true;
    fake->stream.events->on_closed(&fake->stream);
    return true;
}

bool fake_link_step(struct fake_link *link)
{
    static bool (*const steps[])(struct fake_stream *) = {step_data, step_sent, step_end,
                                                          step_break, step_closed};
    enum { N = 2 * sizeof(steps) / sizeof(steps[0]) };
    size_t first = link->split == SPLIT_NOT ? 0 : (size_t)(test_random(&link->random) % N);
    for (size_t i = 0; i < N; i++) {
        size_t pick = (first + i) % N;
        if (steps[pick / 2](&link->ends[pick % 2]))
            return true;
    }
    return false;
}

void fake_link_run(struct fake_link *link)
{
    do
        stream_hub_flush(link->hub);
    while (fake_link_step(link));
}
