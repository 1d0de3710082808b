/* Pooled chunks, fills and queues of pieces. */
#include "net/piece.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    QUEUE_FIRST_CAPACITY = 8,
    SETTLE_MAX_BYTES = 16 * 1024, /* a longer piece is worth its chunk */
};

void chunk_pool_init(struct chunk_pool *pool)
{
    *pool = (struct chunk_pool){0};
}

static void fill_done(struct fill *fill)
{
    chunk_unref(fill->chunk);
    *fill = (struct fill){0};
}

void chunk_pool_done(struct chunk_pool *pool)
{
    fill_done(&pool->read);
    fill_done(&pool->write);
    fill_done(&pool->plain);
    while (pool->free != NULL) {
        struct chunk *chunk = pool->free;
        pool->free = chunk->next;
        free(chunk);
    }
    pool->n_free = 0;
}

struct chunk *chunk_new_exact(struct chunk_pool *pool, size_t size)
{
    struct chunk *chunk = malloc(sizeof(*chunk) + size);
    if (chunk == NULL)
        return NULL;
    chunk->pool = pool;
    chunk->next = NULL;
    chunk->n_refs = 1;
    chunk->size = (unsigned)size;
    return chunk;
}

struct chunk *chunk_new(struct chunk_pool *pool)
{
    struct chunk *chunk = pool->free;
    if (chunk == NULL)
        return chunk_new_exact(pool, CHUNK_BYTES);
    pool->free = chunk->next;
    pool->n_free--;
    chunk->n_refs = 1;
    return chunk;
}

void chunk_unref_slow(struct chunk *chunk)
{
    struct chunk_pool *pool = chunk->pool;
    if (chunk->size != CHUNK_BYTES || pool->n_free >= CHUNK_MAX_FREE) {
        free(chunk);
        return;
    }
    chunk->next = pool->free;
    pool->free = chunk;
    pool->n_free++;
}

struct slice fill_space(struct chunk_pool *pool, struct fill *fill, size_t min)
{
    if (fill->chunk != NULL && fill->chunk->n_refs == 1)
        fill->used = 0; /* nobody holds any of it */
    if (fill->chunk == NULL || fill->chunk->size - fill->used < min) {
        struct chunk *chunk = chunk_new(pool);
        if (chunk == NULL)
            return slice_make(NULL, 0);
        chunk_unref(fill->chunk);
        *fill = (struct fill){.chunk = chunk};
    }
    return slice_make(fill->chunk->data + fill->used, fill->chunk->size - fill->used);
}

struct piece fill_take(struct fill *fill, size_t len)
{
    struct piece piece = {.chunk = fill->chunk,
                          .bytes = slice_make(fill->chunk->data + fill->used, len)};
    fill->used += len;
    return piece;
}

/* Room for one more behind the last: move to the front, or to a larger array. */
static bool queue_make_room(struct piece_queue *queue)
{
    unsigned capacity = queue->array != NULL ? queue->capacity : 2;
    struct piece *from = queue->array != NULL ? queue->array : queue->few;
    if (queue->head != 0 && queue->n <= capacity / 2) {
        memmove(from, from + queue->head, queue->n * sizeof(*from));
        queue->head = 0;
        return true;
    }
    unsigned larger = capacity < QUEUE_FIRST_CAPACITY ? QUEUE_FIRST_CAPACITY : capacity * 2;
    struct piece *array = malloc(larger * sizeof(*array));
    if (array == NULL)
        return false;
    memcpy(array, from + queue->head, queue->n * sizeof(*array));
    free(queue->array);
    queue->array = array;
    queue->capacity = larger;
    queue->head = 0;
    return true;
}

bool piece_queue_push(struct piece_queue *queue, struct piece piece)
{
    unsigned capacity = queue->array != NULL ? queue->capacity : 2;
    if (queue->head + queue->n == capacity && !queue_make_room(queue))
        return false;
    chunk_ref(piece.chunk);
    *piece_queue_at(queue, queue->n) = piece;
    queue->n++;
    queue->n_bytes += piece.bytes.len;
    return true;
}

/* Bytes behind the last piece that nobody else can see. */
static size_t settle_room(const struct piece *last)
{
    const struct chunk *chunk = last->chunk;
    if (chunk == NULL || chunk->size == CHUNK_BYTES || chunk->n_refs != 1)
        return 0;
    return (size_t)(chunk->data + chunk->size - (last->bytes.ptr + last->bytes.len));
}

/* Copy the piece behind last, or into a chunk of its own with room for as much as waits already,
 * so that bytes which come one by one do not need a chunk each. False: no memory. */
static bool settle_one(struct piece_queue *queue, struct piece *last, struct piece *piece,
                       struct chunk_pool *pool)
{
    struct slice bytes = piece->bytes;
    if (last != NULL && last->chunk != NULL && settle_room(last) >= bytes.len) {
        memcpy(last->chunk->data + (last->bytes.ptr + last->bytes.len - last->chunk->data),
               bytes.ptr, bytes.len);
        last->bytes.len += bytes.len;
        chunk_unref(piece->chunk);
        *piece = (struct piece){0}; /* it has gone into the last one */
        return true;
    }
    size_t waits = queue->n_bytes < SETTLE_MAX_BYTES ? queue->n_bytes : SETTLE_MAX_BYTES;
    struct chunk *chunk = chunk_new_exact(pool, bytes.len > waits ? bytes.len : waits);
    if (chunk == NULL)
        return false;
    memcpy(chunk->data, bytes.ptr, bytes.len);
    chunk_unref(piece->chunk);
    *piece = (struct piece){.chunk = chunk, .bytes = slice_make(chunk->data, bytes.len)};
    return true;
}

bool piece_queue_settle(struct piece_queue *queue, struct chunk_pool *pool)
{
    bool ok = true;
    unsigned to = queue->n_settled;
    for (unsigned from = to; from < queue->n; from++) {
        struct piece piece = *piece_queue_at(queue, from);
        bool is_short = piece.chunk != NULL && piece.chunk->size == CHUNK_BYTES &&
                        piece.bytes.len <= SETTLE_MAX_BYTES;
        struct piece *last = to != 0 ? piece_queue_at(queue, to - 1) : NULL;
        if (is_short)
            ok &= settle_one(queue, last, &piece, pool);
        if (piece.bytes.ptr != NULL)
            *piece_queue_at(queue, to++) = piece;
    }
    queue->n = queue->n_settled = to;
    return ok;
}

void piece_queue_consume(struct piece_queue *queue, size_t len)
{
    queue->n_bytes -= len;
    while (queue->n != 0) {
        struct piece *front = piece_queue_front(queue);
        if (len < front->bytes.len) {
            front->bytes = slice_from(front->bytes, len);
            return;
        }
        len -= front->bytes.len;
        chunk_unref(front->chunk);
        queue->head++;
        queue->n--;
        queue->n_settled -= queue->n_settled != 0;
    }
    free(queue->array);
    queue->array = NULL;
    queue->head = 0;
    queue->capacity = 0;
}

void piece_queue_clear(struct piece_queue *queue)
{
    piece_queue_consume(queue, queue->n_bytes);
}
