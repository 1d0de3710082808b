/* From facts to states: what each date does, and that none of them does more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "stopgap/trust.h"

#include "stopgap/banned.h"

#define DAY INT64_C(86400)
#define NOW INT64_C(1800000000) /* 2027-01-15 */

/* An installation with a feed, everything in order. */
static struct trust_facts healthy(void)
{
    return (struct trust_facts){.now = NOW,
                                .released = NOW - 30 * DAY,
                                .signed_time = NOW - DAY,
                                .pulse = NOW - DAY / 24,
                                .contact = NOW - DAY / 24,
                                .run_s = 1000000,
                                .contact_run_s = 1000000 - 3600,
                                .expires = NOW + 60 * DAY,
                                .root_version = 7,
                                .root_expires = NOW + 1000 * DAY,
                                .ended = NOW + 2000 * DAY,
                                .stranded = NOW + 1500 * DAY,
                                .has_feed = true,
                                .has_bundles = true};
}

static struct trust_standing judge(const struct trust_facts *facts)
{
    struct trust_standing standing;
    trust_judge(facts, &standing);
    for (unsigned mark = 0; mark < TRUST_MARK_COUNT; mark++) {
        char text[600] = "";
        trust_describe_mark(facts, &standing, (enum trust_mark)mark, text, sizeof(text));
        assert_true(text[0] != '\0');
    }
    char text[600] = "";
    trust_describe_freshness(facts, &standing, text, sizeof(text));
    assert_true(text[0] != '\0');
    return standing;
}

static void check(const char *what, const struct trust_facts *facts, enum trust_freshness freshness,
                  unsigned marks)
{
    struct trust_standing standing = judge(facts);
    if (standing.freshness != freshness || standing.marks != marks)
        fail_msg("%s: %s with marks %#x, expected %s with %#x", what,
                 trust_freshness_word(standing.freshness), standing.marks,
                 trust_freshness_word(freshness), marks);
}

static unsigned mark(enum trust_mark one)
{
    return 1U << one;
}

static void test_silence_of_the_publisher_goes_from_fresh_to_abandoned(void **state)
{
    (void)state;
    static const struct {
        int64_t age_s;
        enum trust_freshness freshness;
    } cases[] = {
        {0, TRUST_FRESH},
        {3 * DAY - 1, TRUST_FRESH},
        {3 * DAY, TRUST_AGING},
        {14 * DAY - 1, TRUST_AGING},
        {14 * DAY, TRUST_STALE},
        {180 * DAY - 1, TRUST_STALE},
        {180 * DAY, TRUST_ABANDONED},
        {9000 * DAY, TRUST_ABANDONED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trust_facts facts = healthy();
        facts.expires = 0;
        facts.contact = NOW - cases[i].age_s;
        facts.pulse = NOW;
        facts.released = NOW; /* the clock is in order, whatever the age */
        check("contact", &facts, cases[i].freshness, 0);
        facts.contact = NOW;
        facts.pulse = NOW - cases[i].age_s;
        check("pulse", &facts, cases[i].freshness, 0);
    }
}

/* An attacker holds back the network and the clock; the machine still counts how long it runs. */
static void test_a_frozen_clock_is_overtaken_by_the_run_time(void **state)
{
    (void)state;
    struct trust_facts facts = healthy();
    facts.run_s += 14 * 86400;
    check("frozen", &facts, TRUST_STALE, 0);
    assert_true(judge(&facts).is_by_run_time);
    facts.run_s += 166 * 86400;
    check("frozen for long", &facts, TRUST_ABANDONED, 0);
}

static void test_a_set_beyond_its_date_is_stale_with_and_without_a_feed(void **state)
{
    (void)state;
    struct trust_facts facts = healthy();
    facts.expires = NOW;
    check("feed", &facts, TRUST_STALE, 0);
    facts.has_feed = false;
    check("file", &facts, TRUST_STALE, 0);
    facts.expires = NOW - 180 * DAY;
    check("file for long", &facts, TRUST_ABANDONED, 0);
}

/* Who loads bundles from files hears nothing from the publisher, and that is no fault. */
static void test_an_installation_without_a_feed_is_fresh_until_its_set_says_otherwise(void **state)
{
    (void)state;
    struct trust_facts facts = healthy();
    facts.has_feed = false;
    facts.contact = facts.pulse = 0;
    facts.contact_run_s = 0;
    facts.run_s = 400 * 86400;
    check("file", &facts, TRUST_FRESH, 0);
}

static void test_an_installation_without_a_publisher_is_never_nagged(void **state)
{
    (void)state;
    static const int64_t ages[] = {0, 400 * DAY, 3700 * DAY, -NOW + 1};
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        struct trust_facts facts = {.now = NOW + ages[i], .released = NOW};
        check("built-in rules", &facts, TRUST_BUILTIN, 0);
    }
}

static void test_marks_and_what_brings_them(void **state)
{
    (void)state;
    struct trust_facts facts = healthy();
    check("healthy", &facts, TRUST_FRESH, 0);
    facts.root_expires = NOW;
    check("root", &facts, TRUST_FRESH, mark(TRUST_MARK_ROOT_EXPIRED));
    facts.root_expires = NOW - 180 * DAY;
    check("root for long", &facts, TRUST_FRESH,
          mark(TRUST_MARK_ROOT_EXPIRED) | mark(TRUST_MARK_ENDED));
    facts = healthy();
    facts.ended = facts.stranded = NOW;
    check("no key of the root is left", &facts, TRUST_FRESH, mark(TRUST_MARK_ENDED));
    facts = healthy();
    facts.is_behind = facts.is_pinned = facts.has_no_rules = true;
    check("three", &facts, TRUST_FRESH,
          mark(TRUST_MARK_BEHIND) | mark(TRUST_MARK_PINNED) | mark(TRUST_MARK_NO_RULES));
    facts = healthy();
    (void)snprintf(facts.damage, sizeof(facts.damage), "a disk");
    check("damage", &facts, TRUST_FRESH, mark(TRUST_MARK_DAMAGED));
    facts = healthy();
    facts.lost = NOW - 7 * DAY + 1;
    check("lost", &facts, TRUST_FRESH, mark(TRUST_MARK_STATE_LOST));
    facts.lost = NOW - 7 * DAY;
    check("lost long ago", &facts, TRUST_FRESH, 0);
}

static void test_the_end_is_announced_half_a_year_ahead(void **state)
{
    (void)state;
    static const int days[] = {180, 90, 30, 14, 7, 1, 0};
    struct trust_facts facts = healthy();
    facts.stranded = NOW + 181 * DAY;
    check("early", &facts, TRUST_FRESH, 0);
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        facts.stranded = NOW + days[i] * DAY;
        check("days", &facts, TRUST_FRESH, mark(TRUST_MARK_STRANDED));
        assert_int_equal(judge(&facts).days_left, days[i]);
    }
    facts.stranded = NOW - 500 * DAY;
    check("over", &facts, TRUST_FRESH, mark(TRUST_MARK_STRANDED));
    assert_int_equal(judge(&facts).days_left, 0);
}

/* Row by row: what a wrong clock does, and that dates are judged by what was signed. */
static void test_a_wrong_clock_is_noticed(void **state)
{
    (void)state;
    struct trust_facts facts = healthy();
    facts.now = 1; /* 1970 */
    check("1970", &facts, TRUST_FRESH, mark(TRUST_MARK_CLOCK));
    facts.expires = facts.signed_time - 1;
    check("1970, and what was signed says that the set is old", &facts, TRUST_STALE,
          mark(TRUST_MARK_CLOCK));
    facts = healthy();
    facts.now = INT64_C(4085000000); /* 2099 */
    struct trust_standing standing = judge(&facts);
    assert_true((standing.marks & mark(TRUST_MARK_CLOCK)) != 0);
    assert_int_equal(standing.freshness, TRUST_ABANDONED);
    facts = healthy();
    facts.signed_time = NOW + 2 * 3600;
    check("behind what was signed", &facts, TRUST_FRESH, mark(TRUST_MARK_CLOCK));
    facts = healthy();
    facts.ahead_time = NOW + 3 * DAY;
    check("something signed is ahead", &facts, TRUST_FRESH, mark(TRUST_MARK_CLOCK));
    facts = healthy();
    facts.contact = NOW + 50 * DAY; /* noted while the clock was ahead */
    facts.pulse = 0;
    facts.contact_run_s = 0;
    facts.run_s = 20 * 86400;
    check("a contact of the future is no contact for ever", &facts, TRUST_STALE, 0);
}

static void test_time_travel_of_ten_years(void **state)
{
    (void)state;
    static const struct {
        int years;
        unsigned marks;
    } cases[] = {{1, 0},
                 {3, 1U << TRUST_MARK_ROOT_EXPIRED},
                 {10, 1U << TRUST_MARK_ROOT_EXPIRED | 1U << TRUST_MARK_ENDED}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trust_facts facts = healthy();
        facts.now += cases[i].years * 365 * DAY;
        check("years", &facts, TRUST_ABANDONED, cases[i].marks);
    }
}

static void test_words_are_stable(void **state)
{
    (void)state;
    static const char *const freshness[] = {"BUILTIN", "FRESH", "AGING", "STALE", "ABANDONED"};
    static const char *const marks[] = {"NO_RULES",      "TRUST_DAMAGED", "STATE_LOST",
                                        "TRUST_ENDED",   "STRANDED_SOON", "ROOT_EXPIRED",
                                        "CLOCK_SUSPECT", "BEHIND",        "PINNED"};
    for (unsigned i = 0; i < TRUST_FRESHNESS_COUNT; i++)
        assert_string_equal(trust_freshness_word((enum trust_freshness)i), freshness[i]);
    for (unsigned i = 0; i < TRUST_MARK_COUNT; i++)
        assert_string_equal(trust_mark_word((enum trust_mark)i), marks[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_of_the_publisher_goes_from_fresh_to_abandoned),
        cmocka_unit_test(test_a_frozen_clock_is_overtaken_by_the_run_time),
        cmocka_unit_test(test_a_set_beyond_its_date_is_stale_with_and_without_a_feed),
        cmocka_unit_test(test_an_installation_without_a_feed_is_fresh_until_its_set_says_otherwise),
        cmocka_unit_test(test_an_installation_without_a_publisher_is_never_nagged),
        cmocka_unit_test(test_marks_and_what_brings_them),
        cmocka_unit_test(test_the_end_is_announced_half_a_year_ahead),
        cmocka_unit_test(test_a_wrong_clock_is_noticed),
        cmocka_unit_test(test_time_travel_of_ten_years),
        cmocka_unit_test(test_words_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
