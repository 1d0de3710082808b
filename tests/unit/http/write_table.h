/* Runs the head writers over parsed messages and compares the bytes. */
#pragma once

#include "http/message_table.h"
#include "http/write.h"

#include <stdlib.h>
#include <string.h>

/* Writes with room, with exactly enough and with one byte too little. ret has max bytes. */
typedef size_t (*write_cb)(const struct http_head *head, const void *rewrite, char *out,
                           size_t max);

static inline void write_check(const char *name, const struct http_head *head, const void *rewrite,
                               size_t room, write_cb write, const char *expected)
{
    char *out = malloc(room);
    assert_non_null(out);
    size_t len = write(head, rewrite, out, room);
    if (!slice_equal(slice_make(out, len), slice_str(expected)))
        message_fail("%s: got\n%.*s\nexpected\n%s", name, (int)len, out, expected);
    free(out);
    for (size_t max = 0; max <= len; max++) {
        out = malloc(max != 0 ? max : 1);
        assert_non_null(out);
        if (write(head, rewrite, out, max) != (max == len ? len : 0))
            message_fail("%s: with room for %zu of %zu bytes", name, max, len);
        free(out);
    }
}
