/* The characters of a body. */
#pragma once

#include "stopgap/arena.h"

/* text as UTF-8 when it is UTF-16 (by its byte order mark, or by a zero beside a first character
 * that JSON and XML begin with), else text itself; without a byte order mark.
 *
 * False: no memory. */
MUST_USE bool body_text_utf8(struct slice text, struct arena *arena, struct slice *ret_text);
