/* Responses of the upstream: RFC 9110 15, RFC 9112 4 and 6.3. */
#include "http/message_table.h"

#define OK "HTTP/1.1 200 OK\r\n"

static void test_a_status_line_is_strict(void **state)
{
    static const struct message_row rows[] = {
        ROW("plain", OK "Content-Length: 0\r\n\r\n", "200 length:0"),
        ROW("no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 length:0"),
        ROW("no reason and no blank", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 length:0"),
        ROW("long reason", "HTTP/1.1 404 Not Found Here\xe4\t!\r\nContent-Length: 0\r\n\r\n",
            "404 length:0"),
        ROW("unknown status", "HTTP/1.1 599 X\r\nContent-Length: 0\r\n\r\n", "599 length:0"),
        ROW("1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "200 length:0"),
        ROW("1.2", "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("0.9", "<html>hello</html>\r\n\r\n", "502"),
        ROW("other protocol", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("RTSP", "RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("lower case", "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("below 100", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("zero", "HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("above 599", "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("sign", "HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("letters", "HTTP/1.1 2xx OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("two blanks", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("tab", "HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("NUL in the reason", "HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("CR in the reason", "HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("ESC in the reason", "HTTP/1.1 200 O\x1bK\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "502"),
        ROW("empty line in front", "\r\n" OK "Content-Length: 0\r\n\r\n", "502"),
        ROW("blank in front", " " OK "Content-Length: 0\r\n\r\n", "502"),
        ROW("a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "502"),
        ROW("half a line", "HTTP/1.1 2", "more"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = true);
}

static void test_fields_of_responses_are_strict(void **state)
{
    static const struct message_row rows[] = {
        ROW("folded", OK "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("folded length", OK "Content-Length:\r\n 5\r\n\r\nhello", "502"),
        ROW("empty name", OK ": a\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("blank before the colon", OK "Content-Length : 0\r\n\r\n", "502"),
        ROW("NUL", OK "X: a\0b\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("control byte", OK "X: a\x02\r\nContent-Length: 0\r\n\r\n", "502"),
        ROW("bare LF", OK "X: a\nContent-Length: 0\r\n\r\n", "502"),
        ROW("bare LF at the end", OK "Content-Length: 0\r\n\n", "502"),
        ROW("bare LF at the end, no fields", "HTTP/1.1 204 X\r\n\n", "502"),
        ROW("no fields", "HTTP/1.1 204 X\r\n\r\n", "204 none"),
        ROW("both framings", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "502"),
        ROW("two lengths", OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "502"),
        ROW("the same length twice", OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            "502"),
        ROW("list of lengths", OK "Content-Length: 5, 5\r\n\r\nhello", "502"),
        ROW("negative length", OK "Content-Length: -1\r\n\r\n", "502"),
        ROW("length over 2^63", OK "Content-Length: 9223372036854775808\r\n\r\n", "502"),
        ROW("length over 2^64", OK "Content-Length: 18446744073709551617\r\n\r\na", "502"),
        ROW("empty length", OK "Content-Length:\r\n\r\n", "502"),
        ROW("chunked twice",
            OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "502"),
        ROW("gzip, chunked", OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "502"),
        ROW("identity", OK "Transfer-Encoding: identity\r\n\r\nhello", "502"),
        ROW("empty coding", OK "Transfer-Encoding:\r\n\r\nhello", "502"),
        ROW("chunked in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "502"),
        ROW("lookalikes are no danger to clients", OK "X_Y: 1\r\nContent-Length: 0\r\n\r\n",
            "200 length:0"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = true);
}

static void test_the_end_of_a_body_is_found(void **state)
{
    static const struct message_row rows[] = {
        ROW("length", OK "Content-Length: 5\r\n\r\nhello", "200 length:5 body=hello"),
        ROW("length, more follows", OK "Content-Length: 5\r\n\r\nhelloHTTP",
            "200 length:5 body=hello +4"),
        ROW("length, cut", OK "Content-Length: 5\r\n\r\nhel", "200 length:5 body=hel ..."),
        ROW("chunked", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "200 chunked body=hello"),
        ROW("chunked, more follows", OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP",
            "200 chunked +4"),
        ROW("chunked, trailer", OK "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
            "200 chunked"),
        ROW("chunked, cut in the data", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
            "200 chunked body=hel ..."),
        ROW("chunked, cut before the last chunk",
            OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "200 chunked body=hello ..."),
        ROW("chunked, cut before the last CRLF",
            OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            "200 chunked body=hello ..."),
        ROW("chunked, broken", OK "Transfer-Encoding: chunked\r\n\r\nhello", "200 chunked; 502"),
        ROW("neither", OK "\r\nhello", "200 close body=hello"),
        ROW("neither and nothing", OK "\r\n", "200 close"),
        ROW("neither in 1.0", "HTTP/1.0 200 OK\r\n\r\nhello", "200 close body=hello"),
        ROW("neither, keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello",
            "200 close body=hello"),
        ROW("an error", "HTTP/1.1 500 X\r\n\r\nhello", "500 close body=hello"),
        ROW("head is cut", OK "Content-Le", "more"),
        ROW("nothing", "", "more"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = true, .is_ended = true);
}

static void test_some_responses_have_no_body_whatever_they_say(void **state)
{
    static const struct message_row rows[] = {
        ROW("204 with length", "HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nHTTP/", "204 none +5"),
        ROW("204 chunked", "HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/",
            "204 none +5"),
        ROW("304 with length", "HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\nHTTP/", "304 none +5"),
        ROW("304 chunked", "HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/",
            "304 none +5"),
        ROW("304 with nothing", "HTTP/1.1 304 X\r\n\r\nHTTP/", "304 none +5"),
        ROW("100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/", "100 none +5"),
        ROW("103 with length", "HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\nHTTP/", "103 none +5"),
        ROW("101",
            "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
            "101 none +7"),
        ROW("101 without upgrade", "HTTP/1.1 101 X\r\n\r\nHTTP/", "101 none +5"),
    };
    static const struct message_row head_rows[] = {
        ROW("length", OK "Content-Length: 5\r\n\r\nHTTP/", "200 none +5"),
        ROW("chunked", OK "Transfer-Encoding: chunked\r\n\r\nHTTP/", "200 none +5"),
        ROW("neither", OK "\r\nHTTP/", "200 none +5"),
        ROW("huge length", OK "Content-Length: 9223372036854775807\r\n\r\n", "200 none"),
        ROW("bad length all the same", OK "Content-Length: x\r\n\r\n", "502"),
    };
    static const struct message_row upgrade_rows[] = {
        ROW("200 that mentions an upgrade",
            OK "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhelloHTTP",
            "200 length:5 body=hello +4"),
        ROW("426",
            "HTTP/1.1 426 X\r\nConnection: upgrade\r\nUpgrade: TLS/1.0\r\n"
            "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP",
            "426 chunked body=a +4"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = true);
    CHECK_ROWS(head_rows, .is_response = true, .is_head = true);
    CHECK_ROWS(upgrade_rows, .is_response = true);
}

static void test_the_body_limit_is_for_requests(void **state)
{
    static const struct http_limits limits = {
        .target_bytes = 100, .field_bytes = 100, .head_bytes = 1000, .fields = 10, .body_bytes = 2};
    static const struct message_row rows[] = {
        ROW("length", OK "Content-Length: 5\r\n\r\nhello", "200 length:5 body=hello"),
        ROW("chunked", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "200 chunked body=hello"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = true, .limits = &limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_status_line_is_strict),
        cmocka_unit_test(test_fields_of_responses_are_strict),
        cmocka_unit_test(test_the_end_of_a_body_is_found),
        cmocka_unit_test(test_some_responses_have_no_body_whatever_they_say),
        cmocka_unit_test(test_the_body_limit_is_for_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
