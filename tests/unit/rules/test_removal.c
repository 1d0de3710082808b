/* Which share of the rules may go without notice. */
#include "removal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stopgap/banned.h"

static void test_a_fifth_of_the_rules_that_act_may_go(void **state)
{
    (void)state;
    const struct rule acts = {.id = (char[]){"ACTS"}};
    struct removal_count count = {.n_before = 10};
    assert_false(removal_is_conspicuous(&count));
    assert_true(removal_note(&count, &acts, DRIFT_LOOSER));
    assert_true(removal_note(&count, &acts, DRIFT_LOOSER));
    assert_false(removal_is_conspicuous(&count));
    assert_true(removal_note(&count, &acts, DRIFT_LOOSER));
    assert_true(removal_is_conspicuous(&count));
}

static void test_what_stops_as_much_as_before_is_not_gone(void **state)
{
    (void)state;
    const struct rule acts = {.id = (char[]){"ACTS"}, .is_kept = true};
    struct removal_count count = {.n_before = 1};
    assert_false(removal_note(&count, &acts, DRIFT_NONE));
    assert_false(removal_note(&count, &acts, DRIFT_TIGHTER));
    assert_false(removal_note(&count, &acts, DRIFT_OTHER));
    assert_false(removal_is_conspicuous(&count));
}

static void test_one_rule_that_should_be_kept_is_enough(void **state)
{
    (void)state;
    const struct rule acts = {.id = (char[]){"ACTS"}};
    const struct rule kept = {.id = (char[]){"KEPT"}, .is_kept = true};
    struct removal_count count = {.n_before = 100};
    assert_true(removal_note(&count, &acts, DRIFT_LOOSER));
    assert_false(removal_is_conspicuous(&count));
    assert_true(removal_note(&count, &kept, DRIFT_LOOSER));
    assert_true(removal_is_conspicuous(&count));
    assert_string_equal(count.kept, "KEPT");
}

/* It is no part of the whole, so it must be none of the share. */
static void test_a_rule_that_only_reports_takes_nothing_away(void **state)
{
    (void)state;
    const struct rule reports = {.id = (char[]){"REPORTS"}, .is_detect_only = true};
    struct removal_count count = {.n_before = 1};
    assert_true(removal_note(&count, &reports, DRIFT_LOOSER));
    assert_false(removal_is_conspicuous(&count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fifth_of_the_rules_that_act_may_go),
        cmocka_unit_test(test_what_stops_as_much_as_before_is_not_gone),
        cmocka_unit_test(test_one_rule_that_should_be_kept_is_enough),
        cmocka_unit_test(test_a_rule_that_only_reports_takes_nothing_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
