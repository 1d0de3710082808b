/* A good rule file becomes a struct rule with every member filled as rules/README.md says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "language/rule.h"

#include "stopgap/banned.h"

static const char block_rule[] =
    "id: SG-1.a_b\n"
    "title: >\n"
    "  One rule\n"
    "  with everything\n"
    "cve: [CVE-2021-26855, CVE-2021-270650]\n"
    "references: ['https://example.com/a', 'http://example.com/b']\n"
    "severity: high\n"
    "applies_to:\n"
    "  - {from: 15.0.0.0, before: 15.1.2242.4}\n"
    "  - {before: '15'}\n"
    "side_effects: none known\n"
    "blind_to: [bodies]\n"
    "superseded_by: SG-2\n"
    "mitigation: M1.1\n"
    "mode: detect\n"
    "action: {type: block, status: 404}\n"
    "when:\n"
    "  all:\n"
    "    - {field: cookie, name: X-BEResource, not_regex: '^[a-z]+~[0-9]+$', case: sensitive}\n"
    "    - any:\n"
    "        - {field: client, not_in_cidr: [192.0.2.0/24, '2001:db8::/32', 10.1.1.1]}\n"
    "        - {field: vdir, one_of: [owa, ecp]}\n"
    "        - {field: query, equals: ''}\n"
    "    - none:\n"
    "        - {field: header, name: X-A, exists: true}\n"
    "samples:\n"
    "  must_block:\n"
    "    - target: /ecp/y.js\n"
    "      headers: ['Cookie: X-BEResource=a', 'X-Empty:']\n"
    "      body_base64: |\n"
    "        AAEC\n"
    "        /w==\n"
    "    - {target: 'https://mail.example.com/x', body: 'a=b'}\n"
    "  must_pass:\n"
    "    - {method: PUT, target: '*', client: '2001:db8::1', status: 302,\n"
    "       response_headers: ['Location: /owa/']}\n";

static const char response_rule[] =
    "id: SG-3\n"
    "title: Response\n"
    "severity: low\n"
    "side_effects: none known\n"
    "action: {type: append_header, header: Content-Security-Policy, value: script-src 'none'}\n"
    "when: {all: []}\n"
    "when_response:\n"
    "  all:\n"
    "    - {field: status, not_one_of: ['301', '302']}\n"
    "    - {field: response_header, name: Content-Type, starts_with: text/html}\n"
    "samples: {must_block: [{target: /owa/}], must_pass: [{target: /ecp/}]}\n";

static struct rule_list list;

static const struct rule *parse(const char *text)
{
    struct err err = {0};
    if (!rules_parse(slice_str(text), "builtin", "sets/one.yaml", &list, &err))
        fail_msg("%u: %s", err.line, err.text);
    return list.items[list.n - 1];
}

static int done(void **state)
{
    (void)state;
    rule_list_done(&list);
    return 0;
}

static void test_parse_fills_the_head_of_a_rule(void **state)
{
    (void)state;
    const struct rule *rule = parse(block_rule);
    assert_string_equal(rule->id, "SG-1.a_b");
    assert_string_equal(rule->title, "One rule with everything");
    assert_int_equal(rule->n_cve, 2);
    assert_string_equal(rule->cve[1], "CVE-2021-270650");
    assert_int_equal(rule->n_references, 2);
    assert_string_equal(rule->references[0], "https://example.com/a");
    assert_string_equal(rule->severity, "high");
    assert_int_equal(rule->n_applies_to, 2);
    assert_string_equal(rule->applies_to[0].from, "15.0.0.0");
    assert_string_equal(rule->applies_to[0].before, "15.1.2242.4");
    assert_null(rule->applies_to[1].from);
    assert_string_equal(rule->side_effects, "none known");
    assert_int_equal(rule->n_blind_to, 1);
    assert_string_equal(rule->blind_to[0], "bodies");
    assert_string_equal(rule->superseded_by, "SG-2");
    assert_string_equal(rule->mitigation, "M1.1");
    assert_true(rule->is_detect_only);
    assert_int_equal(rule->action, ACTION_BLOCK);
    assert_int_equal(rule->status, 404);
    assert_null(rule->header);
    assert_null(rule->when_response);
    assert_string_equal(rule->source, "builtin");
    assert_string_equal(rule->file, "sets/one.yaml");
}

static void test_parse_builds_the_tree_of_conditions(void **state)
{
    (void)state;
    const struct node *when = parse(block_rule)->when;
    assert_int_equal(when->kind, NODE_ALL);
    assert_int_equal(when->n_children, 3);

    const struct node *cookie = when->children[0];
    assert_int_equal(cookie->kind, NODE_TEST);
    assert_int_equal(cookie->field, FIELD_COOKIE);
    assert_string_equal(cookie->name, "X-BEResource");
    assert_int_equal(cookie->op, OP_REGEX);
    assert_true(cookie->is_negated);
    assert_true(cookie->is_case_sensitive);
    assert_string_equal(cookie->value, "^[a-z]+~[0-9]+$");
    assert_null(cookie->values);

    const struct node *any = when->children[1];
    assert_int_equal(any->kind, NODE_ANY);
    assert_int_equal(any->n_children, 3);
    assert_int_equal(any->children[0]->field, FIELD_CLIENT);
    assert_int_equal(any->children[0]->op, OP_IN_CIDR);
    assert_true(any->children[0]->is_negated);
    assert_int_equal(any->children[0]->n_values, 3);
    assert_string_equal(any->children[0]->values[1], "2001:db8::/32");
    assert_int_equal(any->children[1]->op, OP_ONE_OF);
    assert_false(any->children[1]->is_negated);
    assert_false(any->children[1]->is_case_sensitive);
    assert_string_equal(any->children[1]->values[0], "owa");
    assert_null(any->children[1]->value);
    assert_string_equal(any->children[2]->value, "");

    const struct node *none = when->children[2];
    assert_int_equal(none->kind, NODE_NONE);
    assert_int_equal(none->children[0]->field, FIELD_HEADER);
    assert_int_equal(none->children[0]->op, OP_EXISTS);
    assert_null(none->children[0]->value);
}

static void test_parse_fills_the_samples(void **state)
{
    (void)state;
    const struct rule *rule = parse(block_rule);
    assert_int_equal(rule->n_must_block, 2);
    assert_int_equal(rule->n_must_pass, 1);

    const struct sample *first = &rule->must_block[0];
    assert_string_equal(first->method, "POST"); /* it has a body */
    assert_string_equal(first->target, "/ecp/y.js");
    assert_int_equal(first->n_headers, 2);
    assert_string_equal(first->headers[0], "Cookie: X-BEResource=a");
    assert_int_equal(first->body_len, 4);
    assert_memory_equal(first->body, "\x00\x01\x02\xff", 4);
    assert_null(first->client);
    assert_int_equal(first->status, 0);

    assert_string_equal(rule->must_block[1].method, "POST");
    assert_int_equal(rule->must_block[1].body_len, 3);
    assert_memory_equal(rule->must_block[1].body, "a=b", 3);

    const struct sample *pass = &rule->must_pass[0];
    assert_string_equal(pass->method, "PUT");
    assert_string_equal(pass->target, "*");
    assert_null(pass->body);
    assert_string_equal(pass->client, "2001:db8::1");
    assert_int_equal(pass->status, 302);
    assert_int_equal(pass->n_response_headers, 1);
    assert_string_equal(pass->response_headers[0], "Location: /owa/");
}

static void test_parse_fills_a_rule_for_the_response_and_its_defaults(void **state)
{
    (void)state;
    const struct rule *rule = parse(response_rule);
    assert_int_equal(rule->action, ACTION_APPEND_HEADER);
    assert_int_equal(rule->status, 0);
    assert_string_equal(rule->header, "Content-Security-Policy");
    assert_string_equal(rule->value, "script-src 'none'");
    assert_string_equal(rule->separator, "; ");
    assert_false(rule->is_detect_only);
    assert_null(rule->superseded_by);
    assert_int_equal(rule->n_cve, 0);
    assert_int_equal(rule->when->kind, NODE_ALL);
    assert_int_equal(rule->when->n_children, 0);
    assert_int_equal(rule->when_response->n_children, 2);
    assert_int_equal(rule->when_response->children[0]->field, FIELD_STATUS);
    assert_int_equal(rule->when_response->children[1]->field, FIELD_RESPONSE_HEADER);
    assert_string_equal(rule->must_block[0].method, "GET");
}

static void test_parse_knows_every_action(void **state)
{
    static const struct {
        const char *action;
        enum rule_action expected;
        unsigned status;
        bool is_detect_only;
    } cases[] = {
        {"", ACTION_BLOCK, 403, false},
        {"action: {type: block}\n", ACTION_BLOCK, 403, false},
        {"action: {type: abort}\n", ACTION_ABORT, 0, false},
        {"action: {type: detect}\n", ACTION_DETECT, 0, true},
        {"action: {type: deny_vdir}\n", ACTION_DENY_VDIR, 403, false},
        {"action: {type: deny_vdir, status: 599}\n", ACTION_DENY_VDIR, 599, false},
        {"action: {type: set_header, header: A, value: b}\n", ACTION_SET_HEADER, 0, false},
        {"action: {type: remove_header, header: A}\n", ACTION_REMOVE_HEADER, 0, false},
        {"mode: block\n", ACTION_BLOCK, 403, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        (void)snprintf(text, sizeof(text),
                       "id: R%zu\ntitle: t\nseverity: low\nside_effects: none known\n%s"
                       "when: {field: path, equals: /x}\n"
                       "samples: {must_block: [{target: /x}], must_pass: [{target: /}]}\n",
                       i, cases[i].action);
        const struct rule *rule = parse(text);
        if (rule->action != cases[i].expected || rule->status != cases[i].status ||
            rule->is_detect_only != cases[i].is_detect_only)
            fail_msg("wrong: %s", cases[i].action);
    }
}

static void test_parse_refuses_an_activation_that_nothing_switches(void **state)
{
    (void)state;
    char text[2048];
    struct err err = {0};
    (void)snprintf(text, sizeof(text), "%sactivation: sometimes\n", block_rule);
    assert_false(rules_parse(slice_str(text), "a", "stale.yaml", &list, &err));
    assert_non_null(strstr(err.text, "always, option or stale"));
}

static void test_parse_refuses_an_id_twice_and_names_both_files(void **state)
{
    (void)state;
    struct err err = {0};
    (void)parse(block_rule);
    assert_false(rules_parse(slice_str(block_rule), "b", "two.yaml", &list, &err));
    assert_int_equal(list.n, 1);
    assert_string_equal(err.code, "E_LINT");
    assert_string_equal(err.file, "two.yaml");
    assert_non_null(strstr(err.text, "sets/one.yaml"));
    assert_non_null(strstr(err.text, "SG-1.a_b"));
    assert_int_equal(err.line, 1);
}

static void test_words_are_those_of_the_reference(void **state)
{
    (void)state;
    assert_string_equal(field_word(FIELD_ARG_NAME), "arg_name");
    assert_string_equal(field_word(FIELD_RESPONSE_HEADER), "response_header");
    assert_string_equal(operator_word(OP_STARTS_WITH), "starts_with");
    assert_string_equal(operator_word(OP_IN_CIDR), "in_cidr");
    assert_string_equal(action_word(ACTION_DENY_VDIR), "deny_vdir");
    assert_true(action_is_response(ACTION_REMOVE_HEADER));
    assert_false(action_is_response(ACTION_DENY_VDIR));
    assert_true(field_has_views(FIELD_HEADER));
    assert_false(field_has_views(FIELD_HEADER_NAME));
    assert_true(field_needs_body(FIELD_FORM));
    assert_false(field_needs_body(FIELD_QUERY));
    assert_true(field_is_response(FIELD_STATUS));
    assert_false(field_is_response(FIELD_HEADER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_parse_fills_the_head_of_a_rule, done),
        cmocka_unit_test_teardown(test_parse_builds_the_tree_of_conditions, done),
        cmocka_unit_test_teardown(test_parse_fills_the_samples, done),
        cmocka_unit_test_teardown(test_parse_fills_a_rule_for_the_response_and_its_defaults, done),
        cmocka_unit_test_teardown(test_parse_knows_every_action, done),
        cmocka_unit_test_teardown(test_parse_refuses_an_activation_that_nothing_switches, done),
        cmocka_unit_test_teardown(test_parse_refuses_an_id_twice_and_names_both_files, done),
        cmocka_unit_test(test_words_are_those_of_the_reference),
    };
    return cmocka_run_group_tests_name("language/parse", tests, NULL, NULL);
}
