/* What is odd about a target, word by word. */
#include "request_fixture.h"

enum { ALL_BITS = (ANOMALY_UNSTABLE << 1) - 1 };

static const struct {
    const char *name;
    struct slice target;
    uint32_t expected; /* exactly these bits */
} cases[] = {
    {"a client's request has none", SLICE("/owa/Auth/logon.aspx?url=https%3a%2f%2fh%2f%25"), 0},
    {"an encoded name has none", SLICE("/owa/m%C3%BCller%40example.com/a%20b/"), 0},
    {"REST keys have none", SLICE("/api/v2.0/Users('a@example.com')/Folders('x')"), 0},
    {"the asterisk has none", SLICE("*"), 0},
    {"bad escapes in a query do not count", SLICE("/owa/?a=%zz&b=%u12&c=..//\\"), 0},
    {"a percent sign by itself is no bad escape", SLICE("/a%25b"), 0},
    {"bad escape", SLICE("/a%zz"), ANOMALY_BAD_ESCAPE},
    {"encoded NUL", SLICE("/owa/x%00.js"), ANOMALY_ENCODED_CONTROL},
    {"encoded DEL", SLICE("/owa/x%7f.js"), ANOMALY_ENCODED_CONTROL},
    {"encoded C1 control", SLICE("/owa/x%C2%85.js"), ANOMALY_ENCODED_CONTROL},
    {"percent u", SLICE("/owa/%u0041"), ANOMALY_PERCENT_U},
    {"backslash", SLICE("/owa/a\\b"), ANOMALY_BACKSLASH},
    {"encoded backslash", SLICE("/owa/a%5Cb"), ANOMALY_BACKSLASH},
    {"encoded slash", SLICE("/owa/a%2Fb"), ANOMALY_ENCODED_SLASH},
    {"encoded slash by %u", SLICE("/owa/a%u002Fb"), ANOMALY_ENCODED_SLASH | ANOMALY_PERCENT_U},
    {"double encoding", SLICE("/owa/%2541"), ANOMALY_DOUBLE_ENCODED},
    {"double encoding in a segment that goes", SLICE("/owa/%2541/../x"),
     ANOMALY_DOUBLE_ENCODED | ANOMALY_DOT_SEGMENT},
    {"above the root", SLICE("/../owa"),
     ANOMALY_ABOVE_ROOT | ANOMALY_DOT_SEGMENT | ANOMALY_VDIR_MISMATCH},
    {"dot segment", SLICE("/owa/./x"), ANOMALY_DOT_SEGMENT},
    {"encoded dot segment", SLICE("/owa/x/%2e%2e/y"), ANOMALY_DOT_SEGMENT},
    {"double slash", SLICE("/owa//x"), ANOMALY_DOUBLE_SLASH},
    {"double slash in front", SLICE("//owa/x"), ANOMALY_DOUBLE_SLASH | ANOMALY_VDIR_MISMATCH},
    {"invalid UTF-8", SLICE("/owa/%FC"), ANOMALY_INVALID_UTF8},
    {"overlong UTF-8", SLICE("/owa/%C1%81"), ANOMALY_INVALID_UTF8 | ANOMALY_OVERLONG_UTF8},
    {"overlong UTF-8 of six bytes", SLICE("/owa/a%FC%80%80%80%80%AFb"),
     ANOMALY_INVALID_UTF8 | ANOMALY_OVERLONG_UTF8},
    {"surrogate by %u", SLICE("/owa/%uDC00"), ANOMALY_PERCENT_U | ANOMALY_OVERLONG_UTF8},
    {"trailing dot", SLICE("/owa/x."), ANOMALY_TRAILING_DOT},
    {"trailing blank", SLICE("/owa/x%20/y"), ANOMALY_TRAILING_DOT},
    {"trailing dot of the first segment", SLICE("/owa./x"),
     ANOMALY_TRAILING_DOT | ANOMALY_VDIR_MISMATCH},
    {"data stream", SLICE("/owa/x.aspx::$DATA"), ANOMALY_STREAM},
    {"index stream", SLICE("/owa/x:$i30"), ANOMALY_STREAM},
    {"a first segment by plain escapes agrees", SLICE("/%6FWA/x"), 0},
    {"a first segment by %u does not", SLICE("/%u006Fwa/x"),
     ANOMALY_PERCENT_U | ANOMALY_VDIR_MISMATCH},
    {"the first segment changes", SLICE("/owa/../ecp"),
     ANOMALY_DOT_SEGMENT | ANOMALY_VDIR_MISMATCH},
    {"the first segment changes for a second decoder", SLICE("/owa/%252e%252e/ecp"),
     ANOMALY_DOUBLE_ENCODED | ANOMALY_DOT_SEGMENT | ANOMALY_VDIR_MISMATCH},
    {"best fit", SLICE("/owa/%EF%BD%81"), ANOMALY_BEST_FIT},
    {"absolute form", SLICE("https://h/owa/"), ANOMALY_ABSOLUTE_FORM},
    {"cookieless", SLICE("/owa/(S(x))/y"), ANOMALY_COOKIELESS},
    {"too many encodings", SLICE("/owa/%2525252541"), ANOMALY_DOUBLE_ENCODED | ANOMALY_UNSTABLE},
    {"just enough encodings", SLICE("/owa/%252541"), ANOMALY_DOUBLE_ENCODED},
};

static void test_each_oddity_is_named_and_nothing_else(void **state)
{
    (void)state;
    size_t n_bad = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture fixture;
        uint32_t got = fixture_target(&fixture, cases[i].target)->anomalies;
        for (uint32_t bit = 1; bit < ALL_BITS; bit <<= 1) {
            if ((got & bit) == (cases[i].expected & bit))
                continue;
            print_error("%s: %s is %s\n", cases[i].name, view_anomaly_name(bit),
                        (got & bit) != 0 ? "set" : "missing");
            n_bad++;
        }
        fixture_end(&fixture);
    }
    assert_int_equal(n_bad, 0);
}

static void test_names_and_bits_belong_together(void **state)
{
    (void)state;
    for (uint32_t bit = 1; bit < ALL_BITS; bit <<= 1) {
        assert_non_null(view_anomaly_name(bit));
        assert_int_equal(view_anomaly_bit(slice_str(view_anomaly_name(bit))), bit);
    }
    assert_int_equal(view_anomaly_bit(SLICE("bad_escape")), ANOMALY_BAD_ESCAPE);
    assert_int_equal(view_anomaly_bit(SLICE("vdir_mismatch")), ANOMALY_VDIR_MISMATCH);
    assert_int_equal(view_anomaly_bit(SLICE("cookieless")), ANOMALY_COOKIELESS);
    assert_int_equal(view_anomaly_bit(SLICE("no_such_word")), 0);
    assert_int_equal(view_anomaly_bit(SLICE("")), 0);
    assert_null(view_anomaly_name(0));
    assert_null(view_anomaly_name(3));
    assert_null(view_anomaly_name(1u << 31));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_oddity_is_named_and_nothing_else),
        cmocka_unit_test(test_names_and_bits_belong_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
