/* Writing heads: everything the proxy sends in front of a body. Pure functions into memory. */
#pragma once

#include "http/head.h"

#include "stopgap/ruleset.h"

/* What the request head upstream says beyond the client's own fields. */
struct request_rewrite {
    struct slice client;       /* address for X-Forwarded-For */
    struct slice default_host; /* for HTTP/1.0 requests without Host */
    bool is_tls;               /* for X-Forwarded-Proto */
    bool trusts_forwarded;     /* the peer may have set X-Forwarded-* and Forwarded */
    bool keeps_upgrade;
};

/* Room that http_write_request needs at most. */
size_t http_request_room(const struct http_head *head, const struct request_rewrite *rewrite);
/* The head for the upstream, as HTTP/1.1. Returns bytes written, 0 when max is too small. */
size_t http_write_request(const struct http_head *head, const struct request_rewrite *rewrite,
                          char *out, size_t max);

struct response_rewrite {
    const struct header_edit *edits;
    size_t n_edits;
    bool closes;               /* say Connection: close */
    bool says_keep_alive;      /* an HTTP/1.0 client asked for it */
    bool is_upgrade;           /* 101: keep Upgrade */
    enum http_framing framing; /* to the client: LENGTH, CHUNKED, CLOSE or NONE */
};

size_t http_response_room(const struct http_head *head, const struct response_rewrite *rewrite);
size_t http_write_response(const struct http_head *head, const struct response_rewrite *rewrite,
                           char *out, size_t max);

struct own_answer {
    unsigned status;
    struct slice incident_id;
    unsigned retry_after_s; /* 0: not told */
    bool closes;            /* say Connection: close */
    bool says_keep_alive;   /* an HTTP/1.0 client asked for it */
    bool is_head;           /* the body is left out */
};

/* An answer of our own: short, conventional header case, no detail but the incident id.
 * Returns bytes written, *ret_body of them body; 512 are always enough. */
size_t http_write_answer(const struct own_answer *own, char *out, size_t max, size_t *ret_body);

/* "1a2b\r\n": the line before a chunk of len bytes; out has 20 bytes. */
size_t http_write_chunk_line(uint64_t len, char out[static 20]);
