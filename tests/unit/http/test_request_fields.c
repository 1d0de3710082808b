/* Header sections of requests: RFC 9110 5, 7.2, 8.6, 10.1.1, RFC 9112 3.2, 5, 6. */
#include "http/message_table.h"

static void test_field_lines_follow_the_grammar_to_the_byte(void **state)
{
    static const struct message_row rows[] = {
        ROW("no fields, 1.0", "GET / HTTP/1.0\r\n\r\n", "GET / none"),
        ROW("blanks around a value", GET_HOST "X: \t a b \t\r\n\r\n", "GET / none"),
        ROW("no blank at all", GET "Host:a\r\n\r\n", "GET / none"),
        ROW("empty value", GET_HOST "X:\r\nY: \r\nZ:\t\r\n\r\n", "GET / none"),
        ROW("all tchars", GET_HOST "!#$%&'*+-.^_`|~09Az: v\r\n\r\n", "GET / none"),
        ROW("bytes above ASCII in a value", GET_HOST "X: \xc3\xa4\xff\r\n\r\n", "GET / none"),
        ROW("tab in a value", GET_HOST "X: a\tb\r\n\r\n", "GET / none"),
        ROW("blank before the colon", GET_HOST "X : a\r\n\r\n", "400"),
        ROW("tab before the colon", GET_HOST "X\t: a\r\n\r\n", "400"),
        ROW("blank in a name", GET_HOST "X Y: a\r\n\r\n", "400"),
        ROW("no colon", GET_HOST "X\r\n\r\n", "400"),
        ROW("no colon, last line is a framing field", GET_HOST "Content-Length\r\n: 5\r\n\r\nhello",
            "400"),
        ROW("empty name", GET_HOST ": a\r\n\r\n", "400"),
        ROW("empty name, framing", GET_HOST ":Transfer-Encoding: chunked\r\n\r\n", "400"),
        ROW("empty name and value", GET_HOST ":\r\n\r\n", "400"),
        ROW("empty name first", GET ": a\r\n" HOST "\r\n", "400"),
        ROW("no token in a name", GET_HOST "X(: a\r\n\r\n", "400"),
        ROW("above ASCII in a name", GET_HOST "X\xe4: a\r\n\r\n", "400"),
        ROW("NUL in a name", GET_HOST "X\0: a\r\n\r\n", "400"),
        ROW("NUL in a value", GET_HOST "X: a\0b\r\n\r\n", "400"),
        ROW("NUL alone as value", GET_HOST "X: \0\r\n\r\n", "400"),
        ROW("control byte in a value", GET_HOST "X: a\x01\r\n\r\n", "400"),
        ROW("ESC in a value", GET_HOST "X: \x1b[2J\r\n\r\n", "400"),
        ROW("DEL in a value", GET_HOST "X: a\177\r\n\r\n", "400"),
        ROW("form feed around a value", GET_HOST "X:\fa\f\r\n\r\n", "400"),
        ROW("folded", GET_HOST "X: a\r\n b\r\n\r\n", "400"),
        ROW("folded with tab", GET_HOST "X: a\r\n\tb\r\n\r\n", "400"),
        ROW("folded behind an empty value", GET_HOST "X:\r\n a\r\n\r\n", "400"),
        ROW("folded with nothing", GET_HOST "X: a\r\n \r\n\r\n", "400"),
        ROW("folded, last and empty", GET_HOST "X:\r\n\t\r\n\r\n", "400"),
        ROW("folded framing", POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400"),
        ROW("folded length", POST "Content-Length: 1\r\n 0\r\n\r\nhellohello", "400"),
        ROW("bare LF", GET_HOST "X: a\nY: b\r\n\r\n", "400"),
        ROW("bare CR", GET_HOST "X: a\rY: b\r\n\r\n", "400"),
        ROW("bare CR at the end of a value", GET_HOST "X: a\r\r\n\r\n", "400"),
        ROW("bare LF at the end", GET_HOST "X: a\r\n\n", "400"),
        ROW("bare LF ends a head without fields", "GET / HTTP/1.0\r\n\nGET", "400"),
        ROW("bare CR ends a head without fields", "GET / HTTP/1.0\r\n\rGET", "400"),
        ROW("bare CR at the end", GET_HOST "X: a\r\n\rZ", "400"),
        ROW("LF LF", GET_HOST "X: a\n\n", "400"),
        ROW("line of blanks at the end", GET_HOST "X: a\r\n \r\n", "400"),
        ROW("never ends", GET_HOST "X: a\r\n", "more"),
        ROW("the end is half there", GET_HOST "X: a\r\n\r", "more"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

static void test_there_is_exactly_one_valid_host(void **state)
{
    static const struct message_row rows[] = {
        ROW("none in 1.1", GET "\r\n", "400"),
        ROW("none in 1.0", "GET / HTTP/1.0\r\n\r\n", "GET / none"),
        ROW("two", GET_HOST "Host: other.test\r\n\r\n", "400"),
        ROW("two, the same", GET_HOST HOST "\r\n", "400"),
        ROW("two in 1.0", "GET / HTTP/1.0\r\n" HOST HOST "\r\n", "400"),
        ROW("empty", GET "Host:\r\n\r\n", "400"),
        ROW("port", GET "Host: a:8443\r\n\r\n", "GET / none"),
        ROW("empty port", GET "Host: a:\r\n\r\n", "GET / none"),
        ROW("IPv4", GET "Host: 192.0.2.1:80\r\n\r\n", "GET / none"),
        ROW("IPv6", GET "Host: [2001:db8::1]:443\r\n\r\n", "GET / none"),
        ROW("other case", GET "hOsT: a\r\n\r\n", "GET / none"),
        ROW("escape", GET "Host: a%41\r\n\r\n", "GET / none"),
        ROW("broken escape", GET "Host: a%4\r\n\r\n", "400"),
        ROW("escape of other letters", GET "Host: a%zz\r\n\r\n", "400"),
        ROW("port out of range", GET "Host: a:65536\r\n\r\n", "400"),
        ROW("port of letters", GET "Host: a:http\r\n\r\n", "400"),
        ROW("two ports", GET "Host: a:80:80\r\n\r\n", "400"),
        ROW("signed port", GET "Host: a:+80\r\n\r\n", "400"),
        ROW("user info", GET "Host: user@a\r\n\r\n", "400"),
        ROW("path", GET "Host: a/b\r\n\r\n", "400"),
        ROW("query", GET "Host: a?b\r\n\r\n", "400"),
        ROW("fragment", GET "Host: a#b\r\n\r\n", "400"),
        ROW("list", GET "Host: a, b\r\n\r\n", "400"),
        ROW("blank inside", GET "Host: a b\r\n\r\n", "400"),
        ROW("back slash", GET "Host: a\\b\r\n\r\n", "400"),
        ROW("URL", GET "Host: http://a/\r\n\r\n", "400"),
        ROW("port only", GET "Host: :80\r\n\r\n", "400"),
        ROW("open bracket", GET "Host: [::1\r\n\r\n", "400"),
        ROW("empty brackets", GET "Host: []\r\n\r\n", "400"),
        ROW("text behind the bracket", GET "Host: [::1]a\r\n\r\n", "400"),
        ROW("name in brackets", GET "Host: [mail]\r\n\r\n", "400"),
        ROW("quotes", GET "Host: \"a\"\r\n\r\n", "400"),
        ROW("above ASCII", GET "Host: m\xc3\xa4il\r\n\r\n", "400"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

static void test_a_length_is_one_plain_number(void **state)
{
    static const struct message_row rows[] = {
        ROW("plain", POST "Content-Length: 5\r\n\r\nhello", "POST /t length:5 body=hello"),
        ROW("zero", POST "Content-Length: 0\r\n\r\n", "POST /t length:0"),
        ROW("leading zeros", POST "Content-Length: 0005\r\n\r\nhello",
            "POST /t length:5 body=hello"),
        ROW("GET with a body", GET_HOST "Content-Length: 5\r\n\r\nhello",
            "GET / length:5 body=hello"),
        ROW("body is incomplete", POST "Content-Length: 5\r\n\r\nhel",
            "POST /t length:5 body=hel ..."),
        ROW("more follows", POST "Content-Length: 5\r\n\r\nhelloGET",
            "POST /t length:5 body=hello +3"),
        ROW("no body, more follows", POST "\r\nGET", "POST /t none +3"),
        ROW("zero, more follows", POST "Content-Length: 0\r\n\r\nGET", "POST /t length:0 +3"),
        ROW("2^63-1", POST "Content-Length: 9223372036854775807\r\n\r\n",
            "POST /t length:9223372036854775807 ..."),
        ROW("2^63", POST "Content-Length: 9223372036854775808\r\n\r\n", "400"),
        ROW("2^64", POST "Content-Length: 18446744073709551616\r\n\r\n", "400"),
        ROW("2^64 and 5", POST "Content-Length: 18446744073709551621\r\n\r\nhello", "400"),
        ROW("2^128", POST "Content-Length: 340282366920938463463374607431768211456\r\n\r\n", "400"),
        ROW("negative", POST "Content-Length: -1\r\n\r\n", "400"),
        ROW("plus", POST "Content-Length: +5\r\n\r\nhello", "400"),
        ROW("hexadecimal", POST "Content-Length: 0x5\r\n\r\nhello", "400"),
        ROW("fraction", POST "Content-Length: 5.0\r\n\r\nhello", "400"),
        ROW("exponent", POST "Content-Length: 5e0\r\n\r\nhello", "400"),
        ROW("empty", POST "Content-Length:\r\n\r\n", "400"),
        ROW("blank only", POST "Content-Length: \t\r\n\r\n", "400"),
        ROW("tabs around", POST "Content-Length:\t5\t \r\n\r\nhello",
            "POST /t length:5 body=hello"),
        ROW("tab inside", POST "Content-Length: 5\t5\r\n\r\nhello", "400"),
        ROW("list of the same", POST "Content-Length: 5, 5\r\n\r\nhello", "400"),
        ROW("list", POST "Content-Length: 5, 6\r\n\r\nhello", "400"),
        ROW("trailing comma", POST "Content-Length: 5,\r\n\r\nhello", "400"),
        ROW("leading comma", POST "Content-Length: ,5\r\n\r\nhello", "400"),
        ROW("blank inside", POST "Content-Length: 5 5\r\n\r\nhello", "400"),
        ROW("quoted", POST "Content-Length: \"5\"\r\n\r\nhello", "400"),
        ROW("semicolon", POST "Content-Length: 5;\r\n\r\nhello", "400"),
        ROW("twice", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400"),
        ROW("two", POST "Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello", "400"),
        ROW("empty, then good", POST "Content-Length:\r\nContent-Length: 5\r\n\r\nhello", "400"),
        ROW("NUL behind", POST "Content-Length: 5\0\r\n\r\nhello", "400"),
        ROW("vertical tab before", POST "Content-Length:\v5\r\n\r\nhello", "400"),
        ROW("other digits", POST "Content-Length: \xd9\xa5\r\n\r\nhello", "400"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

static void test_chunked_alone_is_the_only_transfer_coding(void **state)
{
    static const struct message_row rows[] = {
        ROW("chunked", POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST /t chunked"),
        ROW("other case", POST "tRANSFER-eNCODING: ChUnKeD\r\n\r\n0\r\n\r\n", "POST /t chunked"),
        ROW("blanks around", POST "Transfer-Encoding:  chunked \r\n\r\n0\r\n\r\n",
            "POST /t chunked"),
        ROW("tab in front", POST "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", "POST /t chunked"),
        ROW("tab behind", POST "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n", "POST /t chunked"),
        ROW("tab inside", POST "Transfer-Encoding: chun\tked\r\n\r\n0\r\n\r\n", "400"),
        ROW("GET", GET_HOST "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            "GET / chunked body=a"),
        ROW("identity", POST "Transfer-Encoding: identity\r\n\r\n", "400"),
        ROW("gzip", POST "Transfer-Encoding: gzip\r\n\r\n", "400"),
        ROW("gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"),
        ROW("identity, chunked", POST "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
            "501"),
        ROW("chunked, identity", POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "400"),
        ROW("chunked, chunked", POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400"),
        ROW("leading comma", POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", "501"),
        ROW("trailing comma", POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "400"),
        ROW("parameter", POST "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", "400"),
        ROW("quoted", POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "400"),
        ROW("longer", POST "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", "400"),
        ROW("longer in front", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400"),
        ROW("two words", POST "Transfer-Encoding: chunked chunked\r\n\r\n0\r\n\r\n", "400"),
        ROW("empty", POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", "400"),
        ROW("two fields", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400"),
        ROW("two fields, other first",
            POST "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "400"),
        ROW("empty field and chunked",
            POST "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ROW("vertical tab", POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", "400"),
        ROW("no-break blank",
            POST "Transfer-Encoding: \xc2\xa0"
                 "chunked\r\n\r\n0\r\n\r\n",
            "400"),
        ROW("with length", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "400"),
        ROW("length behind",
            POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "400"),
        ROW("empty with length", POST "Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello",
            "400"),
        ROW("with an empty length", POST "Transfer-Encoding: chunked\r\nContent-Length:\r\n\r\n",
            "400"),
        ROW("in 1.0", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "400"),
        ROW("nominated",
            POST "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "0\r\n\r\n",
            "POST /t chunked"),
        ROW("lookalike", POST "Transfer_Encoding: chunked\r\n\r\n", "400"),
        ROW("lookalike of the address", GET_HOST "X_Forwarded-For: 10.0.0.1\r\n\r\n", "400"),
        ROW("lookalike of the length", POST "content_length: 5\r\n\r\n", "400"),
        ROW("other underscores are allowed", POST "X_Y: 5\r\n\r\n", "POST /t none"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

static void test_expectations_other_than_100_continue_are_417(void **state)
{
    static const struct message_row rows[] = {
        ROW("100-continue", POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na",
            "POST /t length:1 body=a"),
        ROW("other case", POST "Expect: 100-Continue\r\n\r\n", "POST /t none"),
        ROW("other", POST "Expect: 200-ok\r\n\r\n", "417"),
        ROW("list", POST "Expect: 100-continue, x\r\n\r\n", "417"),
        ROW("empty", POST "Expect:\r\n\r\n", "417"),
        ROW("twice", POST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", "417"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

/* RFC 9110 7.6.2 */
static void test_options_go_no_further_than_they_may(void **state)
{
    static const struct message_row rows[] = {
        ROW("one more", OPTIONS "Max-Forwards: 1\r\n\r\n", "OPTIONS /t none"),
        ROW("the last", OPTIONS "Max-Forwards: 0\r\n\r\n", "501"),
        ROW("the last, padded", OPTIONS "max-forwards: 00 \r\n\r\n", "501"),
        ROW("no number", OPTIONS "Max-Forwards: x\r\n\r\n", "400"),
        ROW("negative", OPTIONS "Max-Forwards: -1\r\n\r\n", "400"),
        ROW("empty", OPTIONS "Max-Forwards:\r\n\r\n", "400"),
        ROW("beyond 64 bits", OPTIONS "Max-Forwards: 18446744073709551616\r\n\r\n", "400"),
        ROW("two", OPTIONS "Max-Forwards: 1\r\nMax-Forwards: 1\r\n\r\n", "400"),
        ROW("of another method", POST "Max-Forwards: x\r\n\r\n", "POST /t none"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

struct flags_row {
    const char *name;
    const char *raw;
    const char *expected; /* c close, k keep-alive, u upgrade, n nominations, e expectation */
};

static const struct flags_row flags_rows[] = {
    {"1.1", GET_HOST "\r\n", ""},
    {"1.1 close", GET_HOST "Connection: close\r\n\r\n", "c"},
    {"1.1 close and a tab", GET_HOST "Connection: close\t\r\n\r\n", "c"},
    {"1.1 close in a list", GET_HOST "Connection: X-A ,\tCLOSE\r\n\r\n", "cn"},
    {"1.1 close in a second field", GET_HOST "Connection: a\r\nConnection: close\r\n\r\n", "cn"},
    {"1.1 keep-alive", GET_HOST "Connection: Keep-Alive\r\n\r\n", "k"},
    {"close wins", GET_HOST "Connection: keep-alive, close\r\n\r\n", "ck"},
    {"1.0", "GET / HTTP/1.0\r\n\r\n", "c"},
    {"1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "k"},
    {"1.0 close and keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "ck"},
    {"empty elements", GET_HOST "Connection: ,, ,\r\n\r\n", ""},
    {"closed is not close", GET_HOST "Connection: closed\r\n\r\n", "n"},
    {"websocket", GET_HOST "Connection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n", "u"},
    {"websocket from HTTP/1.0",
     "GET / HTTP/1.0\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "c"},
    {"websocket by another method", POST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", ""},
    {"websocket with a body",
     GET_HOST "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello", ""},
    {"h2c is ignored", GET_HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", "n"},
    {"upgrade without its token", GET_HOST "Upgrade: websocket\r\n\r\n", ""},
    {"the token without upgrade", GET_HOST "Connection: upgrade\r\n\r\n", ""},
    {"expectation", GET_HOST "Expect: 100-continue\r\n\r\n", "e"},
    /* RFC 9110 10.1.1: a server MUST ignore the expectation of an HTTP/1.0 client. */
    {"expectation in 1.0", "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", "c"},
};

static void test_connection_options_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(flags_rows) / sizeof(flags_rows[0]); i++) {
        struct message message;
        struct message_spec spec = {.raw = slice_str(flags_rows[i].raw)};
        char got[8] = "";
        size_t n = 0;
        message_read(&message, &spec);
        const struct http_head *head = &message.parser.head;
        if (!message.is_head_parsed)
            fail_msg("%s: not accepted", flags_rows[i].name);
        got[n] = 'c';
        n += head->wants_close;
        got[n] = 'k';
        n += head->has_keep_alive;
        got[n] = 'u';
        n += head->has_upgrade;
        got[n] = 'n';
        n += head->has_nominations;
        got[n] = 'e';
        n += head->expects_continue;
        got[n] = '\0';
        if (strcmp(got, flags_rows[i].expected) != 0)
            fail_msg("%s: got \"%s\", expected \"%s\"", flags_rows[i].name, got,
                     flags_rows[i].expected);
        message_done(&message);
    }
}

static void test_an_upgrade_does_not_hide_the_next_request(void **state)
{
    static const struct message_row rows[] = {
        ROW("no body", GET_HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET",
            "GET / none +3"),
        ROW("length",
            POST "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhelloGET",
            "POST /t length:5 body=hello +3"),
        ROW("chunked",
            POST "Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5\r\nhello\r\n0\r\n\r\nGET",
            "POST /t chunked body=hello +3"),
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field_lines_follow_the_grammar_to_the_byte),
        cmocka_unit_test(test_there_is_exactly_one_valid_host),
        cmocka_unit_test(test_a_length_is_one_plain_number),
        cmocka_unit_test(test_chunked_alone_is_the_only_transfer_coding),
        cmocka_unit_test(test_expectations_other_than_100_continue_are_417),
        cmocka_unit_test(test_options_go_no_further_than_they_may),
        cmocka_unit_test(test_connection_options_are_understood),
        cmocka_unit_test(test_an_upgrade_does_not_hide_the_next_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
