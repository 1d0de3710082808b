/* Request lines: RFC 9112 2.2, 2.3 and 3, RFC 9110 9. */
#include "http/message_table.h"

static void test_a_request_line_has_three_parts_and_two_blanks(void **state)
{
    static const struct message_row rows[] = {
        ROW("plain", "GET /a HTTP/1.1\r\n" HOST "\r\n", "GET /a none"),
        ROW("nothing at all", "", "more"),
        ROW("one byte", "G", "more"),
        ROW("no version", "GET /\r\n" HOST "\r\n", "400"),
        ROW("method only", "GET\r\n" HOST "\r\n", "400"),
        ROW("two blanks after the method", "GET  / HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("two blanks before the version", "GET /  HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("blank at the end", "GET / HTTP/1.1 \r\n" HOST "\r\n", "400"),
        ROW("blank in front", " GET / HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("tab in front", "\tGET / HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("tabs between the parts", "GET\t/\tHTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("tab after the method", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("vertical tab", "GET\v/ HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("blank inside the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("a second version", "GET /a HTTP/1.1 HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("bare LF", "GET / HTTP/1.1\n" HOST "\r\n", "400"),
        ROW("bare CR", "GET / HTTP/1.1\r" HOST "\r\n\r\n", "400"),
        ROW("CR CR LF", "GET / HTTP/1.1\r\r\n" HOST "\r\n", "400"),
        ROW("CR in the target", "GET /a\rb HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("TLS client hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"),
        ROW("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
        ROW("a response", "HTTP/1.1 200 OK\r\n\r\n", "400"),
        ROW("blank first field line", GET " " HOST "\r\n", "400"),
        ROW("tab on the line behind", GET "\t\r\n" HOST "\r\n", "400"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

static void test_an_empty_line_in_front_is_tolerated_as_crlf_only(void **state)
{
    static const struct message_row rows[] = {
        ROW("one", "\r\n" GET_HOST "\r\n", "GET / none"),
        ROW("two", "\r\n\r\n" GET_HOST "\r\n", "GET / none"),
        ROW("three", "\r\n\r\n\r\n" GET_HOST "\r\n", "400"),
        ROW("LF", "\n" GET_HOST "\r\n", "400"),
        ROW("CR", "\r" GET_HOST "\r\n", "400"),
        ROW("CR CR LF", "\r\r\n" GET_HOST "\r\n", "400"),
        ROW("blank and CRLF", " \r\n" GET_HOST "\r\n", "400"),
        ROW("only that", "\r\n", "more"),
        ROW("half of it", "\r", "more"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

static void test_only_known_methods_in_their_exact_case_are_taken(void **state)
{
    static const struct message_row rows[] = {
        ROW("HEAD", "HEAD / HTTP/1.1\r\n" HOST "\r\n", "HEAD / none"),
        ROW("RPC_IN_DATA",
            "RPC_IN_DATA /rpc/rpcproxy.dll?mail.example.test:6001 HTTP/1.1\r\n" HOST
            "Content-Length: 1073741824\r\n\r\n",
            "RPC_IN_DATA /rpc/rpcproxy.dll?mail.example.test:6001 length:1073741824 ..."),
        ROW("RPC_OUT_DATA with HTTP/1.0",
            "RPC_OUT_DATA /rpc/rpcproxy.dll HTTP/1.0\r\nConnection: Keep-Alive\r\n"
            "Content-Length: 4\r\n\r\nabcd",
            "RPC_OUT_DATA /rpc/rpcproxy.dll length:4 body=abcd"),
        ROW("RPC echo without body", "RPC_IN_DATA /r HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
            "RPC_IN_DATA /r length:0"),
        ROW("PROPFIND", "PROPFIND /public HTTP/1.1\r\n" HOST "\r\n", "PROPFIND /public none"),
        ROW("X-MS-ENUMATTS", "X-MS-ENUMATTS /x HTTP/1.1\r\n" HOST "\r\n", "X-MS-ENUMATTS /x none"),
        ROW("OPTIONS *", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OPTIONS * none"),
        ROW("lower case", "get / HTTP/1.1\r\n" HOST "\r\n", "501"),
        ROW("longer", "GETX / HTTP/1.1\r\n" HOST "\r\n", "501"),
        ROW("shorter", "GE / HTTP/1.1\r\n" HOST "\r\n", "501"),
        ROW("unknown", "BREW /pot HTTP/1.1\r\n" HOST "\r\n", "501"),
        ROW("CONNECT", "CONNECT mail.example.test:443 HTTP/1.1\r\n" HOST "\r\n", "501"),
        ROW("TRACE", "TRACE / HTTP/1.1\r\n" HOST "\r\n", "501"),
        ROW("longer than any known", "ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1\r\n" HOST "\r\n",
            "501"),
        ROW("RPC with a tail", "RPC_OUT_DATAX / HTTP/1.1\r\n" HOST "\r\n", "501"),
        ROW("no token", "GE(T / HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("NUL", "GET\0 / HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("above ASCII", "G\xc9T / HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("quote", "\"GET\" / HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("empty", " / HTTP/1.1\r\n" HOST "\r\n", "400"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

static void test_versions_other_than_1_0_and_1_1_are_refused(void **state)
{
    static const struct message_row rows[] = {
        ROW("1.0", "GET / HTTP/1.0\r\n\r\n", "GET / none"),
        ROW("1.0 with Host", "GET / HTTP/1.0\r\n" HOST "\r\n", "GET / none"),
        ROW("0.9", "GET / HTTP/0.9\r\n" HOST "\r\n", "505"),
        ROW("1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", "505"),
        ROW("1.9", "GET / HTTP/1.9\r\n" HOST "\r\n", "505"),
        ROW("2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", "505"),
        ROW("3.1", "GET / HTTP/3.1\r\n" HOST "\r\n", "505"),
        ROW("two digits", "GET / HTTP/1.10\r\n" HOST "\r\n", "400"),
        ROW("leading zero", "GET / HTTP/01.1\r\n" HOST "\r\n", "400"),
        ROW("no minor", "GET / HTTP/1\r\n" HOST "\r\n", "400"),
        ROW("lower case", "GET / http/1.1\r\n" HOST "\r\n", "400"),
        ROW("RTSP", "GET / RTSP/1.0\r\n" HOST "\r\n", "400"),
        ROW("ICE", "SOURCE / ICE/1.0\r\n" HOST "\r\n", "400"),
        ROW("HTTPS", "GET / HTTPS/1.1\r\n" HOST "\r\n", "400"),
        ROW("comma", "GET / HTTP/1,1\r\n" HOST "\r\n", "505"),
        ROW("sign", "GET / HTTP/+1.1\r\n" HOST "\r\n", "400"),
        ROW("empty", "GET / \r\n" HOST "\r\n", "400"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

static void test_the_target_is_a_path_or_star_or_an_http_url(void **state)
{
    static const struct message_row rows[] = {
        ROW("percent forms stay", "GET /a%2f%2E%00 HTTP/1.1\r\n" HOST "\r\n",
            "GET /a%2f%2E%00 none"),
        ROW("query", "GET /a?b=c&d HTTP/1.1\r\n" HOST "\r\n", "GET /a?b=c&d none"),
        ROW("double slash", "GET //a HTTP/1.1\r\n" HOST "\r\n", "GET //a none"),
        ROW("absolute", "GET http://mail.example.test/a HTTP/1.1\r\n" HOST "\r\n",
            "GET http://mail.example.test/a none"),
        ROW("absolute, https", "GET https://mail.example.test HTTP/1.1\r\n" HOST "\r\n",
            "GET https://mail.example.test none"),
        ROW("absolute, other case", "GET HTTP://MAIL.example.test/ HTTP/1.1\r\n" HOST "\r\n",
            "GET HTTP://MAIL.example.test/ none"),
        ROW("absolute, other host", "GET http://other.test/ HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("absolute, user info", "GET http://user@mail.example.test/ HTTP/1.1\r\n" HOST "\r\n",
            "400"),
        ROW("absolute, no authority", "GET http:///a HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("absolute, no Host", "GET http://mail.example.test/ HTTP/1.1\r\n\r\n", "400"),
        ROW("absolute in 1.0 without Host", "GET http://mail.example.test/ HTTP/1.0\r\n\r\n",
            "GET http://mail.example.test/ none"),
        ROW("absolute in 1.0, bad authority", "GET http://a_b^c/ HTTP/1.0\r\n\r\n", "400"),
        ROW("absolute, back slash as end",
            "GET http://mail.example.test\\@other.test/ HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("absolute, one slash", "GET http:/a HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("other scheme", "GET ftp://mail.example.test/ HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("authority form", "GET mail.example.test:443 HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("relative", "GET a HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("star for GET", "GET * HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("star and more", "OPTIONS */a HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("query only", "GET ?a HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("NUL", "GET /a\0b HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("tab", "GET /a\tb HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("DEL", "GET /a\177b HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("above ASCII", "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", "400"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_line_has_three_parts_and_two_blanks),
        cmocka_unit_test(test_an_empty_line_in_front_is_tolerated_as_crlf_only),
        cmocka_unit_test(test_only_known_methods_in_their_exact_case_are_taken),
        cmocka_unit_test(test_versions_other_than_1_0_and_1_1_are_refused),
        cmocka_unit_test(test_the_target_is_a_path_or_star_or_an_http_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
