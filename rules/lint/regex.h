/* What the text of a regex says of its price and its meaning. Private to this folder. */
#pragma once

#include "stopgap/slice.h"

struct regex_traits {
    bool has_nested_repeat; /* (a+)+: the ways to match grow as 2^n */
    unsigned n_wide;        /* unbounded repeats of "." behind each other in one branch */
    unsigned literal_bytes; /* longest run of known bytes, at any depth */
    unsigned n_literals;    /* known bytes in all */
    unsigned largest_count; /* m of {n,m} */
    bool has_escape;        /* "%2e": a percent-encoded byte */
    bool minds_case;        /* (?-i) */
};

struct regex_traits regex_traits_read(struct slice regex);

/* Does each alternative begin with ^ and end with $? */
bool regex_is_anchored_whole(struct slice regex);
/* Does any begin with ^ or end with $? */
bool regex_has_anchor(struct slice regex);
