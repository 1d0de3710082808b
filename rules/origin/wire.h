/* Numbers and texts as bytes, between two processes of one program on one machine. */
#pragma once

#include "stopgap/buf.h"

MUST_USE static inline bool wire_put_number(struct buf *to, uint64_t number)
{
    return buf_append(to, slice_make((const char *)&number, sizeof(number)));
}

MUST_USE static inline bool wire_put_bytes(struct buf *to, struct slice bytes)
{
    return wire_put_number(to, bytes.len) && buf_append(to, bytes);
}

/* NULL is another text than "". */
MUST_USE static inline bool wire_put_text(struct buf *to, const char *text)
{
    return text == NULL ? wire_put_number(to, UINT64_MAX) : wire_put_bytes(to, slice_str(text));
}

MUST_USE static inline bool wire_get_number(struct slice *from, uint64_t *ret_number)
{
    if (from->len < sizeof(*ret_number))
        return false;
    memcpy(ret_number, from->ptr, sizeof(*ret_number));
    *from = slice_from(*from, sizeof(*ret_number));
    return true;
}

/* A number below limit. */
MUST_USE static inline bool wire_get_count(struct slice *from, uint64_t limit, size_t *ret_count)
{
    uint64_t number;
    if (!wire_get_number(from, &number) || number >= limit)
        return false;
    *ret_count = (size_t)number;
    return true;
}

MUST_USE static inline bool wire_get_bool(struct slice *from, bool *ret_value)
{
    size_t number;
    if (!wire_get_count(from, 2, &number))
        return false;
    *ret_value = number != 0;
    return true;
}

/* The bytes stay where they are. */
MUST_USE static inline bool wire_get_bytes(struct slice *from, struct slice *ret_bytes)
{
    size_t len;
    if (!wire_get_count(from, SIZE_MAX, &len) || len > from->len)
        return false;
    *ret_bytes = slice_head(*from, len);
    *from = slice_from(*from, len);
    return true;
}

/* A copy for the caller to free; NULL where NULL was put. */
MUST_USE static inline bool wire_get_text(struct slice *from, char **ret_text)
{
    struct slice bytes;
    uint64_t len;
    struct slice ahead = *from;
    if (wire_get_number(&ahead, &len) && len == UINT64_MAX) {
        *from = ahead;
        *ret_text = NULL;
        return true;
    }
    if (!wire_get_bytes(from, &bytes) ||
        (bytes.len != 0 && memchr(bytes.ptr, '\0', bytes.len) != NULL))
        return false;
    *ret_text = strndup(bytes.len != 0 ? bytes.ptr : "", bytes.len);
    return *ret_text != NULL;
}
