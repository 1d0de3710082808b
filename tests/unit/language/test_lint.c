/* Each mistake in a rule file is refused with the line it stands on and a word of the remedy.
 *
 * A case replaces one piece of a good rule, so that the mistake is the only one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "language/rule.h"
#include "stopgap/buf.h"
#include "stopgap/limits.h"

#include "stopgap/banned.h"

static const char good_rule[] = "id: SG-1\n"                                               /* 1 */
                                "title: A rule\n"                                          /* 2 */
                                "cve: [CVE-2021-26855]\n"                                  /* 3 */
                                "references: ['https://example.com/a']\n"                  /* 4 */
                                "severity: high\n"                                         /* 5 */
                                "applies_to: [{from: 15.0.0.0, before: 15.1.2242.4}]\n"    /* 6 */
                                "side_effects: none known\n"                               /* 7 */
                                "mode: block\n"                                            /* 8 */
                                "action: {type: block, status: 403}\n"                     /* 9 */
                                "when:\n"                                                  /* 10 */
                                "  all:\n"                                                 /* 11 */
                                "    - {field: path, regex: '^/owa'}\n"                    /* 12 */
                                "    - any:\n"                                             /* 13 */
                                "        - {field: cookie, name: A, exists: true}\n"       /* 14 */
                                "        - {field: header, name: X-A, contains: b}\n"      /* 15 */
                                "        - {field: client, in_cidr: [10.0.0.0/8]}\n"       /* 16 */
                                "samples:\n"                                               /* 17 */
                                "  must_block:\n"                                          /* 18 */
                                "    - target: /owa/x\n"                                   /* 19 */
                                "      headers: ['Cookie: A=1']\n"                         /* 20 */
                                "      body: text\n"                                       /* 21 */
                                "  must_pass:\n"                                           /* 22 */
                                "    - {target: /ecp/, client: 192.0.2.1, status: 200}\n"; /* 23 */

struct mistake {
    const char *name;
    const char *from; /* piece of the good rule */
    const char *to;
    unsigned line;
    const char *word; /* of the message */
};

static const struct mistake yaml_mistakes[] = {
    {"broken indentation", "  all:\n", " \tall:\n", 11, "not YAML"},
    {"open quote", "'^/owa'", "'^/owa", 0, "not YAML"},
    {"no UTF-8", "A rule", "A\xff rule", 2, "UTF-8"},
    {"second document", "severity", "---\nseverity", 5, "one rule a file"},
    {"anchor", "title: A", "title: &a A", 2, "anchors"},
    {"alias", "title: A rule", "title: *a", 2, "aliases"},
    {"tag", "title: A", "title: !!str A", 2, "tags"},
    {"local tag", "cve: [", "cve: !x [", 3, "tags"},
    {"NUL byte in a text", "title: A rule", "title: \"A\\0rule\"", 2, "NUL"},
    {"forgotten value", "title: A rule", "title:", 2, "missing"},
    {"null", "none known", "~", 7, "missing"},
    {"list as key", "title:", "[title]:", 2, "key must be"},
    {"unknown key", "severity", "colour", 5, "known here: id, title"},
    {"unknown key near a known one", "side_effects", "side_effect", 7, "mean 'side_effects'"},
    {"unknown key in a test", "{field: path, ", "{feild: path, ", 12, "mean 'field'"},
    {"unknown key deep in the tree", "name: X-A, contains", "name: X-A, contain", 15,
     "mean 'contains'"},
    {"unknown key in an action", "status: 403", "stauts: 403", 9, "mean 'status'"},
    {"unknown key in a sample", "      body: t", "      bdy: t", 21, "mean 'body'"},
    {"key given twice", "mode: block", "severity: low", 8, "twice"},
    {"key given twice in a test", "name: X-A,", "field: path,", 15, "twice"},
    {"list where a text belongs", "A rule", "[A, rule]", 2, "a text is expected, not a list"},
    {"text where a list belongs", "[CVE-2021-26855]", "CVE-2021-26855", 3, "a list is expected"},
    {"mapping in a list of texts", "['Cookie: A=1']", "[Cookie: A=1]", 20, "a text is expected"},
    {"text where a mapping belongs", "{type: block, status: 403}", "block", 9, "mapping"},
};

static const struct mistake head_mistakes[] = {
    {"no id", "id: SG-1\n", "", 1, "'id' is missing"},
    {"no title", "title: A rule\n", "", 1, "'title' is missing"},
    {"no severity", "severity: high\n", "", 1, "'severity' is missing"},
    {"no side effects", "side_effects: none known\n", "", 1, "none known"},
    {"blank in the id", "SG-1", "SG 1", 1, "letters"},
    {"slash in the id", "SG-1", "SG/1", 1, "letters"},
    {"id of 64 bytes", "SG-1", "0123456789012345678901234567890123456789012345678901234567890123",
     1, "at most 63"},
    {"unknown severity", "high", "High", 5, "critical"},
    {"control character in the title", "A rule", "\"A\\trule\"", 2, "title"},
    {"empty side effects", "none known", "''", 7, "none known"},
    {"malformed cve", "CVE-2021-26855", "2021-26855", 3, "CVE-2021-26855"},
    {"cve with a short number", "CVE-2021-26855", "CVE-2021-268", 3, "CVE"},
    {"reference that is no address", "https://example.com/a", "example.com", 4, "https"},
    {"malformed build", "15.0.0.0", "15.0.x", 6, "applies_to"},
    {"build of five numbers", "15.0.0.0", "15.0.0.0.1", 6, "applies_to"},
    {"empty range of builds", "{from: 15.0.0.0, before: 15.1.2242.4}", "{}", 6, "applies_to"},
    {"unknown mode", "mode: block", "mode: log", 8, "detect"},
    {"mitigation that is no id", "mode: block", "mitigation: 'M 1'", 8, "M1.1"},
    {"superseded by itself", "mode: block", "superseded_by: SG-1", 8, "another rule"},
};

static const struct mistake action_mistakes[] = {
    {"unknown action", "type: block", "type: blok", 9, "mean 'block'"},
    {"quite unknown action", "type: block", "type: redirect", 9, "remove_header"},
    {"no type", "type: block, ", "", 9, "type"},
    {"status below 400", "status: 403", "status: 399", 9, "400 to 599"},
    {"status above 599", "status: 403", "status: 600", 9, "400 to 599"},
    {"status that is no number", "status: 403", "status: 403abc", 9, "400 to 599"},
    {"status in hexadecimal", "status: 403", "status: '0x193'", 9, "400 to 599"},
    {"negative status", "status: 403", "status: '-403'", 9, "400 to 599"},
    {"status of an abort", "type: block", "type: abort", 9, "no 'status'"},
    {"header of a block", "status: 403", "header: A", 9, "no 'header'"},
    {"header action without header", "{type: block, status: 403}", "{type: remove_header}", 9,
     "needs 'header'"},
    {"header action without value", "{type: block, status: 403}", "{type: set_header, header: A}",
     9, "needs 'value'"},
    {"value to remove", "{type: block, status: 403}", "{type: remove_header, header: A, value: b}",
     9, "no 'value'"},
    {"separator to set", "{type: block, status: 403}",
     "{type: set_header, header: A, value: b, separator: c}", 9, "no 'separator'"},
    {"header name with a colon", "{type: block, status: 403}",
     "{type: remove_header, header: 'A:'}", 9, "header field"},
    {"framing field", "{type: block, status: 403}", "{type: remove_header, header: content-length}",
     9, "frames"},
    {"transfer coding", "{type: block, status: 403}",
     "{type: set_header, header: Transfer-Encoding, value: chunked}", 9, "frames"},
    {"hop-by-hop field", "{type: block, status: 403}",
     "{type: set_header, header: Connection, value: close}", 9, "connection"},
    {"value with a line break", "{type: block, status: 403}",
     "{type: set_header, header: A, value: \"b\\r\\nSet-Cookie: c\"}", 9, "one line"},
    {"separator with a line break", "{type: block, status: 403}",
     "{type: append_header, header: A, value: b, separator: \"\\n\"}", 9, "line breaks"},
    {"empty value", "{type: block, status: 403}", "{type: set_header, header: A, value: ''}", 9,
     "remove_header"},
    {"when_response with a block", "samples:\n",
     "when_response: {field: status, equals: 200}\nsamples:\n", 17, "set_header"},
};

static const struct mistake test_mistakes[] = {
    {"no conditions", "when:\n  all:\n", "blind_to:\n  all:\n", 10, "a list is expected"},
    {"unknown field", "field: path", "field: paht", 12, "mean 'path'"},
    {"quite unknown field", "field: path", "field: referrer", 12, "README"},
    {"no field", "{field: path, regex", "{regex", 12, "'field'"},
    {"empty test", "{field: path, regex: '^/owa'}", "{}", 12, "'field'"},
    {"no operator", ", regex: '^/owa'", "", 12, "needs an operator"},
    {"two operators", "regex: '^/owa'", "regex: '^/owa', contains: x", 12, "one operator"},
    {"two forms of one operator", "regex: '^/owa'", "one_of: [a], not_one_of: [b]", 12,
     "one operator"},
    {"group and test", "    - any:", "    - field: path\n      any:", 13, "stands alone"},
    {"two groups", "        - {field: client, in_cidr: [10.0.0.0/8]}\n",
     "      none: [{field: path, equals: a}]\n", 13, "one of all, any and none"},
    {"group and empty all", "    - any:\n", "    - all: []\n      any:\n", 13, "one of all"},
    {"empty any", "{field: path, regex: '^/owa'}", "{any: []}", 12, "empty list"},
    {"empty one_of", "regex: '^/owa'", "one_of: []", 12, "empty list"},
    {"header without name", "name: X-A, ", "", 15, "needs a 'name'"},
    {"name of a path", "{field: path, ", "{field: path, name: a, ", 12, "no names"},
    {"empty name", "name: A,", "name: '',", 14, "leave it out"},
    {"header name with a blank", "name: X-A", "name: 'X A'", 15, "header field"},
    {"network of a path", "regex: '^/owa'", "in_cidr: [10.0.0.0/8]", 12, "cannot be tested"},
    {"regex of the client", "in_cidr: [10.0.0.0/8]", "regex: '^10'", 16, "in_cidr"},
    {"malformed network", "10.0.0.0/8", "10.0.0.0/33", 16, "not a network"},
    {"network of a name", "10.0.0.0/8", "localhost", 16, "not a network"},
    {"long network", "10.0.0.0/8",
     "'0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8'", 16, "not a network"},
    {"regex of an anomaly", "{field: path, regex: '^/owa'}", "{field: anomaly, contains: a}", 12,
     "equals, one_of"},
    {"response field in when", "{field: path, regex: '^/owa'}", "{field: status, equals: 200}", 12,
     "when_response"},
    {"exists: false", "exists: true", "exists: false", 14, "none"},
    {"case: insensitive", "contains: b", "contains: b, case: insensitive", 15, "sensitive"},
    {"case with exists", "exists: true", "exists: true, case: sensitive", 14, "means nothing"},
    {"empty regex", "regex: '^/owa'", "regex: ''", 12, "every value"},
    {"empty contains", "contains: b", "contains: ''", 15, "every value"},
    {"\\A", "'^/owa'", "'\\A/owa'", 12, "use ^"},
    {"\\z", "'^/owa'", "'owa\\z'", 12, "use ^"},
    {"\\Z behind a backslash", "'^/owa'", "'a\\\\\\Z'", 12, "\\Z"},
    {"\\G behind a class", "'^/owa'", "'[^]\\]x[:alpha:]]\\G'", 12, "\\G"},
    {"\\A behind a quoted part", "'^/owa'", "'\\Q[\\E\\A'", 12, "\\A"},
};

static const struct mistake sample_mistakes[] = {
    {"no must_pass", "  must_pass:\n    - {target", "  x:\n    - {target", 22, "must_pass"},
    {"empty must_pass", "  must_pass:\n    - {target: /ecp/, client: 192.0.2.1, status: 200}",
     "  must_pass: []", 17, "needs a sample"},
    {"empty must_block",
     "  must_block:\n    - target: /owa/x\n      headers: ['Cookie: A=1']\n      body: text\n",
     "  must_block: []\n", 17, "needs a sample"},
    {"no target", "target: /ecp/, ", "", 23, "'target'"},
    {"relative target", "/ecp/", "ecp/", 23, "begins with"},
    {"blank in the target", "/ecp/", "'/e cp/'", 23, "%20"},
    {"line break in the target", "/ecp/", "\"/e\\ncp/\"", 23, "begins with"},
    {"header without colon", "Cookie: A=1", "Cookie", 20, "Name: value"},
    {"header with a blank in the name", "Cookie: A=1", "Coo kie: A=1", 20, "Name: value"},
    {"header with a line break", "'Cookie: A=1'", "\"Cookie: A\\nB: c\"", 20, "Name: value"},
    {"two bodies", "body: text", "body: text\n      body_base64: AAEC", 22, "exclude"},
    {"body that is not base64", "body: text", "body_base64: AAE", 21, "base64"},
    {"base64 with stray bits", "body: text", "body_base64: AAF=", 21, "base64"},
    {"method of two words", "{target: /ecp/", "{method: GET X, target: /ecp/", 23, "one word"},
    {"client that is no address", "192.0.2.1", "here", 23, "address"},
    {"client that is a network", "192.0.2.1", "192.0.2.0/24", 23, "address"},
    {"status of no response", "status: 200", "status: 99", 23, "100 to 599"},
};

/* The good rule with one piece replaced. */
static void replace(const char *from, const char *to, char *out, size_t size)
{
    const char *at = strstr(good_rule, from);
    if (at == NULL)
        fail_msg("the good rule has no '%s'", from);
    int len =
        snprintf(out, size, "%.*s%s%s", (int)(at - good_rule), good_rule, to, at + strlen(from));
    assert_true(len > 0 && (size_t)len < size);
}

static void check_mistakes(const struct mistake *mistakes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct mistake *mistake = &mistakes[i];
        struct rule_list list = {0};
        struct err err = {0};
        char text[2048];
        replace(mistake->from, mistake->to, text, sizeof(text));
        if (rules_parse(slice_str(text), "test", "r.yaml", &list, &err))
            fail_msg("%s: accepted", mistake->name);
        if (list.n != 0 || err.kind != ERR_SYNTAX || strcmp(err.code, "E_LINT") != 0 ||
            strcmp(err.file, "r.yaml") != 0)
            fail_msg("%s: kind %d, code %s, file %s", mistake->name, err.kind, err.code, err.file);
        if ((mistake->line != 0 && err.line != mistake->line) ||
            strstr(err.text, mistake->word) == NULL)
            fail_msg("%s: line %u: %s", mistake->name, err.line, err.text);
        rule_list_done(&list);
    }
}

#define CHECK_MISTAKES(mistakes) check_mistakes(mistakes, sizeof(mistakes) / sizeof((mistakes)[0]))

static void test_lint_accepts_the_good_rule(void **state)
{
    (void)state;
    struct rule_list list = {0};
    struct err err = {0};
    if (!rules_parse(slice_str(good_rule), "test", "r.yaml", &list, &err))
        fail_msg("%u: %s", err.line, err.text);
    rule_list_done(&list);
}

static void test_lint_refuses_what_is_not_plain_yaml_of_the_right_shape(void **state)
{
    (void)state;
    CHECK_MISTAKES(yaml_mistakes);
}

static void test_lint_refuses_mistakes_in_the_head(void **state)
{
    (void)state;
    CHECK_MISTAKES(head_mistakes);
}

static void test_lint_refuses_mistakes_in_the_action(void **state)
{
    (void)state;
    CHECK_MISTAKES(action_mistakes);
}

static void test_lint_refuses_mistakes_in_a_test(void **state)
{
    (void)state;
    CHECK_MISTAKES(test_mistakes);
}

static void test_lint_refuses_mistakes_in_a_sample(void **state)
{
    (void)state;
    CHECK_MISTAKES(sample_mistakes);
}

static void test_lint_accepts_what_only_looks_like_a_mistake(void **state)
{
    static const struct {
        const char *from;
        const char *to;
    } cases[] = {
        {"'^/owa'", "'a\\\\Ab'"},          /* an escaped backslash, then A */
        {"'^/owa'", "'[\\z]x'"},           /* not an anchor there; the engine has the last word */
        {"'^/owa'", "'\\Qx\\A\\E'"},       /* quoted */
        {"'^/owa'", "'\\bowa\\d\\w\\S$'"}, /* other escapes */
        {"contains: b", "equals: ''"},     /* an empty value can be meant */
        {"contains: b", "equals: 'null'"}, /* quoted, so it is the text */
        {"contains: b", "contains: 'no'"}, /* a text, not a boolean */
        {"/owa/x", "'HTTP://a/'"},         /* absolute form in any case */
        {"body: text", "body_base64: ''"}, /* an empty body */
        {"A rule", "'Regel f\xc3\xbcr OWA'"}, /* text for people is UTF-8 */
        {"10.0.0.0/8", "'::ffff:10.0.0.0/104'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rule_list list = {0};
        struct err err = {0};
        char text[2048];
        replace(cases[i].from, cases[i].to, text, sizeof(text));
        if (!rules_parse(slice_str(text), "test", "r.yaml", &list, &err))
            fail_msg("%s: %u: %s", cases[i].to, err.line, err.text);
        rule_list_done(&list);
    }
}

static void test_lint_names_the_rule_and_keeps_its_message_printable(void **state)
{
    (void)state;
    struct rule_list list = {0};
    struct err err = {0};
    char text[2048];
    replace("severity", "\"se\\e[31m\\u009bx\"", text, sizeof(text));
    assert_false(rules_parse(slice_str(text), "test", "a\nb.yaml", &list, &err));
    assert_non_null(strstr(err.text, "rule SG-1: unknown key 'se?[31m??x'"));
    assert_string_equal(err.file, "a?b.yaml");
    assert_int_equal(err.line, 5);
    assert_int_equal(err.column, 1);
}

/* Each text outgrows one limit; the answer must come at once and say so. */
static void check_limit(struct buf *text, const char *word)
{
    struct rule_list list = {0};
    struct err err = {0};
    if (rules_parse(buf_slice(text), "test", "r.yaml", &list, &err))
        fail_msg("accepted, expected: %s", word);
    if (err.kind != ERR_LIMIT || strstr(err.text, word) == NULL)
        fail_msg("expected %s: kind %d: %s", word, err.kind, err.text);
    buf_done(text);
}

static void append(struct buf *text, const char *piece, size_t n_times)
{
    for (size_t i = 0; i < n_times; i++)
        assert_true(buf_append(text, slice_str(piece)));
}

/* The good rule, with piece repeated n times instead of from. */
static void build(struct buf *text, const char *from, const char *piece, size_t n_times)
{
    const char *at = strstr(good_rule, from);
    assert_non_null(at);
    buf_init(text, 4 * LIMIT_RULE_FILE_BYTES);
    assert_true(buf_append(text, slice_make(good_rule, (size_t)(at - good_rule))));
    append(text, piece, n_times);
    append(text, at + strlen(from), 1);
}

static void test_lint_refuses_what_outgrows_a_limit(void **state)
{
    (void)state;
    struct buf text;
    build(&text, "A rule", "x", LIMIT_RULE_FILE_BYTES);
    check_limit(&text, "larger than");
    build(&text, "A rule", "x", 5000);
    check_limit(&text, "4096 bytes");
    build(&text, "^/owa", "x", LIMIT_PATTERN_BYTES + 1);
    check_limit(&text, "4096 bytes");
    build(&text, "    - {field: path, regex: '^/owa'}\n", "    - {field: path, equals: a}\n",
          LIMIT_CONDITIONS - 1);
    check_limit(&text, "more than 256 conditions");
    build(&text, "    - {target: /ecp/, client: 192.0.2.1, status: 200}\n", "    - {target: /a}\n",
          LIMIT_SAMPLES_PER_RULE);
    check_limit(&text, "more than 500 samples");
    build(&text, "    - {target: /ecp/, client: 192.0.2.1, status: 200}\n", "    - {target: /a}\n",
          LIMIT_SAMPLES_PER_RULE + 1);
    check_limit(&text, "more than 500 entries");
    build(&text, "CVE-2021-26855", "a,", 100000);
    check_limit(&text, "more than 20000 values");

    buf_init(&text, LIMIT_RULE_FILE_BYTES);
    append(&text, "when: ", 1);
    append(&text, "{any: [", LIMIT_CONDITION_DEPTH);
    append(&text, "{field: path, equals: a}", 1);
    append(&text, "]}", LIMIT_CONDITION_DEPTH);
    append(&text, strstr(good_rule, "samples:") - 1, 1);
    append(&text, "id: a\ntitle: a\nseverity: low\nside_effects: none\n", 1);
    check_limit(&text, "nested deeper than 16");

    buf_init(&text, LIMIT_RULE_FILE_BYTES);
    append(&text, "when: ", 1);
    append(&text, "[", LIMIT_RULE_FILE_BYTES - 6);
    check_limit(&text, "nested deeper");
}

static void test_lint_accepts_the_deepest_tree_that_is_allowed(void **state)
{
    (void)state;
    struct buf text;
    struct rule_list list = {0};
    struct err err = {0};
    buf_init(&text, LIMIT_RULE_FILE_BYTES);
    append(&text, "when: ", 1);
    append(&text, "{any: [", LIMIT_CONDITION_DEPTH - 1);
    append(&text, "{field: client, in_cidr: [10.0.0.0/8]}", 1);
    append(&text, "]}", LIMIT_CONDITION_DEPTH - 1);
    append(&text, strstr(good_rule, "samples:") - 1, 1);
    append(&text, "id: a\ntitle: a\nseverity: low\nside_effects: none\n", 1);
    if (!rules_parse(buf_slice(&text), "test", "r.yaml", &list, &err))
        fail_msg("%u: %s", err.line, err.text);
    rule_list_done(&list);
    buf_done(&text);
}

static void test_lint_refuses_the_empty_file_and_the_wrong_response_field(void **state)
{
    (void)state;
    struct rule_list list = {0};
    struct err err = {0};
    assert_false(rules_parse(slice_make(NULL, 0), "test", "r.yaml", &list, &err));
    assert_non_null(strstr(err.text, "empty"));
    assert_false(rules_parse(SLICE("# nothing\n"), "test", "r.yaml", &list, &err));
    assert_non_null(strstr(err.text, "empty"));
    assert_false(rules_parse(SLICE("- id: a\n"), "test", "r.yaml", &list, NULL));
    char text[2048];
    replace("{type: block, status: 403}",
            "{type: remove_header, header: A}\nwhen_response: {field: path, equals: /a}", text,
            sizeof(text));
    assert_false(rules_parse(slice_str(text), "test", "r.yaml", &list, &err));
    assert_non_null(strstr(err.text, "move the test from 'when_response' to 'when'"));
    assert_int_equal(err.line, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lint_accepts_the_good_rule),
        cmocka_unit_test(test_lint_refuses_what_is_not_plain_yaml_of_the_right_shape),
        cmocka_unit_test(test_lint_refuses_mistakes_in_the_head),
        cmocka_unit_test(test_lint_refuses_mistakes_in_the_action),
        cmocka_unit_test(test_lint_refuses_mistakes_in_a_test),
        cmocka_unit_test(test_lint_refuses_mistakes_in_a_sample),
        cmocka_unit_test(test_lint_accepts_what_only_looks_like_a_mistake),
        cmocka_unit_test(test_lint_names_the_rule_and_keeps_its_message_printable),
        cmocka_unit_test(test_lint_refuses_what_outgrows_a_limit),
        cmocka_unit_test(test_lint_accepts_the_deepest_tree_that_is_allowed),
        cmocka_unit_test(test_lint_refuses_the_empty_file_and_the_wrong_response_field),
    };
    return cmocka_run_group_tests_name("language/lint", tests, NULL, NULL);
}
