/* Where in a head a check of strict.c found what it refuses. Private to strict*.c. */
#pragma once

#include "http/head.h"

enum strict_place {
    PLACE_LOOKALIKE = 0, /* the first field that looks like one of ours */
    PLACE_TARGET,
    PLACE_HOST, /* the last field of that kind */
    PLACE_LENGTH,
    PLACE_TRANSFER,
    PLACE_FRAMING, /* the last field that frames */
    PLACE_EXPECT,
    PLACE_HOPS,
};

/* Only called for a refusal. What is not there is shown by the start of the head. */
const char *strict_place(const struct http_head *head, enum strict_place place);
