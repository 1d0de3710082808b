/* Writing PROXY headers. */
#include "net/proxy_protocol.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "stopgap/banned.h"

static size_t write_v1(const struct proxy_protocol_ends *ends, bool as_ipv4, char *out)
{
    char source[INET6_ADDRSTRLEN] = "";
    char target[INET6_ADDRSTRLEN] = "";
    int family = as_ipv4 ? AF_INET : AF_INET6;
    size_t skip = as_ipv4 ? NET_IPV4_AT : 0;
    int len = 0;
    if (!ends->is_known) {
        len = snprintf(out, PROXY_PROTOCOL_WRITE_BYTES, "PROXY UNKNOWN\r\n");
        return (size_t)len;
    }
    (void)inet_ntop(family, ends->source.bytes + skip, source, sizeof(source));
    (void)inet_ntop(family, ends->target.bytes + skip, target, sizeof(target));
    len = snprintf(out, PROXY_PROTOCOL_WRITE_BYTES, "PROXY %s %s %s %u %u\r\n",
                   as_ipv4 ? "TCP4" : "TCP6", source, target, ends->source_port, ends->target_port);
    return (size_t)len;
}

static size_t put_port(char *out, uint16_t port)
{
    out[0] = (char)(port >> 8);
    out[1] = (char)(port & 0xff);
    return 2;
}

static size_t write_v2(const struct proxy_protocol_ends *ends, bool as_ipv4, char *out)
{
    static const char signature[12] = {'\r', '\n', '\r', '\n', 0,   '\r',
                                       '\n', 'Q',  'U',  'I',  'T', '\n'};
    size_t skip = as_ipv4 ? NET_IPV4_AT : 0;
    size_t width = 16 - skip;
    size_t len = sizeof(signature);
    memcpy(out, signature, sizeof(signature));
    out[len++] = (char)(ends->is_known ? 0x21 : 0x20); /* version 2; PROXY or LOCAL */
    out[len++] = (char)(!ends->is_known ? 0 : as_ipv4 ? 0x11 : 0x21);
    out[len++] = 0;
    out[len++] = (char)(ends->is_known ? 2 * width + 4 : 0);
    if (!ends->is_known)
        return len;
    memcpy(out + len, ends->source.bytes + skip, width);
    len += width;
    memcpy(out + len, ends->target.bytes + skip, width);
    len += width;
    len += put_port(out + len, ends->source_port);
    return len + put_port(out + len, ends->target_port);
}

size_t proxy_protocol_write(bool is_v2, const struct proxy_protocol_ends *ends,
                            char out[static PROXY_PROTOCOL_WRITE_BYTES])
{
    /* One header has one family; a pair of both is written as IPv6. */
    bool as_ipv4 = net_address_is_ipv4(&ends->source) && net_address_is_ipv4(&ends->target);
    return is_v2 ? write_v2(ends, as_ipv4, out) : write_v1(ends, as_ipv4, out);
}
