/* Builds: reading, order, and the facts of the table. */
#include "stopgap/builds.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "builds/table.h"

#include "stopgap/banned.h"

static struct build parsed(const char *text)
{
    struct build build = {{0}};
    if (!build_parse(slice_str(text), &build))
        fail_msg("%s is no build", text);
    return build;
}

static void test_four_decimal_parts_are_a_build(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "15",           "15.1.2507",    "15.1.2507.6.1",
        "15.1.2507.", ".1.2507.6",    "15.1.2507.6 ", "15.1.-1.6",
        "15.1.2.x",   "15.1.70000.1", "0.1.2.3",      "15.1.2507.000006",
        "15,1,2507,6"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct build build;
        if (build_parse(slice_str(bad[i]), &build))
            fail_msg("'%s' was taken for a build", bad[i]);
    }
    struct build file_form = parsed("15.02.2562.045");
    struct build build = parsed("15.2.2562.45");
    assert_int_equal(build_compare(&file_form, &build), 0);
    char text[BUILD_TEXT_BYTES];
    build_format(&file_form, text);
    assert_string_equal(text, "15.2.2562.45");
}

static void test_builds_are_ordered_by_number_not_by_text(void **state)
{
    (void)state;
    static const char *const ordered[] = {"15.0.1497.44", "15.1.225.16", "15.1.2507.6",
                                          "15.1.2507.69", "15.2.986.36", "15.2.1118.20"};
    for (size_t i = 1; i < sizeof(ordered) / sizeof(ordered[0]); i++) {
        struct build a = parsed(ordered[i - 1]);
        struct build b = parsed(ordered[i]);
        assert_true(build_compare(&a, &b) < 0);
        assert_true(build_compare(&b, &a) > 0);
    }
}

static void test_a_span_has_its_first_build_and_not_its_last(void **state)
{
    (void)state;
    struct build_span span = {.from = parsed("15.1.2376.0"), .before = parsed("15.1.2507.16")};
    struct build vulnerable = parsed("15.1.2507.6");
    struct build fixed = parsed("15.1.2507.16");
    struct build older = parsed("15.1.2375.37");
    assert_true(build_is_in(&vulnerable, &span));
    assert_false(build_is_in(&fixed, &span));
    assert_false(build_is_in(&older, &span));
    assert_true(build_is_in(&span.from, &span));
    struct build_span open = {.from = span.from};
    assert_true(build_is_in(&fixed, &open));
}

static void test_what_is_known_of_a_server_is_a_span(void **state)
{
    (void)state;
    struct build old = parsed("15.1.2507.6");
    struct build last = parsed("15.1.2507.65535");
    struct build highest = parsed("65535.65535.65535.65535");
    struct build unknown = {{0}};
    struct build_span exact = build_span_exact(&old);
    struct build_span update = build_span_from(&old);
    struct build_span anything = build_span_exact(&unknown);
    struct build_span carried = build_span_exact(&last);
    struct build_span fixed = {.from = parsed("15.1.2376.0"), .before = parsed("15.1.2507.16")};
    struct build_span later = {.from = parsed("15.1.2507.7"), .before = parsed("15.1.2507.16")};
    struct build_span other = {.from = parsed("15.1.2508.0")};
    assert_true(build_span_is_exact(&exact) && !build_span_is_exact(&update));
    assert_false(build_span_is_exact(&anything));
    assert_true(build_spans_meet(&exact, &fixed) && !build_spans_meet(&exact, &later));
    assert_true(build_spans_meet(&update, &later) && !build_spans_meet(&update, &other));
    assert_true(build_spans_meet(&anything, &fixed) && build_spans_meet(&anything, &anything));
    assert_true(build_is_in(&last, &update));
    assert_int_equal(build_compare(&carried.before, &other.from), 0);
    struct build_span end = build_span_exact(&highest);
    assert_true(build_spans_meet(&end, &other) && !build_is_known(&end.before));
}

static void test_a_page_names_one_update(void **state)
{
    (void)state;
    static const struct {
        const char *page, *update; /* NULL: none */
    } rows[] = {
        {"<link href=\"/owa/auth/15.1.2507/themes/x.css\">", "15.1.2507.0"},
        {"url(/owa/15.2.1544/x)", "15.2.1544.0"},
        {"/owa/prem/15.1.2507.69/scripts/boot.js", "15.1.2507.0"},
        {"/owa/auth/15.1.2507/a /owa/auth/15.1.2507/b /owa/15.1.2507.6/c", "15.1.2507.0"},
        {"/owa/auth/15.1.2507/a /owa/auth/15.2.1544/b", NULL},
        {"/owa/auth/15.1.2507", NULL},
        {"/owa/auth/15.1.2507x/", NULL},
        {"/owa/auth/15.1/", NULL},
        {"/owa/auth/15.1.2507.1.1/", NULL},
        {"/owa/auth/15.1.99999/", NULL},
        {"/owa/auth/0.1.2507/", NULL},
        {"/owa/auth/15..2507/", NULL},
        {"/owa/auth/", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct build update;
        char text[BUILD_TEXT_BYTES] = "";
        print_message("  %s\n", rows[i].page);
        bool is_found = build_find_update(slice_str(rows[i].page), &update);
        assert_int_equal(is_found, rows[i].update != NULL);
        if (is_found)
            build_format(&update, text);
        assert_string_equal(text, is_found ? rows[i].update : "");
    }
}

static void test_the_table_is_sorted_and_found_row_by_row(void **state)
{
    (void)state;
    assert_true(n_build_table > 300);
    for (size_t i = 0; i < n_build_table; i++) {
        if (i != 0)
            assert_true(build_compare(&build_table[i - 1].build, &build_table[i].build) < 0);
        assert_ptr_equal(build_find(&build_table[i].build), &build_table[i]);
    }
}

static void test_both_cut_offs_of_the_feed_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *build;
        enum build_feed feed, feed_2026;
    } cases[] = {
        {"15.0.1497.44", FEED_NEVER, FEED_NEVER},     /* 2013 never had it */
        {"15.1.2507.21", FEED_STOPPED, FEED_STOPPED}, /* February 2023 */
        {"15.1.2507.23", FEED_WORKS, FEED_STOPPED},   /* March 2023 */
        {"15.1.2507.69", FEED_WORKS, FEED_WORKS},     /* June 2026 */
        {"15.2.1118.26", FEED_WORKS, FEED_STOPPED},   {"15.2.2562.41", FEED_WORKS, FEED_STOPPED},
        {"15.2.2562.43", FEED_WORKS, FEED_WORKS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct build build = parsed(cases[i].build);
        const struct build_info *info = build_find(&build);
        if (info == NULL || info->feed != cases[i].feed || info->feed_2026 != cases[i].feed_2026)
            fail_msg("%s: %s", cases[i].build, info != NULL ? "other cut-offs" : "is not there");
    }
}

static void test_an_update_younger_than_the_table_is_known_by_its_cumulative_update(void **state)
{
    (void)state;
    char text[200];
    struct build young = parsed("15.1.2507.999");
    struct build strange = parsed("15.9.1.1");
    assert_null(build_find(&young));
    assert_string_equal(build_nearest(&young)->product, "Exchange Server 2016");
    build_describe(&young, text, sizeof(text));
    assert_non_null(strstr(text, "or newer"));
    assert_null(build_nearest(&strange));
    build_describe(&strange, text, sizeof(text));
    assert_non_null(strstr(text, "not in the table"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_decimal_parts_are_a_build),
        cmocka_unit_test(test_builds_are_ordered_by_number_not_by_text),
        cmocka_unit_test(test_a_span_has_its_first_build_and_not_its_last),
        cmocka_unit_test(test_what_is_known_of_a_server_is_a_span),
        cmocka_unit_test(test_a_page_names_one_update),
        cmocka_unit_test(test_the_table_is_sorted_and_found_row_by_row),
        cmocka_unit_test(test_both_cut_offs_of_the_feed_are_known),
        cmocka_unit_test(test_an_update_younger_than_the_table_is_known_by_its_cumulative_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
