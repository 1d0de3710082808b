/* Slices: comparison, trimming, lists and numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stopgap/slice.h"

static void test_equality_looks_at_length_and_bytes(void **state)
{
    (void)state;
    assert_true(slice_equal(SLICE("abc"), SLICE("abc")));
    assert_true(slice_equal(SLICE("a\0b"), SLICE("a\0b")));
    assert_true(slice_equal(SLICE(""), slice_make(NULL, 0)));
    assert_true(slice_equal(slice_str(NULL), SLICE("")));
    assert_false(slice_equal(SLICE("abc"), SLICE("abd")));
    assert_false(slice_equal(SLICE("abc"), SLICE("ab")));
    assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
}

static void test_case_is_ignored_for_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(slice_equal_nocase(SLICE("Host-1"), SLICE("hOST-1")));
    assert_false(slice_equal_nocase(SLICE("@"), SLICE("`")));
    assert_false(slice_equal_nocase(SLICE("["), SLICE("{")));
    assert_false(slice_equal_nocase(SLICE("\xC4"), SLICE("\xE4")));
    assert_true(slice_starts_with_nocase(SLICE("/OWA/x"), SLICE("/owa")));
    assert_false(slice_starts_with_nocase(SLICE("/ow"), SLICE("/owa")));
    assert_true(slice_ends_with_nocase(SLICE("x.ASPX"), SLICE(".aspx")));
    assert_false(slice_ends_with_nocase(SLICE("aspx"), SLICE(".aspx")));
    assert_true(slice_starts_with(SLICE("abc"), SLICE("")));
    assert_false(slice_starts_with(SLICE("Abc"), SLICE("a")));
}

/* Texts of each length, with one byte replaced by each other byte, at each place. */
static void test_case_is_ignored_alike_in_texts_of_any_length(void **state)
{
    static const char text[] = "aZ-bY_cX@dW[eV`fU{gT|hS";
    char other[sizeof(text)];
    (void)state;
    for (size_t len = 1; len < sizeof(text); len++)
        for (size_t at = 0; at < len; at++)
            for (int byte = 0; byte < 256; byte++) {
                memcpy(other, text, len);
                other[at] = (char)byte;
                bool expected = ascii_lower(other[at]) == ascii_lower(text[at]);
                if (slice_equal_nocase(slice_make(text, len), slice_make(other, len)) != expected)
                    fail_msg("%zu bytes, byte %d at %zu", len, byte, at);
            }
}

static void test_parts_never_leave_the_slice(void **state)
{
    struct slice text = SLICE("abcdef");
    (void)state;
    assert_true(slice_equal(slice_from(text, 2), SLICE("cdef")));
    assert_true(slice_equal(slice_head(text, 2), SLICE("ab")));
    assert_int_equal(slice_from(text, 6).len, 0);
    assert_int_equal(slice_from(text, 99).len, 0);
    assert_ptr_equal(slice_from(text, 99).ptr, text.ptr + 6);
    assert_int_equal(slice_head(text, 99).len, 6);
    assert_int_equal(slice_find(text, 'c'), 2);
    assert_int_equal(slice_find(text, 'x'), SIZE_MAX);
    assert_int_equal(slice_find(slice_make(NULL, 0), 'x'), SIZE_MAX);
}

static void test_trim_takes_blanks_and_tabs_at_both_ends(void **state)
{
    (void)state;
    assert_true(slice_equal(slice_trim(SLICE(" \ta b\t ")), SLICE("a b")));
    assert_true(slice_equal(slice_trim(SLICE(" \t ")), SLICE("")));
    assert_true(slice_equal(slice_trim(SLICE("\ra\n")), SLICE("\ra\n")));
    assert_int_equal(slice_trim(slice_make(NULL, 0)).len, 0);
}

static void test_a_list_yields_every_element(void **state)
{
    static const struct {
        const char *list;
        const char *expected[4];
    } cases[] = {
        {"a, b ,c", {"a", "b", "c"}},  {"a", {"a"}}, {"", {""}}, {",", {"", ""}},
        {"a,,b,", {"a", "", "b", ""}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice rest = slice_str(cases[i].list);
        struct slice element;
        size_t n = 0;
        while (slice_next(&rest, ',', &element)) {
            assert_in_range(n, 0, 3);
            assert_non_null(cases[i].expected[n]);
            assert_true(slice_equal(element, slice_str(cases[i].expected[n])));
            n++;
        }
        assert_true(n == 4 || cases[i].expected[n] == NULL);
    }
}

static void test_numbers_are_digits_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        bool is_number;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"0x1", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t value = 42;
        assert_int_equal(slice_to_u64(slice_str(cases[i].text), &value), cases[i].is_number);
        assert_int_equal(value, cases[i].is_number ? cases[i].value : 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality_looks_at_length_and_bytes),
        cmocka_unit_test(test_case_is_ignored_for_ascii_letters_only),
        cmocka_unit_test(test_case_is_ignored_alike_in_texts_of_any_length),
        cmocka_unit_test(test_parts_never_leave_the_slice),
        cmocka_unit_test(test_trim_takes_blanks_and_tabs_at_both_ends),
        cmocka_unit_test(test_a_list_yields_every_element),
        cmocka_unit_test(test_numbers_are_digits_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
