/* Rules that a set cannot take are named with the reason. */
#include "engine_test.h"

#include "stopgap/banned.h"

static void test_rules_that_cannot_be_compiled(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *when;
        const char *code;
        const char *text;
    } cases[] = {
        {"a regex that does not end", "{field: path, regex: 'a(b'}", "E_", "a(b"},
        {"a regex that every value matches", "{field: path, regex: 'a*'}", "E_LINT", "a*"},
        {"an option that moves the anchors", "{field: path, regex: '(?-m)^ab'}", "E_", "-m"},
        {"a verb", "{field: path, regex: 'a(*SKIP)b'}", "E_", "a(*SKIP)b"},
        {"an unknown anomaly", "{field: anomaly, equals: strange}", "E_LINT", "strange"},
        {"a network that is none", "{field: client, in_cidr: [192.0.2.0/33]}", "E_LINT",
         "192.0.2.0"},
        {"an unknown input of IIS", "{field: iis_input, name: '{LOGON_USER}', equals: a}", "E_LINT",
         "{LOGON_USER}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_rule rule = {.id = "BAD-RULE", .when = cases[i].when};
        struct err err = {0};
        struct test_set set = test_set_try(&rule, 1, &err);
        if (set.set != NULL)
            fail_msg("%s: taken", cases[i].name);
        if (strncmp(err.code, cases[i].code, strlen(cases[i].code)) != 0 ||
            strstr(err.text, cases[i].text) == NULL || strstr(err.text, "BAD-RULE") == NULL ||
            strstr(err.file, "test.yaml") == NULL)
            fail_msg("%s: %s: %s: %s", cases[i].name, err.file, err.code, err.text);
    }
}

static void test_a_failed_set_leaves_the_rules_to_the_caller(void **state)
{
    (void)state;
    const struct test_rule rules[] = {
        {.id = "GOOD", .when = "{field: path, contains: a}"},
        {.id = "BAD", .when = "{field: path, contains: a}"},
    };
    struct rule_list list = {0};
    struct err err = {0};
    assert_true(test_rule_parse(&rules[0], &list, &err));
    assert_true(test_rule_parse(&rules[1], &list, &err));
    list.items[1]->when->op = OP_REGEX;
    list.items[1]->when->value[0] = '(';
    assert_null(ruleset_compile(&list, &err));
    assert_int_equal(list.n, 2);
    assert_string_equal(err.code, "E_COMPILE");
    assert_non_null(strstr(err.text, "BAD"));
    rule_list_done(&list);
}

static void test_an_empty_set_passes_everything(void **state)
{
    (void)state;
    struct rule_list list = {0};
    struct err err = {0};
    struct ruleset *set = ruleset_compile(&list, &err);
    assert_non_null(set);
    struct lease *lease = lease_new(set, &err);
    assert_non_null(lease);
    static char memory[TEST_ARENA_BYTES];
    struct arena arena;
    arena_init(&arena, memory, sizeof(memory), LIMIT_ARENA_BYTES);
    struct test_head head;
    test_head_init(&head, &(struct test_request){.target = "/owa/", .body = "x"});
    struct inspection *inspection;
    struct verdict verdict = rules_check_head(lease, &head.head, RULES_BLOCK, &arena, &inspection);
    assert_int_equal(verdict.action, VERDICT_PASS);
    assert_false(verdict.scan_failed);
    assert_int_equal(verdict.n_hits, 0);
    arena_done(&arena);
    lease_free(lease);
    ruleset_unref(set);
}

static void test_a_lease_keeps_its_set_and_counts_holders(void **state)
{
    (void)state;
    struct test_rule rule = {.id = "T", .when = "{field: path, contains: a}"};
    struct test_set set = test_set_new(&rule, 1);
    ruleset_unref(set.set); /* the lease has its own reference */
    assert_false(lease_is_held(set.lease));
    lease_hold(set.lease);
    lease_hold(set.lease);
    assert_false(lease_release(set.lease));
    assert_true(lease_is_held(set.lease));
    assert_true(lease_release(set.lease));
    assert_ptr_equal(lease_ruleset(set.lease), set.set);
    assert_string_equal(ruleset_rule(set.set, 0)->id, "T");
    assert_string_equal(ruleset_rule(set.set, 0)->action, "block");
    lease_free(set.lease);
}

static void test_thousands_of_rules_make_one_set_and_each_is_found_by_its_id(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct rule_list list = {0};
    struct err err = {0};
    for (int i = 0; i < N; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "R%d", (i * 7919) % N); /* in no order */
        const struct test_rule rule = {.id = id, .when = "{field: path, equals: /a}"};
        assert_true(test_rule_parse(&rule, &list, &err));
    }
    struct ruleset *set = ruleset_compile(&list, &err);
    assert_non_null(set);
    assert_int_equal(ruleset_n_rules(set), N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(ruleset_find(set, ruleset_rule(set, i)->id), i);
    assert_int_equal(ruleset_find(set, "R"), SIZE_MAX);
    assert_int_equal(ruleset_find(set, "S"), SIZE_MAX);
    ruleset_unref(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_that_cannot_be_compiled),
        cmocka_unit_test(test_a_failed_set_leaves_the_rules_to_the_caller),
        cmocka_unit_test(test_an_empty_set_passes_everything),
        cmocka_unit_test(test_a_lease_keeps_its_set_and_counts_holders),
        cmocka_unit_test(test_thousands_of_rules_make_one_set_and_each_is_found_by_its_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
