/* Reading PROXY headers. */
#include "net/proxy_protocol.h"

#include <arpa/inet.h>

#include "stopgap/banned.h"

static const char v2_signature[12] = {'\r', '\n', '\r', '\n', 0,   '\r',
                                      '\n', 'Q',  'U',  'I',  'T', '\n'};

enum {
    V2_HEAD_BYTES = 16,
    V2_IPV4_BYTES = 12, /* two addresses, two ports */
    V2_IPV6_BYTES = 36,
};

/* Is text the beginning of whole, or the other way round? */
static bool is_prefix(struct slice bytes, const char *whole, size_t len)
{
    return memcmp(bytes.ptr, whole, bytes.len < len ? bytes.len : len) == 0;
}

/* ---- version 1: one line of text */

static bool address_from_text(struct slice text, int family, struct net_address *ret_address)
{
    char buffer[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    if (text.len == 0 || text.len >= sizeof(buffer))
        return false;
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    if (inet_pton(family, buffer, bytes) != 1)
        return false;
    if (family == AF_INET)
        *ret_address = net_address_from_ipv4(bytes);
    else
        memcpy(ret_address->bytes, bytes, 16);
    return true;
}

static bool port_from_text(struct slice text, uint16_t *ret_port)
{
    uint64_t port;
    bool ok = slice_to_u64(text, &port) && port <= 65535 && (text.len == 1 || text.ptr[0] != '0');
    if (ok)
        *ret_port = (uint16_t)port;
    return ok;
}

/* "PROXY TCP4 source destination sport dport", single blanks */
static enum proxy_protocol_result parse_v1_line(struct slice line, struct net_address *ret_address,
                                                uint16_t *ret_port)
{
    struct slice words[6] = {0};
    size_t n = 0;
    while (n < 6 && line.ptr != NULL) {
        size_t blank = slice_find(line, ' ');
        words[n++] = slice_head(line, blank);
        line = blank == SIZE_MAX ? slice_make(NULL, 0) : slice_from(line, blank + 1);
    }
    if (n >= 2 && slice_equal(words[1], SLICE("UNKNOWN")))
        return PROXY_PROTOCOL_LOCAL;
    int family = slice_equal(words[1], SLICE("TCP4")) ? AF_INET : AF_INET6;
    struct net_address ignored_address;
    uint16_t ignored_port;
    bool ok = n == 6 && line.ptr == NULL &&
              (family == AF_INET || slice_equal(words[1], SLICE("TCP6"))) &&
              address_from_text(words[2], family, ret_address) &&
              address_from_text(words[3], family, &ignored_address) &&
              port_from_text(words[4], ret_port) && port_from_text(words[5], &ignored_port);
    return ok ? PROXY_PROTOCOL_ADDRESS : PROXY_PROTOCOL_BAD;
}

static enum proxy_protocol_result parse_v1(struct slice bytes, struct net_address *ret_address,
                                           uint16_t *ret_port, size_t *ret_used)
{
    struct slice head = slice_head(bytes, PROXY_PROTOCOL_V1_BYTES);
    size_t newline = slice_find(head, '\n');
    if (newline == SIZE_MAX)
        return head.len == PROXY_PROTOCOL_V1_BYTES ? PROXY_PROTOCOL_BAD : PROXY_PROTOCOL_MORE;
    if (newline < 1 || head.ptr[newline - 1] != '\r')
        return PROXY_PROTOCOL_BAD;
    *ret_used = newline + 1;
    return parse_v1_line(slice_head(head, newline - 1), ret_address, ret_port);
}

/* ---- version 2: binary */

static enum proxy_protocol_result parse_v2(struct slice bytes, struct net_address *ret_address,
                                           uint16_t *ret_port, size_t *ret_used)
{
    if (bytes.len < V2_HEAD_BYTES)
        return PROXY_PROTOCOL_MORE;
    const unsigned char *head = (const unsigned char *)bytes.ptr;
    unsigned version = head[12] >> 4;
    unsigned command = head[12] & 15;
    unsigned family = head[13];
    size_t len = (size_t)head[14] << 8 | head[15];
    if (version != 2 || command > 1 || len > PROXY_PROTOCOL_V2_BYTES - V2_HEAD_BYTES)
        return PROXY_PROTOCOL_BAD;
    if (bytes.len < V2_HEAD_BYTES + len)
        return PROXY_PROTOCOL_MORE;
    *ret_used = V2_HEAD_BYTES + len;
    if (command == 0) /* LOCAL: the balancer's own health check */
        return PROXY_PROTOCOL_LOCAL;
    const unsigned char *body = head + V2_HEAD_BYTES;
    size_t ports;
    if (family == 0x11 && len >= V2_IPV4_BYTES) {
        *ret_address = net_address_from_ipv4(body);
        ports = 8;
    } else if (family == 0x21 && len >= V2_IPV6_BYTES) {
        memcpy(ret_address->bytes, body, 16);
        ports = 32;
    } else {
        /* A stream over a family we know must carry its addresses; others are "unspecified". */
        return family == 0x11 || family == 0x21 ? PROXY_PROTOCOL_BAD : PROXY_PROTOCOL_LOCAL;
    }
    *ret_port = (uint16_t)(body[ports] << 8 | body[ports + 1]);
    return PROXY_PROTOCOL_ADDRESS;
}

enum proxy_protocol_result proxy_protocol_parse(struct slice bytes, struct net_address *ret_address,
                                                uint16_t *ret_port, size_t *ret_used)
{
    static const char v1_signature[6] = {'P', 'R', 'O', 'X', 'Y', ' '};
    if (bytes.len == 0)
        return PROXY_PROTOCOL_MORE;
    if (is_prefix(bytes, v1_signature, sizeof(v1_signature)))
        return bytes.len < sizeof(v1_signature) ? PROXY_PROTOCOL_MORE
                                                : parse_v1(bytes, ret_address, ret_port, ret_used);
    if (is_prefix(bytes, v2_signature, sizeof(v2_signature)))
        return parse_v2(bytes, ret_address, ret_port, ret_used);
    return PROXY_PROTOCOL_BAD;
}
