/* Names and values between separators, found sixteen bytes at a time. Private to rules/view. */
#pragma once

#include "view.h"

/* How a text is cut. */
struct split {
    char separator;
    char other;     /* a second one; the same where there is none */
    bool is_cookie; /* blanks around names and values do not belong to them */
};

/* Whether one of three bytes is in text. */
bool split_has_any(struct slice text, const char bytes[static 3]);

/* How many elements text may have at most: one more than separators. */
size_t split_count(struct slice text, const struct split *split);

/* Put the elements of text behind the *n that items has, of max. An element without "=" is a name
 * with an empty value; empty ones are left out. False: there are more. */
MUST_USE bool split_pairs(struct slice text, const struct split *split, struct named_value *items,
                          size_t max, size_t *n);
