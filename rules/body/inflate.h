/* Compressed request bodies (RFC 9110 8.4.1). */
#pragma once

#include "body/values.h"

enum body_coding {
    CODING_NONE = 0,
    CODING_GZIP,
    CODING_DEFLATE,     /* with the header of zlib, as RFC 9110 has it */
    CODING_DEFLATE_RAW, /* without, which is sent under the same name and never named */
    CODING_UNKNOWN,     /* another one, or several */
};

struct request_head;

/* What the Content-Encoding fields of a request say. */
enum body_coding body_coding(const struct request_head *head);

struct body_inflated {
    struct slice text;  /* what came out; with an error, what came out before it */
    bool is_cut;        /* the text goes on behind it */
    uint32_t anomalies; /* BODY_ENCODING_INVALID, BODY_ENCODING_BOMB */
};

/* Decompress at most LIMIT_BODY_WINDOW bytes of packed into arena. The rest of packed is judged and
 * not kept; it costs at most LIMIT_INFLATE_RATIO times its length.
 *
 * is_cut  packed goes on behind its window
 * False: no memory. */
MUST_USE bool body_inflate(struct slice packed, enum body_coding coding, bool is_cut,
                           struct arena *arena, struct body_inflated *ret_out);
