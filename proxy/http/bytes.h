/* Classes of bytes, sixteen at a time where the processor can: each byte of a head is looked at,
 * and one by one that was a fifth of all instructions of a request. */
#pragma once

#include "stopgap/slice.h"

/* All of them look at the bytes from `at` up to `end` and say how many in front are of a class. */

/* Those of a token, RFC 9110 5.6.2. */
size_t bytes_token_run(const char *at, const char *end);
/* Those that may stand in a field value: all but controls other than HTAB, and DEL. */
size_t bytes_text_run(const char *at, const char *end);
/* Those that may stand in a request target: no control, blank, "#", DEL, or byte above 0x7f. */
size_t bytes_target_run(const char *at, const char *end);

/* Is all of text a token, RFC 9110 5.6.2? An empty one is none. */
static inline bool bytes_are_token(struct slice text)
{
    return text.len != 0 && bytes_token_run(text.ptr, text.ptr + text.len) == text.len;
}

static inline bool bytes_are_text(struct slice text)
{
    return text.len == 0 || bytes_text_run(text.ptr, text.ptr + text.len) == text.len;
}

/* The same for a request target. An empty one is none. */
static inline bool bytes_are_target(struct slice text)
{
    return text.len != 0 && bytes_target_run(text.ptr, text.ptr + text.len) == text.len;
}
