/* Client addresses as text, by RFC 5952, without printf. */
#include "log/log.h"

#include "stopgap/banned.h"

enum { GROUPS = 8, ADDRESS_BYTES = 48 };

static size_t put_hex(char *out, unsigned value)
{
    static const char hex[] = "0123456789abcdef";
    size_t len = 0;
    for (int shift = 12; shift >= 0; shift -= 4)
        if (len != 0 || shift == 0 || value >> shift != 0)
            out[len++] = hex[value >> shift & 15];
    return len;
}

static char *put_decimal(char *out, unsigned value)
{
    if (value >= 100) {
        *out++ = (char)('0' + value / 100);
        value %= 100;
        *out++ = (char)('0' + value / 10);
    } else if (value >= 10) {
        *out++ = (char)('0' + value / 10);
    }
    *out++ = (char)('0' + value % 10);
    return out;
}

static size_t format_ipv4(const unsigned char *bytes, char *out)
{
    char *at = put_decimal(out, bytes[0]);
    for (size_t i = 1; i < 4; i++) {
        *at++ = '.';
        at = put_decimal(at, bytes[i]);
    }
    return (size_t)(at - out);
}

/* The first of the longest runs of zero groups, which "::" stands for; one group is not a run. */
static void find_zeros(const unsigned *groups, size_t *ret_start, size_t *ret_len)
{
    *ret_start = GROUPS;
    *ret_len = 1;
    for (size_t i = 0; i < GROUPS;) {
        size_t end = i;
        while (end < GROUPS && groups[end] == 0)
            end++;
        if (end - i > *ret_len) {
            *ret_start = i;
            *ret_len = end - i;
        }
        i = end + 1;
    }
}

static size_t format_ipv6(const unsigned char *bytes, char *out)
{
    unsigned groups[GROUPS];
    for (size_t i = 0; i < GROUPS; i++)
        groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    size_t zeros;
    size_t n_zeros;
    find_zeros(groups, &zeros, &n_zeros);
    size_t len = 0;
    for (size_t i = 0; i < GROUPS;) {
        if (i == zeros) {
            out[len++] = ':';
            out[len++] = ':';
            i += n_zeros;
            continue;
        }
        if (len != 0 && out[len - 1] != ':')
            out[len++] = ':';
        len += put_hex(out + len, groups[i++]);
    }
    return len;
}

size_t net_address_format(const struct net_address *address, char *out, size_t size)
{
    char text[ADDRESS_BYTES];
    size_t len = net_address_is_ipv4(address) ? format_ipv4(address->bytes + NET_IPV4_AT, text)
                                              : format_ipv6(address->bytes, text);
    if (len >= size) {
        if (size != 0)
            out[0] = '\0';
        return 0;
    }
    memcpy(out, text, len);
    out[len] = '\0';
    return len;
}
