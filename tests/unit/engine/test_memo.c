/* A long value that comes again is answered from memory, with the answer PCRE2 would give. */
#include "engine_test.h"

#include "stopgap/banned.h"

enum { N_VALUES = 2000, MAX_LINE = 400 };

struct asked {
    char line[MAX_LINE];
    bool expected;
};

/* Values of 20 to 300 bytes; every third has an "x", which the rule wants, where it is hard to see.
 */
static struct asked ask(size_t i)
{
    struct asked asked = {.expected = i % 3 == 0};
    size_t len = 20 + i * 7 % 281;
    size_t at = (size_t)snprintf(asked.line, MAX_LINE, "Cookie: k=%zu-", i);
    size_t end = at + len;
    for (; at < end; at++)
        asked.line[at] = 'a';
    asked.line[at - 1 - i % 2 * 9] = asked.expected ? 'x' : 'y';
    return asked;
}

static void test_each_value_keeps_its_own_answer(void **state)
{
    const struct test_rule rule = {.id = "A", .when = "{field: cookie, name: k, regex: '^[^x]*x'}"};
    struct test_set set = test_set_new(&rule, 1);
    (void)state;
    for (size_t i = 0; i < N_VALUES; i++) {
        /* The one before comes again, as do older ones, some of which others have replaced. */
        size_t asked_again[] = {i, i, i != 0 ? i - 1 : 0, i / 2};
        for (size_t n = 0; n < 4; n++) {
            struct asked asked = ask(asked_again[n]);
            struct test_request request = {.headers = {asked.line}};
            assert_int_equal(test_matches(&set, &request, asked.line), asked.expected);
        }
    }
    lease_forget(set.lease);
    test_set_done(&set);
}

static void test_two_tests_of_one_value_have_two_answers(void **state)
{
    const struct test_rule rule = {
        .id = "A",
        .when = "{all: [{field: cookie, name: k, regex: 'b$'}, {field: cookie, name: k, not_regex: "
                "'c'}, {field: header, name: Cookie, regex: '^k=a'}]}"};
    static const struct {
        const char *line;
        bool expected;
    } cases[] = {
        {"Cookie: k=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", true},
        {"Cookie: k=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
        {"Cookie: k=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaacaaaaab", false},
        {"Cookie: k=baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false},
    };
    struct test_set set = test_set_new(&rule, 1);
    (void)state;
    for (size_t i = 0; i < 40; i++) {
        struct test_request request = {.headers = {cases[i % 4].line}};
        assert_int_equal(test_matches(&set, &request, request.headers[0]), cases[i % 4].expected);
    }
    test_set_done(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_value_keeps_its_own_answer),
        cmocka_unit_test(test_two_tests_of_one_value_have_two_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
