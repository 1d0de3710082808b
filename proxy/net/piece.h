/* Bytes in counted, pooled chunks, and queues of them.
 *
 * One pool belongs to one worker; nothing here is shared between threads. A piece is a slice and
 * the chunk that keeps it alive; a piece without chunk points to constant memory. */
#pragma once

#include "stopgap/slice.h"

struct chunk_pool;

struct chunk {
    struct chunk_pool *pool;
    struct chunk *next; /* in the free list */
    unsigned n_refs;
    unsigned size; /* of data[] */
    _Alignas(16) char data[];
};

struct piece {
    struct chunk *chunk; /* NULL: constant memory */
    struct slice bytes;
};

/* Where reads go and where small writes are put together: each is a chunk that is filled from
 * the front and started anew once nobody holds any of it. */
struct fill {
    struct chunk *chunk;
    size_t used;
};

struct chunk_pool {
    struct chunk *free; /* standard chunks only */
    unsigned n_free;
    struct fill read;
    struct fill write;
    struct fill plain; /* where TLS puts what it decrypted */
};

enum {
    CHUNK_BYTES = 256 * 1024, /* holds LIMIT_READ_LONG_BYTES */
    CHUNK_MAX_FREE = 64,      /* 16 MiB a worker; more goes back to malloc */
};

void chunk_pool_init(struct chunk_pool *pool);
void chunk_pool_done(struct chunk_pool *pool);

/* NULL: no memory. One reference, the caller's. */
struct chunk *chunk_new(struct chunk_pool *pool);
/* A chunk of exactly size bytes that is not pooled. */
struct chunk *chunk_new_exact(struct chunk_pool *pool, size_t size);
void chunk_unref_slow(struct chunk *chunk);

static inline void chunk_ref(struct chunk *chunk)
{
    if (chunk != NULL)
        chunk->n_refs++;
}

static inline void chunk_unref(struct chunk *chunk)
{
    if (chunk != NULL && --chunk->n_refs == 0)
        chunk_unref_slow(chunk);
}

/* At least min writable bytes (min <= CHUNK_BYTES) in the fill; .ptr NULL: no memory. */
struct slice fill_space(struct chunk_pool *pool, struct fill *fill, size_t min);
/* The first len bytes of that space are used. The piece is borrowed: chunk_ref to keep it. */
struct piece fill_take(struct fill *fill, size_t len);

/* A queue of pieces; two fit without memory of its own. All-zero is a valid empty queue. */
struct piece_queue {
    struct piece *array; /* NULL: few[] is used */
    unsigned head;       /* index of the first */
    unsigned n;
    unsigned n_settled; /* of the first ones */
    unsigned capacity;  /* of array */
    struct piece few[2];
    size_t n_bytes;
};

/* Adds the piece and takes a reference. False: no memory. */
MUST_USE bool piece_queue_push(struct piece_queue *queue, struct piece piece);
/* What is queued will wait: short pieces in pooled chunks move to memory of their own size, or one
 * byte would keep a whole chunk alive for as long. Looks at each piece once. False: no memory for
 * some, which stay as they are. */
bool piece_queue_settle(struct piece_queue *queue, struct chunk_pool *pool);
/* The first piece; the queue must not be empty. */
static inline struct piece *piece_queue_front(struct piece_queue *queue)
{
    return (queue->array != NULL ? queue->array : queue->few) + queue->head;
}
/* Drop len bytes from the front and the references of what was used up. */
void piece_queue_consume(struct piece_queue *queue, size_t len);
void piece_queue_clear(struct piece_queue *queue);
/* The i-th piece. */
static inline struct piece *piece_queue_at(struct piece_queue *queue, unsigned i)
{
    return (queue->array != NULL ? queue->array : queue->few) + queue->head + i;
}
static inline bool piece_queue_is_empty(const struct piece_queue *queue)
{
    return queue->n == 0;
}
