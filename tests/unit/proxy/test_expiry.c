/* When it is said that something expires. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expiry.h"

#define DAY INT64_C(86400)

static const struct expiry_item certificate = {
    .key = "a", .until_unix = 100 * DAY, .soon_s = 21 * DAY};

static enum expiry_stage round_of(struct expiry_list *list, const struct expiry_item *item,
                                  int64_t now)
{
    expiry_round_begin(list);
    enum expiry_stage stage = expiry_note(list, item, now);
    expiry_round_end(list);
    return stage;
}

static void test_each_stage_is_told_once_and_at_its_moment(void **state)
{
    static const struct {
        int64_t now;
        enum expiry_stage stage;
    } rows[] = {
        {1 * DAY, EXPIRY_FINE},      {79 * DAY - 1, EXPIRY_FINE}, {79 * DAY, EXPIRY_SOON},
        {79 * DAY + 1, EXPIRY_FINE}, {99 * DAY, EXPIRY_FINE},     {100 * DAY - 1, EXPIRY_FINE},
        {100 * DAY, EXPIRY_OVER},    {101 * DAY, EXPIRY_FINE},
    };
    struct expiry_list list = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(round_of(&list, &certificate, rows[i].now), rows[i].stage);
    expiry_list_done(&list);
}

static void test_what_has_expired_already_is_told_at_once(void **state)
{
    struct expiry_list list = {0};
    (void)state;
    assert_int_equal(round_of(&list, &certificate, 200 * DAY), EXPIRY_OVER);
    expiry_list_done(&list);
}

static void test_a_renewed_one_is_another_and_what_is_gone_is_forgotten(void **state)
{
    static const struct expiry_item renewed = {
        .key = "b", .until_unix = 110 * DAY, .soon_s = 21 * DAY};
    struct expiry_list list = {0};
    (void)state;
    assert_int_equal(round_of(&list, &certificate, 90 * DAY), EXPIRY_SOON);
    assert_int_equal(round_of(&list, &renewed, 90 * DAY), EXPIRY_SOON);
    assert_int_equal(list.n, 1);
    assert_int_equal(round_of(&list, &certificate, 90 * DAY), EXPIRY_SOON);
    expiry_list_done(&list);
}

static void test_what_never_expires_is_never_told(void **state)
{
    static const struct expiry_item endless = {
        .key = "a", .until_unix = INT64_MAX, .soon_s = 21 * DAY};
    struct expiry_list list = {0};
    (void)state;
    assert_int_equal(round_of(&list, &endless, 20000 * DAY), EXPIRY_FINE);
    expiry_list_done(&list);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_stage_is_told_once_and_at_its_moment),
        cmocka_unit_test(test_what_has_expired_already_is_told_at_once),
        cmocka_unit_test(test_a_renewed_one_is_another_and_what_is_gone_is_forgotten),
        cmocka_unit_test(test_what_never_expires_is_never_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
