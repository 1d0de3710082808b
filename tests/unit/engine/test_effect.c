/* Modes and exclusions as a table: what the operator said, one request, what becomes of it. */
#include "engine/engine_test.h"

#include "stopgap/banned.h"

enum { MAX_ROWS = 3, MAX_EXCLUSIONS = 2, NOON = 1000 };

/* SG-X matches "evil" in a path and belongs to M1.1; SG-REPORT is shipped to report. */
static const struct test_rule rules[] = {
    {.id = "SG-X", .when = "{field: path, contains: evil}"},
    {.id = "SG-REPORT", .when = "{field: path, contains: odd}", .mode = "detect"},
    {.id = "SG-EDIT",
     .when = "{field: path, contains: page}",
     .action = "{type: set_header, header: X-A, value: b}"},
};

static const struct net_prefix inside = {.address = {{[10] = 0xff, [11] = 0xff, [12] = 10}},
                                         .bits = 104};
static const char *const posts[] = {"POST", "PUT"};

#define MODE(rule_, vdir_, mode_)                                                                  \
    {                                                                                              \
        .rule = (rule_), .vdir = (vdir_), .mode = (mode_)                                          \
    }
#define PATH(path_)                                                                                \
    {                                                                                              \
        .rule = "SG-X", .path = (path_), .label = "#1"                                             \
    }

static const struct row {
    const char *name;
    enum rules_mode mode; /* of everything */
    struct mode_row modes[MAX_ROWS];
    struct exclusion exclusions[MAX_EXCLUSIONS];
    struct test_request request;
    const char *expected; /* "block", "detect", "excluded", "edit", "pass" */
} rows[] = {
    {"as shipped", RULES_BLOCK, {{0}}, {{0}}, {.target = "/owa/evil"}, "block"},
    {"all detect", RULES_DETECT, {{0}}, {{0}}, {.target = "/owa/evil"}, "detect"},
    {"shipped to report", RULES_BLOCK, {{0}}, {{0}}, {.target = "/owa/odd"}, "detect"},
    {"an edit", RULES_BLOCK, {{0}}, {{0}}, {.target = "/owa/page"}, "edit"},

    {"directory in detect",
     RULES_BLOCK,
     {MODE(NULL, "owa", RULES_DETECT)},
     {{0}},
     {.target = "/OWA/evil"},
     "detect"},
    {"another directory",
     RULES_BLOCK,
     {MODE(NULL, "owa", RULES_DETECT)},
     {{0}},
     {.target = "/ecp/evil"},
     "block"},
    {"directory off",
     RULES_BLOCK,
     {MODE(NULL, "owa", RULES_OFF)},
     {{0}},
     {.target = "/owa/evil"},
     "pass"},
    {"no edits where only reports are wanted",
     RULES_BLOCK,
     {MODE(NULL, "owa", RULES_DETECT)},
     {{0}},
     {.target = "/owa/page"},
     "detect"},
    {"directory blocks while all else reports",
     RULES_DETECT,
     {MODE(NULL, "ecp", RULES_BLOCK)},
     {{0}},
     {.target = "/ecp/evil"},
     "block"},
    {"a directory does not make a report of the shipper block",
     RULES_DETECT,
     {MODE(NULL, "ecp", RULES_BLOCK)},
     {{0}},
     {.target = "/ecp/odd"},
     "detect"},
    {"a rule does",
     RULES_DETECT,
     {MODE("SG-REPORT", NULL, RULES_BLOCK)},
     {{0}},
     {.target = "/ecp/odd"},
     "block"},
    {"a rule beats its directory",
     RULES_BLOCK,
     {MODE("SG-X", NULL, RULES_BLOCK), MODE(NULL, "owa", RULES_OFF)},
     {{0}},
     {.target = "/owa/evil"},
     "block"},
    {"rule and directory beat the rule",
     RULES_BLOCK,
     {MODE("SG-X", "owa", RULES_DETECT), MODE("SG-X", NULL, RULES_BLOCK)},
     {{0}},
     {.target = "/owa/evil"},
     "detect"},
    {"and leave it alone elsewhere",
     RULES_BLOCK,
     {MODE("SG-X", "owa", RULES_DETECT), MODE("SG-X", NULL, RULES_BLOCK)},
     {{0}},
     {.target = "/ecp/evil"},
     "block"},
    {"the last of equal rows",
     RULES_BLOCK,
     {MODE("SG-X", NULL, RULES_OFF), MODE("SG-X", NULL, RULES_DETECT)},
     {{0}},
     {.target = "/ecp/evil"},
     "detect"},
    {"a request cannot choose its directory by an escape",
     RULES_BLOCK,
     {MODE(NULL, "owa", RULES_OFF)},
     {{0}},
     {.target = "/owa/%252e%252e/ecp/evil"},
     "block"},

    {"path", RULES_BLOCK, {{0}}, {PATH("/owa/x")}, {.target = "/owa/x/evil"}, "excluded"},
    {"path in capitals",
     RULES_BLOCK,
     {{0}},
     {PATH("/Owa/X/")},
     {.target = "/oWA/x/evil?q"},
     "excluded"},
    {"an escape of a letter",
     RULES_BLOCK,
     {{0}},
     {PATH("/owa/x")},
     {.target = "/owa/%78/evil"},
     "excluded"},
    {"beside the path", RULES_BLOCK, {{0}}, {PATH("/owa/x")}, {.target = "/owa/xy/evil"}, "block"},
    {"the whole segment only",
     RULES_BLOCK,
     {{0}},
     {PATH("/owa/x")},
     {.target = "/owa/xevil"},
     "block"},
    {"up again", RULES_BLOCK, {{0}}, {PATH("/owa/x")}, {.target = "/owa/x/../evil"}, "block"},
    {"up again, escaped",
     RULES_BLOCK,
     {{0}},
     {PATH("/owa/x")},
     {.target = "/owa/x/%2e%2e/evil"},
     "block"},
    {"up again, escaped twice",
     RULES_BLOCK,
     {{0}},
     {PATH("/owa/x")},
     {.target = "/owa/x/%252e%252e/evil"},
     "block"},
    {"up again with a backslash",
     RULES_BLOCK,
     {{0}},
     {PATH("/owa/x")},
     {.target = "/owa/x\\..\\evil"},
     "block"},
    {"in the query only",
     RULES_BLOCK,
     {{0}},
     {PATH("/owa/x")},
     {.target = "/evil?/owa/x"},
     "block"},
    {"every path", RULES_BLOCK, {{0}}, {PATH("/")}, {.target = "/evil"}, "excluded"},
    {"another rule", RULES_BLOCK, {{0}}, {PATH("/owa")}, {.target = "/owa/odd"}, "detect"},
    {"excluded where it only reports",
     RULES_DETECT,
     {{0}},
     {PATH("/owa")},
     {.target = "/owa/evil"},
     "excluded"},
    {"one of two that match",
     RULES_BLOCK,
     {{0}},
     {PATH("/owa")},
     {.target = "/owa/evil/odd"},
     "detect"},
    {"every rule",
     RULES_BLOCK,
     {{0}},
     {{.rule = "*", .path = "/owa", .label = "#1"}},
     {.target = "/owa/evil/odd"},
     "excluded"},
    {"an excluded edit",
     RULES_BLOCK,
     {{0}},
     {{.rule = "SG-EDIT", .path = "/owa/page", .label = "#1"}},
     {.target = "/owa/page"},
     "pass"},
    {"method",
     RULES_BLOCK,
     {{0}},
     {{.rule = "SG-X", .methods = posts, .n_methods = 2, .label = "#1"}},
     {.method = "PUT", .target = "/evil"},
     "excluded"},
    {"another method",
     RULES_BLOCK,
     {{0}},
     {{.rule = "SG-X", .methods = posts, .n_methods = 2, .label = "#1"}},
     {.method = "put", .target = "/evil"},
     "block"},
    {"client",
     RULES_BLOCK,
     {{0}},
     {{.rule = "SG-X", .networks = &inside, .n_networks = 1, .label = "#1"}},
     {.target = "/evil", .client = "10.1.2.3"},
     "excluded"},
    {"another client",
     RULES_BLOCK,
     {{0}},
     {{.rule = "SG-X", .networks = &inside, .n_networks = 1, .label = "#1"}},
     {.target = "/evil", .client = "11.0.0.1"},
     "block"},
    {"all that is given must hold",
     RULES_BLOCK,
     {{0}},
     {{.rule = "SG-X", .path = "/owa", .networks = &inside, .n_networks = 1, .label = "#1"}},
     {.target = "/ecp/evil", .client = "10.1.2.3"},
     "block"},
    {"the second of two",
     RULES_BLOCK,
     {{0}},
     {PATH("/ecp"), PATH("/owa")},
     {.target = "/owa/evil"},
     "excluded"},
    {"before its end",
     RULES_BLOCK,
     {{0}},
     {{.rule = "SG-X", .path = "/", .until_unix = NOON + 1, .label = "#1"}},
     {.target = "/evil"},
     "excluded"},
    {"at its end",
     RULES_BLOCK,
     {{0}},
     {{.rule = "SG-X", .path = "/", .until_unix = NOON, .label = "#1"}},
     {.target = "/evil"},
     "block"},
    {"a rule that blocks because a mode says so can be excluded",
     RULES_DETECT,
     {MODE("SG-X", NULL, RULES_BLOCK)},
     {PATH("/owa")},
     {.target = "/owa/evil"},
     "excluded"},
};

static int64_t noon(void)
{
    return NOON;
}

static const char *word_of(const struct verdict *verdict)
{
    if (verdict->action == VERDICT_BLOCK)
        return "block";
    if (verdict->edits_response)
        return "edit";
    if (verdict->n_hits == 0)
        return "pass";
    if (verdict->is_excluded)
        return verdict->hits[0].excluded_by.len != 0 ? "excluded" : "excluded by nobody";
    return verdict->hits[0].excluded_by.len == 0 ? "detect" : "detect, but excluded";
}

static void check_row(const struct row *row)
{
    struct test_set set = test_set_new(rules, sizeof(rules) / sizeof(rules[0]));
    struct rules_changes changes = {
        .modes = row->modes, .exclusions = row->exclusions, .now_unix = noon};
    struct test_head head;
    struct arena arena;
    struct inspection *inspection = NULL;
    char memory[TEST_ARENA_BYTES];
    while (changes.n_modes < MAX_ROWS &&
           (row->modes[changes.n_modes].rule != NULL || row->modes[changes.n_modes].vdir != NULL))
        changes.n_modes++;
    while (changes.n_exclusions < MAX_EXCLUSIONS &&
           row->exclusions[changes.n_exclusions].rule != NULL)
        changes.n_exclusions++;
    assert_true(ruleset_set_changes(set.set, &changes));
    test_head_init(&head, &row->request);
    arena_init(&arena, memory, sizeof(memory), LIMIT_ARENA_BYTES);
    struct verdict verdict =
        rules_check_head(set.lease, &head.head, row->mode, &arena, &inspection);
    if (strcmp(word_of(&verdict), row->expected) != 0)
        fail_msg("%s: %s instead of %s", row->name, word_of(&verdict), row->expected);
    rules_end(inspection);
    arena_done(&arena);
    test_set_done(&set);
}

static void test_modes_and_exclusions_decide_what_a_match_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i]);
}

/* An exclusion of the rule that matched the head must not keep the body from being judged. */
static void test_an_excluded_block_does_not_hide_the_body(void **state)
{
    (void)state;
    static const struct test_rule two[] = {
        {.id = "SG-HEAD", .when = "{field: path, contains: evil}"},
        {.id = "SG-BODY", .when = "{field: body, contains: attack}"},
    };
    static const struct exclusion exclusion = {.rule = "SG-HEAD", .path = "/owa", .label = "#1"};
    static const struct rules_changes changes = {.exclusions = &exclusion, .n_exclusions = 1};
    struct test_set set = test_set_new(two, 2);
    struct test_head head;
    struct arena arena;
    struct inspection *inspection = NULL;
    char memory[TEST_ARENA_BYTES];
    assert_true(ruleset_set_changes(set.set, &changes));
    test_head_init(
        &head, &(struct test_request){.method = "POST", .target = "/owa/evil", .body = "attack"});
    arena_init(&arena, memory, sizeof(memory), LIMIT_ARENA_BYTES);
    struct verdict verdict =
        rules_check_head(set.lease, &head.head, RULES_BLOCK, &arena, &inspection);
    assert_int_equal(verdict.action, VERDICT_NEED_BODY);
    verdict = rules_check_body(inspection, SLICE("attack"), true);
    assert_int_equal(verdict.action, VERDICT_BLOCK);
    assert_false(verdict.is_excluded);
    assert_true(slice_equal(verdict.hits[0].rule_id, SLICE("SG-BODY")));
    assert_true(slice_equal(verdict.hits[1].excluded_by, SLICE("#1")));
    rules_end(inspection);
    arena_done(&arena);
    test_set_done(&set);
}

static void test_a_fault_of_the_matcher_goes_by_the_mode_of_the_directory(void **state)
{
    (void)state;
    static const struct mode_row row = {.vdir = "owa", .mode = RULES_DETECT};
    static const struct rules_changes changes = {.modes = &row, .n_modes = 1};
    static const struct {
        const char *target;
        enum rules_mode expected;
    } cases[] = {
        {"/owa/", RULES_DETECT}, {"/ecp/", RULES_BLOCK}, {"/owa/..%252f..%252fecp/", RULES_BLOCK}};
    struct test_set set = test_set_new(rules, 1);
    assert_true(ruleset_set_changes(set.set, &changes));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_head head;
        struct arena arena;
        struct inspection *inspection = NULL;
        char memory[TEST_ARENA_BYTES];
        test_head_init(&head, &(struct test_request){.target = cases[i].target});
        arena_init(&arena, memory, sizeof(memory), LIMIT_ARENA_BYTES);
        struct verdict verdict =
            rules_check_head(set.lease, &head.head, RULES_BLOCK, &arena, &inspection);
        if (verdict.mode != cases[i].expected)
            fail_msg("%s: mode %d", cases[i].target, (int)verdict.mode);
        rules_end(inspection);
        arena_done(&arena);
    }
    test_set_done(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_and_exclusions_decide_what_a_match_does),
        cmocka_unit_test(test_an_excluded_block_does_not_hide_the_body),
        cmocka_unit_test(test_a_fault_of_the_matcher_goes_by_the_mode_of_the_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
