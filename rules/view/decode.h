/* URL escapes, resolved once or until nothing changes. Private to rules/view. */
#pragma once

#include "stopgap/arena.h"
#include "stopgap/slice.h"

/* Whether "+" stands for a blank, as it does in queries and forms but not in paths. */
enum decode_plus {
    PLUS_IS_PLUS = 0,
    PLUS_IS_BLANK,
};

/* Resolve each %XX and %uXXXX of in once and return the bytes written.
 *
 * A malformed escape stays as it is. %uXXXX becomes UTF-8, an unpaired surrogate U+FFFD.
 *
 * out           room for in.len bytes; may be where in is
 * ret_anomalies bits of enum view_anomaly are added */
size_t decode_escapes(struct slice in, char *out, enum decode_plus plus, uint32_t *ret_anomalies);

/* The same after decode_escapes has run until nothing changes, at most LIMIT_DECODE_ROUNDS times;
 * "+" is looked at in the first round only, so that an escaped plus sign stays one.
 * The result is in itself when there is nothing to resolve. False: no memory. */
MUST_USE bool decode_until_stable(struct slice in, enum decode_plus plus, struct arena *arena,
                                  struct slice *ret_out);

/* Does in hold an escape that decode_escapes would resolve? */
bool decode_has_escape(struct slice in);

/* Length of the escape at in[at] (3 or 6), 0 for none; *ret_point is the byte or code unit. */
size_t decode_read_escape(struct slice in, size_t at, uint32_t *ret_point);

/* Write a code point as UTF-8 and return its length, at most 4. */
size_t decode_put_utf8(char *out, uint32_t point);
