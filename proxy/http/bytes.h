/* Classes of bytes, sixteen at a time where the processor can: each byte of a head is looked at,
 * and one by one that was a fifth of all instructions of a request. */
#pragma once

#include "stopgap/slice.h"

/* Bytes that are controls other than HTAB, or DEL. CR and LF count. */
size_t bytes_count_control(struct slice text);
/* Is text a token, RFC 9110 5.6.2? An empty one is none. `end` is where the readable memory ends
 * that text lies in; it may be read up to there. */
bool bytes_are_token(struct slice text, const char *end);
/* Has text only bytes that may stand in a request target: no control, blank, "#", DEL, or byte
 * above 0x7f? An empty one is none. */
bool bytes_are_target(struct slice text);
