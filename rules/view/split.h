/* Names and values between separators, found sixteen bytes at a time. Private to rules/view. */
#pragma once

#include "view.h"

/* How a text is cut. */
struct split {
    char separator;
    char other; /* a second one; the same where there is none */
};

/* Whether one of three bytes is in text. */
bool split_has_any(struct slice text, const char bytes[static 3]);

/* The elements of text. An element without "=" is a name with an empty value; empty ones are left
 * out. */
struct split_list {
    struct named_value *items; /* in arena */
    size_t n;
    size_t room;
    size_t max;
    bool is_truncated; /* there are more than max */
};

/* Put the elements of text behind those that list has; all-zero but for max is an empty list.
 * False: no memory. */
MUST_USE bool split_pairs(struct slice text, const struct split *split, struct arena *arena,
                          struct split_list *list);

/* The same for the cookies of a Cookie field: blanks around names and values are not theirs. */
MUST_USE bool split_cookies(struct slice text, struct arena *arena, struct split_list *list);
