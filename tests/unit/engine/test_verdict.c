/* What a set says about whole requests: decisions, reports, bodies, response edits, faults. */
#include "engine_test.h"

#include "stopgap/banned.h"

/* One request on its way through a set. */
struct passage {
    struct test_set set;
    struct test_head head;
    struct arena arena;
    char *memory;
    struct inspection *inspection;
    struct verdict verdict;
};

static void passage_begin(struct passage *passage, const struct test_rule *rules, size_t n,
                          const struct test_request *request, enum rules_mode mode)
{
    memset(passage, 0, sizeof(*passage));
    passage->set = test_set_new(rules, n);
    passage->memory = malloc(TEST_ARENA_BYTES);
    assert_non_null(passage->memory);
    arena_init(&passage->arena, passage->memory, TEST_ARENA_BYTES, LIMIT_ARENA_BYTES);
    test_head_init(&passage->head, request);
    passage->verdict = rules_check_head(passage->set.lease, &passage->head.head, mode,
                                        &passage->arena, &passage->inspection);
}

static void passage_end(struct passage *passage)
{
    rules_end(passage->inspection);
    test_set_done(&passage->set);
    arena_done(&passage->arena);
    free(passage->memory);
}

#define EXPECT_SLICE(slice, text) assert_true(slice_equal((slice), SLICE(text)))

static const char when_evil[] = "{field: path, contains: evil}";

/* ---- decisions */

static void test_abort_goes_before_block_and_the_first_block_decides(void **state)
{
    (void)state;
    const struct test_rule rules[] = {
        {.id = "DETECT", .when = when_evil, .mode = "detect"},
        {.id = "BLOCK1", .when = when_evil, .action = "{type: block, status: 404}"},
        {.id = "BLOCK2", .when = when_evil, .action = "{type: block, status: 410}"},
        {.id = "ABORT", .when = when_evil, .action = "{type: abort}"},
    };
    const struct test_request request = {.target = "/evil"};
    struct passage passage;
    passage_begin(&passage, rules, 3, &request, RULES_BLOCK);
    assert_int_equal(passage.verdict.action, VERDICT_BLOCK);
    assert_int_equal(passage.verdict.status, 404);
    assert_int_equal(passage.verdict.n_hits, 3);
    EXPECT_SLICE(passage.verdict.hits[0].rule_id, "BLOCK1");
    assert_true(passage.verdict.hits[0].is_enforced);
    assert_null(passage.inspection);
    passage_end(&passage);
    passage_begin(&passage, rules, 4, &request, RULES_BLOCK);
    assert_int_equal(passage.verdict.action, VERDICT_ABORT);
    EXPECT_SLICE(passage.verdict.hits[0].rule_id, "ABORT");
    EXPECT_SLICE(passage.verdict.hits[0].action, "abort");
    passage_end(&passage);
}

static void test_detect_reports_and_decides_nothing(void **state)
{
    (void)state;
    const struct test_rule rules[] = {
        {.id = "A", .when = when_evil},
        {.id = "B", .when = when_evil, .action = "{type: abort}"},
        {.id = "C", .when = when_evil, .action = "{type: set_header, header: X-A, value: b}"},
    };
    const struct test_request request = {.target = "/evil"};
    struct passage passage;
    passage_begin(&passage, rules, 3, &request, RULES_DETECT);
    assert_int_equal(passage.verdict.action, VERDICT_PASS);
    assert_false(passage.verdict.edits_response);
    assert_int_equal(passage.verdict.n_hits, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_false(passage.verdict.hits[i].is_enforced);
    assert_int_equal(lease_rule_hits(passage.set.lease, 1), 1);
    passage_end(&passage);
}

static void test_many_hits_are_cut_and_the_deciding_one_stays(void **state)
{
    (void)state;
    struct test_rule rules[LIMIT_HITS_PER_REQUEST + 3];
    char ids[LIMIT_HITS_PER_REQUEST + 3][8];
    const size_t n = sizeof(rules) / sizeof(rules[0]);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "R%zu", i);
        rules[i] = (struct test_rule){
            .id = ids[i], .when = when_evil, .mode = i + 1 < n ? "detect" : "block"};
    }
    struct passage passage;
    passage_begin(&passage, rules, n, &(struct test_request){.target = "/evil"}, RULES_BLOCK);
    assert_int_equal(passage.verdict.n_hits, LIMIT_HITS_PER_REQUEST);
    assert_true(passage.verdict.hits_truncated);
    assert_int_equal(passage.verdict.action, VERDICT_BLOCK);
    EXPECT_SLICE(passage.verdict.hits[0].rule_id, "R10");
    EXPECT_SLICE(passage.verdict.hits[1].rule_id, "R0");
    passage_end(&passage);
}

/* ---- reports */

struct report_case {
    const char *name;
    const char *when;
    struct test_request request;
    const char *field;
    const char *excerpt;
    enum view_id view;
    bool is_secret;
};

static const struct report_case reports[] = {
    {"the cookie is more telling than the path",
     "{all: [{field: path, starts_with: /ecp}, {field: cookie, name: X-BEResource, contains: "
     "']'}]}",
     {.target = "/ecp/y.js", .headers = {"Cookie: a=1; x-beresource=a]@b"}},
     "cookie x-beresource",
     "a]@b",
     VIEW_RAW,
     false},
    {"any cookie is a secret",
     "{field: cookie, contains: zz}",
     {.headers = {"Cookie: cadata=zz"}},
     "cookie cadata",
     "zz",
     VIEW_RAW,
     true},
    {"credentials are a secret",
     "{field: header, name: Authorization, contains: zz}",
     {.headers = {"Authorization: Basic zz"}},
     "header Authorization",
     "Basic zz",
     VIEW_RAW,
     true},
    {"the Cookie header is a secret",
     "{field: header, name: Cookie, contains: zz}",
     {.headers = {"Cookie: b=zz"}},
     "header Cookie",
     "b=zz",
     VIEW_RAW,
     true},
    {"a password in a query is a secret",
     "{field: query, contains: zz}",
     {.target = "/?q=zz&Password=x"},
     "query",
     "q=zz&Password=x",
     VIEW_RAW,
     true},
    {"the view is named",
     "{field: query, contains: a/b}",
     {.target = "/?a%2fb"},
     "query",
     "a/b",
     VIEW_ONCE,
     false},
    {"a condition without a place shows nothing",
     "{none: [{field: header, name: X-A, exists: true}]}",
     {.target = "/"},
     "",
     "",
     VIEW_RAW,
     false},
};

static void test_reports_say_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
        const struct report_case *test = &reports[i];
        struct test_rule rule = {.id = "T", .when = test->when};
        struct passage passage;
        passage_begin(&passage, &rule, 1, &test->request, RULES_BLOCK);
        if (passage.verdict.n_hits != 1)
            fail_msg("%s: %u hits", test->name, passage.verdict.n_hits);
        const struct rule_hit *hit = &passage.verdict.hits[0];
        if (!slice_equal(hit->field, slice_str(test->field)) ||
            !slice_equal(hit->excerpt, slice_str(test->excerpt)) || hit->view != test->view ||
            hit->is_secret != test->is_secret)
            fail_msg("%s: '" SLICE_FMT "' '" SLICE_FMT "' %s %d", test->name, SLICE_ARG(hit->field),
                     SLICE_ARG(hit->excerpt), view_name(hit->view), hit->is_secret);
        EXPECT_SLICE(hit->cve, "CVE-2021-26855");
        EXPECT_SLICE(hit->title, "a title");
        passage_end(&passage);
    }
}

static void test_an_excerpt_is_bounded_and_holds_the_match(void **state)
{
    (void)state;
    enum { LEN = 2000 };
    char target[LEN + 1];
    memset(target, 'a', LEN);
    target[0] = '/';
    target[LEN] = '\0';
    memcpy(target + LEN / 2, "evil", 4);
    struct test_rule rule = {.id = "T", .when = when_evil};
    struct passage passage;
    passage_begin(&passage, &rule, 1, &(struct test_request){.target = target}, RULES_BLOCK);
    struct slice excerpt = passage.verdict.hits[0].excerpt;
    assert_int_equal(excerpt.len, LIMIT_EXCERPT_BYTES);
    assert_non_null(memmem(excerpt.ptr, excerpt.len, "evil", 4));
    passage_end(&passage);
}

/* ---- bodies */

static const struct test_rule body_rules[] = {
    {.id = "BODY",
     .when = "{all: [{field: path, starts_with: /ews}, {field: body, regex: '<m:evil[0-9]+>'}]}"},
};

static void test_a_body_is_judged_the_same_at_every_split(void **state)
{
    (void)state;
    static const char body[] = "<s:Envelope><m:evil42></m:evil42></s:Envelope>";
    for (size_t split = 0; split < sizeof(body); split++) {
        struct test_request request = {.method = "POST", .target = "/EWS/x", .body = body};
        struct slice whole = slice_str(body);
        struct passage passage;
        passage_begin(&passage, body_rules, 1, &request, RULES_BLOCK);
        assert_int_equal(passage.verdict.action, VERDICT_NEED_BODY);
        assert_true(rules_body_window(passage.inspection) >= sizeof(body));
        struct verdict verdict =
            rules_check_body(passage.inspection, slice_head(whole, split), false);
        assert_int_equal(verdict.action, VERDICT_NEED_BODY);
        verdict = rules_check_body(passage.inspection, slice_from(whole, split), true);
        assert_int_equal(verdict.action, VERDICT_BLOCK);
        assert_int_equal(verdict.n_hits, 1);
        EXPECT_SLICE(verdict.hits[0].field, "body");
        passage_end(&passage);
    }
}

static void test_only_rules_that_the_body_decides_ask_for_it(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct test_request request;
        enum verdict_action expected;
    } cases[] = {
        {"other path", {.method = "POST", .target = "/owa/", .body = "x"}, VERDICT_PASS},
        {"no body", {.method = "GET", .target = "/ews/"}, VERDICT_PASS},
        {"both", {.method = "POST", .target = "/ews/", .body = "x"}, VERDICT_NEED_BODY},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct passage passage;
        passage_begin(&passage, body_rules, 1, &cases[i].request, RULES_BLOCK);
        if (passage.verdict.action != cases[i].expected)
            fail_msg("%s: %d", cases[i].name, passage.verdict.action);
        assert_true((passage.inspection != NULL) == (cases[i].expected == VERDICT_NEED_BODY));
        passage_end(&passage);
    }
}

static void test_a_full_window_ends_the_inspection(void **state)
{
    (void)state;
    struct test_request request = {.method = "POST", .target = "/ews/", .body = "x"};
    char *piece = malloc(LIMIT_BODY_WINDOW);
    assert_non_null(piece);
    memset(piece, 'x', LIMIT_BODY_WINDOW);
    struct slice most = slice_make(piece, LIMIT_BODY_WINDOW - 5);
    struct passage passage;
    passage_begin(&passage, body_rules, 1, &request, RULES_BLOCK);
    struct verdict verdict = rules_check_body(passage.inspection, most, false);
    assert_int_equal(verdict.action, VERDICT_NEED_BODY);
    verdict = rules_check_body(passage.inspection, SLICE("<m:evil1>"), false);
    assert_int_equal(verdict.action, VERDICT_PASS);
    assert_false(verdict.scan_failed);
    free(piece);
    passage_end(&passage);
}

static void test_what_the_head_decided_waits_for_no_body(void **state)
{
    (void)state;
    const struct test_rule rules[] = {
        body_rules[0],
        {.id = "HEAD", .when = "{field: query, contains: evil}"},
    };
    struct test_request request = {.method = "POST", .target = "/ews/?evil", .body = "x"};
    struct passage passage;
    passage_begin(&passage, rules, 2, &request, RULES_BLOCK);
    assert_int_equal(passage.verdict.action, VERDICT_BLOCK);
    assert_null(passage.inspection);
    passage_end(&passage);
    passage_begin(&passage, rules, 2, &request, RULES_DETECT);
    assert_int_equal(passage.verdict.action, VERDICT_NEED_BODY);
    assert_int_equal(passage.verdict.n_hits, 1);
    struct verdict verdict = rules_check_body(passage.inspection, SLICE("<m:evil1>"), true);
    assert_int_equal(verdict.action, VERDICT_PASS);
    assert_int_equal(verdict.n_hits, 2); /* what the head hit is still there */
    passage_end(&passage);
}

/* ---- response */

static const struct test_rule csp_rule = {
    .id = "CSP",
    .when = "{field: path, regex: '^/owa/?($|default\\.aspx)'}",
    .action = "{type: append_header, header: Content-Security-Policy, "
              "value: \"script-src-attr 'none'\"}",
    .response = "{all: [{field: response_header, name: Content-Type, starts_with: text/html}, "
                "{field: status, equals: '200'}]}",
};

static size_t edit(struct passage *passage, unsigned status, const char *type,
                   struct header_edit *ret_edits)
{
    struct header_field field = {.name = SLICE("content-type"), .value = slice_str(type)};
    struct response_head response = {.status = status, .fields = &field, .n_fields = 1};
    return rules_edit_response(passage->inspection, &response, ret_edits, LIMIT_HEADER_EDITS);
}

static void test_a_response_is_edited_where_both_conditions_hold(void **state)
{
    (void)state;
    struct passage passage;
    struct header_edit edits[LIMIT_HEADER_EDITS];
    passage_begin(&passage, &csp_rule, 1, &(struct test_request){.target = "/owa/"}, RULES_BLOCK);
    assert_int_equal(passage.verdict.action, VERDICT_PASS);
    assert_true(passage.verdict.edits_response);
    assert_int_equal(passage.verdict.n_hits, 0);
    assert_int_equal(edit(&passage, 200, "image/png", edits), 0);
    assert_int_equal(edit(&passage, 404, "text/html", edits), 0);
    assert_int_equal(lease_rule_hits(passage.set.lease, 0), 0);
    assert_int_equal(edit(&passage, 200, "Text/HTML; charset=utf-8", edits), 1);
    assert_int_equal(edits[0].kind, EDIT_APPEND);
    EXPECT_SLICE(edits[0].name, "Content-Security-Policy");
    EXPECT_SLICE(edits[0].value, "script-src-attr 'none'");
    EXPECT_SLICE(edits[0].separator, "; ");
    EXPECT_SLICE(edits[0].rule_id, "CSP");
    assert_int_equal(lease_rule_hits(passage.set.lease, 0), 1);
    passage_end(&passage);
}

static void test_a_response_is_left_alone_elsewhere(void **state)
{
    (void)state;
    struct passage passage;
    passage_begin(&passage, &csp_rule, 1, &(struct test_request){.target = "/ecp/"}, RULES_BLOCK);
    assert_false(passage.verdict.edits_response);
    assert_null(passage.inspection);
    passage_end(&passage);
    passage_begin(&passage, &csp_rule, 1, &(struct test_request){.target = "/owa/"}, RULES_DETECT);
    assert_false(passage.verdict.edits_response);
    assert_int_equal(passage.verdict.n_hits, 0);
    passage_end(&passage);
}

/* ---- faults */

static void test_no_memory_is_a_failed_scan(void **state)
{
    (void)state;
    struct test_rule rule = {.id = "T", .when = when_evil};
    struct test_set set = test_set_new(&rule, 1);
    struct test_head head;
    test_head_init(&head, &(struct test_request){.target = "/evil?a=%61"});
    size_t n_failed = 0;
    bool is_done = false;
    for (size_t max = 0; max < TEST_ARENA_BYTES && !is_done; max += 64) {
        char *memory = malloc(max + 64);
        assert_non_null(memory);
        struct arena arena;
        struct inspection *inspection;
        arena_init(&arena, memory, max + 64, max);
        struct verdict verdict =
            rules_check_head(set.lease, &head.head, RULES_BLOCK, &arena, &inspection);
        is_done = !verdict.scan_failed && verdict.n_hits == 1;
        n_failed += verdict.scan_failed ? 1 : 0;
        rules_end(inspection);
        arena_done(&arena);
        free(memory);
    }
    assert_true(is_done);
    assert_true(n_failed > 4);
    test_set_done(&set);
}

static void test_a_match_limit_is_a_failed_scan(void **state)
{
    (void)state;
    char target[600] = "/?";
    memset(target + 2, 'a', 500);
    /* Negated, so that no scan can spare the regex. */
    struct test_rule rule = {.id = "T", .when = "{field: query, not_regex: '^(a+)+(a+)+[bc]$'}"};
    struct passage passage;
    passage_begin(&passage, &rule, 1, &(struct test_request){.target = target}, RULES_BLOCK);
    assert_true(passage.verdict.scan_failed);
    assert_int_equal(passage.verdict.action, VERDICT_PASS);
    assert_int_equal(passage.verdict.n_hits, 0);
    passage_end(&passage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_abort_goes_before_block_and_the_first_block_decides),
        cmocka_unit_test(test_detect_reports_and_decides_nothing),
        cmocka_unit_test(test_many_hits_are_cut_and_the_deciding_one_stays),
        cmocka_unit_test(test_reports_say_where),
        cmocka_unit_test(test_an_excerpt_is_bounded_and_holds_the_match),
        cmocka_unit_test(test_a_body_is_judged_the_same_at_every_split),
        cmocka_unit_test(test_only_rules_that_the_body_decides_ask_for_it),
        cmocka_unit_test(test_a_full_window_ends_the_inspection),
        cmocka_unit_test(test_what_the_head_decided_waits_for_no_body),
        cmocka_unit_test(test_a_response_is_edited_where_both_conditions_hold),
        cmocka_unit_test(test_a_response_is_left_alone_elsewhere),
        cmocka_unit_test(test_no_memory_is_a_failed_scan),
        cmocka_unit_test(test_a_match_limit_is_a_failed_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
