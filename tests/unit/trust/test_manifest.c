/* The manifest's grammar: one changed line of a good text a case. */
#include "publisher.h"

#include "stopgap/banned.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const good[] = {
    "stopgap-manifest 1",
    "min-engine 1.0.0",
    "name exchange-core",
    "channel production",
    "epoch 1",
    "serial 2026112401",
    "created 2026-11-24T02:00:00Z",
    "stable-after 2026-11-25T02:00:00Z",
    "expires 2027-02-24T00:00:00Z",
    "root 1 " HASH_A,
    "supersedes 2026110301",
    "urgency normal",
    "max-cost 4000",
    "feature views",
    "file " HASH_A " 12 rules/a.yaml",
    "file " HASH_B " 0 tests/a.t",
    "x-note free  text with  blanks",
};
enum { N_LINES = sizeof(good) / sizeof(good[0]) };

/* The good text with line `at` replaced; NULL leaves it out; N_LINES or more changes nothing. */
static void build(struct buf *text, size_t at, const char *line)
{
    text->len = 0;
    for (size_t i = 0; i < N_LINES; i++) {
        const char *now = i == at ? line : good[i];
        if (now != NULL)
            assert_true(buf_printf(text, "%s\n", now));
    }
}

static const char *parse_code(struct slice text, unsigned *ret_line)
{
    static struct err err;
    err = (struct err){0};
    struct manifest manifest;
    if (manifest_parse(text, &manifest, &err)) {
        manifest_done(&manifest);
        return "";
    }
    if (ret_line != NULL)
        *ret_line = err.line;
    return err.code;
}

static void test_all_fields_are_read(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    build(&text, N_LINES, NULL);
    struct manifest manifest;
    assert_true(manifest_parse(buf_slice(&text), &manifest, NULL));
    assert_true(slice_equal(manifest.name, SLICE("exchange-core")));
    assert_false(manifest.is_lab);
    assert_int_equal(manifest.epoch, 1);
    assert_int_equal(manifest.serial, 2026112401);
    assert_int_equal(manifest.stable_after - manifest.created, UTC_DAY_SECONDS);
    assert_int_equal(manifest.root_version, 1);
    assert_int_equal(manifest.supersedes, 2026110301);
    assert_int_equal(manifest.max_cost, 4000);
    assert_int_equal(manifest.n_features, 1);
    assert_int_equal(manifest.n_files, 2);
    assert_true(slice_equal(manifest.files[0].name, SLICE("rules/a.yaml")));
    assert_int_equal(manifest.files[0].size, 12);
    manifest_done(&manifest);
    buf_done(&text);
}

struct line_case {
    const char *name;
    size_t at;
    const char *line; /* NULL: left out */
    const char *code;
};

static const struct line_case line_cases[] = {
    {"the optional stable-after is absent", 7, NULL, ""},
    {"the optional supersedes is absent", 10, NULL, ""},
    {"the optional urgency is absent", 11, NULL, ""},
    {"the optional max-cost is absent", 12, NULL, ""},
    {"no feature", 13, NULL, ""},
    {"critical", 11, "urgency critical", ""},
    {"lab", 3, "channel lab", ""},
    {"an extension among the fields", 7, "x-ray 1", ""},
    {"the largest serial", 5, "serial 9223372036854775807", ""},
    {"a serial above 32 bits", 5, "serial 4294967296", ""},
    {"a serial like a date with a clock", 5, "serial 2201010001", ""},

    {"another type of text", 0, "stopgap-root 1", "E_MANIFEST_SYNTAX"},
    {"a pulse", 0, "stopgap-pulse 1", "E_MANIFEST_SYNTAX"},
    {"a newer format", 0, "stopgap-manifest 2", "E_MANIFEST_SYNTAX"},
    {"no first line", 0, NULL, "E_MANIFEST_SYNTAX"},
    {"an extension before line 2", 1, "x-ray 1", "E_MANIFEST_FIELD"},
    {"a newer engine", 1, "min-engine 1.0.1", "E_ENGINE_TOO_OLD"},
    {"a much newer engine", 1, "min-engine 2.0", "E_ENGINE_TOO_OLD"},
    {"an engine that is no version", 1, "min-engine one", "E_MANIFEST_SYNTAX"},
    {"a name with a slash", 2, "name ../core", "E_MANIFEST_SYNTAX"},
    {"an upper-case name", 2, "name Exchange", "E_MANIFEST_SYNTAX"},
    {"a name of two words", 2, "name exchange core", "E_MANIFEST_SYNTAX"},
    {"an unknown channel", 3, "channel beta", "E_MANIFEST_SYNTAX"},
    {"epoch 0", 4, "epoch 0", "E_MANIFEST_SYNTAX"},
    {"serial 2^63", 5, "serial 9223372036854775808", "E_MANIFEST_SYNTAX"},
    {"serial 2^64", 5, "serial 18446744073709551616", "E_MANIFEST_SYNTAX"},
    {"serial 0", 5, "serial 0", "E_MANIFEST_SYNTAX"},
    {"serial 007", 5, "serial 007", "E_MANIFEST_SYNTAX"},
    {"serial -1", 5, "serial -1", "E_MANIFEST_SYNTAX"},
    {"serial 1e3", 5, "serial 1e3", "E_MANIFEST_SYNTAX"},
    {"serial without number", 5, "serial", "E_MANIFEST_SYNTAX"},
    {"a time without Z", 6, "created 2026-11-24T02:00:00", "E_MANIFEST_SYNTAX"},
    {"a day that does not exist", 8, "expires 2027-02-29T00:00:00Z", "E_MANIFEST_SYNTAX"},
    {"a short hash", 9, "root 1 abcdef", "E_MANIFEST_SYNTAX"},
    {"an unknown urgency", 11, "urgency now", "E_MANIFEST_SYNTAX"},
    {"a missing field", 5, NULL, "E_MANIFEST_SYNTAX"},
    {"a missing last field", 9, NULL, "E_MANIFEST_SYNTAX"},
    {"a field twice", 6, "serial 2026112401", "E_MANIFEST_SYNTAX"},
    {"fields out of order", 3, "epoch 1", "E_MANIFEST_SYNTAX"},
    {"an unknown field", 13, "rollout 50", "E_MANIFEST_FIELD"},
    {"an unknown field in the place of a known one", 4, "era 1", "E_MANIFEST_FIELD"},
    {"two blanks", 4, "epoch  1", "E_MANIFEST_SYNTAX"},
    {"a blank in front", 4, " epoch 1", "E_MANIFEST_SYNTAX"},
    {"a blank at the end", 4, "epoch 1 ", "E_MANIFEST_SYNTAX"},
    {"a tab", 4, "epoch\t1", "E_MANIFEST_SYNTAX"},
    {"a carriage return", 4, "epoch 1\r", "E_MANIFEST_SYNTAX"},
    {"an empty line", 4, "", "E_MANIFEST_SYNTAX"},
    {"a byte above 0x7e", 2, "name caf\xc3\xa9", "E_MANIFEST_SYNTAX"},
    {"a byte above 0x7e in an extension", 16, "x-note caf\xc3\xa9", "E_MANIFEST_SYNTAX"},
    {"DEL", 16, "x-note \x7f", "E_MANIFEST_SYNTAX"},

    {"a file twice", 15, "file " HASH_A " 12 rules/a.yaml", "E_MANIFEST_SYNTAX"},
    {"files out of order", 15, "file " HASH_A " 12 rules/0.yaml", "E_MANIFEST_SYNTAX"},
    {"a file whose name goes on", 15, "file " HASH_A " 12 rules/a.yaml2", ""},
    {"a file outside", 14, "file " HASH_A " 12 root/0000000001", "E_MANIFEST_SYNTAX"},
    {"a file with dots", 14, "file " HASH_A " 12 rules/../a", "E_MANIFEST_SYNTAX"},
    {"a file with an upper-case hash", 14,
     "file AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 12 rules/a",
     "E_MANIFEST_SYNTAX"},
    {"a size with a leading zero", 14, "file " HASH_A " 012 rules/a", "E_MANIFEST_SYNTAX"},
    {"a size above the limit", 14, "file " HASH_A " 2097153 rules/a", "E_MANIFEST_SYNTAX"},
};

static void test_each_line_follows_its_form(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    for (size_t i = 0; i < sizeof(line_cases) / sizeof(line_cases[0]); i++) {
        build(&text, line_cases[i].at, line_cases[i].line);
        check_code(line_cases[i].name, parse_code(buf_slice(&text), NULL), line_cases[i].code);
    }
    buf_done(&text);
}

static void test_an_error_names_its_line(void **state)
{
    (void)state;
    struct buf text;
    unsigned line = 0;
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    build(&text, 5, "serial 007");
    assert_string_equal(parse_code(buf_slice(&text), &line), "E_MANIFEST_SYNTAX");
    assert_int_equal(line, 6);
    buf_done(&text);
}

/* Whatever a newer format says after line 2, an older program tells what it needs. */
static void test_a_newer_engine_is_named_before_anything_else_is_read(void **state)
{
    (void)state;
    check_code("only two lines",
               parse_code(SLICE("stopgap-manifest 1\nmin-engine 9.1.0\n\xff??\n"), NULL),
               "E_ENGINE_TOO_OLD");
}

static void test_a_text_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    build(&text, N_LINES, NULL);
    const char *root_end = strstr(text.ptr, "supersedes");
    for (size_t len = 0; len < text.len; len++) {
        bool is_whole = text.ptr + len >= root_end && text.ptr[len - 1] == '\n';
        const char *code = parse_code(slice_make(text.ptr, len), NULL);
        check_code("cut", code, is_whole ? "" : "E_MANIFEST_SYNTAX");
    }
    buf_done(&text);
}

static void test_at_most_32_features(void **state)
{
    (void)state;
    struct buf text;
    struct buf lines;
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    buf_init(&lines, 4096);
    for (int i = 0; i < 33; i++) {
        assert_true(buf_printf(&lines, "%sfeature f%d", i == 0 ? "" : "\n", i));
        assert_true(buf_append(&lines, SLICE("\0")));
        build(&text, 13, lines.ptr);
        lines.len--;
        check_code("features", parse_code(buf_slice(&text), NULL),
                   i < 32 ? "" : "E_MANIFEST_SYNTAX");
    }
    buf_done(&lines);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_fields_are_read),
        cmocka_unit_test(test_each_line_follows_its_form),
        cmocka_unit_test(test_an_error_names_its_line),
        cmocka_unit_test(test_a_newer_engine_is_named_before_anything_else_is_read),
        cmocka_unit_test(test_a_text_cut_anywhere_is_refused),
        cmocka_unit_test(test_at_most_32_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
