/* Margins: what is left of a root on each day, and what breaks the family rule. */
#include "publisher.h"

#include "trust/margin.h"

#include "stopgap/banned.h"

enum { ALL = (1 << KEY_ED25519) | (1 << KEY_ECDSA_P256) | (1 << KEY_RSA_PSS) };

static int64_t day(const char *date)
{
    int64_t seconds = 0;
    assert_true(utc_parse_date(slice_str(date), &seconds));
    return seconds;
}

static struct root_draft_key make_key(int key, unsigned roles, const char *from, const char *sunset,
                                      const char *end)
{
    return (struct root_draft_key){pub.keys[key], roles, day(from), day(sunset), day(end)};
}

/* A root of these keys with threshold n for root and rules, and extra lines at its end. */
static struct root *make(const struct root_draft_key *keys, size_t n_keys, unsigned n,
                         const char *extra)
{
    const struct root_draft draft = {.version = 1,
                                     .epoch = 1,
                                     .created = T_2026,
                                     .expires = T_2036,
                                     .thresholds = {n, n, 0},
                                     .keys = keys,
                                     .n_keys = n_keys};
    make_root(&draft, extra);
    struct err err = {0};
    struct root *root = root_parse(buf_slice(&pub.root), &err);
    if (root == NULL)
        fail_msg("%s", err.text);
    return root;
}

static struct margin_calendar compute(const struct root *root, const char *today,
                                      unsigned algorithms)
{
    const struct margin_conditions conditions = {
        .now = day(today), .algorithms = algorithms, .engine = {1, 0, 0}};
    struct margin_calendar calendar;
    margin_compute(root, &conditions, &calendar);
    return calendar;
}

static void check_day(const struct margin_calendar *calendar, size_t index, const char *when,
                      unsigned causes, int announced, int possible)
{
    char date[UTC_DATE_CHARS + 1];
    assert_true(index < calendar->n_days);
    utc_format_date(calendar->days[index].when, date);
    assert_string_equal(date, when);
    assert_int_equal(calendar->days[index].causes, causes);
    assert_int_equal(calendar->days[index].announced[ROLE_RULES], announced);
    assert_int_equal(calendar->days[index].possible[ROLE_RULES], possible);
}

static void test_a_calendar_names_each_day_on_which_something_changes(void **state)
{
    (void)state;
    const struct root_draft_key keys[] = {
        make_key(0, BOTH, "2026-01-01", "2028-01-01", "2028-07-01"),
        make_key(1, BOTH, "2026-01-01", "2028-01-01", "2028-12-31"),
        make_key(2, RULES, "2027-01-01", "2029-01-01", "2030-01-01"),
    };
    struct root *root = make(keys, 3, 1, "engine-sunset 1.1 2029-06-01\n");
    struct margin_calendar calendar = compute(root, "2026-06-01", ALL);
    assert_int_equal(calendar.n_days, 7);
    check_day(&calendar, 0, "2026-06-01", MARGIN_NOW, 1, 1);
    check_day(&calendar, 1, "2027-01-01", MARGIN_FROM, 2, 2);
    check_day(&calendar, 2, "2028-01-01", MARGIN_SUNSET, 0, 2);
    assert_int_equal(calendar.days[2].announced[ROLE_ROOT], -1);
    check_day(&calendar, 3, "2028-07-02", MARGIN_END, 0, 1);
    check_day(&calendar, 4, "2029-01-01", MARGIN_SUNSET | MARGIN_END, -1, 0);
    check_day(&calendar, 5, "2029-06-01", MARGIN_ENGINE, -1, -1);
    check_day(&calendar, 6, "2030-01-02", MARGIN_END, -1, -1);
    assert_int_equal(calendar.days[0].possible[ROLE_PULSE], 0); /* there is no such role */
    assert_int_equal(calendar.stranded_on, day("2028-01-01"));  /* by the role root */
    assert_int_equal(calendar.ended_on, day("2029-01-01"));
    root_free(root);
}

static void test_the_last_day_of_a_key_still_counts(void **state)
{
    (void)state;
    const struct root_draft_key key = make_key(0, BOTH, "2026-01-01", "2027-01-01", "2027-12-31");
    struct root *root = make(&key, 1, 1, "");
    struct margin_conditions conditions = {
        .now = day("2028-01-01") - 1, .algorithms = ALL, .engine = {1, 0, 0}};
    assert_int_equal(margin_now(root, ROLE_RULES, &conditions), 0);
    conditions.now++;
    assert_int_equal(margin_now(root, ROLE_RULES, &conditions), -1);
    conditions.now = day("2026-01-01") - 1;
    assert_int_equal(margin_now(root, ROLE_RULES, &conditions), -1);
    root_free(root);
}

/* Row 33: whoever looks 90 days before the sunset is told its date; afterwards since when. */
static void test_a_shortage_is_dated_before_and_after_it_begins(void **state)
{
    (void)state;
    const struct root_draft_key key = make_key(0, BOTH, "2026-01-01", "2028-01-01", "2028-06-30");
    struct root *root = make(&key, 1, 1, "");
    static const char *const days[] = {"2027-10-03", "2028-01-01", "2028-03-01", "2031-01-01"};
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        struct margin_calendar calendar = compute(root, days[i], ALL);
        assert_int_equal(calendar.stranded_on, day("2028-01-01"));
        assert_int_equal(calendar.ended_on, day("2028-07-01"));
    }
    root_free(root);
}

static void test_a_gap_that_is_over_is_not_told_and_one_to_come_is(void **state)
{
    (void)state;
    const struct root_draft_key keys[] = {
        make_key(0, BOTH, "2026-01-01", "2027-01-01", "2027-03-01"),
        make_key(1, BOTH, "2027-06-01", "2035-01-01", "2035-12-31"),
    };
    struct root *root = make(keys, 2, 1, "");
    struct margin_calendar calendar = compute(root, "2026-02-01", ALL);
    assert_int_equal(calendar.stranded_on, day("2027-01-01"));
    assert_int_equal(calendar.ended_on, day("2027-03-02"));
    calendar = compute(root, "2028-01-01", ALL);
    assert_int_equal(calendar.stranded_on, day("2035-01-01"));
    assert_int_equal(calendar.ended_on, day("2036-01-01"));
    root_free(root);
}

static void test_an_old_program_is_left_behind_and_a_newer_one_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *left_behind_on; /* NULL: never */
    } cases[] = {
        {"engine-sunset 1.1 2027-05-01\n", "2027-05-01"},
        {"engine-sunset 1.0.1 2027-05-01\n", "2027-05-01"},
        {"engine-sunset 1.0 2027-05-01\n", NULL},
        {"engine-sunset 0.9 2027-05-01\n", NULL},
        {"engine-sunset 2.0 2028-01-01\nengine-sunset 1.1 2027-05-01\n", "2027-05-01"},
        {"engine-sunset 1.1 2025-05-01\n", "2025-05-01"},
    };
    const struct root_draft_key key = make_key(0, BOTH, "2024-01-01", "2034-01-01", "2035-01-01");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct root *root = make(&key, 1, 1, cases[i].line);
        const char *expected = cases[i].left_behind_on;
        struct margin_calendar calendar = compute(root, "2026-06-01", ALL);
        assert_int_equal(calendar.stranded_on, day(expected != NULL ? expected : "2034-01-01"));
        assert_int_equal(calendar.ended_on, day(expected != NULL ? expected : "2035-01-02"));
        root_free(root);
    }
}

static void test_what_cannot_be_used_here_is_not_counted(void **state)
{
    (void)state;
    const struct root_draft_key keys[] = {
        make_key(0, BOTH, "2026-01-01", "2035-01-01", "2035-12-31"),
        make_key(1, BOTH, "2026-01-01", "2035-01-01", "2035-12-31"),
        make_key(2, BOTH, "2026-01-01", "2035-01-01", "2035-12-31"),
    };
    char extra[256];
    (void)snprintf(extra, sizeof(extra), "revoked %s 2026-05-01 lost\n", pub.ids[2]);
    struct root *root = make(keys, 3, 1, extra);
    struct margin_calendar calendar = compute(root, "2026-06-01", ALL);
    assert_int_equal(calendar.days[0].possible[ROLE_ROOT], 1); /* two keys, one is revoked */
    calendar = compute(root, "2026-06-01", 1 << KEY_ECDSA_P256);
    assert_int_equal(calendar.days[0].possible[ROLE_ROOT], 0);
    calendar = compute(root, "2026-06-01", 1 << KEY_RSA_PSS);
    assert_int_equal(calendar.days[0].possible[ROLE_ROOT], -1);
    assert_int_equal(calendar.stranded_on, INT64_MIN);
    root_free(root);
}

/* Row 29: whichever algorithm is retired, the others must do. */
static void test_the_family_rule_names_role_and_algorithm(void **state)
{
    (void)state;
    const struct margin_conditions conditions = {
        .now = T_NOW, .algorithms = ALL, .engine = {1, 0, 0}};
    struct margin_family found[MARGIN_MAX_FAMILIES];
    const struct root_draft_key both[] = {
        make_key(0, BOTH, "2026-01-01", "2035-01-01", "2035-12-31"),
        make_key(1, BOTH, "2026-01-01", "2035-01-01", "2035-12-31"),
    };
    struct root *root = make(both, 2, 1, "");
    assert_int_equal(margin_check_families(root, &conditions, found), 0);
    root_free(root);

    root = make(both, 2, 2, "");
    assert_int_equal(margin_check_families(root, &conditions, found), 4);
    root_free(root);

    const struct root_draft_key mixed[] = {
        make_key(0, BOTH, "2026-01-01", "2035-01-01", "2035-12-31"),
        make_key(1, ROOT, "2026-01-01", "2035-01-01", "2035-12-31"),
        make_key(2, RULES, "2026-01-01", "2035-01-01", "2035-12-31"),
    };
    root = make(mixed, 3, 1, "");
    assert_int_equal(margin_check_families(root, &conditions, found), 1);
    assert_int_equal(found[0].role, ROLE_RULES);
    assert_int_equal(found[0].family, KEY_ED25519);
    assert_int_equal(found[0].margin, -1);
    root_free(root);
}

static void test_each_algorithm_of_this_build_works(void **state)
{
    (void)state;
    assert_int_equal(key_probe(), ALL);
    assert_false(key_works(KEY_UNKNOWN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_calendar_names_each_day_on_which_something_changes),
        cmocka_unit_test(test_the_last_day_of_a_key_still_counts),
        cmocka_unit_test(test_a_shortage_is_dated_before_and_after_it_begins),
        cmocka_unit_test(test_a_gap_that_is_over_is_not_told_and_one_to_come_is),
        cmocka_unit_test(test_an_old_program_is_left_behind_and_a_newer_one_is_not),
        cmocka_unit_test(test_what_cannot_be_used_here_is_not_counted),
        cmocka_unit_test(test_the_family_rule_names_role_and_algorithm),
        cmocka_unit_test(test_each_algorithm_of_this_build_works),
    };
    return cmocka_run_group_tests(tests, publisher_setup, publisher_teardown);
}
