/* When rules on trial, or new in force, are harmful: by numbers. */
#include "rates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "stopgap/banned.h"

enum { MINUTE = 60 * 1000 };

static const struct rates_bounds bounds = {
    .per_mille = 5, .min_requests = 2000, .least_ms = 30 * MINUTE, .most_ms = 24 * 60 * MINUTE};

static struct rates with_inspections(struct rates rates, uint64_t n, uint64_t us)
{
    rates.inspected[inspect_bucket(us)] += n;
    return rates;
}

static void test_buckets_lie_close_and_in_order(void **state)
{
    (void)state;
    for (uint64_t us = 0; us < 100000; us++) {
        unsigned bucket = inspect_bucket(us);
        assert_true(bucket < INSPECT_BUCKETS);
        assert_true(inspect_bucket_us(bucket) <= us);
        if (bucket + 1 < INSPECT_BUCKETS)
            assert_true(inspect_bucket_us(bucket + 1) > us);
        if (us >= 4)
            assert_true(us <= inspect_bucket_us(bucket) * 5 / 4);
    }
    assert_int_equal(inspect_bucket(UINT64_MAX), INSPECT_BUCKETS - 1);
}

static void test_the_slowest_hundredth_is_found(void **state)
{
    struct rates time = {.ms = 1};
    (void)state;
    assert_int_equal(rates_inspect_us(&time, 99), 0);
    time = with_inspections(time, 985, 5);
    time = with_inspections(time, 15, 4096);
    assert_int_equal(rates_inspect_us(&time, 99), 4096);
    assert_int_equal(rates_inspect_us(&time, 50), 5);
}

static void test_only_what_happened_between_counts(void **state)
{
    struct worker_stats sum = {
        .requests = 10, .requests_blocked = 2, .server_errors = 1, .upstream_failures = 2};
    struct rates begun;
    struct rates now;
    struct rates time;
    (void)state;
    sum.inspected[3] = 7;
    rates_take(&begun, &sum, 1000);
    sum.requests = 15;
    sum.server_errors = 4;
    sum.inspected[3] = 9;
    rates_take(&now, &sum, 3000);
    rates_between(&time, &begun, &now);
    assert_int_equal(time.ms, 2000);
    assert_int_equal(time.requests, 5);
    assert_int_equal(time.blocked, 0);
    assert_int_equal(time.errors, 3);
    assert_int_equal(time.inspected[3], 2);
}

struct row {
    const char *name;
    struct rates now, before;
    enum rates_verdict expected;
    const char *why; /* part of the reason; NULL: none */
};

static void check_rows(const struct row *rows, size_t n,
                       enum rates_verdict (*judge)(const struct rates *, const struct rates *,
                                                   const struct rates_bounds *, char *, size_t))
{
    for (size_t i = 0; i < n; i++) {
        char why[300] = "";
        enum rates_verdict verdict =
            judge(&rows[i].now, &rows[i].before, &bounds, why, sizeof(why));
        if (verdict != rows[i].expected)
            fail_msg("%s: verdict %d: %s", rows[i].name, (int)verdict, why);
        if ((rows[i].why == NULL) != (why[0] == '\0') ||
            (rows[i].why != NULL && strstr(why, rows[i].why) == NULL))
            fail_msg("%s: %s", rows[i].name, why);
    }
}

static void test_a_trial_is_judged_by_who_is_known(void **state)
{
    static const struct row rows[] = {
        {"too short",
         {.ms = 29 * MINUTE, .requests = 9000, .authenticated = 5000},
         {0},
         RATES_GO_ON,
         NULL},
        {"too few",
         {.ms = 31 * MINUTE, .requests = 1999, .authenticated = 900},
         {0},
         RATES_GO_ON,
         NULL},
        {"enough",
         {.ms = 30 * MINUTE, .requests = 2000, .authenticated = 900},
         {0},
         RATES_GOOD,
         NULL},
        {"few for a day", {.ms = 24 * 60 * MINUTE, .requests = 3}, {0}, RATES_GOOD, NULL},
        {"an attack",
         {.ms = 30 * MINUTE, .requests = 90000, .authenticated = 2000},
         {0},
         RATES_GOOD,
         NULL},
        {"within the bound",
         {.ms = 30 * MINUTE, .requests = 3000, .authenticated = 2000, .would_stop = 10},
         {0},
         RATES_GOOD,
         NULL},
        {"over the bound",
         {.ms = 30 * MINUTE, .requests = 3000, .authenticated = 2000, .would_stop = 11},
         {0},
         RATES_BAD,
         "11 of 2000"},
        {"at once when it must come to that",
         {.ms = 1000, .requests = 11, .authenticated = 11, .would_stop = 11},
         {0},
         RATES_BAD,
         "11 of 11"},
        {"not at once when it need not",
         {.ms = 1000, .requests = 10, .authenticated = 10, .would_stop = 10},
         {0},
         RATES_GO_ON,
         NULL},
        {"few requests, most of them stopped",
         {.ms = 24 * 60 * MINUTE, .requests = 8, .authenticated = 8, .would_stop = 6},
         {0},
         RATES_BAD,
         "6 of 8"},
        {"a mistake of somebody",
         {.ms = 24 * 60 * MINUTE, .requests = 8, .authenticated = 8, .would_stop = 2},
         {0},
         RATES_GOOD,
         NULL},
    };
    (void)state;
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), rates_judge_trial);
}

static void test_rules_in_force_are_judged_against_the_time_before(void **state)
{
    static const struct row rows[] = {
        {"quiet", {.ms = MINUTE, .requests = 100, .authenticated = 50}, {0}, RATES_GO_ON, NULL},
        {"over", {.ms = 30 * MINUTE, .requests = 100, .authenticated = 50}, {0}, RATES_GOOD, NULL},
        {"known clients are stopped",
         {.ms = MINUTE, .requests = 700, .blocked = 4, .authenticated = 600, .blocked_known = 4},
         {.ms = MINUTE, .requests = 700, .authenticated = 600},
         RATES_BAD,
         "4 of 604"},
        {"as usual",
         {.ms = MINUTE, .requests = 700, .blocked = 40, .authenticated = 600, .blocked_known = 40},
         {.ms = 60 * MINUTE, .requests = 42000, .authenticated = 36000, .blocked_known = 2400},
         RATES_GO_ON,
         NULL},
        {"an attack is stopped",
         {.ms = 3 * MINUTE, .requests = 9000, .blocked = 8000, .authenticated = 300},
         {.ms = 60 * MINUTE, .requests = 12000, .blocked = 20, .authenticated = 6000},
         RATES_GO_ON,
         NULL},
        {"nobody gets through any more",
         {.ms = 3 * MINUTE, .requests = 600, .blocked = 500, .authenticated = 20},
         {.ms = 60 * MINUTE, .requests = 12000, .blocked = 20, .authenticated = 6000},
         RATES_BAD,
         "20 requests of clients"},
        {"a quiet evening",
         {.ms = 3 * MINUTE, .requests = 30, .blocked = 1, .authenticated = 20},
         {.ms = 60 * MINUTE, .requests = 12000, .blocked = 20, .authenticated = 6000},
         RATES_GO_ON,
         NULL},
        {"Exchange breaks",
         {.ms = MINUTE, .requests = 400, .authenticated = 300, .errors = 30},
         {.ms = 60 * MINUTE, .requests = 24000, .authenticated = 18000, .errors = 60},
         RATES_BAD,
         "30 of 400"},
        {"it was broken before",
         {.ms = MINUTE, .requests = 400, .authenticated = 100, .errors = 210},
         {.ms = 60 * MINUTE, .requests = 24000, .authenticated = 6000, .errors = 12000},
         RATES_GO_ON,
         NULL},
    };
    (void)state;
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), rates_judge_force);
}

static void test_slow_inspections_are_seen(void **state)
{
    struct rates before = with_inspections((struct rates){.ms = MINUTE}, 10000, 40);
    struct rates fast = with_inspections((struct rates){.ms = MINUTE}, 1000, 80);
    struct rates slow = with_inspections(fast, 100, 9000);
    struct rates few = with_inspections((struct rates){.ms = MINUTE}, 20, 9000);
    char why[300] = "";
    (void)state;
    assert_int_equal(rates_judge_trial(&fast, &before, &bounds, why, sizeof(why)), RATES_GO_ON);
    assert_int_equal(rates_judge_trial(&few, &before, &bounds, why, sizeof(why)), RATES_GO_ON);
    assert_string_equal(why, "");
    assert_int_equal(rates_judge_trial(&slow, &before, &bounds, why, sizeof(why)), RATES_BAD);
    assert_non_null(strstr(why, "40 before"));
    assert_int_equal(rates_judge_force(&slow, &before, &bounds, why, sizeof(why)), RATES_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buckets_lie_close_and_in_order),
        cmocka_unit_test(test_the_slowest_hundredth_is_found),
        cmocka_unit_test(test_only_what_happened_between_counts),
        cmocka_unit_test(test_a_trial_is_judged_by_who_is_known),
        cmocka_unit_test(test_rules_in_force_are_judged_against_the_time_before),
        cmocka_unit_test(test_slow_inspections_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
