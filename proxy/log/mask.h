/* Takes secrets out of what is logged. For proxy/log and `stopgap explain`, which shows no more
 * than the logs do; pure functions. */
#pragma once

#include "stopgap/slice.h"

enum {
    MASK_TARGET_BYTES = 2 * 1024, /* of a target in a log; attacks are recognised by less */
    MASK_MARK_BYTES = 32,         /* room for "...[+12345]" behind it */
};

/* A request target for the log: values of password-like names are "***", also where the name is
 * percent-encoded, and so is the user part of an absolute form. At most MASK_TARGET_BYTES are
 * kept, then "...[+N]" says how many more there were.
 *
 * out  MASK_TARGET_BYTES + MASK_MARK_BYTES of memory; used when something had to change
 *
 * Returns target itself or a slice of out. */
struct slice mask_target(struct slice target, char *out);

/* The same for the excerpt of a match, which can come from a header or a body in any syntax:
 * masks "name=value", "name: value", "<name>value" and what follows the name of an HTTP
 * authentication scheme. size is that of out and bounds the result. */
struct slice mask_excerpt(struct slice excerpt, char *out, size_t size);
