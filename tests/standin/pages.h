/* What the stand-in answers: a table of pages, rendered once at start and then only read.
 *
 * Nothing here is Exchange. Every page says that it comes from a stand-in. */
#pragma once

#include "stopgap/slice.h"

/* One page as it goes out: head, the rest of the head with its framing, body. */
struct page {
    struct slice head;         /* status line and fields, without framing and the empty line */
    struct slice framing;      /* Content-Length or Transfer-Encoding line; may be empty */
    struct slice body;         /* as framed */
    struct slice plain_length; /* Content-Length line for HTTP/1.0, which knows no chunks */
    struct slice plain_body;   /* the body without chunks */
};

/* What picks the page. Borrowed. */
struct page_request {
    struct slice method;
    struct slice target; /* as on the request line, perhaps cut off */
    bool has_authorization;
};

/* Render the table. Aborts when memory is out, since nothing can be served then. */
void pages_init(void);

/* Free what pages_init made. */
void pages_done(void);

/* Never NULL: an unknown target has a page, too, because the stand-in shows what reaches it. */
const struct page *pages_find(const struct page_request *request);
