/* Members and values of JSON texts. */
#include "body_test.h"

#include "body/json.h"

#include "stopgap/banned.h"

static const struct json_case {
    const char *name;
    const char *text;
    const char *expected;
    uint32_t anomalies;
} cases[] = {
    {"members of objects at any depth", "{\"a\":\"1\",\"b\":{\"c\":\"2\"}}",
     "key=a|json a=1|key=b|key=c|json c=2|", 0},
    {"elements belong to the member of their array", "{\"a\":[\"1\",{\"b\":\"2\"},[\"3\"]]}",
     "key=a|json a=1|key=b|json b=2|json a=3|", 0},
    {"numbers and literals are their text", "{\"a\":-1.50e3,\"b\":true,\"c\":false,\"d\":null}",
     "key=a|json a=-1.50e3|key=b|json b=true|key=c|json c=false|key=d|json d=null|", 0},
    {"escapes are resolved in values and names", "{\"\\u0061\\/\":\"\\u003Cx\\u003e\\\\\"}",
     "key=a/|json a/=<x>\\|", 0},
    {"a pair of surrogates", "[\"\\ud83d\\ude00\"]", "json=\xF0\x9F\x98\x80|", 0},
    {"a member twice", "{\"a\":\"1\",\"a\":\"2\"}", "key=a|json a=1|key=a|json a=2|", 0},
    {"empty texts", "{\"\":\"\"}", "key=|json=|", 0},
    {"white space", " \r\n\t{ \"a\" : \"1\" } \n", "key=a|json a=1|", 0},
    {"one document behind another", "{\"a\":\"1\"}{\"b\":\"2\"}", "key=a|json a=1|key=b|json b=2|",
     0},
    {"a comment", "{/* x */\"a\":\"1\"}", "key=a|json a=1|", 0},
    {"a value alone", "\"x\"", "json=x|", 0},
    {"what was seen before an error", "{\"a\":\"1\",b:\"2\"}", "key=a|json a=1|",
     BODY_JSON_INVALID},
    {"single quotation marks", "{'a':'1'}", "", BODY_JSON_INVALID},
    {"no end", "{\"a\":\"1\"", "key=a|json a=1|", BODY_JSON_INVALID},
    {"a string without end is shown", "{\"a\":\"12", "key=a|json a=12|", BODY_JSON_INVALID},
    {"garbage behind the end", "{\"a\":\"1\"}]", "key=a|json a=1|", BODY_JSON_INVALID},
    {"bytes that are no UTF-8", "{\"a\":\"\xff\xc0\"}", "key=a|json a=\xff\xc0|", 0},
};

static void test_json_shows_names_and_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct body_test test;
        body_test_init(&test);
        json_read(slice_str(cases[i].text), false, &test.values);
        if (strcmp(body_test_text(&test), cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].name, body_test_text(&test));
        if (test.values.anomalies != cases[i].anomalies)
            fail_msg("%s: anomalies %x", cases[i].name, test.values.anomalies);
        body_test_done(&test);
    }
}

static void test_json_cut_at_any_byte_shows_a_beginning(void **state)
{
    (void)state;
    body_test_cut_everywhere(
        SLICE("{\"First\":\"C:\\\\x\\u0041\",\"n\":[12.5e3,true,null,{\"k\":\"v\"}],"
              "\"last\":{\"deep\":\"the end\"}}"),
        json_read);
}

static void test_json_that_is_cut_is_not_invalid(void **state)
{
    (void)state;
    struct body_test test;
    body_test_init(&test);
    json_read(SLICE("{\"a\":\"12"), true, &test.values);
    assert_string_equal(body_test_text(&test), "key=a|json a=12|");
    assert_int_equal(test.values.anomalies, 0);
    body_test_done(&test);
}

/* Fill `out` with repetitions of a text and read it. */
static void read_repeated(struct body_test *test, const char *unit, char *out)
{
    size_t len = strlen(unit);
    for (size_t i = 0; i < LIMIT_BODY_WINDOW; i++)
        out[i] = unit[i % len];
    body_test_init(test);
    json_read(slice_make(out, LIMIT_BODY_WINDOW), true, &test->values);
}

static void test_json_made_to_hurt_stays_in_its_bounds(void **state)
{
    (void)state;
    static const char *const units[] = {"[",  "{\"a\":", "[1,",   "{\"\":1,",
                                        "\"", "\\u0041", "[\"\\n"};
    char *window = malloc(LIMIT_BODY_WINDOW);
    assert_non_null(window);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct body_test test;
        read_repeated(&test, units[i], window);
        assert_false(test.values.is_out_of_memory);
        assert_true(test.values.n <= LIMIT_BODY_VALUES);
        body_test_done(&test);
    }
    free(window);
}

static void test_json_of_too_many_values_shows_the_first(void **state)
{
    (void)state;
    char *window = malloc(LIMIT_BODY_WINDOW);
    assert_non_null(window);
    struct body_test test;
    for (size_t i = 0; i < LIMIT_BODY_WINDOW; i++)
        window[i] = i % 2 != 0 ? '1' : ',';
    window[0] = '[';
    body_test_init(&test);
    json_read(slice_make(window, LIMIT_BODY_WINDOW), true, &test.values);
    assert_int_equal(test.values.n, LIMIT_BODY_VALUES);
    assert_int_equal(test.values.anomalies, BODY_TOO_MANY_VALUES);
    body_test_done(&test);
    free(window);
}

static void test_json_of_long_strings_fits_into_memory(void **state)
{
    (void)state;
    char *window = malloc(LIMIT_BODY_WINDOW);
    assert_non_null(window);
    struct body_test test;
    memset(window, 'x', LIMIT_BODY_WINDOW);
    memcpy(window, "{\"a\":\"\\n", 8);
    body_test_init(&test);
    json_read(slice_make(window, LIMIT_BODY_WINDOW), true, &test.values);
    assert_false(test.values.is_out_of_memory);
    assert_int_equal(test.values.n, 2);
    body_test_done(&test);
    free(window);
}

/* yajl crashes where it gets no memory. Each part of a form may ask for its largest buffers. */
static void test_json_without_memory_is_not_read(void **state)
{
    (void)state;
    static char text[2 * LIMIT_BODY_WINDOW];
    struct body_test test;
    memset(text, 'x', sizeof(text));
    memcpy(text, "{\"a\":\"\\n", 8);
    body_test_init(&test);
    enum { DOCUMENTS = 256 };
    for (int i = 0; i < DOCUMENTS; i++)
        json_read(slice_make(text, 5000), true, &test.values);
    assert_false(test.values.is_out_of_memory);
    assert_int_equal(test.values.n, 2 * DOCUMENTS);
    for (size_t room = 0; room <= 512 * 1024; room += 4096) {
        struct body_values values;
        test.arena.max = test.arena.used + room;
        body_values_init(&values, &test.arena, BODY_ALL_KINDS);
        json_read(slice_make(text, sizeof(text)), true, &values);
        assert_true(values.is_out_of_memory || values.n == 2);
    }
    body_test_done(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_shows_names_and_values),
        cmocka_unit_test(test_json_cut_at_any_byte_shows_a_beginning),
        cmocka_unit_test(test_json_that_is_cut_is_not_invalid),
        cmocka_unit_test(test_json_made_to_hurt_stays_in_its_bounds),
        cmocka_unit_test(test_json_of_too_many_values_shows_the_first),
        cmocka_unit_test(test_json_of_long_strings_fits_into_memory),
        cmocka_unit_test(test_json_without_memory_is_not_read),
    };
    return cmocka_run_group_tests_name("body/json", tests, NULL, NULL);
}
