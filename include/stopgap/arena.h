/* Memory of one transaction: handed out in order, never freed piece by piece.
 *
 * The first chunk is lent by the owner (a worker keeps them for re-use); more chunks come from
 * malloc up to the maximum. All-zero is not valid: call arena_init. */
#pragma once

#include "stopgap/slice.h"

struct arena_chunk; /* private to arena.c */

struct arena {
    char *next;
    char *end;
    struct arena_chunk *chunks; /* what malloc gave, newest first */
    size_t used;                /* bytes handed out */
    size_t max;                 /* bytes that may be handed out */
    size_t n_mallocs;           /* how often the first chunk was not enough */
};

/* memory  borrowed until arena_done; at least 64 bytes, aligned for any type */
void arena_init(struct arena *arena, void *memory, size_t size, size_t max);

/* Frees what malloc gave. The memory given to arena_init stays the caller's. */
void arena_done(struct arena *arena);

/* For arena_alloc only. */
void *arena_alloc_slow(struct arena *arena, size_t size);

/* size bytes aligned for any type, not zeroed; NULL when the maximum is reached. */
MUST_USE static inline void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded < size)
        return NULL;
    if (rounded > (size_t)(arena->end - arena->next) || rounded > arena->max - arena->used)
        return arena_alloc_slow(arena, rounded);
    void *ptr = arena->next;
    arena->next += rounded;
    arena->used += rounded;
    return ptr;
}

/* A copy of bytes; .ptr is NULL when the arena is full. */
MUST_USE static inline struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    char *ptr = arena_alloc(arena, bytes.len != 0 ? bytes.len : 1);
    if (ptr == NULL)
        return slice_make(NULL, 0);
    if (bytes.len != 0)
        memcpy(ptr, bytes.ptr, bytes.len);
    return slice_make(ptr, bytes.len);
}
