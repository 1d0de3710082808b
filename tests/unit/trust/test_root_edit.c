/* Lines of a root go in and out in the order of the grammar. */
#include "publisher.h"

#include "trust/root_edit.h"

#include "stopgap/banned.h"

static struct buf text;

static int setup(void **state)
{
    int result = publisher_setup(state);
    make_plain_root(2, "withdraw exchange-core 1 7\nmirror https://a.example/\n");
    buf_init(&text, LIMIT_ROOT_BYTES);
    return result;
}

static int teardown(void **state)
{
    buf_done(&text);
    return publisher_teardown(state);
}

static void begin(void)
{
    text.len = 0;
    assert_true(buf_append(&text, buf_slice(&pub.root)));
}

static size_t find(const char *line)
{
    const char *at = memmem(text.ptr, text.len, line, strlen(line));
    assert_non_null(at);
    return (size_t)(at - text.ptr);
}

static void check_parses(void)
{
    struct err err = {0};
    struct root *root = root_parse(buf_slice(&text), &err);
    if (root == NULL)
        fail_msg("%s:\n%.*s", err.text, (int)text.len, text.ptr);
    root_free(root);
}

static void test_a_new_line_goes_behind_the_last_of_its_field(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "announce 2030-01-01 x",        "withdraw exchange-core 1 8", "mirror https://b.example/",
        "engine-sunset 1.2 2030-01-01", "withdraw exchange-core 1 9", "eocs-sign-anchor MIIBAA==",
    };
    begin();
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_true(root_edit_add(&text, lines[i]));
        check_parses();
    }
    assert_true(find("core 1 7\n") < find("core 1 8\n") && find("core 1 8\n") < find("core 1 9\n"));
    assert_true(find("core 1 9\n") < find("engine-sunset") && find("engine-sunset") < find("eocs"));
    assert_true(find("a.example") < find("b.example"));
}

static void test_what_is_no_field_is_not_put_in(void **state)
{
    (void)state;
    begin();
    assert_false(root_edit_add(&text, "colour blue"));
    assert_false(root_edit_add(&text, ""));
    assert_true(slice_equal(buf_slice(&text), buf_slice(&pub.root)));
}

static void test_whole_words_are_taken_out(void **state)
{
    (void)state;
    begin();
    assert_int_equal(root_edit_drop(&text, "mirror https://a.example"), 0);
    assert_int_equal(root_edit_drop(&text, "withdraw exchange-core 1"), 1);
    assert_int_equal(root_edit_drop(&text, "key"), N_KEYS);
    assert_int_equal(root_edit_drop(&text, "key"), 0);
    assert_int_equal(find("threshold rules 2\nmirror"), find("threshold rules"));
    assert_int_equal(root_edit_drop(&text, "stopgap-root"), 1);
    assert_memory_equal(text.ptr, "version 1\n", 10);
}

static void test_a_line_is_replaced_in_its_place(void **state)
{
    (void)state;
    begin();
    assert_true(root_edit_set(&text, "expires", "expires 2040-01-01T00:00:00Z"));
    assert_true(root_edit_set(&text, "threshold rules", "threshold rules 1"));
    check_parses();
    assert_true(find("expires 2040") < find("threshold root"));
    assert_null(memmem(text.ptr, text.len, "expires 2036", 12));
}

static void test_a_key_gets_other_dates_and_nothing_else_changes(void **state)
{
    (void)state;
    int64_t sunset;
    int64_t end;
    assert_true(utc_parse_date(SLICE("2030-02-03"), &sunset));
    assert_true(utc_parse_date(SLICE("2031-04-05"), &end));
    begin();
    assert_true(root_edit_dates(&text, pub.ids[2], sunset, end));
    assert_int_equal(text.len, pub.root.len);
    struct root *root = root_parse(buf_slice(&text), NULL);
    assert_non_null(root);
    for (int i = 0; i < N_KEYS; i++) {
        const struct root_key *key = root_find_key(root, pub.ids[i]);
        assert_int_equal(key->sunset, i == 2 ? sunset : T_2036);
        assert_int_equal(key->end, i == 2 ? end : T_2036);
        assert_int_equal(key->from, T_2026);
    }
    root_free(root);
    assert_false(root_edit_dates(&text, "0123", sunset, end));
}

static void test_a_full_root_takes_no_more(void **state)
{
    (void)state;
    begin();
    size_t n = 0;
    while (root_edit_add(&text, "withdraw exchange-core 1 8"))
        n++;
    assert_true(n > 1000 && text.len <= LIMIT_ROOT_BYTES);
    check_parses();
}

struct seen {
    char text[1024];
    size_t len;
};

static void note_line(void *ctx, bool is_new, struct slice line)
{
    struct seen *seen = ctx;
    seen->len += (size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
                                  "%c" SLICE_FMT "\n", is_new ? '+' : '-', SLICE_ARG(line));
}

static void test_only_what_differs_is_shown(void **state)
{
    (void)state;
    struct seen seen = {0};
    begin();
    root_edit_compare(buf_slice(&pub.root), buf_slice(&text), note_line, &seen);
    assert_string_equal(seen.text, "");
    assert_true(root_edit_set(&text, "version", "version 2"));
    assert_int_equal(root_edit_drop(&text, "mirror"), 1);
    assert_true(root_edit_add(&text, "announce 2030-01-01 x"));
    root_edit_compare(buf_slice(&pub.root), buf_slice(&text), note_line, &seen);
    assert_string_equal(seen.text, "-version 1\n+version 2\n-mirror https://a.example/\n"
                                   "+announce 2030-01-01 x\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_line_goes_behind_the_last_of_its_field),
        cmocka_unit_test(test_what_is_no_field_is_not_put_in),
        cmocka_unit_test(test_whole_words_are_taken_out),
        cmocka_unit_test(test_a_line_is_replaced_in_its_place),
        cmocka_unit_test(test_a_key_gets_other_dates_and_nothing_else_changes),
        cmocka_unit_test(test_a_full_root_takes_no_more),
        cmocka_unit_test(test_only_what_differs_is_shown),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
