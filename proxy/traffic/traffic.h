/* Requests from files, for measuring rules without a network.
 *
 * Understood are: raw requests one behind the other; JSON lines with method, target and, if there,
 * headers ([name, value] or "name: value"), host and body_b64, so the access log, too; HAR; and the
 * Combined log format. Each becomes the bytes of a request as a client would send it. */
#pragma once

#include "stopgap/buf.h"
#include "stopgap/err.h"
#include "stopgap/request.h"

enum {
    TRAFFIC_MAX_FILE_BYTES = 256 * 1024 * 1024, /* a day of logs of a large site */
    TRAFFIC_MAX_BYTES = 1024 * 1024 * 1024,     /* of all requests; it is memory */
    TRAFFIC_MAX_REQUESTS = 1000 * 1000,         /* more say nothing new */
    TRAFFIC_MAX_FIELDS = 256,                   /* of one request; the rest is left out */
    TRAFFIC_MAX_FILES = 4096,                   /* of one folder */
};

struct traffic {
    struct buf bytes;
    size_t *ends; /* of each request in bytes */
    size_t n;
    size_t capacity;
    size_t n_skipped; /* lines and entries that are no request */
};

/* One request in parts. Host, Content-Length and the version are added where they are missing. */
struct traffic_parts {
    struct slice method;
    struct slice target;
    const struct header_field *fields;
    size_t n_fields;
    struct slice body;
    bool is_framed; /* the body has its chunks already, and the fields say so */
};

void traffic_init(struct traffic *traffic);
void traffic_done(struct traffic *traffic);

/* False with err: E_TRAFFIC (over a limit) or no memory. */
MUST_USE bool traffic_add(struct traffic *traffic, const struct traffic_parts *parts,
                          struct err *err);

/* Read text of a format that is found out by its first bytes; name is for messages.
 * False with err: E_TRAFFIC where it is none of them, and as above. */
MUST_USE bool traffic_parse(struct traffic *traffic, struct slice text, const char *name,
                            struct err *err);

/* A file, or every file of a folder in the order of their names. False with err: E_IO, as above. */
MUST_USE bool traffic_read(struct traffic *traffic, const char *path, struct err *err);

/* The bytes of request `index`. */
struct slice traffic_request(const struct traffic *traffic, size_t index);

/* Formats, for traffic_parse. */
MUST_USE bool traffic_parse_raw(struct traffic *traffic, struct slice text, struct err *err);
MUST_USE bool traffic_parse_combined(struct traffic *traffic, struct slice text, struct err *err);
/* HAR, or one object a line. */
MUST_USE bool traffic_parse_json(struct traffic *traffic, struct slice text, struct err *err);
