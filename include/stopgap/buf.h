/* Growing bytes with a maximum given at init. All-zero plus a maximum is a valid empty buf. */
#pragma once

#include "stopgap/slice.h"

#include <stdlib.h>

struct buf {
    char *ptr;
    size_t len;
    size_t capacity;
    size_t max; /* appending beyond fails */
};

static inline void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

static inline void buf_done(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){.max = buf->max};
}

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_make(buf->ptr, buf->len);
}

/* Make room for len more bytes. False when that is beyond the maximum or memory is out. */
MUST_USE static inline bool buf_reserve(struct buf *buf, size_t len)
{
    if (len > buf->max - buf->len)
        return false;
    size_t need = buf->len + len;
    if (need <= buf->capacity)
        return true;
    size_t capacity = buf->capacity < 128 ? 256 : buf->capacity * 2;
    if (capacity < need)
        capacity = need;
    if (capacity > buf->max)
        capacity = buf->max;
    char *ptr = realloc(buf->ptr, capacity);
    if (ptr == NULL)
        return false;
    buf->ptr = ptr;
    buf->capacity = capacity;
    return true;
}

MUST_USE static inline bool buf_append(struct buf *buf, struct slice bytes)
{
    if (!buf_reserve(buf, bytes.len))
        return false;
    if (bytes.len != 0)
        memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
    buf->len += bytes.len;
    return true;
}

/* Append printf output; false when it does not fit. */
__attribute__((format(printf, 2, 3))) MUST_USE bool buf_printf(struct buf *buf, const char *format,
                                                               ...);
