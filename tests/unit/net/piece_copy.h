/* A piece of a test's own bytes. */
#pragma once

#include "net/piece.h"

/* In a chunk of exactly that size; .chunk NULL: no memory. */
static inline struct piece piece_copy(struct chunk_pool *pool, struct slice bytes)
{
    struct chunk *chunk = chunk_new_exact(pool, bytes.len);
    if (chunk == NULL)
        return (struct piece){0};
    memcpy(chunk->data, bytes.ptr, bytes.len);
    return (struct piece){.chunk = chunk, .bytes = slice_make(chunk->data, bytes.len)};
}
