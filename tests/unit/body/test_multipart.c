/* Parts of multipart bodies. */
#include "body_test.h"

#include "body/multipart.h"

#include "stopgap/banned.h"

static void ignore_part(void *ctx, struct slice content, bool is_cut)
{
    (void)ctx;
    (void)content;
    (void)is_cut;
}

static void read_parts(struct slice text, bool is_cut, struct body_values *values)
{
    multipart_read(text, SLICE("K"), is_cut, values, ignore_part, NULL);
}

#define HEAD "--K\r\nContent-Disposition: form-data; "
#define END "\r\n--K--\r\n"

static const struct multipart_case {
    const char *name;
    const char *text;
    const char *expected;
    uint32_t anomalies;
} cases[] = {
    {"a field", HEAD "name=\"a\"\r\n\r\n1" END, "name=a|part a=1|", 0},
    {"two fields", HEAD "name=\"a\"\r\n\r\n1\r\n" HEAD "name=\"b\"\r\n\r\n2\r\n3" END,
     "name=a|part a=1|name=b|part b=2\r\n3|", 0},
    {"a file", HEAD "name=\"u\"; filename=\"k.aspx\"\r\nContent-Type: text/plain\r\n\r\nx" END,
     "name=u|part u=x|filename=k.aspx|", 0},
    {"an empty field", HEAD "name=\"a\"\r\n\r\n" END, "name=a|part a=|", 0},
    {"a delimiter inside a line is content", HEAD "name=\"a\"\r\n\r\nx--K" END,
     "name=a|part a=x--K|", 0},
    {"names without quotation marks", HEAD "name=a; filename=k.txt\r\n\r\n1" END,
     "name=a|part a=1|filename=k.txt|", BODY_MULTIPART_LOOSE},
    {"the extended notation", HEAD "name=\"u\"; filename*=utf-8''k%2easpx\r\n\r\n1" END,
     "name=u|part u=1|filename=utf-8''k%2easpx|", BODY_MULTIPART_LOOSE},
    {"a name twice", HEAD "name=\"a\"; name=\"b\"\r\n\r\n1" END, "name=a|part a=1|name=b|part b=1|",
     BODY_MULTIPART_LOOSE},
    {"a name inside quotation marks", HEAD "x=\"; name=b\"; name=\"a\"\r\n\r\n1" END,
     "name=b\"|part b\"=1|name=a|part a=1|", BODY_MULTIPART_LOOSE},
    {"a backslash in a name", HEAD "name=\"a\\\"b\"\r\n\r\n1" END, "name=a\\|part a\\=1|",
     BODY_MULTIPART_LOOSE},
    {"lines that end in LF", "--K\nContent-Disposition: form-data; name=\"a\"\n\n1\n--K--\n",
     "name=a|part a=1|", BODY_MULTIPART_LOOSE},
    {"a folded header", "--K\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\n1" END,
     "name=a|part a=1|", BODY_MULTIPART_LOOSE},
    {"text in front", "x\r\n" HEAD "name=\"a\"\r\n\r\n1" END, "name=a|part a=1|",
     BODY_MULTIPART_LOOSE},
    {"a longer delimiter", HEAD "name=\"a\"\r\n\r\n1\r\n--KK\r\n\r\n2" END,
     "name=a|part a=1|part=2|name=a|part a=1\r\n--KK\r\n\r\n2|", BODY_MULTIPART_LOOSE},
    {"a blank behind a delimiter", HEAD "name=\"a\"\r\n\r\n1\r\n--K \r\n\r\n2" END,
     "name=a|part a=1|part=2|name=a|part a=1\r\n--K \r\n\r\n2|", 0},
    {"a name in a file name, as ASP.NET finds it",
     HEAD "filename=\"k name=Email;k\"; name=\"k\"\r\n\r\n1" END,
     "name=Email|part Email=1|name=k|part k=1|filename=k name=Email;k|", BODY_MULTIPART_LOOSE},
    {"a file name alone, as ASP.NET takes it", HEAD "filename=\"k\"\r\n\r\n1" END,
     "name=k|part k=1|filename=k|", BODY_MULTIPART_LOOSE},
    {"an encoded part",
     "--K\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; "
     "name=\"a\"\r\n\r\nMQ==" END,
     "name=a|part a=MQ==|", BODY_MULTIPART_LOOSE},
    {"no end", HEAD "name=\"a\"\r\n\r\n12", "name=a|part a=12|", BODY_MULTIPART_INVALID},
    {"no delimiter", "hello", "", BODY_MULTIPART_INVALID | BODY_MULTIPART_LOOSE},
    {"no end of a head", HEAD "name=\"a\"\r\n", "name=a|part a=|", BODY_MULTIPART_INVALID},
};

static void test_multipart_shows_names_and_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct body_test test;
        body_test_init(&test);
        read_parts(slice_str(cases[i].text), false, &test.values);
        if (strcmp(body_test_text(&test), cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].name, body_test_text(&test));
        if (test.values.anomalies != cases[i].anomalies)
            fail_msg("%s: anomalies %x", cases[i].name, test.values.anomalies);
        body_test_done(&test);
    }
}

static void test_multipart_cut_at_any_byte_is_safe(void **state)
{
    (void)state;
    struct slice text =
        SLICE(HEAD "name=\"a\"; filename=\"f\"\r\n\r\n1\r\n" HEAD "name=\"b\"\r\n\r\n2" END);
    for (size_t len = 0; len < text.len; len++) {
        struct body_test test;
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy + 1, text.ptr, len);
        body_test_init(&test);
        read_parts(slice_make(copy + 1, len), true, &test.values);
        assert_int_equal(test.values.anomalies & BODY_MULTIPART_INVALID, 0);
        assert_true(test.values.n <= 5);
        body_test_done(&test);
        free(copy);
    }
}

static void test_multipart_of_too_many_parts_shows_the_first(void **state)
{
    (void)state;
    enum { N = 2 * LIMIT_MULTIPART_PARTS };
    static const char part[] = "--K\r\n\r\n1\r\n";
    char *text = malloc(N * sizeof(part));
    assert_non_null(text);
    for (size_t i = 0; i < N; i++)
        memcpy(text + i * (sizeof(part) - 1), part, sizeof(part) - 1);
    struct body_test test;
    body_test_init(&test);
    read_parts(slice_make(text, N * (sizeof(part) - 1)), false, &test.values);
    assert_int_equal(test.values.n, LIMIT_MULTIPART_PARTS);
    assert_int_equal(test.values.anomalies, BODY_TOO_MANY_VALUES);
    body_test_done(&test);
    free(text);
}

static void test_the_first_line_tells_the_boundary(void **state)
{
    (void)state;
    assert_true(slice_equal(multipart_guess_boundary(SLICE("--abc\r\nx")), SLICE("abc")));
    assert_int_equal(multipart_guess_boundary(SLICE("-x")).len, 0);
    assert_int_equal(multipart_guess_boundary(SLICE("--")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multipart_shows_names_and_values),
        cmocka_unit_test(test_multipart_cut_at_any_byte_is_safe),
        cmocka_unit_test(test_multipart_of_too_many_parts_shows_the_first),
        cmocka_unit_test(test_the_first_line_tells_the_boundary),
    };
    return cmocka_run_group_tests_name("body/multipart", tests, NULL, NULL);
}
