/* Where in a head a check of strict.c found what it refuses. Private to strict*.c. */
#pragma once

#include "http/head.h"

enum strict_place {
    PLACE_NAME = 0,  /* the first name that is no token */
    PLACE_CONTROL,   /* the first control byte in a value */
    PLACE_LOOKALIKE, /* the first field that looks like one of ours */
    PLACE_TARGET,
    PLACE_HOST, /* the last field of that kind */
    PLACE_LENGTH,
    PLACE_TRANSFER,
    PLACE_FRAMING, /* the last field that frames */
    PLACE_EXPECT,
};

/* Only called for a refusal. What is not there is shown by the start of the head. */
const char *strict_place(const struct http_head *head, enum strict_place place);
/* strict.c: Content_Length, Transfer_Encoding, X_Forwarded_For, Content_length, ... */
bool strict_is_lookalike(struct slice name);
