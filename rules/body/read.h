/* Which reader a body is shown to. */
#pragma once

#include "body/values.h"

struct request_head;

/* One is usual; two where a parameter is read in two ways. */
enum { BODY_MAX_BOUNDARIES = 4 };

/* What the Content-Type fields of a request say. */
struct body_type {
    bool is_json;
    bool is_xml;
    bool is_multipart;
    bool is_odd_charset;
    struct slice boundaries[BODY_MAX_BOUNDARIES]; /* each that a server may take from there */
    size_t n_boundaries;
};

void body_type_read(const struct request_head *head, struct body_type *ret_type);

/* Read text, a window of a body, into values with every reader that may fit: by its type, and by
 * its first character, because servers often do not look at the type.
 *
 * text     UTF-8, borrowed
 * is_utf8  it was made UTF-8, whatever it says of itself
 * is_cut   the body goes on behind the window */
void body_read(const struct body_type *type, struct slice text, bool is_utf8, bool is_cut,
               struct body_values *values);
