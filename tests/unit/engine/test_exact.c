/* Texts that are looked up instead of scanned for. */
#include "engine/exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stopgap/banned.h"

enum { N_TEXTS = 2000, MAX_TEXT = 40 };

static void test_every_text_is_found_in_any_case_and_no_other(void **state)
{
    static char texts[N_TEXTS][MAX_TEXT];
    static struct exact_entry entries[N_TEXTS];
    static _Alignas(16) char memory[1024 * 1024];
    struct arena arena;
    struct exact_table table;
    (void)state;
    for (size_t i = 0; i < N_TEXTS; i++) {
        int len = snprintf(texts[i], MAX_TEXT, "%.*sname-%zu", (int)(i % 20),
                           "abcdefghijklmnopqrstuvwxyz", i / 2);
        entries[i] = (struct exact_entry){.text = slice_make(texts[i], (size_t)len),
                                          .bit = (uint32_t)(i % 100),
                                          .flags = EXACT_SCANS};
    }
    arena_init(&arena, memory, sizeof(memory), sizeof(memory));
    assert_true(exact_build(&table, entries, N_TEXTS, &arena));
    for (size_t i = 0; i < N_TEXTS; i++) {
        char upper[MAX_TEXT];
        uint64_t bits[2] = {0, 0};
        size_t len = strlen(texts[i]);
        for (size_t at = 0; at < len; at++)
            upper[at] = (char)(texts[i][at] >= 'a' ? texts[i][at] - 32 : texts[i][at]);
        assert_int_equal(exact_find(&table, slice_make(upper, len), bits), EXACT_SCANS);
        assert_true(i % 100 == 0 || (bits[i % 100 / 64] >> (i % 100 % 64) & 1) != 0);
        upper[len - 1] = '_';
        assert_int_equal(exact_find(&table, slice_make(upper, len), bits), 0);
        assert_int_equal(exact_find(&table, slice_make(upper, 0), bits), 0);
    }
    arena_done(&arena);
}

static void test_equal_entries_become_one_and_all_bits_of_a_text_are_set(void **state)
{
    static _Alignas(16) char memory[8192];
    struct exact_entry entries[] = {{.text = SLICE_INIT("Cookie"), .flags = EXACT_SCANS},
                                    {.text = SLICE_INIT("COOKIE"), .flags = EXACT_DECODES},
                                    {.text = SLICE_INIT("cookie"), .bit = 70},
                                    {.text = SLICE_INIT("cookie"), .bit = 70},
                                    {.text = SLICE_INIT("cookie"), .bit = 3}};
    struct arena arena;
    struct exact_table table;
    uint64_t bits[2] = {0, 0};
    (void)state;
    arena_init(&arena, memory, sizeof(memory), sizeof(memory));
    assert_true(exact_build(&table, entries, 5, &arena));
    assert_int_equal(table.offsets[table.mask + 1], 3);
    assert_int_equal(exact_find(&table, SLICE("cOOkie"), bits), EXACT_SCANS | EXACT_DECODES);
    assert_int_equal(bits[0], 1 << 3);
    assert_int_equal(bits[1], 1 << (70 - 64));
    assert_true(exact_build(&table, entries, 0, &arena));
    assert_int_equal(exact_find(&table, SLICE("cookie"), NULL), 0);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_text_is_found_in_any_case_and_no_other),
        cmocka_unit_test(test_equal_entries_become_one_and_all_bits_of_a_text_are_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
