/* The scan only saves work: with it and without it every rule has the same answer. */
#include "random_rules.h"

#include "stopgap/banned.h"

enum { N_SETS = 50, N_RULES = 24, N_REQUESTS = 40, MAX_WHEN = 8 * 1024 };

static void add_random_rule(struct random *random, struct rule_list *list, struct buf *when,
                            char ids[][8])
{
    struct err err = {0};
    when->len = 0;
    random_node(random, when, 4);
    assert_true(buf_append(when, slice_make("", 1)));
    (void)snprintf(ids[list->n], 8, "R%zu", list->n);
    struct test_rule rule = {.id = ids[list->n], .when = when->ptr};
    if (!test_rule_parse(&rule, list, &err))
        fail_msg("%s: %s %s", when->ptr, err.code, err.text);
}

static struct test_set random_set(struct random *random)
{
    static char ids[N_RULES][8];
    struct rule_list list = {0};
    struct err err = {0};
    struct buf when;
    buf_init(&when, MAX_WHEN);
    for (size_t i = 0; i < N_RULES; i++)
        add_random_rule(random, &list, &when, ids);
    buf_done(&when);
    struct test_set set = {.set = ruleset_compile(&list, &err)};
    if (set.set == NULL)
        fail_msg("%s %s", err.code, err.text);
    set.lease = lease_new(set.set, &err);
    assert_non_null(set.lease);
    return set;
}

static void test_scan_and_plain_evaluation_agree_on_random_rules(void **state)
{
    (void)state;
    struct random random = {.state = 20210302};
    struct buf text;
    size_t n_guarded = 0;
    size_t n_true = 0;
    buf_init(&text, MAX_WHEN);
    for (int s = 0; s < N_SETS; s++) {
        struct test_set set = random_set(&random);
        struct ruleset_stats stats;
        ruleset_stats(set.set, &stats);
        n_guarded += stats.n_rules - stats.n_unguarded;
        for (int r = 0; r < N_REQUESTS; r++) {
            struct test_request request;
            char name[64];
            random_request(&random, &text, &request);
            (void)snprintf(name, sizeof(name), "set %d request %d", s, r);
            n_true += test_matches(&set, &request, name) ? 1 : 0;
        }
        test_set_done(&set);
    }
    buf_done(&text);
    /* Otherwise the test would show nothing. */
    assert_true(n_guarded > N_SETS * N_RULES / 3);
    assert_true(n_true > N_SETS * N_REQUESTS / 20);
    assert_true(n_true < N_SETS * N_REQUESTS * 19 / 20);
}

/* How many of these rules are looked at for a request that has nothing to do with them. */
static size_t n_unguarded(const char *when)
{
    struct test_rule rule = {.id = "T", .when = when};
    struct test_set set = test_set_new(&rule, 1);
    struct ruleset_stats stats;
    ruleset_stats(set.set, &stats);
    test_set_done(&set);
    return stats.n_unguarded;
}

static void test_which_rules_need_no_look_without_a_hit(void **state)
{
    (void)state;
    static const struct {
        const char *when;
        size_t expected;
    } cases[] = {
        {"{field: path, contains: /autodiscover}", 0},
        {"{field: cookie, name: X-BEResource, not_regex: '^[a-z]+$'}", 0},
        {"{field: header, name: X-A, exists: true}", 0},
        {"{field: body, contains: x}", 0},
        {"{field: anomaly, equals: encoded_slash}", 0},
        {"{field: target, regex: '(?=.*a)(?=.*b)'}", 0},
        {"{all: [{field: client, in_cidr: [10.0.0.0/8]}, {field: path, contains: x}]}", 0},
        {"{any: [{field: path, contains: x}, {field: query, contains: y}]}", 0},
        {"{any: [{field: path, contains: x}, {field: client, in_cidr: [10.0.0.0/8]}]}", 1},
        {"{none: [{field: path, contains: x}]}", 1},
        {"{field: path, not_contains: x}", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (n_unguarded(cases[i].when) != cases[i].expected)
            fail_msg("%s: expected %zu", cases[i].when, cases[i].expected);
}

static void test_equal_patterns_are_compiled_once(void **state)
{
    (void)state;
    const struct test_rule rules[] = {
        {.id = "A", .when = "{field: path, regex: 'e[0-9]x'}"},
        {.id = "B", .when = "{field: query, regex: 'e[0-9]x'}"},
        {.id = "C", .when = "{field: query, regex: 'e[0-9]x', case: sensitive}"},
    };
    struct test_set set = test_set_new(rules, 3);
    struct ruleset_stats stats;
    ruleset_stats(set.set, &stats);
    assert_int_equal(stats.n_patterns, 2);
    test_set_done(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_and_plain_evaluation_agree_on_random_rules),
        cmocka_unit_test(test_which_rules_need_no_look_without_a_hit),
        cmocka_unit_test(test_equal_patterns_are_compiled_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
