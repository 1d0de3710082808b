/* Which block holds for which id, and what state comes out of the switches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stopgap/mitigation.h"

#include "stopgap/banned.h"

static void test_a_block_holds_for_its_family(void **state)
{
    (void)state;
    static const struct {
        const char *block, *id;
        bool covers;
    } cases[] = {
        {"M1", "M1", true},
        {"M1", "M1.1", true},
        {"m1", "M1.1", true},
        {"M01.1", "M1.1", true},
        {"M1", "M10", false},
        {"M1.1", "M1", false},
        {"M1.1", "M1.10", false},
        {"M2.1.0", "M2.1", true}, /* as advised for the single one */
        {"M2.1.0", "M2.1.1", false},
        {"M1.0", "M1.1", false},
        {"PING1", "M1", false},
        {"SG-2022-41040-PATH", "SG-2022-41040-PATH", true},
        {"SG-2022-41040", "SG-2022-41040-PATH", false},
        {"SG-OWN", "SG-OWN.1", true},
        {"SG-OWN", "sg-own", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (mitigation_id_covers(cases[i].block, cases[i].id) != cases[i].covers)
            fail_msg("a block on %s and %s", cases[i].block, cases[i].id);
}

static void test_the_state_follows_the_switches(void **state)
{
    (void)state;
    static const struct {
        struct mitigation_facts facts; /* org, server, blocked, off by rule, applicable, failed */
        enum mitigation_state expected;
    } cases[] = {
        {{true, true, false, false, true, false}, MITIGATION_APPLIED},
        {{false, true, false, false, true, false}, MITIGATION_DISABLED},
        {{true, false, false, false, true, false}, MITIGATION_DISABLED},
        {{true, true, true, false, true, false}, MITIGATION_BLOCKED},
        {{false, true, true, false, true, false}, MITIGATION_BLOCKED},
        {{true, true, true, false, false, true}, MITIGATION_BLOCKED},
        {{true, true, false, true, true, false}, MITIGATION_DISABLED},
        {{true, true, false, false, false, false}, MITIGATION_NOT_APPLICABLE},
        {{true, true, false, false, false, true}, MITIGATION_NOT_APPLICABLE},
        {{true, true, false, false, true, true}, MITIGATION_FAILED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (mitigation_judge(&cases[i].facts) != cases[i].expected)
            fail_msg("case %zu is not %s", i, mitigation_state_word(cases[i].expected));
}

static void test_ids_and_reasons_are_short_and_plain(void **state)
{
    (void)state;
    char long_text[300];
    memset(long_text, 'a', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_true(mitigation_id_is_good("M1.1"));
    assert_false(mitigation_id_is_good(""));
    assert_false(mitigation_id_is_good("M1 1"));
    assert_false(mitigation_id_is_good(long_text));
    assert_true(mitigation_reason_is_good("breaks printing, ticket 4711"));
    assert_false(mitigation_reason_is_good(""));
    assert_false(mitigation_reason_is_good("two\nlines"));
    assert_false(mitigation_reason_is_good(long_text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_holds_for_its_family),
        cmocka_unit_test(test_the_state_follows_the_switches),
        cmocka_unit_test(test_ids_and_reasons_are_short_and_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
