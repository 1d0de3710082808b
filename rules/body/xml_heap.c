/* Blocks of powers of two, each with its class in front; one that is freed is the next of its
 * class. Thousands of errors, comments and attributes so take no more than what lives at a time. */
#include "body/xml_heap.h"

#include <assert.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include <libxml/catalog.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>

#include "stopgap/limits.h"

#include "stopgap/banned.h"

enum { SMALLEST_BYTES = 16 };

struct xml_heap_block {
    size_t size_class;
    struct xml_heap_block *next; /* of those that are free */
};

_Static_assert(sizeof(struct xml_heap_block) == 16, "keeps what stands behind it aligned");

/* libxml2's functions have no argument for it. */
static _Thread_local struct xml_heap *entered;

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ---- blocks */

static size_t class_bytes(size_t size_class)
{
    return (size_t)SMALLEST_BYTES << size_class;
}

static bool is_of(const struct xml_heap *heap, const void *ptr)
{
    const char *byte = ptr;
    return heap != NULL && byte >= heap->bytes && byte < heap->bytes + XML_HEAP_BYTES;
}

static void *lend(struct xml_heap *heap, void *ptr)
{
    if (ptr != NULL)
        heap->overflow += malloc_usable_size(ptr);
    heap->is_over = heap->is_over || heap->overflow > LIMIT_XML_OVERFLOW_BYTES;
    return ptr;
}

/* What was made before the heap was entered is not counted. */
static void take_back(struct xml_heap *heap, void *ptr)
{
    size_t size = malloc_usable_size(ptr);
    heap->overflow -= size < heap->overflow ? size : heap->overflow;
}

static void *block_new(struct xml_heap *heap, size_t size)
{
    size_t size_class = 0;
    while (size_class < XML_HEAP_CLASSES && class_bytes(size_class) < size)
        size_class++;
    if (size_class == XML_HEAP_CLASSES)
        return lend(heap, malloc(size));
    struct xml_heap_block *block = heap->free[size_class];
    if (block != NULL) {
        heap->free[size_class] = block->next;
        return block + 1;
    }
    size_t whole = sizeof(*block) + class_bytes(size_class);
    if (whole > XML_HEAP_BYTES - heap->used)
        return lend(heap, malloc(size));
    block = (struct xml_heap_block *)(heap->bytes + heap->used);
    heap->used += whole;
    block->size_class = size_class;
    return block + 1;
}

static void block_free(struct xml_heap *heap, void *ptr)
{
    struct xml_heap_block *block = (struct xml_heap_block *)ptr - 1;
    block->next = heap->free[block->size_class];
    heap->free[block->size_class] = block;
}

/* ---- what libxml2 calls */

static void *on_malloc(size_t size)
{
    return entered != NULL ? block_new(entered, size) : malloc(size);
}

static void on_free(void *ptr)
{
    if (is_of(entered, ptr)) {
        block_free(entered, ptr);
        return;
    }
    if (entered != NULL && ptr != NULL)
        take_back(entered, ptr);
    free(ptr);
}

static void *on_realloc(void *ptr, size_t size)
{
    if (entered == NULL)
        return realloc(ptr, size);
    if (ptr == NULL)
        return block_new(entered, size);
    if (!is_of(entered, ptr)) {
        take_back(entered, ptr);
        return lend(entered, realloc(ptr, size));
    }
    size_t room = class_bytes(((struct xml_heap_block *)ptr - 1)->size_class);
    if (size <= room)
        return ptr;
    void *larger = block_new(entered, size);
    if (larger == NULL)
        return NULL;
    memcpy(larger, ptr, room);
    block_free(entered, ptr);
    return larger;
}

static char *on_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = on_malloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

/* ---- borders */

static void setup(void)
{
    if (xmlMemSetup(on_free, on_malloc, on_realloc, on_strdup) != 0)
        abort(); /* it only fails for NULL */
    xmlInitParser();
    /* A processing instruction could load the process's catalogue. */
    xmlCatalogSetDefaults(XML_CATA_ALLOW_NONE);
}

void xml_heap_setup(void)
{
    (void)pthread_once(&once, setup);
}

void xml_heap_enter(struct xml_heap *heap)
{
    xmlResetLastError();
    heap->used = 0;
    heap->overflow = 0;
    heap->is_over = false;
    memset(heap->free, 0, sizeof(heap->free));
    entered = heap;
}

void xml_heap_leave(struct xml_heap *heap)
{
    xmlResetLastError();
    assert(entered == heap);
    entered = NULL;
}

bool xml_heap_is_over(const struct xml_heap *heap)
{
    return heap->is_over;
}
