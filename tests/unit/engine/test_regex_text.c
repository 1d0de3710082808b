/* What is read from the text of a regex: too much would make the scan blind. */
#include "engine/regex_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "stopgap/banned.h"

static void test_literals_that_every_match_contains(void **state)
{
    (void)state;
    static const struct {
        const char *regex;
        const char *expected;
        unsigned n_bytes;
    } cases[] = {
        {"autodiscover", "autodiscover", 12},
        {"^/owa/", "^/owa/", 5},
        {"/frowny\\.aspx(?:/|$)", "/frowny\\.aspx", 12},
        {"virtualdirectory$", "virtualdirectory$", 16},
        {"abcd?", "abc", 3},
        {"abcd*x", "abc", 3},
        {"abcd+x", "abcd", 4},
        {"abcd{0,3}", "abc", 3},
        {"abcd{2}", "abcd", 4},
        {"ab[cd]efg", "efg", 3},
        {"ab(?:cdefgh)?ij", "ab", 2},
        {"(?!abcdef)xy", "xy", 2},
        {"a.bc", "bc", 2},
        {"a\\d+bcd", "bcd", 3},
        {"\\x41bc", "\\x41bc", 3},
        {"\\x{41}bc", "bc", 2},
        {"\\cAbc", "bc", 2},
        {"\\101bc", "bc", 2},
        {"\\p{L}bc", "bc", 2},
        {"\\pLbc", "bc", 2},
        {"(?<n>x)\\k<n>bc", "bc", 2},
        {"(x)\\g{1}bc", "bc", 2},
        {"a[]b]c", "a", 1},
        {"a[^]bcd]", "a", 1},
        {"a[[:alpha:]b]cd", "cd", 2},
        {"ab|cd", "", 0},
        {"abcd\\d{|efgh}", "", 0},
        {"abcd\\d{2}ef", "abcd", 4},
        {"abcd\\E?", "", 0},
        {"\\Qab|cd\\E", "", 0},
        {"(?x)ab cd", "", 0},
        {"(?#abc)d", "", 0},
        {"", "", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct regex_literal literal = regex_find_literal(slice_str(cases[i].regex));
        if (literal.n_bytes != cases[i].n_bytes ||
            (literal.n_bytes != 0 && !slice_equal(literal.text, slice_str(cases[i].expected))))
            fail_msg("%s: %u '" SLICE_FMT "'", cases[i].regex, literal.n_bytes,
                     SLICE_ARG(literal.text));
    }
}

static void test_lookaheads_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *regex;
        const char *parts[4];
    } cases[] = {
        {"(?=.*a)(?=.*b)", {".*a", ".*b"}},
        {"^(?=.*a)x", {".*a", "x"}},
        {"(?=(a)[)])b", {"(a)[)]", "b"}},
        {"(?=\\))b", {"\\)", "b"}},
        {"(?=a|c)b", {"a|c", "b"}},
        {"(?=a)b|c", {NULL}},
        {"(?=a)?b", {NULL}},
        {"(?=a", {NULL}},
        {"(?!a)b", {NULL}},
        {"(?=\\Q)\\E)b", {NULL}},
        {"ab", {NULL}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice parts[4];
        size_t n = regex_split_lookaheads(slice_str(cases[i].regex), parts, 4);
        size_t expected = 0;
        while (cases[i].parts[expected] != NULL)
            expected++;
        if (n != expected)
            fail_msg("%s: %zu parts", cases[i].regex, n);
        for (size_t p = 0; p < n; p++)
            if (!slice_equal(parts[p], slice_str(cases[i].parts[p])))
                fail_msg("%s: part " SLICE_FMT, cases[i].regex, SLICE_ARG(parts[p]));
    }
}

static void test_constructs_that_blind_the_scan_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *regex;
        bool is_forbidden;
    } cases[] = {
        {"(*UTF)a", true}, {"a(*ACCEPT)b", true}, {"(?-m)^a", true},    {"(?i-sm:^a)", true},
        {"(?m)^a", false}, {"(?-i)a", false},     {"(a)*", false},      {"\\(*a", false},
        {"[(*]", false},   {"(?:-m)", false},     {"(?<m-m>a)", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if ((regex_forbidden(slice_str(cases[i].regex)) != NULL) != cases[i].is_forbidden)
            fail_msg("%s", cases[i].regex);
}

static void test_what_a_regex_needs_of_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *regex;
        unsigned needs;
    } cases[] = {
        {"autodiscover", 0},
        {"/owa/\\.x|a\\x2fb+", 0},
        {"(?:ab|c)d?", 0},
        {"(ab){2}", 0},
        {"^/owa", NEED_START},
        {"\\.aspx$", NEED_END},
        {"a|b$", NEED_END},
        {"a.b", NEED_QUESTION},
        {"a[?]b", NEED_QUESTION},
        {"a\\?b", NEED_QUESTION},
        {"a\\x3fb", NEED_QUESTION},
        {"a\\x3Fb", NEED_QUESTION},
        {"a\\Sb", NEED_QUESTION},
        {"a\\bb", NEED_CONTEXT},
        {"a\\x{3f}b", NEED_CONTEXT},
        {"a\\077b", NEED_CONTEXT},
        {"a(?!b)", NEED_CONTEXT},
        {"(?<=a)b", NEED_CONTEXT},
        {"(?i)a", NEED_CONTEXT},
        {"(a)\\1", NEED_CONTEXT},
        {"\\Aa", NEED_CONTEXT},
        {"a\\z", NEED_CONTEXT},
        {"a\\Kb", NEED_CONTEXT},
        {"\\Qa\\E", NEED_CONTEXT | NEED_QUESTION},
        {"^a.*b$", NEED_START | NEED_END | NEED_QUESTION},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (regex_needs(slice_str(cases[i].regex)) != cases[i].needs)
            fail_msg("%s: %u", cases[i].regex, regex_needs(slice_str(cases[i].regex)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_that_every_match_contains),
        cmocka_unit_test(test_lookaheads_are_split),
        cmocka_unit_test(test_what_a_regex_needs_of_its_line),
        cmocka_unit_test(test_constructs_that_blind_the_scan_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
