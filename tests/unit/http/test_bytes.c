/* The classes of bytes are those of the RFCs, wherever in a text a byte stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/bytes.h"

enum { LONGEST = 50 }; /* three steps of sixteen and a rest */

/* Written from the RFCs' own words, not from the tables. */
static bool is_tchar(unsigned c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && c < 0x80 && strchr(others, (int)c) != NULL);
}

static bool is_ctl_but_tab(unsigned c)
{
    return c != '\t' && (c < 0x20 || c == 0x7f);
}

static bool may_stand_in_target(unsigned c)
{
    return c > 0x20 && c < 0x7f && c != '#';
}

static void test_each_byte_is_in_its_class_at_each_place_of_a_text(void **state)
{
    (void)state;
    char text[LONGEST];
    for (size_t len = 1; len <= LONGEST; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned c = 0; c < 256; c++) {
                memset(text, 'a', sizeof(text));
                text[at] = (char)c;
                struct slice slice = slice_make(text, len);
                assert_int_equal(bytes_count_control(slice), is_ctl_but_tab(c) ? 1 : 0);
                assert_int_equal(bytes_are_token(slice, text + len), is_tchar(c));
                assert_int_equal(bytes_are_token(slice, text + LONGEST), is_tchar(c));
                assert_int_equal(bytes_are_target(slice), may_stand_in_target(c));
            }
        }
    }
}

static void test_bytes_behind_the_text_do_not_count(void **state)
{
    (void)state;
    char text[LONGEST];
    for (size_t len = 1; len < LONGEST; len++) {
        memset(text, '\n', sizeof(text));
        memset(text, 'a', len);
        struct slice slice = slice_make(text, len);
        assert_int_equal(bytes_count_control(slice), 0);
        assert_true(bytes_are_token(slice, text + LONGEST));
        assert_true(bytes_are_target(slice));
    }
}

static void test_every_control_byte_is_counted(void **state)
{
    (void)state;
    char text[LONGEST];
    memset(text, '\r', sizeof(text));
    for (size_t len = 0; len <= LONGEST; len++)
        assert_int_equal(bytes_count_control(slice_make(text, len)), len);
}

static void test_an_empty_text_is_neither_token_nor_target(void **state)
{
    (void)state;
    assert_false(bytes_are_token(slice_make("a", 0), "a" + 1));
    assert_false(bytes_are_target(slice_make("a", 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_byte_is_in_its_class_at_each_place_of_a_text),
        cmocka_unit_test(test_bytes_behind_the_text_do_not_count),
        cmocka_unit_test(test_every_control_byte_is_counted),
        cmocka_unit_test(test_an_empty_text_is_neither_token_nor_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
