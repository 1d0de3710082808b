/* Chunked bodies of requests (RFC 9112 7.1) and the limits of heads and bodies. */
#include "http/message_table.h"

#include <stdio.h>
#include <stdlib.h>

#define BODY(rest, expected) SLICE_INIT(CHUNKED rest), "POST /t chunked" expected

static void test_chunks_follow_the_grammar_to_the_byte(void **state)
{
    static const struct message_row rows[] = {
        {"empty", BODY("0\r\n\r\n", "")},
        {"one", BODY("5\r\nhello\r\n0\r\n\r\n", " body=hello")},
        {"two, more follows", BODY("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\nGET", " body=hello +3")},
        {"upper case", BODY("A\r\n0123456789\r\n0\r\n\r\n", " body=0123456789")},
        {"lower case", BODY("a\r\n0123456789\r\n0\r\n\r\n", " body=0123456789")},
        {"leading zeros", BODY("0005\r\nhello\r\n000\r\n\r\n", " body=hello")},
        {"CRLF in the data", BODY("4\r\n\r\n\r\n\r\n0\r\n\r\n", " body=\r\n\r\n")},
        {"a chunk that looks like the end", BODY("5\r\n0\r\n\r\n\r\n0\r\n\r\n", " body=0\r\n\r\n")},
        {"NUL in the data", BODY("3\r\na\0b\r\n0\r\n\r\n", " body=a")},
        {"not over", BODY("5\r\nhel", " body=hel ...")},
        {"no last chunk", BODY("5\r\nhello\r\n", " body=hello ...")},
        {"no last CRLF", BODY("5\r\nhello\r\n0\r\n", " body=hello ...")},
        {"half of the last CRLF", BODY("0\r\n\r", " ...")},
        {"size 2^63", BODY("8000000000000000\r\nhello", "; 400")},
        {"size 2^64-1", BODY("ffffffffffffffff\r\nhello", "; 400")},
        {"size 2^64", BODY("10000000000000000\r\nhello", "; 400")},
        {"size 2^64 and 5", BODY("10000000000000005\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"size 2^63-1", BODY("7fffffffffffffff\r\nhello", " body=hello ...")},
        {"no size", BODY("\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"negative", BODY("-5\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"plus", BODY("+5\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"prefix", BODY("0x5\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"underscore", BODY("1_0\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"not hexadecimal", BODY("5g\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"blank in front", BODY(" 5\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"blank behind the last size", BODY("5\r\nhello\r\n0 \r\n\r\n", " body=hello; 400")},
        {"tab behind", BODY("5\t\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"quoted", BODY("\"5\"\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"NUL behind", BODY("5\0\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"LF ends the size", BODY("5\nhello\r\n0\r\n\r\n", "; 400")},
        {"CR ends the size", BODY("5\rhello\r\n0\r\n\r\n", "; 400")},
        {"CR CR LF", BODY("5\r\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"LF behind the data", BODY("5\r\nhello\n0\r\n\r\n", " body=hello; 400")},
        {"other bytes behind the data", BODY("5\r\nhelloXX0\r\n\r\n", " body=hello; 400")},
        {"data too long", BODY("5\r\nhelloo\r\n0\r\n\r\n", " body=hello; 400")},
        {"data too short", BODY("5\r\nhell\r\n0\r\n\r\n", " body=hell\r; 400")},
        {"LF ends the message", BODY("0\r\n\n", "; 400")},
        {"LF LF", BODY("0\n\n", "; 400")},
        {"CR and another byte end it", BODY("0\r\n\rG", "; 400")},
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

static void test_extensions_and_trailers_are_dropped(void **state)
{
    static const struct message_row rows[] = {
        {"name", BODY("5;a\r\nhello\r\n0\r\n\r\n", " body=hello")},
        {"name and value", BODY("5;a=b\r\nhello\r\n0;c=d\r\n\r\n", " body=hello")},
        {"quoted", BODY("5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n", " body=hello")},
        {"several names", BODY("5;a;b\r\nhello\r\n0;c;d\r\n\r\n", " body=hello")},
        {"several values",
         BODY("5;a=b;c=d;e\r\nhello\r\n0;f=\"g\";h=i\r\n\r\nGET", " body=hello +3")},
        {"in each chunk", BODY("2;a=b;c\r\nhe\r\n3;d;e=f\r\nllo\r\n0\r\n\r\n", " body=hello")},
        {"quoted pairs", BODY("5;a=\"\\\"\\\\\";b=\"\"\r\nhello\r\n0\r\n\r\n", " body=hello")},
        {"tab and 8 bit in quotes", BODY("5;a=\"b\t\xe9\"\r\nhello\r\n0\r\n\r\n", " body=hello")},
        {"blanks", BODY("5 ;\ta = b\t; c ;d= \"e\"\r\nhello\r\n0\r\n\r\n", " body=hello")},
        {"blank at the end", BODY("5;a=b \r\nhello\r\n0\r\n\r\n", "; 400")},
        {"blank behind a last name", BODY("5;a \r\nhello\r\n0\r\n\r\n", "; 400")},
        {"no name", BODY("5;\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"no second name", BODY("5;a;\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"no name before the value", BODY("5;=a\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"no value", BODY("5;a=\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"two values", BODY("5;a=b=c\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"bytes behind the quotes", BODY("5;a=\"b\"c\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"quotes inside a token", BODY("5;a=b\"c\"\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"quotes that do not end", BODY("5;a=\"b\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"CRLF behind a backslash", BODY("5;a=\"\\\r\n\"\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"DEL in quotes", BODY("5;a=\"\x7f\"\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"CR CR LF behind an extension", BODY("5;a\r\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"no size", BODY(";a\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"8 bit in a name", BODY("5;\xe9\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"LF in an extension", BODY("5;a\nhello\r\n0\r\n\r\n", "; 400")},
        {"CR in an extension", BODY("5;a\rb\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"LF in a quoted one", BODY("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"NUL in an extension", BODY("5;a\0\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"no semicolon", BODY("5 a\r\nhello\r\n0\r\n\r\n", "; 400")},
        {"trailer", BODY("1\r\na\r\n0\r\nX: y\r\nZ: 1\r\n\r\nGET", " body=a +3")},
        {"trailer without value", BODY("0\r\nX:\r\n\r\n", "")},
        {"framing in a trailer, the request goes on", BODY("0\r\nHost: b\r\n\r\nGET", " +3")},
        {"trailer without colon", BODY("0\r\nX\r\n\r\n", "; 400")},
        {"trailer without a name", BODY("0\r\n: y\r\n\r\n", "; 400")},
        {"a second trailer without a name", BODY("0\r\nX: y\r\n: z\r\n\r\n", "; 400")},
        {"blank before the colon", BODY("0\r\nX : y\r\n\r\n", "; 400")},
        {"NUL in a trailer", BODY("0\r\nX: a\0b\r\n\r\n", "; 400")},
        {"LF in a trailer", BODY("0\r\nX: a\nY: b\r\n\r\n", "; 400")},
        {"trailer is not over", BODY("0\r\nX: y\r\n", " ...")},
    };
    (void)state;
    CHECK_ROWS(rows, .is_response = false);
}

/* ---- limits */

static const struct http_limits small_limits = {
    .target_bytes = 20, .field_bytes = 40, .head_bytes = 200, .fields = 4, .body_bytes = 10};

#define LONG20 "/2345678901234567890"
#define VALUE39 "123456789012345678901234567890123456789"

static void test_limits_hold_to_the_byte(void **state)
{
    static const struct message_row rows[] = {
        ROW("target of the limit", "GET /234567890123456789 HTTP/1.1\r\n" HOST "\r\n",
            "GET /234567890123456789 none"),
        ROW("target over it", "GET " LONG20 "1 HTTP/1.1\r\n" HOST "\r\n", "414"),
        ROW("target over it, no end in sight", "GET " LONG20 LONG20 LONG20, "414"),
        ROW("field of the limit", GET_HOST "X:" VALUE39 "\r\n\r\n", "GET / none"),
        ROW("field over it", GET_HOST "XX:" VALUE39 "\r\n\r\n", "431"),
        ROW("fields of the limit", GET_HOST "A:\r\nB:\r\nC:\r\n\r\n", "GET / none"),
        ROW("fields over it", GET_HOST "A:\r\nB:\r\nC:\r\nD:\r\n\r\n", "431"),
        ROW("body of the limit", POST "Content-Length: 10\r\n\r\n0123456789",
            "POST /t length:10 body=0123456789"),
        ROW("body over it", POST "Content-Length: 11\r\n\r\n", "413"),
        ROW("body over it in an RPC channel",
            "RPC_IN_DATA / HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n", "413"),
        ROW("chunks of the limit", CHUNKED "5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n",
            "POST /t chunked body=hellohello"),
        ROW("chunks over it", CHUNKED "5\r\nhello\r\n5\r\nhello\r\n1\r\na\r\n0\r\n\r\n",
            "POST /t chunked body=hellohello; 413"),
        ROW("method without end", "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGG", "400"),
    };
    (void)state;
    CHECK_ROWS(rows, .limits = &small_limits);
}

/* A request of parts, so that limits of kilobytes can be tested. */
static void check_long(const char *name, const struct http_limits *limits, const char *format,
                       size_t fill, const char *expected)
{
    char *pad = calloc(1, fill + 1);
    char *raw;
    assert_non_null(pad);
    (void)memset(pad, 'a', fill);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int len = asprintf(&raw, format, pad);
#pragma GCC diagnostic pop
    assert_true(len > 0);
    struct message_spec spec = {.raw = slice_make(raw, (size_t)len), .limits = limits};
    message_check(name, &spec, expected);
    free(raw);
    free(pad);
}

static void test_a_head_of_the_limit_passes_and_a_longer_one_does_not(void **state)
{
    /* 18 bytes of request line, 25 of Host, 5 of "X: " and CRLF, 2 of the end */
    static const struct http_limits limits = {
        .target_bytes = 100, .field_bytes = 4000, .head_bytes = 1000, .fields = 100};
    size_t rest = sizeof("GET / HTTP/1.1\r\n" HOST "X: \r\n\r\n") - 1;
    (void)state;
    check_long("exact", &limits, GET_HOST "X: %s\r\n\r\n", 1000 - rest, "GET / none");
    check_long("one more", &limits, GET_HOST "X: %s\r\n\r\n", 1001 - rest, "431");
    check_long("exact, behind empty lines", &limits, "\r\n\r\n" GET_HOST "X: %s\r\n\r\n",
               1000 - rest, "GET / none");
    check_long("no end", &limits, GET_HOST "X: %s", 1000, "431");
    check_long("a name without end", &limits, GET_HOST "%s", 1000, "431");
    assert_int_equal(message_failures, 0);
}

static void test_too_much_chunk_framing_is_refused_however_it_is_cut(void **state)
{
    (void)state;
    check_long("extension", NULL, CHUNKED "1;%s\r\na\r\n0\r\n\r\n", 1000, "POST /t chunked body=a");
    check_long("trailer", NULL, CHUNKED "0\r\nX: %s\r\n\r\n", 1000, "POST /t chunked");
    check_long("long trailer", NULL, CHUNKED "0\r\nX: %s\r\n\r\n", LIMIT_CHUNK_OVERHEAD + 8,
               "POST /t chunked; 400");
    check_long("endless extension", NULL, CHUNKED "1;%s", LIMIT_CHUNK_OVERHEAD + 8,
               "POST /t chunked; 400");
    check_long("long extension before data", NULL, CHUNKED "1;%s\r\na\r\n0\r\n\r\n",
               LIMIT_CHUNK_OVERHEAD + 8, "POST /t chunked; 400");
    check_long("long extension behind data", NULL, CHUNKED "1\r\na\r\n1;%s\r\na\r\n0\r\n\r\n",
               LIMIT_CHUNK_OVERHEAD + 8, "POST /t chunked body=a; 400");
    assert_int_equal(message_failures, 0);
}

static void test_many_one_byte_chunks_are_data(void **state)
{
    enum { N = 5000 };
    static char raw[sizeof(CHUNKED) + N * 6 + 5];
    size_t len = sizeof(CHUNKED) - 1;
    (void)state;
    memcpy(raw, CHUNKED, len);
    for (size_t i = 0; i < N; i++, len += 6)
        memcpy(raw + len, "1\r\na\r\n", 6);
    memcpy(raw + len, "0\r\n\r\n", 5);
    struct message_spec spec = {.raw = slice_make(raw, len + 5)};
    message_check("one-byte chunks", &spec, "POST /t chunked body:5000");
    assert_int_equal(message_failures, 0);
}

/* n chunks, each with an extension of so many bytes and so much data. */
static void check_chunks(const char *name, size_t n, size_t extension, size_t data,
                         const char *expected)
{
    size_t room = sizeof(CHUNKED) + n * (extension + data + 24) + 8;
    char *raw = malloc(room);
    size_t len = sizeof(CHUNKED) - 1;
    assert_non_null(raw);
    memcpy(raw, CHUNKED, len);
    for (size_t i = 0; i < n; i++) {
        len += (size_t)snprintf(raw + len, room - len, "%zx%s", data, extension != 0 ? ";" : "");
        if (extension != 0)
            (void)memset(raw + len, 'x', extension - 1);
        len += extension != 0 ? extension - 1 : 0;
        memcpy(raw + len, "\r\n", 2);
        (void)memset(raw + len + 2, 'a', data);
        memcpy(raw + len + 2 + data, "\r\n", 2);
        len += data + 4;
    }
    memcpy(raw + len, "0\r\n\r\n", 5);
    struct message_spec spec = {.raw = slice_make(raw, len + 5)};
    message_check(name, &spec, expected);
    free(raw);
}

static void test_extensions_of_a_whole_message_are_bounded_by_its_data(void **state)
{
    (void)state;
    check_chunks("no extensions", 2000, 0, 1, "POST /t chunked body:2000");
    check_chunks("short extensions, little data", 2000, 16, 1, "POST /t chunked body:2000");
    check_chunks("signed chunks", 40, 80, 4096, "POST /t chunked body:163840");
    check_chunks("long extensions, much data", 10, 4000, 2000, "POST /t chunked body:20000");
    check_chunks("as long as a message may have", 80, 100, 1, "POST /t chunked body:80");
    check_chunks("more of them", 120, 100, 1, "POST /t chunked body:98; 400");
    check_chunks("twice what the data pays for", 120, 4000, 1000, "POST /t chunked body:3000; 400");
    assert_int_equal(message_failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks_follow_the_grammar_to_the_byte),
        cmocka_unit_test(test_extensions_and_trailers_are_dropped),
        cmocka_unit_test(test_limits_hold_to_the_byte),
        cmocka_unit_test(test_a_head_of_the_limit_passes_and_a_longer_one_does_not),
        cmocka_unit_test(test_too_much_chunk_framing_is_refused_however_it_is_cut),
        cmocka_unit_test(test_many_one_byte_chunks_are_data),
        cmocka_unit_test(test_extensions_of_a_whole_message_are_bounded_by_its_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
