/* How values begin: what a regex says of it, and the table that finds it. Too much would make the
 * rules blind. */
#include "engine/regex_start.h"
#include "engine/starts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "stopgap/buf.h"

#include "stopgap/banned.h"

/* "/ecp/|/owa$": the starts of a regex in the order in which they were read. */
static void describe(const char *regex, struct buf *out)
{
    struct regex_starts starts;
    bool fits = true;
    if (!regex_find_starts(slice_str(regex), &starts))
        starts.n = 0;
    for (size_t i = 0; i < starts.n && fits; i++)
        fits = buf_printf(out, "%s%.*s%s", i != 0 ? "|" : "", (int)starts.items[i].len,
                          starts.items[i].bytes, starts.items[i].is_whole ? "$" : "");
    assert_true(fits && buf_append(out, slice_make("", 1)));
}

static void test_starts_of_a_regex(void **state)
{
    (void)state;
    static const struct {
        const char *regex;
        const char *expected;
    } cases[] = {
        {"^/owa/", "/owa/"},
        {"^/OWA", "/owa"},
        {"^/owa$", "/owa$"},
        {"^/owa/?$", "/owa/$|/owa$"},
        {"^/owa/.*x", "/owa/"},
        {"^/a(?:bc|d)e", "/abce|/ade"},
        {"^/a(b|c[0-3])d", "/abd|/ac0d|/ac1d|/ac2d|/ac3d"},
        {"^/a(?:b.|c)d", "/acd|/ab"},
        {"^/a(?:/|$)", "/a/|/a$"},
        {"^/a(?:|b)c", "/ac|/abc"},
        {"^/a|^/b", "/a|/b"},
        {"^/a|/b", ""},
        {"^/ab+c", "/ab"},
        {"^/ab*c", "/a"},
        {"^/ab{0,2}c", "/a"},
        {"^/ab{2}c", "/a"},
        {"^/(?:ab)+c", "/ab"},
        {"^/(?!owa)a", "/a"},
        {"^(?=/x)/a", "/a"},
        {"^(?<!x)/a", "/a"},
        {"^/\\.\\x61\\?", "/.a?"},
        {"^/a\\xzb", "/a"},
        {"^/a\\x6gb", "/a"},
        {"^/a\\x{61}b", "/a"},
        {"^/a\\db", "/a"},
        {"^/a[^b]c", "/a"},
        {"^/a[[:alpha:]]c", "/a"},
        {"^/a[\\w]c", "/a"},
        {"^/a(?>b)c", "/a"},
        {"^/a(?i)b", "/a"},
        {"^/a(?<n>b)", "/a"},
        {"^/a(?(?=b)b|c)", "/a"},
        {"(?m)^/a", ""},
        {"^/a(?m:^b)", ""},
        {"^/a(?m)|^b", ""},
        {"^/a\\Qb\\E", ""},
        {"(?x)^ /a", ""},
        {"^.*a", ""},
        {"/owa", ""},
        {"^", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text;
        buf_init(&text, 10000);
        describe(cases[i].regex, &text);
        if (strcmp(text.ptr, cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].regex, text.ptr);
        buf_done(&text);
    }
}

static void test_rare_bytes_of_a_regex(void **state)
{
    (void)state;
    static const struct {
        const char *regex;
        char expected;
    } cases[] = {
        {"^/owa/(?!calendar/).*@[^/]*/(?:ews|rpc)", '@'},
        {"a\\x7eb", '~'},
        {"a~+", '~'},
        {"a~{1,2}|", '\0'},
        {"a~{1,2}", '~'},
        {"a~?", '\0'},
        {"a~*@", '@'},
        {"a~{0,2}", '\0'},
        {"a~{,2}", '\0'},
        {"(?:@)?", '\0'},
        {"@|a", '\0'},
        {"[@]", '\0'},
        {"(?=@)", '\0'},
        {"a/b", '\0'},
        {"\\Q|\\E@", '\0'},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (regex_find_rare_byte(slice_str(cases[i].regex)) != cases[i].expected)
            fail_msg("%s: '%c'", cases[i].regex, regex_find_rare_byte(slice_str(cases[i].regex)));
}

/* ---- what PCRE2 matches begins so */

static uint32_t next_random(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33);
}

static void random_text(uint64_t *random, const char *const *words, size_t n_words, size_t n,
                        struct buf *out)
{
    bool fits = true;
    for (size_t i = 0; i < n && fits; i++)
        fits = buf_append(out, slice_str(words[next_random(random) % n_words]));
    assert_true(fits && buf_append(out, slice_make("", 1)));
}

static bool begins_so(const struct regex_starts *starts, struct slice text)
{
    for (size_t i = 0; i < starts->n; i++) {
        const struct regex_start *start = &starts->items[i];
        struct slice rest = slice_from(text, start->len);
        bool is_end = rest.len == 0 || (rest.len == 1 && rest.ptr[0] == '\n');
        if (slice_starts_with_nocase(text, slice_make(start->bytes, start->len)) &&
            (is_end || !start->is_whole))
            return true;
    }
    return false;
}

static void compare_with_pcre2(uint64_t *random, const char *regex, const pcre2_code *code,
                               size_t *n_matched)
{
    static const char *const words[] = {"a", "b", "/", "A", "0", "\n",
                                        "{", "x", "@", "~", "^", ","};
    struct regex_starts starts;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    bool is_known = regex_find_starts(slice_str(regex), &starts);
    char rare = regex_find_rare_byte(slice_str(regex));
    for (int i = 0; i < 100 && (is_known || rare != '\0'); i++) {
        struct buf text;
        buf_init(&text, 1000);
        random_text(random, words, sizeof(words) / sizeof(words[0]), next_random(random) % 6,
                    &text);
        size_t len = text.len - 1;
        if (pcre2_match(code, (PCRE2_SPTR)text.ptr, len, 0, 0, data, NULL) >= 0) {
            (*n_matched)++;
            if (is_known && !begins_so(&starts, slice_make(text.ptr, len)))
                fail_msg("'%s' matches '%s'", regex, text.ptr);
            if (rare != '\0' && memchr(text.ptr, rare, len) == NULL)
                fail_msg("'%s' matches '%s' without %c", regex, text.ptr, rare);
        }
        buf_done(&text);
    }
    pcre2_match_data_free(data);
}

static void test_all_that_a_random_regex_matches_begins_so(void **state)
{
    static const char *const words[] = {
        "a",       "@",   "~",    "@~",   "b",    "/",     "a",     "b",    "|^",    "|",
        "(",       "(?:", ")",    ")",    ")?",   "?",     "+",     "*",    "{0,1}", "{2}",
        "{,2}",    "$",   "^",    ".",    "[ab]", "[^a]",  "[0-9]", "\\d",  "\\x61", "\\x6",
        "\\x{61}", "(?=", "(?!",  "(?i)", "(?i:", "(?>",   "(?|",   "(?m)", "\\A",   "\\K",
        "\\G",     "\\b", "(?<=", "\\1",  "??",   "+?",    "{",     "x",    ",",     "(?(1)a|b)",
        "\\/",     "()",  "\\E",  "\\Q",  "\\K",  "(?<n>",
    };
    uint64_t random = 7;
    size_t n_matched = 0;
    (void)state;
    for (int i = 0; i < 60000; i++) {
        int problem;
        PCRE2_SIZE offset;
        struct buf regex;
        buf_init(&regex, 1000);
        assert_true(buf_append(&regex, SLICE("^")));
        random_text(&random, words, sizeof(words) / sizeof(words[0]), 1 + next_random(&random) % 7,
                    &regex);
        pcre2_code *code =
            pcre2_compile((PCRE2_SPTR)regex.ptr, regex.len - 1,
                          PCRE2_DOTALL | PCRE2_CASELESS | PCRE2_NEVER_UTF, &problem, &offset, NULL);
        if (code != NULL)
            compare_with_pcre2(&random, regex.ptr, code, &n_matched);
        pcre2_code_free(code);
        buf_done(&regex);
    }
    assert_true(n_matched > 1000);
}

/* ---- the table */

static void test_the_table_finds_every_start_and_no_other(void **state)
{
    enum { N_TEXTS = 300, N_TRIES = 3000 };
    static const char *const words[] = {"a", "b", "/"};
    static struct start_entry entries[N_TEXTS];
    static struct start_entry sorted[N_TEXTS];
    static struct buf texts[N_TEXTS];
    static _Alignas(16) char memory[256 * 1024];
    uint64_t random = 3;
    struct arena arena;
    struct start_table table;
    (void)state;
    for (size_t i = 0; i < N_TEXTS; i++) {
        buf_init(&texts[i], 100);
        random_text(&random, words, 3, next_random(&random) % 7, &texts[i]);
        sorted[i] = entries[i] =
            (struct start_entry){.text = slice_make(texts[i].ptr, texts[i].len - 1),
                                 .bit = (uint32_t)i,
                                 .is_whole = next_random(&random) % 3 == 0};
    }
    arena_init(&arena, memory, sizeof(memory), sizeof(memory));
    assert_true(starts_build(&table, sorted, N_TEXTS, &arena));
    for (size_t i = 0; i < N_TRIES; i++) {
        static const char *const values[] = {"a", "B", "/", "A", "\n"};
        uint64_t bits[N_TEXTS / 64 + 1] = {0};
        struct buf value;
        buf_init(&value, 100);
        random_text(&random, values, 5, next_random(&random) % 8, &value);
        struct slice text = slice_make(value.ptr, value.len - 1);
        starts_find(&table, text, bits);
        for (size_t e = 0; e < N_TEXTS; e++) {
            struct slice rest = slice_from(text, entries[e].text.len);
            bool is_end = rest.len == 0 || slice_equal(rest, SLICE("\n"));
            bool is_expected =
                slice_starts_with_nocase(text, entries[e].text) && (is_end || !entries[e].is_whole);
            assert_int_equal((bits[e / 64] >> (e % 64)) & 1, is_expected);
        }
        buf_done(&value);
    }
    for (size_t i = 0; i < N_TEXTS; i++)
        buf_done(&texts[i]);
    arena_done(&arena);
}

static void test_an_empty_table_finds_nothing(void **state)
{
    struct start_table table = {.nodes = NULL};
    uint64_t bits = 0;
    (void)state;
    starts_find(&table, SLICE("/owa"), &bits);
    assert_int_equal(bits, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts_of_a_regex),
        cmocka_unit_test(test_rare_bytes_of_a_regex),
        cmocka_unit_test(test_all_that_a_random_regex_matches_begins_so),
        cmocka_unit_test(test_the_table_finds_every_start_and_no_other),
        cmocka_unit_test(test_an_empty_table_finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
