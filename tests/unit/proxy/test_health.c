/* When results of health checks change what is thought of a directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health.h"

/* results: '+' good, '-' bad; words: after each, '.' unknown, 'U' up, 'D' down. rise 2, fall 3 */
static const struct {
    const char *name, *results, *words;
} rows[] = {
    {"the first result decides, good", "+", "U"},
    {"the first result decides, bad", "-", "D"},
    {"two bad ones are not enough", "+--+--+", "UUUUUUU"},
    {"three bad ones in a row are", "+---", "UUUD"},
    {"one good one is not enough", "-+-+-", "DDDDD"},
    {"two good ones in a row are", "-++", "DDU"},
    {"what was counted before a change does not count after it", "+---++--+", "UUUDDUUUU"},
};

static void test_rise_and_fall(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct health_state health = {0};
        char before = '.';
        print_message("  %s\n", rows[i].name);
        for (size_t j = 0; rows[i].results[j] != '\0'; j++) {
            bool has_changed = health_judge(&health, rows[i].results[j] == '+', 2, 3);
            assert_int_equal(".UD"[health.word], rows[i].words[j]);
            assert_int_equal(has_changed, rows[i].words[j] != before);
            before = rows[i].words[j];
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rise_and_fall)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
