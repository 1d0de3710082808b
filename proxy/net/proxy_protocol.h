/* The PROXY protocol, versions 1 and 2, as HAProxy's document defines it; pure. */
#pragma once

#include "stopgap/request.h"

enum proxy_protocol_result {
    PROXY_PROTOCOL_MORE = 0, /* not complete yet */
    PROXY_PROTOCOL_ADDRESS,  /* the client's address was in it */
    PROXY_PROTOCOL_LOCAL,    /* a health check, or an unknown family: keep the peer's address */
    PROXY_PROTOCOL_BAD,      /* close */
};

enum {
    PROXY_PROTOCOL_V1_BYTES = 107,  /* the longest line, CRLF included (section 2.1) */
    PROXY_PROTOCOL_V2_BYTES = 2048, /* header with TLVs; real ones have some hundred */
};

/* Who talks to whom; IPv4 as mapped addresses. */
struct proxy_protocol_ends {
    struct net_address source, target;
    uint16_t source_port, target_port;
    bool is_known; /* false: we speak for ourselves, as health checks do */
};

enum { PROXY_PROTOCOL_WRITE_BYTES = PROXY_PROTOCOL_V1_BYTES };

/* Write a header, version 2 or 1; returns its length. */
size_t proxy_protocol_write(bool is_v2, const struct proxy_protocol_ends *ends,
                            char out[static PROXY_PROTOCOL_WRITE_BYTES]);

/* Read the header at the start of bytes. ret_used: its length, unless MORE or BAD. */
enum proxy_protocol_result proxy_protocol_parse(struct slice bytes, struct net_address *ret_address,
                                                uint16_t *ret_port, size_t *ret_used);
