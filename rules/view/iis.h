/* The condition inputs of IIS URL Rewrite, such as "{UrlDecode:{REQUEST_URI}}", for rules that
 * must see what a rule of IIS sees.
 *
 * Where Microsoft does not say what an input holds, there is a value for each reading:
 * {REQUEST_URI} with the path as sent and with the path that http.sys makes of it, {UrlDecode:}
 * with "+" kept and with "+" as a blank. Pure functions over borrowed bytes. */
#pragma once

#include "view.h"

enum {
    IIS_MAX_VALUES = 4,   /* two readings of the path, two of "+" */
    IIS_MAX_DEPTH = 4,    /* functions in functions; rules in the field have one */
    IIS_INPUT_BYTES = 512 /* of an expression; those in the field are under 40 */
};

struct iis_input; /* a parsed expression */

/* Parse text into memory. NULL with *ret_reason (static text) for what is not known, and with
 * "out of memory". text is borrowed and must outlive the result. */
const struct iis_input *iis_input_parse(struct slice text, struct arena *memory,
                                        const char **ret_reason);

/* What the expression holds for a request: at least one value, empty where IIS knows none.
 *
 * ret_values  room for IIS_MAX_VALUES; borrowed from the request or in arena
 *
 * Returns how many there are, 0: no memory. */
size_t iis_input_values(const struct iis_input *input, const struct request_head *head,
                        const struct request_views *views, struct arena *arena,
                        struct slice *ret_values);
