/* Characters of a decoded path. Private to rules/view. */
#pragma once

#include "stopgap/arena.h"
#include "stopgap/slice.h"

enum charset_mode {
    CHARSET_STRICT = 0, /* overlong forms are no UTF-8: read as Windows-1252, byte by byte */
    CHARSET_FOLD,       /* overlong forms mean their character; look-alikes become ASCII */
};

/* Make the text valid UTF-8. What is no UTF-8 is read as Windows-1252, which is what http.sys does
 * on a western system with its default EnableNonUTF8.
 *
 * text, len      replaced by memory of the arena when something changes, else left alone
 * ret_anomalies  bits of enum view_anomaly are added
 *
 * False: no memory. */
MUST_USE bool charset_repair(char **text, size_t *len, enum charset_mode mode, struct arena *arena,
                             uint32_t *ret_anomalies);
