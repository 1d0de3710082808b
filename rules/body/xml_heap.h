/* The memory of libxml2 while it reads a body: a block that its owner lends, and malloc behind it.
 *
 * libxml2 has one set of allocation functions for the whole process. Ours take from the heap that
 * the calling thread has entered, and from malloc in all other threads and at all other times, so
 * that nothing changes for configuration, signatures and start. A block's address tells whose it
 * is, so a thread that has entered may also resize and end what it made before.
 *
 * What a thread makes between enter and leave it must end between them. The one thing that libxml2
 * itself keeps for a thread, its last error, is forgotten on both borders. A parser that was made
 * within belongs to that thread; xml_heap_setup ends the ways by which a document could make
 * libxml2 keep something for the process. */
#pragma once

#include "stopgap/slice.h"

enum {
    XML_HEAP_BYTES =
        256 * 1024,        /* a full window is held once in up to 128 KiB, beside its parser */
    XML_HEAP_CLASSES = 14, /* blocks of 16 bytes to 128 KiB */
};

struct xml_heap_block; /* private to xml_heap.c */

/* In memory of the owner; xml_heap_enter makes it valid. */
struct xml_heap {
    size_t used;     /* of bytes: behind it nothing was ever handed out */
    size_t overflow; /* bytes that malloc lends beside it */
    bool is_over;
    struct xml_heap_block *free[XML_HEAP_CLASSES];
    _Alignas(16) char bytes[XML_HEAP_BYTES];
};

/* Give libxml2 our functions; before threads use it. Calls behind the first one do nothing. */
void xml_heap_setup(void);

/* From here to xml_heap_leave, libxml2 takes this thread's memory from heap, which is emptied. */
void xml_heap_enter(struct xml_heap *heap);
void xml_heap_leave(struct xml_heap *heap);

/* Did malloc have to lend more than LIMIT_XML_OVERFLOW_BYTES at a time? It lends on, since libxml2
 * does not check everywhere that it got memory: the reader has to stop. */
MUST_USE bool xml_heap_is_over(const struct xml_heap *heap);
