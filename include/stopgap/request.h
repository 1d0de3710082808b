/* What the proxy shows to the rules: one request as it came, and the head of its response. */
#pragma once

#include "stopgap/slice.h"

/* An IPv4 address is kept as IPv4-mapped IPv6 (RFC 4291 2.5.5.2), so one form serves all. */
struct net_address {
    unsigned char bytes[16];
};

struct header_field {
    struct slice name;  /* case as received */
    struct slice value; /* without surrounding OWS */
};

/* All slices are borrowed; they live as long as the transaction. */
struct request_head {
    struct slice method;
    struct slice target; /* the bytes of the request line: origin-form, absolute-form or "*" */
    struct slice host;   /* value of Host; empty when there is none */
    const struct header_field *fields; /* in order, with repetitions */
    size_t n_fields;
    struct net_address client; /* of the client behind trusted proxies */
    bool has_body;             /* a body of at least one byte may follow */
};

struct response_head {
    unsigned status;
    const struct header_field *fields;
    size_t n_fields;
};
