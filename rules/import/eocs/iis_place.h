/* What an IIS URL Rewrite input means in our rule language: not what IIS shows a condition
 * (iis_input), but the field itself in every view, so that no coding hides an attack on a hole that
 * is being used. Texts live in the caller's arena or are static. */
#pragma once

#include "stopgap/arena.h"

/* Where an input such as "{UrlDecode:{REQUEST_URI}}" is found in a request. */
struct iis_place {
    const char *field; /* of the rule language: "target", "header", ... */
    const char *name;  /* of a header; NULL: the field has none */
    bool is_response;
};

/* Returns NULL, or why there is no such place. */
const char *iis_place_find(struct arena *arena, const char *input, struct iis_place *ret_place);

/* The response header that a server variable stands for; NULL: it is none. */
const char *iis_response_header(struct arena *arena, const char *variable);
