/* What the proxy shows to the rules: one request as it came, and the head of its response. */
#pragma once

#include "stopgap/slice.h"

/* An IPv4 address is kept as IPv4-mapped IPv6 (RFC 4291 2.5.5.2), so one form serves all. */
struct net_address {
    unsigned char bytes[16];
};

enum { NET_IPV4_AT = 12 }; /* where its four bytes stand */

static inline struct net_address net_address_from_ipv4(const void *four_bytes)
{
    struct net_address address = {.bytes = {[10] = 0xff, [11] = 0xff}};
    memcpy(address.bytes + NET_IPV4_AT, four_bytes, 4);
    return address;
}

static inline bool net_address_is_ipv4(const struct net_address *address)
{
    static const unsigned char mapped[NET_IPV4_AT] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

struct net_prefix { /* a network in CIDR form */
    struct net_address address;
    unsigned bits; /* of the 128; an IPv4 network 10.0.0.0/8 has 104 */
};

static inline bool net_prefix_contains(const struct net_prefix *network,
                                       const struct net_address *address)
{
    unsigned whole = network->bits / 8;
    unsigned rest = network->bits % 8;
    unsigned mask = (0xff00u >> rest) & 0xff;
    return memcmp(address->bytes, network->address.bytes, whole) == 0 &&
           (rest == 0 || ((address->bytes[whole] ^ network->address.bytes[whole]) & mask) == 0);
}

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
