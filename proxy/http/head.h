/* A parsed message head. The slices point into the raw head, which the transaction keeps. */
#pragma once

#include "proxy_limits.h"

#include "stopgap/request.h"

/* Fields the proxy itself has to know; everything else passes as it is. */
enum known_field {
    KNOWN_OTHER = 0,
    KNOWN_HOST,
    KNOWN_CONTENT_LENGTH,
    KNOWN_TRANSFER_ENCODING,
    KNOWN_CONNECTION,
    KNOWN_KEEP_ALIVE,
    KNOWN_PROXY_CONNECTION,
    KNOWN_TE,
    KNOWN_TRAILER,
    KNOWN_UPGRADE,
    KNOWN_HTTP2_SETTINGS,
    KNOWN_EXPECT,
    KNOWN_X_FORWARDED_FOR,
    KNOWN_X_FORWARDED_PROTO,
    KNOWN_X_FORWARDED_HOST,
    KNOWN_FORWARDED,
    KNOWN_AUTHORIZATION,
    KNOWN_MAX_FORWARDS,
    KNOWN_LOOKALIKE, /* one of ours, or one that frames, but for "_" where that has "-" */
};

enum { KNOWN_NAME_BYTES = 17 }; /* the longest */

/* Bits of the first letters of the names of each length: most names are neither. */
extern const uint32_t http_first_letters[KNOWN_NAME_BYTES + 1];

/* http_known_field behind its first check. */
enum known_field http_look_up_field(struct slice name);

static inline enum known_field http_known_field(struct slice name)
{
    if (name.len == 0 || name.len > KNOWN_NAME_BYTES ||
        (http_first_letters[name.len] >> (name.ptr[0] & 31) & 1) == 0)
        return KNOWN_OTHER;
    return http_look_up_field(name);
}

/* How the end of a body is found (RFC 9112 6.3). */
enum http_framing {
    FRAMING_NONE = 0, /* no body */
    FRAMING_LENGTH,
    FRAMING_CHUNKED,
    FRAMING_CLOSE, /* responses only: until the connection ends */
};

struct http_head {
    struct slice raw; /* start line to the empty line, both included */
    /* request */
    struct slice method;
    struct slice target;
    struct slice host;
    bool is_head; /* the method is HEAD; already known when the head is refused half-way */
    /* response */
    unsigned status;
    struct slice reason; /* may be empty */

    unsigned minor; /* HTTP/1.minor: 0 or 1 */
    struct header_field *fields;
    unsigned char *known; /* enum known_field of each */
    size_t n_fields;

    enum http_framing framing;
    uint64_t content_length; /* FRAMING_LENGTH */
    bool wants_close;        /* Connection: close, or HTTP/1.0 without keep-alive */
    bool has_keep_alive;     /* Connection: keep-alive */
    bool has_upgrade;        /* to WebSocket; h2c and the rest are ignored (RFC 9110 7.8) */
    bool has_nominations;    /* Connection names other fields */
    bool expects_continue;
    uint64_t hops_left; /* of OPTIONS with Max-Forwards, not 0; 0: none is said */
};

/* The line of field i as it was received, CRLF included. */
static inline struct slice http_field_line(const struct http_head *head, size_t i)
{
    const char *from = head->fields[i].name.ptr;
    const char *to =
        i + 1 < head->n_fields ? head->fields[i + 1].name.ptr : head->raw.ptr + head->raw.len - 2;
    return slice_make(from, (size_t)(to - from));
}

/* Is name listed in a Connection field of this head (RFC 9110 7.6.1)? */
bool http_is_nominated(const struct http_head *head, struct slice name);

/* What a request shows of its sender. */
enum http_credentials {
    CREDENTIALS_NONE = 0,
    CREDENTIALS_REQUEST,    /* Basic and Bearer stand in each request anew, as OWA's canary does */
    CREDENTIALS_CONNECTION, /* NTLM and Negotiate authenticate the connection, or may; what is not
                               known counts as if it did */
};
enum http_credentials http_credentials(const struct http_head *head);

/* Does the list of a field hold this token? */
bool http_list_has(struct slice list, struct slice token);
