/* Numbers, names, versions, times and base64 of signed texts. */
#include "publisher.h"

#include "stopgap/banned.h"

struct word_case {
    const char *word;
    bool is_good;
    uint64_t value;
};

static void test_serials_are_decimal_without_leading_zero_up_to_2_63_minus_1(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        {"1", true, 1},
        {"2201010001", true, UINT64_C(2201010001)},
        {"4294967296", true, UINT64_C(4294967296)},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"18446744073709551615", false, 0},
        {"18446744073709551616", false, 0},
        {"99999999999999999999999", false, 0},
        {"0", false, 0},
        {"007", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {"1e3", false, 0},
        {"0x10", false, 0},
        {"1.0", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t value = 0;
        bool is_good = text_number(slice_str(cases[i].word), &value);
        if (is_good != cases[i].is_good || value != cases[i].value)
            fail_msg("'%s'", cases[i].word);
    }
}

static void test_times_have_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bool is_good;
        int64_t seconds;
    } cases[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"2026-11-24T02:00:00Z", true, INT64_C(1795485600)},
        {"2028-02-29T23:59:59Z", true, INT64_C(1835481599)},
        {"9999-12-31T23:59:59Z", true, INT64_C(253402300799)},
        {"2026-02-29T00:00:00Z", false, 0},
        {"2026-13-01T00:00:00Z", false, 0},
        {"2026-00-10T00:00:00Z", false, 0},
        {"2026-04-31T00:00:00Z", false, 0},
        {"2026-11-24T24:00:00Z", false, 0},
        {"2026-11-24T02:60:00Z", false, 0},
        {"2026-11-24T02:00:60Z", false, 0},
        {"1969-12-31T23:59:59Z", false, 0},
        {"2026-11-24 02:00:00Z", false, 0},
        {"2026-11-24T02:00:00z", false, 0},
        {"2026-11-24T02:00:00+00:00", false, 0},
        {"2026-11-24T02:00:00.5Z", false, 0},
        {"2026-11-24T02:00Z", false, 0},
        {"-026-11-24T02:00:00Z", false, 0},
        {"2026-11-24", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t seconds = 0;
        bool is_good = utc_parse_time(slice_str(cases[i].word), &seconds);
        if (is_good != cases[i].is_good || seconds != cases[i].seconds)
            fail_msg("'%s'", cases[i].word);
        char again[UTC_TIME_CHARS + 1];
        utc_format_time(seconds, again);
        if (is_good)
            assert_string_equal(again, cases[i].word);
    }
}

static void test_versions_compare_by_their_parts(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        int order;
    } cases[] = {
        {"1.0.0", "1.0", 0},   {"1.9", "1.10", -1},        {"2.0.0", "1.99.99", 1},
        {"1.0.1", "1.0.0", 1}, {"1.0.0", "1.0.65535", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned a[3];
        unsigned b[3];
        assert_true(text_version(slice_str(cases[i].a), a));
        assert_true(text_version(slice_str(cases[i].b), b));
        assert_int_equal(text_version_compare(a, b), cases[i].order);
    }
    static const char *const bad[] = {"1",    "1.",      ".1",   "1.2.3.4",
                                      "1.02", "1.65536", "1.-1", "v1.0"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unsigned version[3];
        if (text_version(slice_str(bad[i]), version))
            fail_msg("'%s'", bad[i]);
    }
}

static void test_names_cannot_leave_a_folder_or_look_like_an_option(void **state)
{
    (void)state;
    static const char long_name[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const struct word_case cases[] = {
        {"exchange-core", true, 0}, {"a", true, 0},         {"7.x_y", true, 0},    {"", false, 0},
        {".hidden", false, 0},      {"-o", false, 0},       {"a/b", false, 0},     {"A", false, 0},
        {"a b", false, 0},          {"\xc3\xa4", false, 0}, {long_name, false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (text_is_name(slice_str(cases[i].word)) != cases[i].is_good)
            fail_msg("'%s'", cases[i].word);
    assert_true(text_is_name(slice_make(long_name, 63)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serials_are_decimal_without_leading_zero_up_to_2_63_minus_1),
        cmocka_unit_test(test_times_have_one_form),
        cmocka_unit_test(test_versions_compare_by_their_parts),
        cmocka_unit_test(test_names_cannot_leave_a_folder_or_look_like_an_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
