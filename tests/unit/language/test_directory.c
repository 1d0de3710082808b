/* A folder of rules: which files are read, in which order, and what a bad one does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "language/rule.h"

#include "stopgap/banned.h"

static char root[256];
static struct rule_list list;

static const char *in_root(const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static void add_text(const char *name, const char *text)
{
    FILE *file = fopen(in_root(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void add_rule(const char *name, const char *id)
{
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "id: %s\ntitle: t\nseverity: low\nside_effects: none known\n"
                   "when: {field: path, equals: /x}\n"
                   "samples: {must_block: [{target: /x}], must_pass: [{target: /}]}\n",
                   id);
    add_text(name, text);
}

static void add_folder(const char *name)
{
    assert_int_equal(mkdir(in_root(name), 0700), 0);
}

static int make_root(void **state)
{
    const char *tmp = getenv("TMPDIR");
    (void)state;
    (void)snprintf(root, sizeof(root), "%s/stopgap-rules-XXXXXX", tmp != NULL ? tmp : "/tmp");
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_root(void **state)
{
    char command[300];
    (void)state;
    rule_list_done(&list);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static bool parse(struct err *err)
{
    return rules_parse_directory(root, "bundle", &list, err);
}

static void test_directory_reads_yaml_files_in_byte_order_of_their_paths(void **state)
{
    static const char *const expected[] = {"R-A-CAPITAL", "R-A-DASH", "R-NESTED",
                                           "R-DEEP",      "R-Z",      "R-LINK"};
    (void)state;
    add_folder("a");
    add_folder("a/deep");
    add_folder(".hidden");
    add_folder("empty.yaml");
    add_rule("a/x.yaml", "R-DEEP");
    add_rule("a/deep/x.yaml", "R-NESTED");
    add_rule("a-b.yaml", "R-A-DASH");
    add_rule("B.yaml", "R-A-CAPITAL");
    add_rule("z.yaml", "R-Z");
    add_rule(".hidden/linked.yaml", "R-LINK");
    add_rule(".dot.yaml", "R-DOT");
    add_text(".yaml", "not a rule");
    add_text("README.md", "not a rule");
    add_text("x.yaml.bak", "not a rule");
    assert_int_equal(symlink(".hidden/linked.yaml", in_root("zz.yaml")), 0);
    assert_int_equal(symlink("..", in_root("a/circle")), 0);

    struct err err = {0};
    if (!parse(&err))
        fail_msg("%s: %s", err.file, err.text);
    assert_int_equal(list.n, 6);
    for (size_t i = 0; i < list.n; i++)
        assert_string_equal(list.items[i]->id, expected[i]);
    assert_string_equal(list.items[0]->source, "bundle");
    assert_string_equal(list.items[0]->file, in_root("B.yaml"));
}

static void test_directory_with_a_bad_file_leaves_the_list_as_it_was(void **state)
{
    (void)state;
    struct err err = {0};
    add_rule("a.yaml", "R-A");
    assert_true(parse(&err));
    add_rule("0.yaml", "R-0");
    assert_int_equal(unlink(in_root("a.yaml")), 0);
    add_text("b.yaml", "id: R-B\n");
    assert_false(parse(&err));
    assert_int_equal(list.n, 1);
    assert_string_equal(list.items[0]->id, "R-A");
    assert_string_equal(err.code, "E_LINT");
    assert_string_equal(err.file, in_root("b.yaml"));
}

static void test_directory_refuses_an_id_twice(void **state)
{
    (void)state;
    struct err err = {0};
    add_rule("a.yaml", "R-A");
    add_rule("b.yaml", "R-A");
    assert_false(parse(&err));
    assert_string_equal(err.file, in_root("b.yaml"));
    assert_non_null(strstr(err.text, in_root("a.yaml")));
    assert_int_equal(list.n, 0);
}

static void test_directory_refuses_what_cannot_be_read(void **state)
{
    static const struct {
        const char *name;
        enum err_kind kind;
        const char *word;
    } cases[] = {
        {"fifo.yaml", ERR_IO, "regular"},           {"dangling.yaml", ERR_IO, "No such file"},
        {"big.yaml", ERR_LIMIT, "larger than"},     {"other.yml", ERR_SYNTAX, "end in .yaml"},
        {"UPPER.YAML", ERR_SYNTAX, "end in .yaml"},
    };
    (void)state;
    assert_int_equal(mkfifo(in_root("fifo.yaml"), 0600), 0);
    assert_int_equal(symlink("nowhere", in_root("dangling.yaml")), 0);
    add_text("big.yaml", "#");
    add_text("other.yml", "id: R\n");
    add_text("UPPER.YAML", "id: R\n");
    assert_int_equal(truncate(in_root("big.yaml"), 1 << 30), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char folder[300];
        struct err err = {0};
        (void)snprintf(folder, sizeof(folder), "%s/%zu", root, i);
        assert_int_equal(mkdir(folder, 0700), 0);
        char target[600];
        (void)snprintf(target, sizeof(target), "%s/%s", folder, cases[i].name);
        assert_int_equal(rename(in_root(cases[i].name), target), 0);
        if (rules_parse_directory(folder, "x", &list, &err))
            fail_msg("%s: accepted", cases[i].name);
        if (err.kind != cases[i].kind || strstr(err.text, cases[i].word) == NULL ||
            strcmp(err.file, target) != 0)
            fail_msg("%s: kind %d: %s: %s", cases[i].name, err.kind, err.file, err.text);
    }
}

static void test_directory_refuses_a_missing_folder(void **state)
{
    (void)state;
    struct err err = {0};
    assert_false(rules_parse_directory(in_root("missing"), "x", &list, &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.text, "check the path"));
}

static void test_a_path_may_be_one_file(void **state)
{
    (void)state;
    struct err err = {0};
    add_rule("a.yaml", "R-A");
    add_rule("b.yaml", "R-B");
    assert_true(rules_parse_directory(in_root("b.yaml"), "x", &list, &err));
    assert_int_equal(list.n, 1);
    assert_string_equal(list.items[0]->id, "R-B");
}

static void test_directory_without_rules_adds_none(void **state)
{
    (void)state;
    struct err err = {0};
    assert_true(parse(&err));
    assert_int_equal(list.n, 0);
}

static void test_directory_refuses_folders_that_are_nested_too_deep(void **state)
{
    (void)state;
    struct err err = {0};
    char name[64] = "d";
    for (size_t i = 0; i < 10; i++) {
        add_folder(name);
        size_t len = strlen(name);
        (void)snprintf(name + len, sizeof(name) - len, "/d");
    }
    assert_false(parse(&err));
    assert_int_equal(err.kind, ERR_LIMIT);
}

static void test_directory_accepts_the_shipped_rules(void **state)
{
    (void)state;
    struct err err = {0};
    if (!rules_parse_directory(SOURCE_DIR "/rules/sets/exchange", "builtin", &list, &err))
        fail_msg("%s:%u: %s", err.file, err.line, err.text);
    assert_true(list.n != 0);
    rule_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_directory_reads_yaml_files_in_byte_order_of_their_paths, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_directory_with_a_bad_file_leaves_the_list_as_it_was,
                                        make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_directory_refuses_an_id_twice, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_directory_refuses_what_cannot_be_read, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(test_directory_refuses_a_missing_folder, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(test_a_path_may_be_one_file, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_directory_without_rules_adds_none, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(test_directory_refuses_folders_that_are_nested_too_deep,
                                        make_root, remove_root),
        cmocka_unit_test(test_directory_accepts_the_shipped_rules),
    };
    return cmocka_run_group_tests_name("language/directory", tests, NULL, NULL);
}
