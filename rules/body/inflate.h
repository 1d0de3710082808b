/* Compressed request bodies (RFC 9110 8.4.1). */
#pragma once

#include "body/values.h"

enum body_coding {
    CODING_NONE = 0,
    CODING_GZIP,
    CODING_DEFLATE, /* with the header of zlib, or without: both are sent under this name */
    CODING_UNKNOWN, /* another one, or several */
};

struct request_head;

/* What the Content-Encoding fields of a request say. */
enum body_coding body_coding(const struct request_head *head);

/* Decompress at most LIMIT_BODY_WINDOW bytes of packed.
 *
 * is_cut         packed goes on behind its window
 * ret_text       what came out, in arena; with an error, what came out before it
 * ret_is_cut     the text goes on behind ret_text
 * ret_anomalies  BODY_ENCODING_INVALID and BODY_ENCODING_BOMB are added
 * False: no memory. */
MUST_USE bool body_inflate(struct slice packed, enum body_coding coding, bool is_cut,
                           struct arena *arena, struct slice *ret_text, bool *ret_is_cut,
                           uint32_t *ret_anomalies);
