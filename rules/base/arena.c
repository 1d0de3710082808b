/* The slow half of struct arena: chunks from malloc when the lent one is full. */
#include "stopgap/arena.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum { CHUNK_BYTES = 16 * 1024 }; /* holds a typical head with its views */

struct arena_chunk {
    _Alignas(16) struct arena_chunk *older;
};

void arena_init(struct arena *arena, void *memory, size_t size, size_t max)
{
    *arena = (struct arena){.next = memory, .end = (char *)memory + size, .max = max};
}

void arena_done(struct arena *arena)
{
    while (arena->chunks != NULL) {
        struct arena_chunk *older = arena->chunks->older;
        free(arena->chunks);
        arena->chunks = older;
    }
    arena->next = arena->end = NULL;
}

void *arena_alloc_slow(struct arena *arena, size_t size)
{
    if (size > arena->max - arena->used)
        return NULL;
    size_t payload = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    struct arena_chunk *chunk = malloc(sizeof(*chunk) + payload);
    if (chunk == NULL)
        return NULL;
    arena->n_mallocs++;
    chunk->older = arena->chunks;
    arena->chunks = chunk;
    arena->next = (char *)(chunk + 1);
    arena->end = arena->next + payload;
    void *ptr = arena->next;
    arena->next += size;
    arena->used += size;
    return ptr;
}
