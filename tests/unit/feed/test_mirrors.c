/* Which mirror is asked when. */
#include "feed/mirrors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HOUR_MS = 3600 * 1000 };

/* A list of these; "" ends it. */
static struct feed_mirrors make(const char *const *urls)
{
    struct feed_mirrors mirrors = {.n = 0};
    struct feed_mirrors old;
    feed_mirrors_begin(&mirrors, &old);
    for (size_t i = 0; urls[i][0] != '\0'; i++)
        assert_true(feed_mirrors_add(&mirrors, &old, slice_str(urls[i])));
    feed_mirrors_end(&old);
    return mirrors;
}

static void test_a_list_has_each_mirror_once_and_folders_end_with_a_slash(void **state)
{
    (void)state;
    const char *const urls[] = {"https://a/x", "https://a/x/", "http://b/", ""};
    struct feed_mirrors mirrors = make(urls);
    assert_int_equal(mirrors.n, 2);
    assert_string_equal(mirrors.items[0]->url, "https://a/x/");
    assert_true(!mirrors.items[0]->is_plain && mirrors.items[1]->is_plain);
    feed_mirrors_end(&mirrors);
}

static void test_what_cannot_be_asked_is_left_out(void **state)
{
    (void)state;
    char longest[LIMIT_MIRROR_BYTES + 40];
    struct feed_mirrors mirrors = {.n = 0};
    struct feed_mirrors old = {.n = 0};
    memset(longest, 'a', sizeof(longest));
    assert_true(feed_mirrors_add(&mirrors, &old, slice_make(longest, sizeof(longest))));
    assert_true(feed_mirrors_add(&mirrors, &old, slice_make(longest, LIMIT_MIRROR_BYTES)));
    assert_int_equal(mirrors.n, 0);
    assert_true(feed_mirrors_add(&mirrors, &old, slice_make(longest, LIMIT_MIRROR_BYTES - 1)));
    assert_int_equal(mirrors.n, 1);
    for (int i = 0; i < 2 * LIMIT_FEED_MIRRORS; i++) {
        char url[40];
        (void)snprintf(url, sizeof(url), "https://m%d/", i);
        assert_true(feed_mirrors_add(&mirrors, &old, slice_str(url)));
    }
    assert_int_equal(mirrors.n, LIMIT_FEED_MIRRORS);
    feed_mirrors_end(&mirrors);
}

static void test_a_new_list_remembers_those_that_stay_and_forgets_the_rest(void **state)
{
    (void)state;
    const char *const urls[] = {"https://a/", "https://b/", ""};
    struct feed_mirrors mirrors = make(urls);
    struct feed_mirrors old;
    mirrors.items[1]->pulse_created = 7;
    mirrors.all_asked_ms = 9;
    feed_mirrors_begin(&mirrors, &old);
    assert_true(feed_mirrors_add(&mirrors, &old, SLICE("https://c/")));
    assert_true(feed_mirrors_add(&mirrors, &old, SLICE("https://b/")));
    feed_mirrors_end(&old);
    assert_int_equal(mirrors.n, 2);
    assert_int_equal(mirrors.items[0]->pulse_created, 0);
    assert_int_equal(mirrors.items[1]->pulse_created, 7);
    assert_int_equal(mirrors.all_asked_ms, 9);
    feed_mirrors_end(&mirrors);
}

static void test_the_order_is_random_and_has_each_mirror_of_its_kind_once(void **state)
{
    (void)state;
    const char *const urls[] = {"https://a/", "https://b/", "http://p/", "https://c/", ""};
    struct feed_mirrors mirrors = make(urls);
    bool was_first[4] = {false};
    for (int round = 0; round < 200; round++) {
        size_t order[LIMIT_FEED_MIRRORS];
        size_t n_skipped;
        bool seen[4] = {false};
        assert_int_equal(feed_mirrors_order(&mirrors, false, 0, order, &n_skipped), 3);
        assert_int_equal(n_skipped, 0);
        for (int i = 0; i < 3; i++)
            seen[order[i]] = true;
        assert_true(seen[0] && seen[1] && !seen[2] && seen[3]);
        was_first[order[0]] = true;
        assert_int_equal(feed_mirrors_order(&mirrors, true, 0, order, &n_skipped), 1);
        assert_int_equal(order[0], 2);
    }
    assert_true(was_first[0] && was_first[1] && was_first[3]);
    feed_mirrors_end(&mirrors);
}

static void note(struct feed_mirror *mirror, const char *code, uint64_t now_ms)
{
    struct err err = {0};
    (void)err_set(&err, ERR_TRUST, code, "because");
    feed_mirror_note(mirror, &err, now_ms);
}

static void test_junk_makes_a_mirror_the_last_one_for_an_hour(void **state)
{
    (void)state;
    const char *const urls[] = {"https://a/", "https://b/", ""};
    const struct {
        const char *code;
        bool is_skipped;
    } rows[] = {{"E_PULSE_SIG", true},      {"E_PULSE_ROLLBACK", true}, {"E_ROOT_SYNTAX", true},
                {"E_BUNDLE_FORMAT", true},  {"E_HASH", true},           {"E_FETCH_SIZE", true},
                {"E_FETCH_CONNECT", false}, {"E_FETCH_TLS", false},     {"E_FETCH_TIMEOUT", false},
                {"E_FETCH_HTTP", false},    {"E_STATE_WRITE", false},   {"E_MEMORY", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct feed_mirrors mirrors = make(urls);
        size_t order[LIMIT_FEED_MIRRORS];
        size_t n_skipped;
        print_message("  %s\n", rows[i].code);
        note(mirrors.items[0], rows[i].code, 1000);
        assert_int_equal(feed_mirrors_order(&mirrors, false, 1000, order, &n_skipped), 2);
        assert_int_equal(n_skipped, rows[i].is_skipped);
        if (rows[i].is_skipped)
            assert_int_equal(order[1], 0);
        (void)feed_mirrors_order(&mirrors, false, 1000 + HOUR_MS, order, &n_skipped);
        assert_int_equal(n_skipped, 0);
        feed_mirror_note(mirrors.items[0], NULL, 2000);
        assert_int_equal(mirrors.items[0]->err.kind, ERR_NONE);
        (void)feed_mirrors_order(&mirrors, false, 2000, order, &n_skipped);
        assert_int_equal(n_skipped, 0);
        feed_mirrors_end(&mirrors);
    }
}

static void test_a_mirror_a_day_behind_the_newest_is_frozen(void **state)
{
    (void)state;
    const char *const urls[] = {"https://a/", "https://b/", "https://c/", "https://d/", ""};
    struct feed_mirrors mirrors = make(urls);
    assert_true(feed_mirrors_compare(&mirrors) == SIZE_MAX);
    mirrors.items[0]->pulse_created = 1000000;
    mirrors.items[1]->pulse_created = 1000000 - 86400;
    mirrors.items[2]->pulse_created = 1000000 - 86401;
    assert_int_equal(feed_mirrors_compare(&mirrors), 0);
    assert_true(!mirrors.items[0]->is_frozen && !mirrors.items[1]->is_frozen);
    assert_true(mirrors.items[2]->is_frozen && !mirrors.items[3]->is_frozen);
    feed_mirrors_end(&mirrors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_has_each_mirror_once_and_folders_end_with_a_slash),
        cmocka_unit_test(test_what_cannot_be_asked_is_left_out),
        cmocka_unit_test(test_a_new_list_remembers_those_that_stay_and_forgets_the_rest),
        cmocka_unit_test(test_the_order_is_random_and_has_each_mirror_of_its_kind_once),
        cmocka_unit_test(test_junk_makes_a_mirror_the_last_one_for_an_hour),
        cmocka_unit_test(test_a_mirror_a_day_behind_the_newest_is_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
