/* The request that a curl command line would send; pure, nothing is read or sent. */
#pragma once

#include "stopgap/buf.h"
#include "stopgap/err.h"

enum {
    CURL_MAX_WORDS = 512, /* browsers write under 100 */
};

/* A command line cut into words as sh does. */
struct curl_words {
    struct slice items[CURL_MAX_WORDS];
    size_t n;
    struct buf memory;
};

/* Blanks, backslashes, '..', ".." and $'..' are read as sh and bash do; what sh would replace or
 * redirect ($x, `x`, |, ;, <, ...) is refused, since nothing is run here.
 *
 * False with err: E_CURL and the byte where it is. curl_words_done is to be called in any case. */
MUST_USE bool curl_words_read(struct curl_words *words, struct slice text, struct err *err);
void curl_words_done(struct curl_words *words);

/* The bytes of the request for "curl [OPTION]... URL", appended to ret_request, as curl 8 sends
 * them over HTTP/1.1. Knows the options of a browser's "Copy as cURL" and their relatives.
 *
 * False with err: E_CURL and the option that is not understood; never a value, which may be
 * secret. */
MUST_USE bool curl_request(const struct curl_words *words, struct buf *ret_request,
                           struct err *err);
