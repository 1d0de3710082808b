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
                const char *end = text + len;
                assert_int_equal(bytes_text_run(text, end), is_ctl_but_tab(c) ? at : len);
                assert_int_equal(bytes_token_run(text, end), is_tchar(c) ? len : at);
                assert_int_equal(bytes_target_run(text, end), may_stand_in_target(c) ? len : at);
            }
        }
    }
}

static void test_bytes_behind_the_text_do_not_count(void **state)
{
    (void)state;
    char text[LONGEST];
    memset(text, 'a', sizeof(text));
    for (size_t len = 0; len < LONGEST; len++) {
        assert_int_equal(bytes_text_run(text, text + len), len);
        assert_int_equal(bytes_token_run(text, text + len), len);
        assert_int_equal(bytes_target_run(text, text + len), len);
    }
}

static void test_the_first_other_byte_counts(void **state)
{
    (void)state;
    char text[LONGEST];
    for (size_t len = 0; len < LONGEST; len++) {
        memset(text, '\r', sizeof(text));
        memset(text, 'a', len);
        assert_int_equal(bytes_text_run(text, text + LONGEST), len);
        assert_int_equal(bytes_token_run(text, text + LONGEST), len);
        assert_int_equal(bytes_target_run(text, text + LONGEST), len);
    }
}

static void test_an_empty_text_is_neither_token_nor_target(void **state)
{
    (void)state;
    assert_false(bytes_are_token(slice_make("a", 0)));
    assert_false(bytes_are_target(slice_make("a", 0)));
    assert_true(bytes_are_text(slice_make(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_byte_is_in_its_class_at_each_place_of_a_text),
        cmocka_unit_test(test_bytes_behind_the_text_do_not_count),
        cmocka_unit_test(test_the_first_other_byte_counts),
        cmocka_unit_test(test_an_empty_text_is_neither_token_nor_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
