/* One request to the admin listener: llhttp, limits, and nothing kept but method, path and a short
 * body. Private to proxy/admin; no socket here. */
#pragma once

#include "proxy_limits.h"

#include "stopgap/slice.h"

#include <llhttp.h>

enum admin_parse_state {
    ADMIN_PARSE_MORE = 0, /* feed the next bytes */
    ADMIN_PARSE_DONE,     /* the request is whole */
    ADMIN_PARSE_REFUSED,  /* answer with refused_status and close */
};

enum admin_method { ADMIN_GET, ADMIN_HEAD, ADMIN_POST, ADMIN_OTHER };

/* Must not be moved between init and the last feed. */
struct admin_parser {
    llhttp_t http;
    enum admin_parse_state state;
    unsigned refused_status;
    char path[LIMIT_ADMIN_PATH_BYTES];
    size_t path_len;
    char body[LIMIT_ADMIN_KEPT_BYTES]; /* its beginning */
    size_t body_len;
    size_t n_head; /* bytes fed before the end of the head, in whole pieces */
    size_t n_body; /* bytes fed after it, framing included */
    bool has_head;
};

void admin_parser_init(struct admin_parser *parser);
/* Bytes behind the end of the request are ignored: the connection closes after it. */
enum admin_parse_state admin_parser_feed(struct admin_parser *parser, struct slice bytes);
/* Without the query. Good after ADMIN_PARSE_DONE. */
struct slice admin_parser_path(const struct admin_parser *parser);
/* The first LIMIT_ADMIN_KEPT_BYTES; what is longer is no request of ours. */
struct slice admin_parser_body(const struct admin_parser *parser);
enum admin_method admin_parser_method(struct admin_parser *parser);
