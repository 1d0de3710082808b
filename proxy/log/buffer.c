/* A worker's side of the logs: lines are formatted in place, chunks are handed over in batches. */
#include "log/chunk.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "stopgap/banned.h"

enum {
    HAND_OVER_BYTES = 16 * 1024, /* worth a wake-up of the thread */
    HAND_OVER_MS = 100,          /* at most this long between lines and their hand-over */
    BEHIND_BYTES =
        LOG_QUEUE_BYTES / 4, /* from here on only full chunks, so that memory is used well */
};

struct log_buffer {
    struct log_writer *writer;
    struct log_account *account;
    struct log_chunk *open[LOG_KIND_COUNT]; /* by sink; NULL or with room for a line */
    struct log_chunk_list filled;
    uint64_t handed_ms;
    struct line_clock clock;
    _Atomic uint64_t dropped;
};

static uint64_t coarse_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct log_buffer *log_buffer_new(struct log_writer *writer)
{
    struct log_buffer *buffer = calloc(1, sizeof(*buffer));
    if (buffer == NULL)
        return NULL;
    buffer->writer = writer;
    buffer->account = log_writer_account(writer);
    if (buffer->account == NULL) {
        free(buffer);
        return NULL;
    }
    STAILQ_INIT(&buffer->filled);
    return buffer;
}

/* Move a chunk that has lines to the ones that are handed over. */
static void buffer_close_chunk(struct log_buffer *buffer, unsigned sink)
{
    struct log_chunk *chunk = buffer->open[sink];
    if (chunk == NULL || chunk->len == 0)
        return;
    STAILQ_INSERT_TAIL(&buffer->filled, chunk, link);
    buffer->open[sink] = NULL;
}

void log_buffer_free(struct log_buffer *buffer)
{
    if (buffer == NULL)
        return;
    for (unsigned sink = 0; sink < LOG_KIND_COUNT; sink++) {
        buffer_close_chunk(buffer, sink);
        log_chunk_free(buffer->open[sink]);
    }
    log_writer_push(buffer->writer, &buffer->filled);
    free(buffer);
}

void log_chunk_free(struct log_chunk *chunk)
{
    if (chunk == NULL)
        return;
    (void)atomic_fetch_sub_explicit(&chunk->account->outstanding[chunk->sink], sizeof(*chunk),
                                    memory_order_relaxed);
    for (size_t i = 0; i < LOG_SPARE_CHUNKS; i++) {
        struct log_chunk *none = NULL;
        if (atomic_compare_exchange_strong(&chunk->account->spares[i], &none, chunk))
            return;
    }
    free(chunk);
}

static struct log_chunk *account_take_spare(struct log_account *account)
{
    struct log_chunk *chunk = NULL;
    for (size_t i = 0; i < LOG_SPARE_CHUNKS && chunk == NULL; i++)
        chunk = atomic_exchange(&account->spares[i], NULL);
    return chunk;
}

static size_t buffer_outstanding(const struct log_buffer *buffer, unsigned sink)
{
    return atomic_load_explicit(&buffer->account->outstanding[sink], memory_order_relaxed);
}

/* May what is in the open chunk go now? */
static bool buffer_is_due(const struct log_buffer *buffer, unsigned sink, uint64_t now_ms)
{
    const struct log_chunk *chunk = buffer->open[sink];
    if (chunk == NULL || buffer_outstanding(buffer, sink) > BEHIND_BYTES)
        return false;
    return chunk->len >= HAND_OVER_BYTES ||
           (chunk->len != 0 && now_ms - buffer->handed_ms >= HAND_OVER_MS);
}

void log_buffer_flush(struct log_buffer *buffer)
{
    if (buffer->open[0] == NULL && buffer->open[1] == NULL && STAILQ_EMPTY(&buffer->filled))
        return;
    uint64_t now_ms = coarse_ms();
    for (unsigned sink = 0; sink < LOG_KIND_COUNT; sink++)
        if (buffer_is_due(buffer, sink, now_ms))
            buffer_close_chunk(buffer, sink);
    if (STAILQ_EMPTY(&buffer->filled))
        return;
    buffer->handed_ms = now_ms;
    log_writer_push(buffer->writer, &buffer->filled);
}

uint64_t log_buffer_dropped(const struct log_buffer *buffer)
{
    return atomic_load_explicit(&buffer->dropped, memory_order_relaxed);
}

static struct log_chunk *buffer_new_chunk(struct log_buffer *buffer, unsigned sink)
{
    if (buffer_outstanding(buffer, sink) + sizeof(struct log_chunk) > LOG_QUEUE_BYTES)
        return NULL;
    struct log_chunk *chunk = account_take_spare(buffer->account);
    if (chunk == NULL)
        chunk = malloc(sizeof(*chunk));
    if (chunk == NULL)
        return NULL;
    chunk->account = buffer->account;
    chunk->sink = sink;
    chunk->n_lines = 0;
    chunk->len = 0;
    chunk->written = 0;
    (void)atomic_fetch_add_explicit(&buffer->account->outstanding[sink], sizeof(*chunk),
                                    memory_order_relaxed);
    return chunk;
}

bool log_line_begin(struct log_buffer *buffer, enum log_kind kind, struct line *ret_line)
{
    unsigned sink;
    if (!log_writer_sink(buffer->writer, kind, &sink))
        return false;
    if (buffer->open[sink] != NULL &&
        LOG_CHUNK_BYTES - buffer->open[sink]->len < LIMIT_LOG_LINE_BYTES)
        buffer_close_chunk(buffer, sink);
    if (buffer->open[sink] == NULL)
        buffer->open[sink] = buffer_new_chunk(buffer, sink);
    struct log_chunk *chunk = buffer->open[sink];
    if (chunk == NULL) {
        (void)atomic_fetch_add_explicit(&buffer->dropped, 1, memory_order_relaxed);
        return false;
    }
    ret_line->next = chunk->bytes + chunk->len;
    ret_line->end = ret_line->next + LIMIT_LOG_LINE_BYTES;
    return true;
}

void log_line_end(struct log_buffer *buffer, enum log_kind kind, const struct line *line)
{
    unsigned sink = 0;
    (void)log_writer_sink(buffer->writer, kind, &sink); /* as in log_line_begin */
    struct log_chunk *chunk = buffer->open[sink];
    chunk->len = (size_t)(line->next - chunk->bytes);
    chunk->n_lines++;
}

struct line_clock *log_line_clock(struct log_buffer *buffer)
{
    return &buffer->clock;
}
