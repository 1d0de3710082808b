/* What lint finds in rules, and what it leaves alone. */
#include "lint/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "stopgap/banned.h"

static char folder[] = "/tmp/stopgap-lint-XXXXXX";
static const char *const folders[] = {folder};

static const char good_when[] = "{field: path, equals: /owa/shell.aspx}";
static const char good_head[] = "cve: [CVE-2021-26855]\nreferences: [https://example.com/a]\n"
                                "applies_to: [{from: 15.1.0.0, before: 15.1.2242.4}]\n"
                                "side_effects: none known\n";
static const char good_samples[] = "samples:\n  must_block: [{target: /owa/shell.aspx}]\n"
                                   "  must_pass: [{target: /}, {target: /owa/}]\n";

static const char *in_folder(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* NULL: as a good rule has it. */
static const char *title = "a title";

static void write_rule(const char *name, const char *head, const char *when, const char *samples)
{
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    (void)fprintf(file, "id: %.*s\ntitle: %s\nseverity: high\n%swhen: %s\n%s",
                  (int)strcspn(name, "."), name, title, head != NULL ? head : good_head,
                  when != NULL ? when : good_when, samples != NULL ? samples : good_samples);
    assert_int_equal(fclose(file), 0);
}

static struct lint_report lint_folder(void)
{
    struct rules_source source = {.directories = folders, .n_directories = 1};
    struct lint_report report;
    struct err err = {0};
    if (!lint_run(&source, false, &report, &err))
        fail_msg("%s: %s", err.code, err.text);
    return report;
}

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(in_folder("A.yaml"));
    (void)unlink(in_folder("B.yaml"));
    return rmdir(folder);
}

static const struct lint_finding *find(const struct lint_report *report, const char *code)
{
    for (size_t i = 0; i < report->n; i++)
        if (strcmp(report->items[i].code, code) == 0)
            return &report->items[i];
    return NULL;
}

/* ---- one rule */

static const struct one_case {
    const char *name;
    const char *code; /* NULL: nothing is found */
    const char *head;
    const char *when;
    const char *samples;
} cases[] = {
    {"a good rule", NULL, NULL, NULL, NULL},
    {"one must_pass sample", "must_pass_few", NULL, NULL,
     "samples:\n  must_block: [{target: /owa/shell.aspx}]\n  must_pass: [{target: /}]\n"},
    {"a rule that only detects needs one", NULL,
     "mode: detect\ncve: [CVE-2021-26855]\nreferences: [https://example.com/a]\n"
     "applies_to: [{before: 15.1.2242.4}]\nside_effects: none\n",
     NULL, "samples:\n  must_block: [{target: /owa/shell.aspx}]\n  must_pass: [{target: /}]\n"},
    {"no reference", "no_reference", "side_effects: none known\n", NULL, NULL},
    {"builds without a CVE", "no_cve",
     "references: [https://example.com/a]\napplies_to: [{before: 15.1.2242.4}]\n"
     "side_effects: none\n",
     NULL, NULL},
    {"a CVE without builds", "no_builds",
     "references: [https://example.com/a]\ncve: [CVE-2021-26855]\nside_effects: none\n", NULL,
     NULL},
    {"a range without builds", "builds_inverted",
     "references: [https://example.com/a]\ncve: [CVE-2021-26855]\nside_effects: none\n"
     "applies_to: [{from: 15.2.0.0, before: 15.1.2242.4}]\n",
     NULL, NULL},
    {"ranges that overlap", "builds_overlap",
     "references: [https://example.com/a]\ncve: [CVE-2021-26855]\nside_effects: none\n"
     "applies_to: [{from: 15.1.0.0, before: 15.1.2242.4}, {before: 15.1.2176.9}]\n",
     NULL, NULL},
    {"a build that never was", "build_unknown",
     "references: [https://example.com/a]\ncve: [CVE-2021-26855]\nside_effects: none\n"
     "applies_to: [{before: 15.1.2242.5}]\n",
     NULL, NULL},
    {"side effects without a word", "side_effects_empty",
     "references: [https://example.com/a]\nside_effects: '-'\n", NULL, NULL},
    {"two methods at once", "never_true", NULL,
     "{all: [{field: method, equals: GET}, {field: method, one_of: [POST, PUT]}]}", NULL},
    {"two beginnings of one path", "never_true", NULL,
     "{all: [{field: path, starts_with: /owa}, {field: path, starts_with: /ecp}]}", NULL},
    {"a path that its regex refuses", "never_true", NULL,
     "{all: [{field: path, equals: /owa}, {field: path, regex: '^/ecp'}]}", NULL},
    {"a test and none of it", "never_true", NULL,
     "{all: [{field: arg, name: a, contains: word}, {none: [{field: arg, name: a, contains: "
     "word}]}]}",
     NULL},
    {"a folder with a slash", "never_true", NULL, "{field: vdir, equals: /owa}", NULL},
    {"a path without a slash", "never_true", NULL, "{field: path, starts_with: owa/auth}", NULL},
    {"values of two arguments differ", NULL, NULL,
     "{all: [{field: arg, equals: words}, {field: arg, equals: other}, " /* both can be there */
     "{field: path, equals: /owa/shell.aspx}]}",
     "samples:\n  must_block: [{target: '/owa/shell.aspx?a=words&b=other'}]\n"
     "  must_pass: [{target: /}, {target: /owa/}]\n"},
    {"any request has a path", "always_true", NULL, "{field: path, regex: '^/'}", NULL},
    {"something or not", "always_true", NULL,
     "{any: [{field: arg, exists: true}, {none: [{field: arg, exists: true}]}]}", NULL},
    {"only what it is not", "too_general", NULL, "{field: vdir, not_one_of: [owa, ecp]}", NULL},
    {"a part that cannot be", "dead_part", NULL,
     "{any: [{field: vdir, equals: a/b}, {field: path, equals: /owa/shell.aspx}]}", NULL},
    {"three letters somewhere in the path", "unanchored", NULL, "{field: path, regex: 'ecp'}",
     NULL},
    {"a positive definition that is open", "unanchored_not", NULL,
     "{field: cookie, name: X-BEResource, not_regex: '[a-z]+~[0-9]+'}", NULL},
    {"one of two alternatives is open", "unanchored_not", NULL,
     "{field: cookie, name: X-BEResource, not_regex: '^$|^[a-z]+~[0-9]+'}", NULL},
    {"a closed one", NULL, NULL,
     "{all: [{field: path, equals: /owa/shell.aspx}, {field: cookie, name: X-BEResource, "
     "not_regex: '^$|^[a-z]+(?:\\.[a-z]+)*$'}]}",
     "samples:\n  must_block: [{target: /owa/shell.aspx, headers: ['Cookie: X-BEResource=a/b']}]\n"
     "  must_pass: [{target: /}, {target: /owa/}]\n"},
    {"repeats of repeats", "nested_repeat", NULL, "{field: path, regex: '^/owa/(?:[a-z]+)*\\.x'}",
     NULL},
    {"repeats of repeats in a branch", "nested_repeat", NULL,
     "{field: path, regex: '^/owa/(?:a|(\\w*b*))+\\.x'}", NULL},
    {"repeats that cannot be cut in two ways", NULL, NULL,
     "{field: path, regex: '^/owa/shell(?:[./]+[^./]+)*$'}", NULL},
    {"repeats that can", "nested_repeat", NULL,
     "{field: path, regex: '^/owa/shell(?:[./]+[^/]+)*$'}", NULL},
    {"two stretches of anything", "unbounded_repeat", NULL,
     "{field: path, regex: '^/owa/.*words.*more'}", NULL},
    {"anything ahead twice is once each", NULL, NULL,
     "{field: target, regex: '^(?=.*shell)(?=.*owa)'}", NULL},
    {"a count into the hundreds", "large_repeat", NULL,
     "{field: path, regex: '^/owa/a{1,2000}words'}", NULL},
    {"a body without a text", "no_literal", NULL,
     "{all: [{field: path, equals: /owa/}, {field: body, regex: '[0-9a-f]{32}'}]}", NULL},
    {"only a method wakes it", "weak_guard", NULL,
     "{all: [{field: method, equals: GET}, {none: [{field: arg, exists: true}]}]}", NULL},
    {"any body wakes it", "weak_guard", NULL, "{field: body, contains: words}", NULL},
    {"nothing wakes it", "unguarded", NULL,
     "{all: [{field: client, in_cidr: [192.0.2.0/24]}, {none: [{field: arg, exists: true}]}]}",
     NULL},
    {"an encoded operand", "encoded_operand", NULL, "{field: target, contains: '/owa%2fauth'}",
     NULL},
    {"an encoded pattern", "encoded_operand", NULL, "{field: query, regex: 'word%2e%2e'}", NULL},
    {"a path that is not canonical", "raw_only", NULL, "{field: path, contains: '/../owa'}", NULL},
    {"an input that is not decoded", "undecoded_input", NULL,
     "{field: iis_input, name: '{REQUEST_URI}', regex: 'autodiscover'}", NULL},
    {"case where there is none", "case_sensitive", NULL,
     "{field: path, case: sensitive, equals: /owa/shell.aspx}", NULL},
    {"a regex that does not end", "E_COMPILE", NULL, "{field: path, regex: '(/owa/shell'}", NULL},
    {"an unknown field", "E_LINT", NULL, "{field: patch, equals: /owa/shell.aspx}", NULL},
    {"a sample that is not matched", "E_SELFTEST", NULL, "{field: path, equals: /owa/other.aspx}",
     NULL},
};

static void test_each_mistake_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct one_case *one = &cases[i];
        write_rule("A.yaml", one->head, one->when, one->samples);
        struct lint_report report = lint_folder();
        if (one->code == NULL && report.n != 0)
            fail_msg("%s: %s: %s", one->name, report.items[0].code, report.items[0].text);
        if (one->code != NULL && find(&report, one->code) == NULL)
            fail_msg("%s: %s is not found, but %s", one->name, one->code,
                     report.n != 0 ? report.items[0].code : "nothing");
        lint_report_done(&report);
    }
}

static void test_a_finding_says_where_and_what_to_do(void **state)
{
    (void)state;
    write_rule("A.yaml", NULL,
               "\n  all:\n    - {field: path, equals: /owa/shell.aspx}\n"
               "    - {field: path, case: sensitive, contains: shell}\n",
               NULL);
    struct lint_report report = lint_folder();
    const struct lint_finding *finding = find(&report, "case_sensitive");
    assert_non_null(finding);
    assert_int_equal(finding->line, 11);
    assert_string_equal(finding->rule_id, "A");
    assert_non_null(strstr(finding->file, "/A.yaml"));
    assert_int_equal(finding->severity, LINT_WARNING);
    assert_true(finding->remedy[0] != '\0' && finding->text[0] != '\0');
    assert_int_equal(report.n_errors, 0);
    lint_report_done(&report);
}

static void test_a_cve_in_the_title_must_be_listed(void **state)
{
    (void)state;
    title = "a relative of CVE-2021-26855 and CVE-2022-41040";
    write_rule("A.yaml", NULL, NULL, NULL);
    title = "a title";
    struct lint_report report = lint_folder();
    assert_int_equal(report.n, 1);
    assert_string_equal(report.items[0].code, "cve_unlisted");
    assert_non_null(strstr(report.items[0].text, "CVE-2022-41040"));
    lint_report_done(&report);
}

/* ---- comments */

static void test_a_comment_with_a_reason_allows_a_finding(void **state)
{
    (void)state;
    char samples[512];
    (void)snprintf(samples, sizeof(samples), "# lint: allow case_sensitive, a test of it\n%s",
                   good_samples);
    write_rule("A.yaml", NULL, "{field: path, case: sensitive, equals: /owa/shell.aspx}", samples);
    struct lint_report report = lint_folder();
    assert_int_equal(report.n, 0);
    lint_report_done(&report);
}

static void test_a_comment_without_need_or_reason_is_found(void **state)
{
    (void)state;
    char samples[512];
    (void)snprintf(samples, sizeof(samples),
                   "# lint: allow case_sensitive, not needed\n# lint: allow no_builds\n"
                   "# lint: allow nonsense, why\n%s",
                   good_samples);
    write_rule("A.yaml", NULL, NULL, samples);
    struct lint_report report = lint_folder();
    assert_int_equal(report.n, 4); /* two that nothing needs, a reason, a code */
    assert_non_null(find(&report, "allow_unused"));
    assert_non_null(find(&report, "allow_unknown"));
    lint_report_done(&report);
}

/* ---- several rules */

static void test_rules_are_compared_with_each_other(void **state)
{
    (void)state;
    static const char superseded[] = "references: [https://example.com/a]\nside_effects: none\n"
                                     "mode: %s\nsuperseded_by: %s\n";
    static const struct {
        const char *name;
        const char *code;
        const char *mode; /* of A */
        const char *other;
        const char *when; /* of B */
    } pairs[] = {
        {"the same condition", "duplicate_when", NULL, NULL, good_when},
        {"the same branches in another order", "duplicate_when", NULL, NULL, NULL},
        {"the one that is superseded may say the same", NULL, "detect", "B", good_when},
        {"it is superseded by none", "superseded_unknown", "detect", "C", good_when},
        {"it acts all the same", "superseded_enforced", "block", "B", good_when},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char head[256];
        const char *when = pairs[i].when;
        (void)snprintf(head, sizeof(head), superseded, pairs[i].mode != NULL ? pairs[i].mode : "",
                       pairs[i].other != NULL ? pairs[i].other : "");
        write_rule("A.yaml", pairs[i].mode != NULL ? head : NULL,
                   when != NULL ? when
                                : "{any: [{field: path, equals: /owa/shell.aspx}, {field: vdir, "
                                  "equals: shell}]}",
                   NULL);
        write_rule("B.yaml", NULL,
                   when != NULL ? when
                                : "{any: [{field: vdir, equals: shell}, {field: path, equals: "
                                  "/owa/shell.aspx}]}",
                   NULL);
        struct lint_report report = lint_folder();
        if (pairs[i].code == NULL ? report.n != 0 : find(&report, pairs[i].code) == NULL)
            fail_msg("%s: %zu findings, %s", pairs[i].name, report.n,
                     report.n != 0 ? report.items[0].text : "none");
        lint_report_done(&report);
    }
}

static void test_an_id_that_is_there_twice_is_found_and_the_rest_is_judged(void **state)
{
    (void)state;
    write_rule("A.yaml", NULL, NULL, NULL);
    FILE *file = fopen(in_folder("B.yaml"), "w");
    assert_non_null(file);
    (void)fprintf(file, "id: A\ntitle: a title\nseverity: high\n%swhen: %s\n%s", good_head,
                  "{field: path, regex: '(/owa/shell'}", good_samples);
    assert_int_equal(fclose(file), 0);
    struct lint_report report = lint_folder();
    const struct lint_finding *finding = find(&report, "duplicate_id");
    assert_non_null(finding);
    assert_int_equal(finding->severity, LINT_ERROR);
    assert_int_equal(report.n_rules, 2);
    lint_report_done(&report);
}

static void test_one_bad_file_does_not_hide_the_others(void **state)
{
    (void)state;
    write_rule("A.yaml", NULL, "{field: path, regex: '(/owa/shell'}", NULL);
    write_rule("B.yaml", NULL, "{field: path, equals: /owa/other.aspx}", NULL);
    struct lint_report report = lint_folder();
    assert_non_null(find(&report, "E_COMPILE"));
    assert_non_null(find(&report, "E_SELFTEST"));
    lint_report_done(&report);
}

/* ---- the shipped set */

static void test_the_shipped_rules_have_no_errors(void **state)
{
    (void)state;
    struct rules_source source = {.use_builtin = true};
    struct lint_report report;
    struct err err = {0};
    assert_true(lint_run(&source, false, &report, &err));
    for (size_t i = 0; i < report.n; i++)
        if (report.items[i].severity == LINT_ERROR)
            fail_msg("%s:%u: %s [%s]", report.items[i].file, report.items[i].line,
                     report.items[i].text, report.items[i].code);
    lint_report_done(&report);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_each_mistake_is_found),
        IN_FOLDER(test_a_finding_says_where_and_what_to_do),
        IN_FOLDER(test_a_cve_in_the_title_must_be_listed),
        IN_FOLDER(test_a_comment_with_a_reason_allows_a_finding),
        IN_FOLDER(test_a_comment_without_need_or_reason_is_found),
        IN_FOLDER(test_rules_are_compared_with_each_other),
        IN_FOLDER(test_an_id_that_is_there_twice_is_found_and_the_rest_is_judged),
        IN_FOLDER(test_one_bad_file_does_not_hide_the_others),
        cmocka_unit_test(test_the_shipped_rules_have_no_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
