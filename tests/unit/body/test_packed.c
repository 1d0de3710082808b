/* Bytes that the texts of a document stand for, and PowerShell's fragments in them. */
#include "body_test.h"

#include "body/packed.h"
#include "body/xml.h"

#include "stopgap/banned.h"

/* A fragment: object 1, fragment, flags, length, data. */
#define HEAD(fragment, flags, length)                                                              \
    "\0\0\0\0\0\0\0\1"                                                                             \
    "\0\0\0\0\0\0\0" fragment flags "\0\0\0" length

static void read_xml(struct slice text, bool is_cut, struct body_values *values)
{
    values->kinds = 1u << BODY_XML_BASE64;
    xml_read(text, false, is_cut, values);
}

static const struct packed_case {
    const char *name;
    const char *text;
    const char *expected;
} cases[] = {
    {"each text", "<a>aGVsbG8=<b>d29ybGQ=</b></a>", "base64 b=world|base64 a=hello|"},
    {"no padding", "<a>aGVsbG8</a>", "base64 a=hello|"},
    {"blanks and lines", "<a> aGV\r\n\tsb G8=\n</a>", "base64 a=hello|"},
    {"references and sections", "<a>&#97;GVs<![CDATA[bG8]]>=</a>", "base64 a=hello|"},
    {"up to what is no base64", "<a>aGVsbG8=.d29ybGQ=</a>", "base64 a=hello|"},
    {"text of another kind", "<a>.</a>", ""},
    {"nothing", "<a/>", ""},
};

static void test_base64_is_read_as_dotnet_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct body_test test;
        body_test_init(&test);
        read_xml(slice_str(cases[i].text), false, &test.values);
        if (strcmp(body_test_text(&test), cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].name, body_test_text(&test));
        body_test_done(&test);
    }
}

static void test_base64_cut_at_any_byte_shows_a_beginning(void **state)
{
    (void)state;
    body_test_cut_everywhere(SLICE("<a><b>aGVsbG8gd29ybGQ=</b><c>d29y\r\nbGQ</c></a>"), read_xml);
}

static struct slice join(struct body_test *test, struct slice bytes)
{
    struct slice joined;
    body_test_init(test);
    assert_true(packed_join(bytes, &test->arena, &joined));
    return joined;
}

static void test_fragments_are_joined(void **state)
{
    (void)state;
    static const char two[] = HEAD("\0", "\1", "\3") "as." HEAD("\1", "\2", "\4") "aspx";
    struct body_test test;
    assert_true(slice_equal(join(&test, slice_make(two, sizeof(two) - 1)), SLICE("as.aspx")));
    body_test_done(&test);
}

static void test_ids_and_spare_flags_hide_no_fragment(void **state)
{
    (void)state;
    static const char large[] = "\x7f\0\0\0\0\0\0\1"
                                "\1\0\0\0\0\0\0\0"
                                "\xf1\0\0\0\3"
                                "as."
                                "\x7f\0\0\0\0\0\0\1"
                                "\1\0\0\0\0\0\0\1"
                                "\x82\0\0\0\4"
                                "aspx";
    struct body_test test;
    assert_true(slice_equal(join(&test, slice_make(large, sizeof(large) - 1)), SLICE("as.aspx")));
    body_test_done(&test);
}

static void test_a_fragment_that_is_cut_shows_what_is_there(void **state)
{
    (void)state;
    static const char cut[] = HEAD("\0", "\1", "\3") "as." HEAD("\1", "\2", "\4") "as";
    struct body_test test;
    assert_true(slice_equal(join(&test, slice_make(cut, sizeof(cut) - 1)), SLICE("as.as")));
    body_test_done(&test);
    assert_true(slice_equal(join(&test, slice_make(cut, 21 + 3 + 20)), SLICE("as.")));
    body_test_done(&test);
    assert_true(slice_equal(join(&test, slice_make(cut, 20)), SLICE("")));
    body_test_done(&test);
}

static void test_a_length_beyond_the_end_is_bounded(void **state)
{
    (void)state;
    static const char bytes[] = "\0\0\0\0\0\0\0\1"
                                "\0\0\0\0\0\0\0\0"
                                "\3\x1f\xff\xff\xff"
                                "aspx";
    struct body_test test;
    assert_true(slice_equal(join(&test, slice_make(bytes, sizeof(bytes) - 1)), SLICE("aspx")));
    body_test_done(&test);
}

static void test_other_bytes_are_no_fragments(void **state)
{
    (void)state;
    struct body_test test;
    assert_int_equal(join(&test, SLICE("<Obj RefId=\"0\"><MS><S>aspx</S></MS></Obj>")).len, 0);
    body_test_done(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_is_read_as_dotnet_does),
        cmocka_unit_test(test_base64_cut_at_any_byte_shows_a_beginning),
        cmocka_unit_test(test_fragments_are_joined),
        cmocka_unit_test(test_ids_and_spare_flags_hide_no_fragment),
        cmocka_unit_test(test_a_fragment_that_is_cut_shows_what_is_there),
        cmocka_unit_test(test_a_length_beyond_the_end_is_bounded),
        cmocka_unit_test(test_other_bytes_are_no_fragments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
