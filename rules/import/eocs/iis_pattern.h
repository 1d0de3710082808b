/* What an IIS URL Rewrite input and pattern mean in our rule language. Knows no feed, so that other
 * importers of such rules can use it. Texts live in the caller's arena or are static. */
#pragma once

#include "iis_rule.h"

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

/* A pattern as operator ("regex" or "equals") and text. Returns NULL, or why it has no equal. */
const char *iis_pattern_translate(struct arena *arena, enum iis_syntax syntax, const char *pattern,
                                  const char **ret_operator, const char **ret_text);

/* True: every text, the empty one too, fits. */
bool iis_pattern_is_always(enum iis_syntax syntax, const char *pattern);

/* "match url" sees no leading slash: a pattern for our path, which has one. NULL: not possible. */
const char *iis_url_pattern(struct arena *arena, enum iis_syntax syntax, const char *pattern);
