/* How old the rules seem: a table. */
#include "stale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY INT64_C(86400)
#define NOW (1000 * DAY)

static const struct {
    const char *name;
    struct stale_facts facts; /* now and after_s are added where they are 0 */
    bool is_stale;
    const char *why;
} rows[] = {
    {"nothing is known",
     {.released = 0},
     false,
     "0 seconds old (nothing is known); stale from 14 days on"},
    {"a program of yesterday",
     {.released = NOW - DAY},
     false,
     "1 day old (the program with its rules)"},
    {"one day before", {.released = NOW - 14 * DAY + 1}, false, "13 days old"},
    {"the day", {.released = NOW - 14 * DAY}, true, "14 days old"},
    {"the newest sign counts",
     {.released = NOW - 99 * DAY, .created = NOW - 20 * DAY, .eocs = NOW - 2 * DAY},
     false,
     "2 days old (the last contact with Microsoft's feed)"},
    {"a pulse is a sign, too",
     {.released = NOW - 99 * DAY, .created = NOW - 20 * DAY, .pulse = NOW - DAY},
     false,
     "1 day old (the newest pulse of the feed)"},
    {"the newest is old",
     {.released = NOW - 99 * DAY, .created = NOW - 20 * DAY, .eocs = NOW - 40 * DAY},
     true,
     "20 days old (the newest signed set)"},
    {"a clock that went back says nothing", {.released = NOW + 400 * DAY}, false, "0 seconds old"},
    {"time that ran counts when the clock stands",
     {.released = NOW, .run_s = 15 * DAY},
     true,
     "15 days old (by the time that the program ran)"},
    {"the clock counts when it says more",
     {.released = NOW - 30 * DAY, .run_s = 15 * DAY},
     true,
     "30 days old (the program with its rules)"},
    {"a date that a set names", {.released = NOW, .expires = NOW}, true, "beyond the date"},
    {"a date to come", {.released = NOW, .expires = NOW + 1}, false, "0 seconds old"},
    {"another bound",
     {.released = NOW - 3 * 3600, .after_s = 2 * 3600},
     true,
     "3 hours old (the program with its rules); stale from 2 hours on"},
    {"in minutes",
     {.released = NOW - 60, .after_s = 120},
     false,
     "1 minute old (the program with its rules); stale from 2 minutes on"},
};

static void test_the_newest_sign_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stale_facts facts = rows[i].facts;
        struct stale_view view;
        char text[200];
        print_message("  %s\n", rows[i].name);
        facts.now = NOW;
        if (facts.after_s == 0)
            facts.after_s = 14 * DAY;
        stale_judge(&facts, &view);
        assert_int_equal(view.is_stale, rows[i].is_stale);
        stale_describe(&facts, &view, text, sizeof(text));
        if (strstr(text, rows[i].why) == NULL)
            fail_msg("%s", text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_newest_sign_decides)};
    return cmocka_run_group_tests_name("stale rules", tests, NULL, NULL);
}
