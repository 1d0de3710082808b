/* Names and values out of queries, forms and Cookie fields. Private to rules/view. */
#pragma once

#include "view.h"

enum args_split {
    SPLIT_AMPERSAND = 0,
    SPLIT_QUESTION, /* at "?", too: a second question mark begins a new argument */
};

struct arg_list {
    const struct named_value *items;
    size_t n;
    bool is_truncated; /* there were more than was asked for */
};

/* Split text as it is. An element without "=" is a name with an empty value; empty elements do
 * not count. At most max are taken. False: no memory. */
MUST_USE bool args_split(struct slice text, enum args_split split, size_t max, struct arena *arena,
                         struct arg_list *ret_list);

/* The items of raw, which args_split made of text, each name and value decoded once as a form is:
 * "+" is a blank. False: no memory. */
MUST_USE bool args_decode(struct slice text, const struct arg_list *raw, struct arena *arena,
                          struct arg_list *ret_list);

/* Text decoded until nothing changes and then split, so that an escaped "&" or "?" cannot hide
 * a name. False: no memory. */
MUST_USE bool args_stable(struct slice text, size_t max, struct arena *arena,
                          struct arg_list *ret_list);

bool args_equal(const struct arg_list *a, const struct arg_list *b);

/* The cookies of all Cookie fields. False: no memory. */
MUST_USE bool cookies_split(const struct request_head *head, struct arena *arena,
                            struct arg_list *ret_list);
