/* PROXY headers, versions 1 and 2, as the published specification has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/proxy_protocol.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define ADDRESSES4 "\xc0\x00\x02\x01\xc6\x33\x64\x02\x30\x39\x01\xbb"

static const struct {
    const char *name;
    struct slice bytes;
    enum proxy_protocol_result result;
    const char *address;
    unsigned port;
    size_t used;
} rows[] = {
    {"v1 TCP4", SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\nGET"),
     PROXY_PROTOCOL_ADDRESS, "::ffff:192.0.2.1", 12345, 45},
    {"v1 TCP6", SLICE_INIT("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"), PROXY_PROTOCOL_ADDRESS,
     "2001:db8::1", 1, 36},
    {"v1 UNKNOWN", SLICE_INIT("PROXY UNKNOWN\r\n"), PROXY_PROTOCOL_LOCAL, NULL, 0, 15},
    {"v1 UNKNOWN with words", SLICE_INIT("PROXY UNKNOWN a b c d\r\n"), PROXY_PROTOCOL_LOCAL, NULL,
     0, 23},
    {"v1 port too large", SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n"),
     PROXY_PROTOCOL_BAD, NULL, 0, 0},
    {"v1 port with zero in front", SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 01 443\r\n"),
     PROXY_PROTOCOL_BAD, NULL, 0, 0},
    {"v1 word missing", SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n"), PROXY_PROTOCOL_BAD,
     NULL, 0, 0},
    {"v1 word too many", SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n"),
     PROXY_PROTOCOL_BAD, NULL, 0, 0},
    {"v1 two blanks", SLICE_INIT("PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n"), PROXY_PROTOCOL_BAD,
     NULL, 0, 0},
    {"v1 family and address differ", SLICE_INIT("PROXY TCP4 ::1 ::1 1 2\r\n"), PROXY_PROTOCOL_BAD,
     NULL, 0, 0},
    {"v1 bare LF", SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n"), PROXY_PROTOCOL_BAD, NULL,
     0, 0},
    {"v1 other case", SLICE_INIT("proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n"), PROXY_PROTOCOL_BAD,
     NULL, 0, 0},
    {"v1 endless",
     SLICE_INIT(
         "PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
     PROXY_PROTOCOL_BAD, NULL, 0, 0},
    {"v2 IPv4", SLICE_INIT(SIGNATURE "\x21\x11\x00\x0c" ADDRESSES4 "GET"), PROXY_PROTOCOL_ADDRESS,
     "::ffff:192.0.2.1", 12345, 28},
    {"v2 IPv4 with a TLV", SLICE_INIT(SIGNATURE "\x21\x11\x00\x10" ADDRESSES4 "\x04\x00\x01x"),
     PROXY_PROTOCOL_ADDRESS, "::ffff:192.0.2.1", 12345, 32},
    {"v2 LOCAL", SLICE_INIT(SIGNATURE "\x20\x00\x00\x00"), PROXY_PROTOCOL_LOCAL, NULL, 0, 16},
    {"v2 LOCAL with addresses", SLICE_INIT(SIGNATURE "\x20\x11\x00\x0c" ADDRESSES4),
     PROXY_PROTOCOL_LOCAL, NULL, 0, 28},
    {"v2 unix", SLICE_INIT(SIGNATURE "\x21\x31\x00\x02xx"), PROXY_PROTOCOL_LOCAL, NULL, 0, 18},
    {"v2 other version", SLICE_INIT(SIGNATURE "\x11\x11\x00\x0c" ADDRESSES4), PROXY_PROTOCOL_BAD,
     NULL, 0, 0},
    {"v2 other command", SLICE_INIT(SIGNATURE "\x22\x11\x00\x0c" ADDRESSES4), PROXY_PROTOCOL_BAD,
     NULL, 0, 0},
    {"v2 addresses too short", SLICE_INIT(SIGNATURE "\x21\x11\x00\x04\xc0\x00\x02\x01"),
     PROXY_PROTOCOL_BAD, NULL, 0, 0},
    {"v2 too long", SLICE_INIT(SIGNATURE "\x21\x11\xff\xff"), PROXY_PROTOCOL_BAD, NULL, 0, 0},
    {"HTTP", SLICE_INIT("GET / HTTP/1.1\r\n"), PROXY_PROTOCOL_BAD, NULL, 0, 0},
    {"TLS", SLICE_INIT("\x16\x03\x01"), PROXY_PROTOCOL_BAD, NULL, 0, 0},
    {"empty lines and HTTP", SLICE_INIT("\r\n\r\nGET"), PROXY_PROTOCOL_BAD, NULL, 0, 0},
};

/* In memory of its exact size, so that a sanitizer sees a read behind the end. */
static enum proxy_protocol_result parse(struct slice bytes, struct net_address *ret_address,
                                        uint16_t *ret_port, size_t *ret_used)
{
    char *copy = malloc(bytes.len != 0 ? bytes.len : 1);
    assert_non_null(copy);
    memcpy(copy, bytes.ptr, bytes.len);
    enum proxy_protocol_result result =
        proxy_protocol_parse(slice_make(copy, bytes.len), ret_address, ret_port, ret_used);
    free(copy);
    return result;
}

static void test_headers_are_read_to_the_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct net_address address = {{0}}, expected = {{0}};
        uint16_t port = 0;
        size_t used = 0;
        if (parse(rows[i].bytes, &address, &port, &used) != rows[i].result)
            fail_msg("%s: wrong result", rows[i].name);
        if (rows[i].result != PROXY_PROTOCOL_BAD && used != rows[i].used)
            fail_msg("%s: used %zu", rows[i].name, used);
        if (rows[i].result != PROXY_PROTOCOL_ADDRESS)
            continue;
        assert_int_equal(inet_pton(AF_INET6, rows[i].address, expected.bytes), 1);
        if (memcmp(&address, &expected, sizeof(address)) != 0 || port != rows[i].port)
            fail_msg("%s: wrong address or port %u", rows[i].name, port);
    }
}

static void test_the_beginning_of_a_good_header_asks_for_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t len = 0; rows[i].result != PROXY_PROTOCOL_BAD && len < rows[i].used; len++) {
            struct net_address address;
            uint16_t port;
            size_t used;
            if (parse(slice_head(rows[i].bytes, len), &address, &port, &used) !=
                PROXY_PROTOCOL_MORE)
                fail_msg("%s: cut behind %zu bytes", rows[i].name, len);
        }
}

static struct net_address address(const char *text)
{
    struct net_address out;
    assert_int_equal(inet_pton(AF_INET6, text, out.bytes), 1);
    return out;
}

/* What is written here is what the document prints, and what the reader takes. */
static void test_what_is_written_is_read_again(void **state)
{
    (void)state;
    static const struct {
        const char *source, *target;
        struct slice v1, v2;
    } pairs[] = {
        {"::ffff:192.0.2.1", "::ffff:198.51.100.2",
         SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n"),
         SLICE_INIT(SIGNATURE "\x21\x11\x00\x0c" ADDRESSES4)},
        {"::ffff:192.0.2.1", "::1", SLICE_INIT("PROXY TCP6 ::ffff:192.0.2.1 ::1 12345 443\r\n"),
         SLICE_INIT(SIGNATURE "\x21\x21\x00\x24"
                              "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01"
                              "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x30\x39\x01\xbb")},
    };
    for (size_t i = 0; i < 4; i++) {
        char out[PROXY_PROTOCOL_WRITE_BYTES];
        bool is_v2 = i % 2 != 0;
        struct slice wanted = is_v2 ? pairs[i / 2].v2 : pairs[i / 2].v1;
        struct proxy_protocol_ends ends = {.source = address(pairs[i / 2].source),
                                           .target = address(pairs[i / 2].target),
                                           .source_port = 12345,
                                           .target_port = 443,
                                           .is_known = true};
        struct slice written = slice_make(out, proxy_protocol_write(is_v2, &ends, out));
        struct net_address read;
        uint16_t port = 0;
        size_t used = 0;
        assert_int_equal(written.len, wanted.len);
        assert_memory_equal(written.ptr, wanted.ptr, wanted.len);
        assert_int_equal(proxy_protocol_parse(written, &read, &port, &used),
                         PROXY_PROTOCOL_ADDRESS);
        assert_int_equal(used, written.len);
        assert_int_equal(port, 12345);
        assert_memory_equal(read.bytes, ends.source.bytes, 16);
    }
}

static void test_a_health_check_speaks_for_itself(void **state)
{
    (void)state;
    const struct proxy_protocol_ends ends = {.is_known = false};
    for (unsigned is_v2 = 0; is_v2 < 2; is_v2++) {
        char out[PROXY_PROTOCOL_WRITE_BYTES];
        struct net_address read;
        uint16_t port = 0;
        size_t used = 0;
        struct slice written = slice_make(out, proxy_protocol_write(is_v2 != 0, &ends, out));
        assert_int_equal(proxy_protocol_parse(written, &read, &port, &used), PROXY_PROTOCOL_LOCAL);
        assert_int_equal(used, written.len);
    }
}

static void test_the_longest_line_has_room(void **state)
{
    (void)state;
    const char *longest = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff";
    struct proxy_protocol_ends ends = {.source = address(longest),
                                       .target = address(longest),
                                       .source_port = 65535,
                                       .target_port = 65535,
                                       .is_known = true};
    char out[PROXY_PROTOCOL_WRITE_BYTES];
    size_t len = proxy_protocol_write(false, &ends, out);
    assert_true(len < sizeof(out));
    assert_memory_equal(out + len - 2, "\r\n", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read_again),
        cmocka_unit_test(test_a_health_check_speaks_for_itself),
        cmocka_unit_test(test_the_longest_line_has_room),
        cmocka_unit_test(test_headers_are_read_to_the_byte),
        cmocka_unit_test(test_the_beginning_of_a_good_header_asks_for_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
