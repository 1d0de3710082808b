/* A refusal says where in the message it found what it refuses, and which RFC says so. */
#include "http/message_table.h"

#include <stdio.h>

/* Where `marked` has a "^", which is taken out. */
struct place_row {
    const char *name;
    const char *marked;
    const char *source; /* in the text */
};

static const struct place_row rows[] = {
    {"no version", "^GET /\r\n" HOST "\r\n", "RFC 9112 3"},
    {"unknown method", "\r\n^BREW / HTTP/1.1\r\n" HOST "\r\n", "RFC 9110 15.6.2"},
    {"fragment", "GET ^/a#b HTTP/1.1\r\n" HOST "\r\n", "RFC 9112 3.2"},
    {"version", "GET / ^HTTP/2.0\r\n" HOST "\r\n", "RFC 9110 15.6.6"},
    {"bare LF", "^GET / HTTP/1.1\n" HOST "\r\n", "RFC 9112 2.2"},
    {"second Host", GET HOST "^Host: b\r\n\r\n", "RFC 9112 3.2"},
    {"no Host", "^" GET "A: b\r\n\r\n", "RFC 9112 3.2"},
    {"bad Host", GET "A: b\r\n^Host: a/b\r\n\r\n", "RFC 9112 3.2"},
    {"other authority", "GET ^http://other.example/ HTTP/1.1\r\n" HOST "\r\n", "RFC 9112 3.2.2"},
    {"both framings", POST "Content-Length: 3\r\n^Transfer-Encoding: chunked\r\n\r\n",
     "RFC 9112 6.3"},
    {"coding", POST "^Transfer-Encoding: gzip, chunked\r\n\r\n", "RFC 9112 6.1"},
    {"expectation", POST "^Expect: wonders\r\n\r\n", "RFC 9110 10.1.1"},
    {"look-alike", GET HOST "^Content_Length: 3\r\n\r\n", "no RFC"},
    {"folded", GET HOST "^A: b\r\n c\r\n\r\n", "RFC 9112 5"},
    {"chunk", POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n^g\r\n", ""},
};

static void test_a_refusal_has_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct message message;
        char raw[512];
        const char *mark = strchr(rows[i].marked, '^');
        assert_non_null(mark);
        int len = snprintf(raw, sizeof(raw), "%.*s%s", (int)(mark - rows[i].marked), rows[i].marked,
                           mark + 1);
        struct message_spec spec = {.raw = slice_make(raw, (size_t)len)};
        message_read(&message, &spec);
        const struct http_refusal *refusal = &message.parser.refusal;
        size_t before = message.is_head_parsed ? message.parser.head_len : 0;
        if (refusal->status == 0 || strstr(refusal->text, rows[i].source) == NULL ||
            before + refusal->offset != (size_t)(mark - rows[i].marked))
            fail_msg("%s: %u %s at %zu", rows[i].name, refusal->status, refusal->text,
                     before + refusal->offset);
        message_done(&message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_refusal_has_its_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
