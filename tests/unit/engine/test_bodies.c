/* What rules see in bodies: structure, compression, encodings. */
#include "engine_test.h"

#include <zlib.h>

#include "stopgap/limits.h"

#include "stopgap/banned.h"

#define JSON "Content-Type: application/json"
#define XML "Content-Type: text/xml; charset=utf-8"
#define FORM "Content-Type: application/x-www-form-urlencoded"
#define PARTS "Content-Type: multipart/form-data; boundary=K"
#define PART(head, content) "--K\r\nContent-Disposition: form-data; " head "\r\n\r\n" content
#define LAST "\r\n--K--\r\n"

struct body_case {
    const char *name;
    const char *when;
    struct test_request request;
    bool expected;
};

static void check(const struct body_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct test_rule rule = {.id = "R", .when = cases[i].when};
        struct test_set set = test_set_new(&rule, 1);
        struct test_request request = cases[i].request;
        request.method = "POST";
        if (test_matches(&set, &request, cases[i].name) != cases[i].expected)
            fail_msg("%s: expected %d", cases[i].name, cases[i].expected);
        test_set_done(&set);
    }
}

static void test_json_fields(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"a key",
         "{field: json_key, equals: b}",
         {.headers = {JSON}, .body = "{\"a\":{\"b\":1}}"},
         true},
        {"a value is no key",
         "{field: json_key, equals: c}",
         {.headers = {JSON}, .body = "{\"a\":\"c\"}"},
         false},
        {"a value by name",
         "{field: json, name: a, equals: c}",
         {.headers = {JSON}, .body = "{\"a\":\"c\"}"},
         true},
        {"a name in other case",
         "{field: json, name: FilePath, equals: c}",
         {.headers = {JSON}, .body = "{\"filepath\":\"c\"}"},
         true},
        {"another name",
         "{field: json, name: a, equals: c}",
         {.headers = {JSON}, .body = "{\"b\":\"c\"}"},
         false},
        {"escapes",
         "{field: json, name: ab, equals: 'x<'}",
         {.headers = {JSON}, .body = "{\"\\u0061b\":\"x\\u003C\"}"},
         true},
        {"a second value",
         "{field: json, name: a, not_regex: '^b$'}",
         {.headers = {JSON}, .body = "{\"a\":\"b\",\"a\":\"c\"}"},
         true},
        {"a percent escape is seen decoded",
         "{field: json, name: a, equals: '/'}",
         {.headers = {JSON}, .body = "{\"a\":\"%252f\"}"},
         true},
        {"without a type", "{field: json, name: a, equals: b}", {.body = " {\"a\":\"b\"}"}, true},
        {"under a wrong type",
         "{field: json, name: a, equals: b}",
         {.headers = {XML}, .body = "{\"a\":\"b\"}"},
         true},
        {"exists", "{field: json, name: a, exists: true}", {.body = "{\"a\":null}"}, true},
        {"invalid",
         "{field: body_anomaly, equals: json_invalid}",
         {.headers = {JSON}, .body = "{a:1}"},
         true},
        {"valid",
         "{field: body_anomaly, equals: json_invalid}",
         {.headers = {JSON}, .body = "{\"a\":1}"},
         false},
    };
    check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_xml_fields(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"an element",
         "{field: xml_element, equals: b}",
         {.headers = {XML}, .body = "<s:a><t:b/></s:a>"},
         true},
        {"an element in a text",
         "{field: xml_element, equals: b}",
         {.headers = {XML}, .body = "<a>&lt;b/&gt;<![CDATA[<b/>]]><!--<b/>--></a>"},
         false},
        {"an attribute",
         "{field: xml_attribute, equals: k}",
         {.headers = {XML}, .body = "<a k='1'/>"},
         true},
        {"its value",
         "{field: xml_attr, name: k, equals: 'a.b'}",
         {.headers = {XML}, .body = "<a k = \"a&#x2e;b\"/>"},
         true},
        {"a text by name",
         "{field: xml_text, name: b, equals: 'xy'}",
         {.headers = {XML}, .body = "<a><t:b>x<!-- -->y</t:b></a>"},
         true},
        {"the text of another element",
         "{field: xml_text, name: b, equals: 'x'}",
         {.headers = {XML}, .body = "<a><c>x</c></a>"},
         false},
        {"every text",
         "{field: xml_text, contains: x}",
         {.headers = {XML}, .body = "<a><c>x</c></a>"},
         true},
        {"what a text stands for as base64",
         "{field: xml_base64, name: b, equals: hello}",
         {.headers = {XML}, .body = "<a><t:b>aGVs\r\nbG8=</t:b></a>"},
         true},
        {"the same in another element",
         "{field: xml_base64, name: b, equals: hello}",
         {.headers = {XML}, .body = "<a><c>aGVsbG8=</c></a>"},
         false},
        {"under a wrong type",
         "{field: xml_element, equals: a}",
         {.headers = {JSON}, .body = "\n<a/>"},
         true},
        {"UTF-16 with a mark",
         "{field: xml_text, name: a, equals: x}",
         {.headers = {XML}, .body = "\xff\xfe<\0a\0>\0x\0<\0/\0a\0>\0", .body_len = 18},
         true},
        {"UTF-16 without a mark",
         "{field: xml_element, equals: a}",
         {.body = "\0<\0a\0/\0>", .body_len = 8},
         true},
        {"a body in UTF-16 is seen in UTF-8",
         "{field: body, contains: '<a/>'}",
         {.body = "\0<\0a\0/\0>", .body_len = 8},
         true},
        {"a document type",
         "{field: body_anomaly, equals: xml_dtd}",
         {.headers = {XML}, .body = "<!DOCTYPE a><a/>"},
         true},
    };
    check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_form_fields(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"a name of a form",
         "{field: form_name, equals: 'a b'}",
         {.headers = {FORM}, .body = "x=1&a%20b=2"},
         true},
        {"a value is no name",
         "{field: form_name, equals: 2}",
         {.headers = {FORM}, .body = "x=1&a=2"},
         false},
        {"the name of a part",
         "{field: multipart_name, equals: email}",
         {.headers = {PARTS}, .body = PART("name=\"Email\"", "1") LAST},
         true},
        {"a file name",
         "{field: multipart_filename, ends_with: .aspx}",
         {.headers = {PARTS}, .body = PART("name=\"u\"; filename=\"a.aspx\"", "1") LAST},
         true},
        {"the content of a part",
         "{field: multipart, name: a, equals: '1'}",
         {.headers = {PARTS}, .body = PART("name=\"a\"", "1") LAST},
         true},
        {"the content of another part",
         "{field: multipart, name: b, equals: '1'}",
         {.headers = {PARTS}, .body = PART("name=\"a\"", "1") LAST},
         false},
        {"an unexpected multipart body",
         "{field: multipart, name: a, equals: '1'}",
         {.body = PART("name=\"a\"", "1") LAST},
         true},
        {"a document in a part",
         "{field: xml_text, name: c, equals: x}",
         {.headers = {PARTS}, .body = PART("name=\"u\"", "<a><c>x</c></a>") LAST},
         true},
        {"a document in a part behind a mark",
         "{field: xml_text, name: c, equals: x}",
         {.headers = {PARTS}, .body = PART("name=\"u\"", "\xef\xbb\xbf<a><c>x</c></a>") LAST},
         true},
        {"a document in a part in UTF-16",
         "{field: xml_text, name: c, equals: x}",
         {.headers = {PARTS},
          .body = PART("name=\"u\"", "\xff\xfe<\0c\0>\0x\0<\0/\0c\0>\0") LAST,
          .body_len = sizeof(PART("name=\"u\"", "\xff\xfe<\0c\0>\0x\0<\0/\0c\0>\0") LAST) - 1},
         true},
        {"readers differ",
         "{field: body_anomaly, equals: multipart_loose}",
         {.headers = {PARTS}, .body = PART("name=a", "1") LAST},
         true},
        {"a good form",
         "{field: body_anomaly, one_of: [multipart_loose, multipart_invalid]}",
         {.headers = {PARTS}, .body = PART("name=\"a\"", "1") LAST},
         false},
        {"no boundary",
         "{field: body_anomaly, equals: multipart_invalid}",
         {.headers = {"Content-Type: multipart/form-data"}, .body = "x"},
         true},
        {"an odd charset",
         "{field: body_anomaly, equals: charset_odd}",
         {.headers = {FORM "; charset=ibm037"}, .body = "x"},
         true},
    };
    check(cases, sizeof(cases) / sizeof(cases[0]));
}

static size_t pack(const char *text, int window_bits, char *out, size_t size)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)strlen(text)};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)size;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t len = stream.total_out;
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return len;
}

static void test_compressed_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *coding;
        int bits;
        const char *text;
        const char *when;
        bool expected;
    } cases[] = {
        {"gzip", "Content-Encoding: gzip", 31, "{\"a\":\"b\"}", "{field: json, name: a, equals: b}",
         true},
        {"deflate", "Content-Encoding: deflate", 15, "<a>b</a>",
         "{field: xml_text, name: a, equals: b}", true},
        {"deflate without a header", "Content-Encoding: Deflate", -15, "x=1&a=b",
         "{field: form, name: a, equals: b}", true},
        {"the body as text", "Content-Encoding: x-gzip", 31, "a%2fb", "{field: body, equals: a/b}",
         true},
        {"good gzip is not odd", "Content-Encoding: gzip", 31, "{\"a\":\"b\"}",
         "{field: body_anomaly, one_of: [encoding_invalid, encoding_unknown, encoding_bomb, "
         "json_invalid]}",
         false},
        {"an unknown coding", "Content-Encoding: br", 31, "x",
         "{field: body_anomaly, equals: encoding_unknown}", true},
        {"no coding is said", "X-A: gzip", 31, "<a/>", "{field: xml_element, equals: a}", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char packed[1024];
        size_t len = pack(cases[i].text, cases[i].bits, packed, sizeof(packed));
        struct body_case one = {cases[i].name,
                                cases[i].when,
                                {.headers = {cases[i].coding}, .body = packed, .body_len = len},
                                cases[i].expected};
        check(&one, 1);
    }
}

/* A stored block of one blank that begins as zlib's header does hides nothing behind it. */
static void test_deflate_without_a_header_that_looks_like_one(void **state)
{
    (void)state;
    enum { BLOCK_BYTES = 6 };
    char packed[1024] = {0x78, 0x01, 0x00, (char)0xfe, (char)0xff, ' '};
    size_t len = BLOCK_BYTES +
                 pack("{\"a\":\"b\"}", -15, packed + BLOCK_BYTES, sizeof(packed) - BLOCK_BYTES);
    struct test_request request = {
        .headers = {"Content-Encoding: deflate"}, .body = packed, .body_len = len};
    struct body_case cases[] = {
        {"the value", "{field: json, name: a, equals: b}", request, true},
        {"no error", "{field: body_anomaly, equals: encoding_invalid}", request, false},
    };
    check(cases, sizeof(cases) / sizeof(cases[0]));
}

/* A server that does not know the coding reads what was sent. */
static void test_a_body_that_only_says_it_is_compressed(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"as sent",
         "{field: json, name: a, equals: b}",
         {.headers = {JSON, "Content-Encoding: gzip"}, .body = "{\"a\":\"b\"}"},
         true},
        {"as sent, behind a stream that ends early",
         "{field: json, name: a, equals: b}",
         {.headers = {"Content-Encoding: deflate"}, .body = "{\"a\":\"b\"}"},
         true},
        {"an error",
         "{field: body_anomaly, equals: encoding_invalid}",
         {.headers = {"Content-Encoding: gzip"}, .body = "{\"a\":\"b\"}"},
         true},
    };
    check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_a_word_that_is_no_anomaly_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct test_rule rule = {.id = "R", .when = "{field: body_anomaly, equals: above_root}"};
    struct test_set set = test_set_try(&rule, 1, &err);
    assert_null(set.set);
    assert_string_equal(err.code, "E_LINT");
    test_set_done(&set);
}

/* Pieces and a whole are judged alike, and a body over the window is judged by its window. */
static void test_pieces_and_windows(void **state)
{
    (void)state;
    enum { LEN = LIMIT_BODY_WINDOW + 4096 };
    struct test_rule rule = {.id = "R", .when = "{field: json, name: a, starts_with: 'evil'}"};
    struct test_set set = test_set_new(&rule, 1);
    char *body = malloc(LEN);
    assert_non_null(body);
    memset(body, 'x', LEN);
    memcpy(body, "{\"a\":\"evil", 10);
    for (int by_pieces = 0; by_pieces < 2; by_pieces++) {
        static char memory[TEST_ARENA_BYTES];
        struct arena arena;
        struct test_head head;
        struct inspection *inspection;
        test_head_init(&head, &(struct test_request){.body = "x"});
        arena_init(&arena, memory, sizeof(memory), LIMIT_ARENA_BYTES);
        struct verdict verdict =
            rules_check_head(set.lease, &head.head, RULES_BLOCK, &arena, &inspection);
        assert_int_equal(verdict.action, VERDICT_NEED_BODY);
        size_t step = by_pieces != 0 ? 1000 : LEN;
        for (size_t at = 0; at < LEN; at += step)
            verdict = rules_check_body(
                inspection, slice_head(slice_make(body + at, LEN - at), step), at + step >= LEN);
        assert_int_equal(verdict.action, VERDICT_BLOCK);
        assert_true(slice_equal(verdict.hits[0].field, SLICE("json a")));
        assert_true(slice_starts_with(verdict.hits[0].excerpt, SLICE("evilxxx")));
        rules_end(inspection);
        arena_done(&arena);
    }
    free(body);
    test_set_done(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_fields),
        cmocka_unit_test(test_xml_fields),
        cmocka_unit_test(test_form_fields),
        cmocka_unit_test(test_compressed_bodies),
        cmocka_unit_test(test_deflate_without_a_header_that_looks_like_one),
        cmocka_unit_test(test_a_body_that_only_says_it_is_compressed),
        cmocka_unit_test(test_a_word_that_is_no_anomaly_is_refused),
        cmocka_unit_test(test_pieces_and_windows),
    };
    return cmocka_run_group_tests_name("engine/bodies", tests, NULL, NULL);
}
