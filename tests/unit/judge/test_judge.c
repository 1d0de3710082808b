/* What a candidate has to show: usual requests pass, the price is bounded, and the verdict comes
 * back whole. */
#include "judge/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "build.h"
#include "judge_wire.h"

#include "stopgap/banned.h"

enum { REPLY_MAX = JUDGE_REPLY_BYTES };

/* A rule with one sample of each kind. */
static void write_rule(struct buf *text, const char *id, const char *when, const char *block,
                       const char *pass)
{
    assert_true(buf_printf(text,
                           "id: %s\ntitle: t\nseverity: low\nside_effects: none known\n"
                           "action: {type: block}\nwhen: %s\n"
                           "samples:\n  must_block: [%s]\n  must_pass: [%s]\n",
                           id, when, block, pass));
}

static struct origins *one_rule(const char *when, const char *block, const char *pass)
{
    static char source[] = "test";
    static char label[] = "test@1.1";
    static char hash[] = "00";
    struct buf text = {.max = 64 * 1024};
    struct origins *origins = origins_new();
    assert_non_null(origins);
    struct origin *origin =
        origins_add(origins, &(struct origin){.source = source, .label = label, .hash = hash});
    assert_non_null(origin);
    write_rule(&text, "TEST-1", when, block, pass);
    assert_true(origin_add_file(origin, "test.sgb:rules/1.yaml", buf_slice(&text)));
    buf_done(&text);
    return origins;
}

/* The whole way over bytes. */
static bool judge_beside(bool use_builtin, struct origins *origins, uint64_t max_cost,
                         struct rules_judgement *judgement, struct err *err)
{
    const struct rules_source source = {.use_builtin = use_builtin, .max_cost = max_cost};
    struct buf request = {.max = JUDGE_REQUEST_BYTES};
    struct buf reply = {.max = REPLY_MAX};
    assert_true(judge_request_write(&source, origins, NULL, &request));
    assert_true(rules_judge(buf_slice(&request), RULES_BEHIND_FILTER, &reply));
    *err = (struct err){.kind = ERR_NONE};
    bool is_good = rules_judge_reply(buf_slice(&reply), judgement, err);
    buf_done(&request);
    buf_done(&reply);
    origins_unref(origins);
    return is_good;
}

static bool judge(struct origins *origins, uint64_t max_cost, struct rules_judgement *judgement,
                  struct err *err)
{
    return judge_beside(true, origins, max_cost, judgement, err);
}

static struct ruleset *shipped(void)
{
    struct err err = {.kind = ERR_NONE};
    const struct rules_source source = {.use_builtin = true};
    struct ruleset *set = rules_load(&source, &err);
    if (set == NULL)
        fail_msg("%s: %s", err.code, err.text);
    return set;
}

static void test_the_shipped_rules_stop_nothing_that_clients_send(void **state)
{
    struct corpus usual;
    struct err err = {.kind = ERR_NONE};
    (void)state;
    struct ruleset *set = shipped();
    assert_true(corpus_init(&usual) && corpus_add_usual(&usual));
    assert_int_equal(usual.n, n_usual_requests);
    if (!judge_usual(set, &usual, &err))
        fail_msg("%s: %s", err.code, err.text);
    corpus_done(&usual);
    ruleset_unref(set);
}

/* The unit of the costs: on a busy machine, too. */
static void test_the_shipped_rules_cost_a_thousand(void **state)
{
    struct rules_judgement judgement = {.cost = 0};
    struct err err = {.kind = ERR_NONE};
    (void)state;
    struct ruleset *set = shipped();
    assert_true(judge_cost(set, set, 0, &judgement, &err));
    assert_in_range(judgement.cost, 400, 2500);
    assert_in_range(judgement.worst_cost, 400, 2500);
    ruleset_unref(set);
}

static void test_a_good_rule_is_good(void **state)
{
    struct rules_judgement judgement;
    struct err err;
    (void)state;
    if (!judge(one_rule("{field: path, equals: /owa/blocked}", "{target: /owa/blocked}",
                        "{target: /owa/}"),
               20000, &judgement, &err))
        fail_msg("%s: %s", err.code, err.text);
    assert_true(judgement.n_rules > 1 && judgement.database_bytes != 0 && judgement.cost != 0);
    assert_int_equal(judgement.isolation, RULES_BEHIND_FILTER);
}

/* Alone: beside the shipped rules their samples would have found most of these, too. */
static void test_a_rule_that_stops_clients_is_refused(void **state)
{
    static const struct {
        const char *when;
        const char *block;
        const char *stopped;
    } rules[] = {
        {"{field: path, starts_with: /owa/}", "{target: /owa/x}", "OWA"},
        {"{field: path, regex: '(?i)^/ews/'}", "{target: /ews/}", "web services"},
        {"{field: header, name: Authorization, regex: '^NTLM '}",
         "{target: /x, headers: ['Authorization: NTLM a']}", "RPC"},
        {"{field: body, contains: '<m:CreateItem'}",
         "{target: /x, method: POST, headers: ['Content-Type: text/xml'], body: '<m:CreateItem'}",
         "mail by web services"},
        {"{field: method, equals: OPTIONS}", "{target: /x, method: OPTIONS}", "phone"},
    };
    struct rules_judgement judgement;
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        assert_false(judge_beside(false, one_rule(rules[i].when, rules[i].block, "{target: /y}"), 0,
                                  &judgement, &err));
        if (strcmp(err.code, "E_SELFTEST") != 0 || strstr(err.text, "TEST-1") == NULL ||
            strstr(err.text, rules[i].stopped) == NULL)
            fail_msg("%s: %s: %s", rules[i].when, err.code, err.text);
        assert_string_equal(err.file, "test.sgb:rules/1.yaml");
    }
}

#define SLOW(end) "{field: body, regex: 'Process cmd.(?:[a-zA-Z/]+[. ]?)+[!" end "]'}"

/* A word wakes patterns that try every way to cut the text behind it. Several, since a sanitizer
 * slows everything down but them. */
static void test_a_costly_rule_is_refused(void **state)
{
    struct rules_judgement judgement = {.cost = 0};
    struct err err;
    (void)state;
    assert_false(judge(one_rule("{any: [" SLOW("%") ", " SLOW("#") ", " SLOW("~") ", " SLOW(
                                    "=") ", " SLOW("&") ", " SLOW("_") "]}",
                                "{target: /x, method: POST, headers: ['Content-Type: text/plain'],"
                                " body: 'Process cmd.a!'}",
                                "{target: /owa/}"),
                       2000, &judgement, &err));
    if (strcmp(err.code, "E_COST") != 0)
        fail_msg("%s: %s", err.code, err.text);
    assert_true(judgement.worst_cost > 2000);
}

/* The publisher's own number counts where it is lower than the operator's. */
static void test_a_promise_of_the_publisher_is_held_against_it(void **state)
{
    struct rules_judgement judgement;
    struct err err;
    (void)state;
    struct origins *origins = one_rule("{field: path, equals: /owa/blocked}",
                                       "{target: /owa/blocked}", "{target: /owa/}");
    origins->items[0].max_cost = UINT64_MAX; /* a sum that cannot be made is none */
    assert_true(judge(origins_ref(origins), 0, &judgement, &err));
    origins->items[0].max_cost = 1;
    const struct rules_source source = {.max_cost = 0}; /* without the shipped rules */
    struct buf request = {.max = JUDGE_REQUEST_BYTES};
    struct buf reply = {.max = REPLY_MAX};
    assert_true(judge_request_write(&source, origins, NULL, &request));
    assert_true(rules_judge(buf_slice(&request), 0, &reply));
    assert_false(rules_judge_reply(buf_slice(&reply), &judgement, &err));
    assert_string_equal(err.code, "E_COST");
    buf_done(&request);
    buf_done(&reply);
    origins_unref(origins);
}

/* ---- bytes */

static void write_full_request(struct origins *origins, struct buf *request)
{
    static const struct mode_row modes[] = {{.rule = "A", .mode = RULES_DETECT},
                                            {.vdir = "owa", .mode = RULES_OFF}};
    static const char *const enabled[] = {"B", "C"};
    static const char *const blocked[] = {"M1"};
    static const struct build_span builds[] = {{.from = {{15, 1, 2507, 6}}},
                                               {.from = {{15, 2, 1544, 4}}}};
    static const struct rules_changes changes = {
        .modes = modes, .n_modes = 2, .enabled = enabled, .n_enabled = 2};
    static const struct mitigation_policy policy = {.is_org_on = true,
                                                    .blocked = blocked,
                                                    .n_blocked = 1,
                                                    .uses_builds = true,
                                                    .builds = builds,
                                                    .n_builds = 2};
    const struct rules_source source = {
        .cache = "/x/cache", .max_cost = 7, .changes = &changes, .policy = &policy};
    assert_true(judge_request_write(&source, origins, NULL, request));
}

static void test_a_request_arrives_whole(void **state)
{
    struct buf bytes = {.max = 64 * 1024};
    struct judge_request request;
    (void)state;
    struct origins *origins = one_rule("{field: path, equals: /a}", "{target: /a}", "{target: /b}");
    write_full_request(origins, &bytes);
    assert_true(judge_request_read(buf_slice(&bytes), &request));
    assert_false(request.use_builtin);
    assert_string_equal(request.cache, "/x/cache");
    assert_int_equal(request.max_cost, 7);
    assert_int_equal(request.changes.n_modes, 2);
    assert_string_equal(request.changes.modes[0].rule, "A");
    assert_null(request.changes.modes[0].vdir);
    assert_int_equal(request.changes.modes[0].mode, RULES_DETECT);
    assert_null(request.changes.modes[1].rule);
    assert_string_equal(request.changes.modes[1].vdir, "owa");
    assert_int_equal(request.changes.n_enabled, 2);
    assert_string_equal(request.changes.enabled[1], "C");
    assert_true(request.policy.is_org_on && !request.policy.is_server_on);
    assert_int_equal(request.policy.n_blocked, 1);
    assert_int_equal(request.policy.n_builds, 2);
    assert_int_equal(request.policy.builds[1].from.part[2], 1544);
    assert_int_equal(request.origins->n, 1);
    judge_request_done(&request);
    origins_unref(origins);
    buf_done(&bytes);
}

static void test_a_cut_request_is_no_request(void **state)
{
    struct buf bytes = {.max = 64 * 1024};
    struct judge_request request;
    struct rules_judgement judgement;
    struct err err;
    (void)state;
    struct origins *origins = one_rule("{field: path, equals: /a}", "{target: /a}", "{target: /b}");
    write_full_request(origins, &bytes);
    for (size_t len = 0; len < bytes.len; len++)
        assert_false(judge_request_read(slice_make(bytes.ptr, len), &request));
    struct buf reply = {.max = REPLY_MAX};
    assert_true(rules_judge(slice_make(bytes.ptr, bytes.len / 2), 0, &reply));
    assert_false(rules_judge_reply(buf_slice(&reply), &judgement, &err));
    buf_done(&reply);
    origins_unref(origins);
    buf_done(&bytes);
}

static void test_a_cut_reply_is_a_refusal(void **state)
{
    const struct rules_judgement judgement = {.cost = 5};
    struct rules_judgement again;
    struct buf bytes = {.max = REPLY_MAX};
    (void)state;
    assert_true(judge_reply_write(&judgement, NULL, &bytes));
    assert_true(rules_judge_reply(buf_slice(&bytes), &again, NULL));
    assert_int_equal(again.cost, 5);
    for (size_t len = 0; len < bytes.len; len++) {
        struct err err = {.kind = ERR_NONE};
        assert_false(rules_judge_reply(slice_make(bytes.ptr, len), &again, &err));
        assert_string_equal(err.code, "E_COMPILE");
    }
    buf_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_shipped_rules_stop_nothing_that_clients_send),
        cmocka_unit_test(test_the_shipped_rules_cost_a_thousand),
        cmocka_unit_test(test_a_good_rule_is_good),
        cmocka_unit_test(test_a_rule_that_stops_clients_is_refused),
        cmocka_unit_test(test_a_costly_rule_is_refused),
        cmocka_unit_test(test_a_promise_of_the_publisher_is_held_against_it),
        cmocka_unit_test(test_a_request_arrives_whole),
        cmocka_unit_test(test_a_cut_request_is_no_request),
        cmocka_unit_test(test_a_cut_reply_is_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
