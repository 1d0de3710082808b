/* SHA-256 in hex, and base64 into and out of a struct buf. */
#pragma once

#include "stopgap/buf.h"
#include "text.h"

enum { HASH_SIZE = TEXT_HASH_CHARS + 1 }; /* with the NUL */

/* False only when the crypto library has no memory or no SHA-256. */
MUST_USE bool hash_hex(struct slice bytes, char ret_hex[HASH_SIZE]);

/* Append the bytes of a base64 text, which stopgap/base64.h checks strictly. */
MUST_USE bool encode_from_base64(struct slice text, struct buf *ret_bytes);
/* Append bytes as base64 on one line. */
MUST_USE bool encode_to_base64(struct slice bytes, struct buf *ret_text);
