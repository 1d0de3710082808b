/* Strict base64 (RFC 4648 section 4): padding is required, blanks and stray bits are refused. */
#pragma once

#include "stopgap/slice.h"

/* Bytes that decoding len characters needs at most. */
static inline size_t base64_decoded_max(size_t len)
{
    return len / 4 * 3;
}

/* Decode text into out, which has room for base64_decoded_max(text.len) bytes. False when text is
 * not base64; out is unspecified then. */
MUST_USE bool base64_decode(struct slice text, char *out, size_t *ret_len);
