/* What is counted of each rule, and which rules are pointed out. */
#include "cost/cost.h"

#include "engine/engine_test.h"

#include "stopgap/banned.h"

static const struct test_rule rules[] = {
    {.id = "SELDOM",
     .when = "{all: [{field: path, equals: /owa/seldom}, {field: query, regex: "
             "'^a=[0-9]+$'}]}"},
    {.id = "ALWAYS", .when = "{none: [{field: path, starts_with: /}]}"},
    {.id = "BODY", .when = "{all: [{field: path, equals: /ews/}, {field: body, contains: words}]}"},
};

static struct cost_request request(const char *target, const char *body)
{
    static const struct header_field host = {.name = SLICE("Host"), .value = SLICE("a")};
    return (struct cost_request){.head = {.method = SLICE("POST"),
                                          .target = slice_str(target),
                                          .host = host.value,
                                          .fields = &host,
                                          .n_fields = 1,
                                          .has_body = body != NULL},
                                 .body = slice_str(body)};
}

static void on_progress(void *ctx, double done)
{
    double *last = ctx;
    assert_true(done >= *last && done <= 1);
    *last = done;
}

static void test_each_rule_gets_what_it_did(void **state)
{
    (void)state;
    const struct cost_request requests[] = {
        request("/owa/seldom?a=1", NULL), request("/owa/seldom?a=b", NULL), request("/owa/", NULL),
        request("/ews/", "some words"),   request("/ews/", "others"),
    };
    struct test_set set = test_set_new(rules, 3);
    struct cost_report report;
    struct err err = {0};
    double last = 0;
    assert_true(
        cost_measure(set.set, &(struct cost_run){requests, 5, on_progress, &last}, &report, &err));
    assert_int_equal(report.n_requests, 5);
    assert_int_equal(report.n_stopped, 2);
    assert_int_equal(report.n_failed, 0);
    assert_int_equal(report.rules[0].n_woken, 2);
    assert_int_equal(report.rules[0].n_matched, 1);
    assert_int_equal(report.rules[0].n_confirms, 2);
    assert_int_equal(report.rules[1].n_woken, 5);
    assert_int_equal(report.rules[1].n_matched, 0);
    assert_int_equal(report.rules[2].n_woken, 4); /* heads and bodies */
    assert_int_equal(report.rules[2].n_matched, 1);
    assert_true(report.head_bytes > 0 && report.body_bytes > 0);
    assert_true(report.check_ns > 0 && report.views_ns > 0 && report.scan_ns > 0);
    assert_true(last > 0.5);
    cost_report_done(&report);
    test_set_done(&set);
}

static void test_what_is_slow_again_counts_as_slow(void **state)
{
    (void)state;
    static const struct test_rule slow = {.id = "SLOW",
                                          .when = "{field: query, not_regex: '^(x+x+)+$'}"};
    const struct cost_request requests[] = {
        request("/owa/?xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx!", NULL), request("/owa/", NULL)};
    struct test_set set = test_set_new(&slow, 1);
    struct cost_report report;
    struct err err = {0};
    assert_true(cost_measure(set.set, &(struct cost_run){requests, 2, NULL, NULL}, &report, &err));
    assert_true(report.rules[0].worst_ns > 250 * 1000);
    cost_report_done(&report);
    test_set_done(&set);
}

static bool has_advice(const struct cost_advice *advice, size_t n, size_t rule,
                       enum cost_reason reason)
{
    for (size_t i = 0; i < n; i++)
        if (advice[i].rule == rule && advice[i].reason == reason)
            return true;
    return false;
}

static void test_rules_are_pointed_out_for_a_reason(void **state)
{
    (void)state;
    struct test_set set = test_set_new(rules, 3);
    struct rule_cost costs[3] = {
        {.n_woken = 10, .n_matched = 2, .evaluate_ns = 10, .worst_ns = 1000},
        {.n_woken = 1000, .evaluate_ns = 900 * 1000},
        {.n_woken = 500, .evaluate_ns = 30 * 1000, .worst_ns = 3000 * 1000},
    };
    const struct cost_report report = {.check_ns = 1000, .n_requests = 1000, .rules = costs};
    struct cost_advice advice[16];
    size_t n = cost_advise(&report, set.set, false, advice, 16);
    assert_true(has_advice(advice, n, 0, COST_STOPS));
    assert_true(has_advice(advice, n, 1, COST_UNGUARDED));
    assert_true(has_advice(advice, n, 1, COST_SHARE));
    assert_true(has_advice(advice, n, 2, COST_WOKEN));
    assert_true(has_advice(advice, n, 2, COST_SLOW));
    assert_int_equal(n, 5);
    n = cost_advise(&report, set.set, true, advice, 16);
    assert_int_equal(n, 4);
    assert_false(has_advice(advice, n, 0, COST_STOPS));
    assert_int_equal(cost_advise(&report, set.set, false, advice, 2), 2);
    test_set_done(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_gets_what_it_did),
        cmocka_unit_test(test_what_is_slow_again_counts_as_slow),
        cmocka_unit_test(test_rules_are_pointed_out_for_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
