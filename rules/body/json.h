/* Members and values of a JSON text. */
#pragma once

#include "body/values.h"

/* Read a window of a JSON text into values: BODY_JSON_KEY, BODY_JSON.
 *
 * Strings are unescaped, numbers and literals are their text. A value belongs to the member that
 * it stands in; elements of an array belong to the array's member, at any depth. A string that
 * the window cuts off is shown as far as it was seen.
 *
 * text      UTF-8, borrowed: values may point into it
 * is_cut    the text goes on behind the window, so that its end says nothing */
void json_read(struct slice text, bool is_cut, struct body_values *values);
