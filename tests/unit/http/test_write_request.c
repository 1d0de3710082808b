/* The request head as the upstream sees it: RFC 9110 7.6, RFC 9112 3.2.2 and 6. */
#pragma GCC diagnostic ignored "-Woverride-init" /* a row changes some of the defaults */

#include "http/write_table.h"

#define XFF "X-Forwarded-For: 192.0.2.7\r\n"
#define OURS XFF "X-Forwarded-Proto: https\r\n"

struct request_row {
    const char *name;
    const char *raw;
    const char *expected;
};

static size_t write_request(const struct http_head *head, const void *rewrite, char *out,
                            size_t max)
{
    return http_write_request(head, rewrite, out, max);
}

static void check_requests(const struct request_row *rows, size_t n,
                           const struct request_rewrite *rewrite)
{
    for (size_t i = 0; i < n; i++) {
        struct message message;
        struct message_spec spec = {.raw = slice_str(rows[i].raw)};
        message_read(&message, &spec);
        if (!message.is_head_parsed)
            message_fail("%s: not accepted", rows[i].name);
        else
            write_check(rows[i].name, &message.parser.head, rewrite,
                        http_request_room(&message.parser.head, rewrite), write_request,
                        rows[i].expected);
        message_done(&message);
    }
    assert_int_equal(message_failures, 0);
}

/* Without is_plain the client came over TLS. */
#define CHECK_REQUESTS(rows, is_plain, ...)                                                        \
    check_requests(rows, sizeof(rows) / sizeof((rows)[0]),                                         \
                   &(struct request_rewrite){.client = SLICE("192.0.2.7"),                         \
                                             .default_host = SLICE("exchange.example.test"),       \
                                             .is_tls = !(is_plain),                                \
                                             __VA_ARGS__})

static void test_end_to_end_fields_keep_their_bytes_and_order(void **state)
{
    static const struct request_row rows[] = {
        {"plain", GET_HOST "\r\n", GET_HOST OURS "\r\n"},
        {"odd blanks and case stay",
         "GET /a HTTP/1.1\r\nHOST:\t a \r\nx-Y:1\r\nX-y:  2\t\r\nZ:\r\n\r\n",
         "GET /a HTTP/1.1\r\nHOST:\t a \r\nx-Y:1\r\nX-y:  2\t\r\nZ:\r\n" OURS "\r\n"},
        {"credentials stay", GET_HOST "Authorization: NTLM TlRM\r\nCookie: a=b\r\n\r\n",
         GET_HOST "Authorization: NTLM TlRM\r\nCookie: a=b\r\n" OURS "\r\n"},
        {"empty lines in front go", "\r\n" GET_HOST "\r\n", GET_HOST OURS "\r\n"},
        {"RPC", "RPC_IN_DATA /r?a:6001 HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\n",
         "RPC_IN_DATA /r?a:6001 HTTP/1.1\r\n" HOST OURS "Content-Length: 9\r\n\r\n"},
        {"bytes above ASCII", GET_HOST "X: \xc3\xa4\r\n\r\n",
         GET_HOST "X: \xc3\xa4\r\n" OURS "\r\n"},
    };
    (void)state;
    CHECK_REQUESTS(rows, false, .keeps_upgrade = false);
}

static void test_hop_by_hop_fields_stay_here(void **state)
{
    static const struct request_row rows[] = {
        {"the standard ones",
         GET
         "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nA: 1\r\nProxy-Connection: close\r\n"
         "TE: trailers\r\n" HOST "Trailer: X\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
         GET "A: 1\r\n" HOST OURS "\r\n"},
        {"first and last", GET "TE: a\r\n" HOST "TE: b\r\n\r\n", GET_HOST OURS "\r\n"},
        {"nominated", GET_HOST "Connection: X-A, x-b\r\nX-A: 1\r\nX-B: 2\r\nX-AB: 3\r\n\r\n",
         GET_HOST "X-AB: 3\r\n" OURS "\r\n"},
        {"nominated in a later field",
         GET_HOST "X-A: 1\r\nConnection: close\r\nConnection: x-a\r\n\r\n", GET_HOST OURS "\r\n"},
        {"protected",
         POST "Connection: host, content-length, authorization, cookie, content-type, expect\r\n"
              "Content-Length: 1\r\nAuthorization: x\r\nCookie: a=b\r\nContent-Type: t/x\r\n"
              "Expect: 100-continue\r\n\r\n",
         POST
         "Authorization: x\r\nCookie: a=b\r\nContent-Type: t/x\r\nExpect: 100-continue\r\n" OURS
         "Content-Length: 1\r\n\r\n"},
        {"protected coding",
         POST "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n",
         POST OURS "Transfer-Encoding: chunked\r\n\r\n"},
        {"one hop less", "OPTIONS * HTTP/1.1\r\n" HOST "Max-Forwards: 10\r\nA: 1\r\n\r\n",
         "OPTIONS * HTTP/1.1\r\n" HOST "A: 1\r\n" OURS "Max-Forwards: 9\r\n\r\n"},
        {"hops of another method", GET_HOST "Max-Forwards: 0\r\n\r\n",
         GET_HOST "Max-Forwards: 0\r\n" OURS "\r\n"},
        {"our own cannot be nominated away",
         GET_HOST "Connection: X-Forwarded-For, X-Forwarded-Proto\r\n\r\n", GET_HOST OURS "\r\n"},
    };
    (void)state;
    CHECK_REQUESTS(rows, false, .keeps_upgrade = false);
}

static void test_forwarding_fields_of_strangers_are_replaced(void **state)
{
    static const struct request_row rows[] = {
        {"all of them",
         GET_HOST "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
                  "Forwarded: for=10.0.0.1\r\nx-forwarded-for: 10.0.0.2\r\n\r\n",
         GET_HOST OURS "\r\n"},
    };
    static const struct request_row trusted_rows[] = {
        {"kept and extended",
         GET_HOST "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: a\r\nForwarded: for=10.0.0.1\r\n"
                  "X-Forwarded-Proto: http\r\n\r\n",
         GET_HOST "X-Forwarded-Host: a\r\nForwarded: for=10.0.0.1\r\nX-Forwarded-Proto: http\r\n"
                  "X-Forwarded-For: 10.0.0.1, 192.0.2.7\r\n\r\n"},
        {"several become one in order",
         GET_HOST "X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\nA: b\r\nX-Forwarded-For:\r\n"
                  "x-forwarded-for: 10.0.0.3\r\n\r\n",
         GET_HOST "A: b\r\nX-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.7\r\n"
                  "X-Forwarded-Proto: https\r\n\r\n"},
        {"none there", GET_HOST "\r\n", GET_HOST OURS "\r\n"},
    };
    static const struct request_row plain_rows[] = {
        {"over plain HTTP", GET_HOST "\r\n", GET_HOST XFF "X-Forwarded-Proto: http\r\n\r\n"},
    };
    (void)state;
    CHECK_REQUESTS(rows, false, .trusts_forwarded = false);
    CHECK_REQUESTS(trusted_rows, false, .trusts_forwarded = true);
    CHECK_REQUESTS(plain_rows, true, .keeps_upgrade = false);
}

static void test_the_target_goes_out_in_origin_form(void **state)
{
    static const struct request_row rows[] = {
        {"path", "GET http://mail.example.test/a/b?c=d HTTP/1.1\r\n" HOST "\r\n",
         "GET /a/b?c=d HTTP/1.1\r\n" HOST OURS "\r\n"},
        {"path with a colon and slashes",
         "GET https://mail.example.test/a://b/ HTTP/1.1\r\n" HOST "\r\n",
         "GET /a://b/ HTTP/1.1\r\n" HOST OURS "\r\n"},
        {"no path", "GET http://mail.example.test HTTP/1.1\r\n" HOST "\r\n", GET_HOST OURS "\r\n"},
        {"query without path", "GET http://mail.example.test?q HTTP/1.1\r\n" HOST "\r\n",
         "GET /?q HTTP/1.1\r\n" HOST OURS "\r\n"},
        {"percent forms and dots stay",
         "GET http://mail.example.test/%2e%2E/../a HTTP/1.1\r\n" HOST "\r\n",
         "GET /%2e%2E/../a HTTP/1.1\r\n" HOST OURS "\r\n"},
        {"star", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OPTIONS * HTTP/1.1\r\n" HOST OURS "\r\n"},
        /* RFC 9112 3.2.4: the last proxy MUST send the asterisk form. */
        {"OPTIONS without path", "OPTIONS http://mail.example.test HTTP/1.1\r\n" HOST "\r\n",
         "OPTIONS * HTTP/1.1\r\n" HOST OURS "\r\n"},
        {"OPTIONS with path", "OPTIONS http://mail.example.test/ HTTP/1.1\r\n" HOST "\r\n",
         "OPTIONS / HTTP/1.1\r\n" HOST OURS "\r\n"},
    };
    (void)state;
    CHECK_REQUESTS(rows, false, .keeps_upgrade = false);
}

static void test_http_1_0_becomes_1_1_with_a_host(void **state)
{
    static const struct request_row rows[] = {
        {"no Host", "GET /a HTTP/1.0\r\nX: y\r\n\r\n",
         "GET /a HTTP/1.1\r\nX: y\r\nHost: exchange.example.test\r\n" OURS "\r\n"},
        {"Host", "GET /a HTTP/1.0\r\n" HOST "\r\n", "GET /a HTTP/1.1\r\n" HOST OURS "\r\n"},
        {"absolute target names it", "GET http://other.test:81/a HTTP/1.0\r\n\r\n",
         "GET /a HTTP/1.1\r\nHost: other.test:81\r\n" OURS "\r\n"},
        {"keep-alive is not passed on", "GET / HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n",
         GET_HOST OURS "\r\n"},
        {"body", "POST /t HTTP/1.0\r\n" HOST "Content-Length: 3\r\n\r\nabc",
         POST OURS "Content-Length: 3\r\n\r\n"},
    };
    (void)state;
    CHECK_REQUESTS(rows, false, .keeps_upgrade = false);
}

static void test_framing_is_written_anew(void **state)
{
    static const struct request_row rows[] = {
        {"length", POST "content-length:\t 0005 \r\nX: y\r\n\r\nhello",
         POST "X: y\r\n" OURS "Content-Length: 5\r\n\r\n"},
        {"zero", POST "Content-Length: 0\r\n\r\n", POST OURS "Content-Length: 0\r\n\r\n"},
        {"the largest", POST "Content-Length: 9223372036854775807\r\n\r\n",
         POST OURS "Content-Length: 9223372036854775807\r\n\r\n"},
        {"chunked", POST "transfer-encoding: CHUNKED\r\n\r\n",
         POST OURS "Transfer-Encoding: chunked\r\n\r\n"},
        {"none", POST "\r\n", POST OURS "\r\n"},
    };
    static const struct request_row expect_rows[] = {
        {"kept, whoever answered it", POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
         POST "Expect: 100-continue\r\n" OURS "Content-Length: 1\r\n\r\n"},
        {"of HTTP/1.0 ignored",
         "POST /t HTTP/1.0\r\n" HOST "expect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
         POST OURS "Content-Length: 1\r\n\r\n"},
    };
    (void)state;
    CHECK_REQUESTS(rows, false, .keeps_upgrade = false);
    CHECK_REQUESTS(expect_rows, false, .keeps_upgrade = false);
}

static void test_an_upgrade_is_passed_on_where_it_is_wanted(void **state)
{
    static const struct request_row rows[] = {
        {"websocket",
         GET "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" HOST
             "Sec-WebSocket-Version: 13\r\n\r\n",
         GET_HOST "Sec-WebSocket-Version: 13\r\n" OURS
                  "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"},
    };
    static const struct request_row dropped_rows[] = {
        {"not wanted", GET_HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
         GET_HOST OURS "\r\n"},
    };
    (void)state;
    CHECK_REQUESTS(rows, false, .keeps_upgrade = true);
    CHECK_REQUESTS(dropped_rows, false, .keeps_upgrade = false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_to_end_fields_keep_their_bytes_and_order),
        cmocka_unit_test(test_hop_by_hop_fields_stay_here),
        cmocka_unit_test(test_forwarding_fields_of_strangers_are_replaced),
        cmocka_unit_test(test_the_target_goes_out_in_origin_form),
        cmocka_unit_test(test_http_1_0_becomes_1_1_with_a_host),
        cmocka_unit_test(test_framing_is_written_anew),
        cmocka_unit_test(test_an_upgrade_is_passed_on_where_it_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
