/* Who offers junk again and again is counted, and told of a few times a minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "refusals.h"

#include "stopgap/banned.h"

static struct refusals refusals;

static unsigned told(const char *code, int times, uint64_t now_ms)
{
    unsigned n = 0;
    uint64_t n_untold;
    for (int i = 0; i < times; i++)
        n += refusals_note(&refusals, code, now_ms, &n_untold);
    return n;
}

static void test_a_flood_of_one_code_is_counted_and_told_of_a_few_times(void **state)
{
    (void)state;
    uint64_t n_untold = 0;
    refusals = (struct refusals){.n = 0};
    assert_int_equal(told("E_HASH", 1000, 0), REFUSAL_BURST);
    assert_int_equal(told("E_HASH", 1000, REFUSAL_WINDOW_MS - 1), 0);
    assert_int_equal(told("E_ROLLBACK", 3, 10), 3); /* others are not silenced by it */
    assert_true(refusals_note(&refusals, "E_HASH", REFUSAL_WINDOW_MS, &n_untold));
    assert_int_equal(n_untold, 2000 - REFUSAL_BURST);
    assert_true(refusals_note(&refusals, "E_HASH", REFUSAL_WINDOW_MS, &n_untold));
    assert_int_equal(n_untold, 0);
    assert_int_equal(refusals.items[0].n, 2002);
    assert_int_equal(refusals.items[1].n, 3);
}

/* The code may be of a newer publisher, or nonsense: what is remembered has a bound. */
static void test_there_is_room_for_so_many_codes_and_the_rest_counts_as_the_last(void **state)
{
    (void)state;
    char code[64];
    refusals = (struct refusals){.n = 0};
    for (int i = 0; i < 2 * REFUSAL_CODES; i++) {
        (void)snprintf(code, sizeof(code), "E_%d_AND_A_NAME_THAT_IS_CUT_OFF_AT_THE_END", i);
        (void)told(code, 1, 0);
    }
    assert_int_equal(refusals.n, REFUSAL_CODES);
    assert_true(refusals.items[REFUSAL_CODES - 1].n > REFUSAL_CODES / 2);
    assert_int_equal(strlen(refusals.items[0].code), REFUSAL_CODE_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flood_of_one_code_is_counted_and_told_of_a_few_times),
        cmocka_unit_test(test_there_is_room_for_so_many_codes_and_the_rest_counts_as_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
