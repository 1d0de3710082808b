/* What an explanation shows of single conditions. */
#include "stopgap/explain.h"

#include "engine_test.h"

#include "stopgap/banned.h"

static struct explanation *explain(struct test_set *set, const struct test_rule *rules, size_t n,
                                   const struct test_request *request)
{
    static struct test_head head; /* borrowed until the explanation is freed */
    struct err err = {0};
    *set = test_set_new(rules, n);
    test_head_init(&head, request);
    struct explanation *explanation =
        rules_explain(set->lease, &head.head, slice_str(request->body), RULES_BLOCK, &err);
    assert_non_null(explanation);
    return explanation;
}

static void done(struct test_set *set, struct explanation *explanation)
{
    explanation_free(explanation);
    test_set_done(set);
}

#define EXPECT_SLICE(slice, text) assert_true(slice_equal((slice), SLICE(text)))

static void test_a_match_has_its_view_bytes_and_offset(void **state)
{
    (void)state;
    struct test_set set;
    const struct test_rule rule = {
        .id = "R",
        .when = "{all: [{field: arg, name: Email, regex: 'ev[i]l+'}, {field: vdir, equals: owa}]}"};
    struct explanation *explanation =
        explain(&set, &rule, 1, &(struct test_request){.target = "/owa/?a=1&eMail=x%65villl.y"});
    const struct explain_rule *explained = &explanation->rules[0];
    assert_int_equal(explained->result, EXPLAIN_YES);
    assert_int_equal(explained->view, VIEW_ONCE);
    assert_int_equal(explained->n_conditions, 3);
    EXPECT_SLICE(explained->conditions[0].text, "all of");
    const struct explain_condition *test = &explained->conditions[1];
    EXPECT_SLICE(test->text, "arg Email regex 'ev[i]l+'");
    assert_int_equal(test->depth, 1);
    assert_int_equal(test->views[VIEW_RAW].result, EXPLAIN_NO);
    assert_int_equal(test->views[VIEW_RAW].n_values, 1);
    EXPECT_SLICE(test->views[VIEW_RAW].value.excerpt, "x%65villl.y");
    const struct explain_value *value = &test->views[VIEW_ONCE].value;
    EXPECT_SLICE(value->field, "arg eMail");
    EXPECT_SLICE(value->excerpt, "xevilll.y");
    assert_int_equal(value->offset, 1);
    assert_int_equal(value->len, 6);
    assert_int_equal(value->value_len, 9);
    done(&set, explanation);
}

static void test_the_condition_that_was_missing_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *when;
        const char *decisive;
    } cases[] = {
        {"{field: path, contains: evil}", "path contains 'evil'"},
        {"{all: [{field: vdir, equals: owa}, {field: method, equals: POST}]}",
         "method equals 'POST'"},
        {"{all: [{any: [{field: path, contains: a1}, {field: path, contains: b1}]}]}", "any of"},
        {"{all: [{field: vdir, equals: owa}, {none: [{field: method, equals: PUT}, {field: method, "
         "equals: GET}]}]}",
         "method equals 'GET'"},
        {"{all: [{field: header, name: X-A, exists: true}]}", "header X-A exists"},
        {"{field: client, in_cidr: [10.0.0.0/8, '::1']}", "client in_cidr [10.0.0.0/8, ::1]"},
        {"{field: method, not_one_of: [GET, HEAD], case: sensitive}",
         "method not_one_of [GET, HEAD], case: sensitive"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_set set;
        const struct test_rule rule = {.id = "R", .when = cases[i].when};
        struct explanation *explanation =
            explain(&set, &rule, 1, &(struct test_request){.target = "/owa/"});
        const struct explain_rule *explained = &explanation->rules[0];
        struct slice text = explained->conditions[explained->decisive].text;
        assert_int_equal(explained->result, EXPLAIN_NO);
        if (!slice_equal(text, slice_str(cases[i].decisive)))
            fail_msg("%s: " SLICE_FMT, cases[i].when, SLICE_ARG(text));
        done(&set, explanation);
    }
}

static void test_values_made_for_a_walk_are_shown(void **state)
{
    (void)state;
    struct test_set set;
    const struct test_rule rule = {.id = "R", .when = "{field: client, in_cidr: [192.0.2.0/24]}"};
    struct explanation *explanation =
        explain(&set, &rule, 1, &(struct test_request){.target = "/"});
    EXPECT_SLICE(explanation->rules[0].conditions[0].views[VIEW_RAW].value.excerpt, "192.0.2.1");
    done(&set, explanation);
}

static void test_secrets_are_marked(void **state)
{
    (void)state;
    struct test_set set;
    const struct test_rule rule = {.id = "R", .when = "{field: cookie, name: cadata, regex: 'q+'}"};
    for (int matches = 0; matches < 2; matches++) {
        struct explanation *explanation =
            explain(&set, &rule, 1,
                    &(struct test_request){
                        .headers = {matches ? "Cookie: cadata=xqqy" : "Cookie: cadata=xy"}});
        assert_true(explanation->rules[0].conditions[0].views[VIEW_RAW].value.is_secret);
        done(&set, explanation);
    }
}

static void test_a_decision_of_the_head_leaves_the_body_unknown(void **state)
{
    (void)state;
    struct test_set set;
    const struct test_rule rules[] = {{.id = "HEAD", .when = "{field: vdir, equals: owa}"},
                                      {.id = "BODY", .when = "{field: body, contains: evil}"}};
    struct explanation *explanation =
        explain(&set, rules, 2,
                &(struct test_request){.method = "POST", .target = "/owa/", .body = "evil"});
    assert_int_equal(explanation->verdict.action, VERDICT_BLOCK);
    assert_false(explanation->is_body_seen);
    assert_int_equal(explanation->rules[1].result, EXPLAIN_UNKNOWN);
    done(&set, explanation);
    explanation =
        explain(&set, rules, 2,
                &(struct test_request){.method = "POST", .target = "/ecp/", .body = "an evil"});
    assert_true(explanation->is_body_seen);
    assert_int_equal(explanation->rules[1].result, EXPLAIN_YES);
    assert_int_equal(explanation->rules[1].conditions[0].views[VIEW_RAW].value.offset, 3);
    done(&set, explanation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_match_has_its_view_bytes_and_offset),
        cmocka_unit_test(test_the_condition_that_was_missing_is_named),
        cmocka_unit_test(test_values_made_for_a_walk_are_shown),
        cmocka_unit_test(test_secrets_are_marked),
        cmocka_unit_test(test_a_decision_of_the_head_leaves_the_body_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
