/* Root files: grammar, keys, thresholds. */
#include "publisher.h"

#include "stopgap/banned.h"

static char key_lines[N_KEYS][512]; /* "key ID ALG root,rules 2026-01-01 ... BASE64" */

static void make_key_line(int index, const char *algorithm, const char *roles, char *out)
{
    struct buf der;
    struct buf text;
    buf_init(&der, 4096);
    buf_init(&text, 4096);
    assert_true(key_to_spki(pub.keys[index], &der, NULL));
    assert_true(encode_to_base64(buf_slice(&der), &text));
    (void)snprintf(out, 512, "key %s %s %s 2026-01-01 2035-06-01 2036-01-01 " SLICE_FMT,
                   pub.ids[index], algorithm, roles, SLICE_ARG(buf_slice(&text)));
    buf_done(&der);
    buf_done(&text);
}

static int setup(void **state)
{
    int result = publisher_setup(state);
    for (int i = 0; i < N_KEYS; i++)
        make_key_line(i, i % 2 == 0 ? "ed25519" : "ecdsa-p256", "root,rules", key_lines[i]);
    return result;
}

enum { N_LINES = 12, AT_VERSION = 1, AT_USAGE = 3, AT_PREVIOUS = 6, AT_THRESHOLD = 7, AT_KEY = 10 };

/* The good root with line `at` replaced by `line`; NULL leaves it out; N_LINES appends. */
static void build(struct buf *text, int at, const char *line)
{
    const char *lines[N_LINES + 1] = {
        "stopgap-root 1",
        "version 1",
        "epoch 1",
        "usage production",
        "created 2026-01-01T00:00:00Z",
        "expires 2036-01-01T00:00:00Z",
        NULL, /* previous */
        "threshold root 1",
        "threshold rules 2",
        "threshold pulse 1",
        key_lines[0],
        key_lines[1],
    };
    text->len = 0;
    lines[at] = line;
    for (int i = 0; i <= N_LINES; i++)
        if (lines[i] != NULL)
            assert_true(buf_printf(text, "%s\n", lines[i]));
}

static const char *parse_code(struct slice text)
{
    static struct err err;
    err = (struct err){0};
    struct root *root = root_parse(text, &err);
    bool is_good = root != NULL;
    root_free(root);
    return is_good ? "" : err.code;
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *name;
    int at;
    const char *line;
    const char *code;
} cases[] = {
    {"a good root", N_LINES, NULL, ""},
    {"a test root", AT_USAGE, "usage test", ""},
    {"no pulse role", 9, NULL, ""},
    {"a revoked stranger", N_LINES, "revoked " ID " 2027-03-01 stolen", ""},
    {"a withdrawn bundle", N_LINES, "withdraw exchange-core 1 2026112401", ""},
    {"an engine sunset", N_LINES, "engine-sunset 1.2 2030-06-01", ""},
    {"an anchor", N_LINES, "eocs-sign-anchor MIIBAA==", ""},
    {"a time-stamp anchor", N_LINES, "eocs-ts-anchor MIIBAA==", ""},
    {"a denied certificate", N_LINES, "eocs-deny " ID, ""},
    {"a mirror", N_LINES, "mirror https://mirror.example.com/stopgap", ""},
    {"a plain mirror", N_LINES, "mirror http://mirror.example.com/stopgap", ""},
    {"an announcement", N_LINES, "announce 2029-05-24 key-change", ""},

    {"another type of text", 0, "stopgap-manifest 1", "E_ROOT_SYNTAX"},
    {"a newer format", 0, "stopgap-root 2", "E_ROOT_SYNTAX"},
    {"version 0", AT_VERSION, "version 0", "E_ROOT_SYNTAX"},
    {"version 01", AT_VERSION, "version 01", "E_ROOT_SYNTAX"},
    {"version 2 without previous", AT_VERSION, "version 2", "E_ROOT_SYNTAX"},
    {"version 1 with previous", AT_PREVIOUS, "previous " ID, "E_ROOT_SYNTAX"},
    {"an unknown usage", AT_USAGE, "usage demo", "E_ROOT_SYNTAX"},
    {"no root threshold", AT_THRESHOLD, NULL, "E_ROOT_SYNTAX"},
    {"threshold 0", AT_THRESHOLD, "threshold root 0", "E_ROOT_SYNTAX"},
    {"threshold 33", AT_THRESHOLD, "threshold root 33", "E_ROOT_SYNTAX"},
    {"a threshold twice", AT_THRESHOLD, "threshold rules 1", "E_ROOT_SYNTAX"},
    {"a threshold that no set of keys can reach", 8, "threshold rules 3", "E_ROOT_SYNTAX"},
    {"a threshold of an unknown role", 9, "threshold audit 1", "E_ROOT_SYNTAX"},
    {"an unknown field", N_LINES, "colour blue", "E_ROOT_UNKNOWN_FIELD"},
    {"no extensions here", N_LINES, "x-note hello", "E_ROOT_UNKNOWN_FIELD"},
    {"fields out of order", N_LINES, "epoch 1", "E_ROOT_SYNTAX"},
    {"a revocation without reason", N_LINES, "revoked " ID " 2027-03-01", "E_ROOT_SYNTAX"},
    {"a revocation of no id", N_LINES, "revoked abc 2027-03-01 stolen", "E_ROOT_SYNTAX"},
    {"a withdrawal without serial", N_LINES, "withdraw exchange-core 1", "E_ROOT_SYNTAX"},
    {"a withdrawal of serial 0", N_LINES, "withdraw exchange-core 1 0", "E_ROOT_SYNTAX"},
    {"a mirror by another scheme", N_LINES, "mirror ftp://mirror.example.com/", "E_ROOT_SYNTAX"},
    {"an anchor that is not base64", N_LINES, "eocs-sign-anchor %%%%", "E_ROOT_SYNTAX"},
    {"a key of no base64", AT_KEY,
     "key " ID " ed25519 root,rules 2026-01-01 2027-01-01 2028-01-01 a", "E_ROOT_SYNTAX"},
    {"a key with a wrong id", AT_KEY,
     "key " ID " ed25519 root,rules 2026-01-01 2027-01-01 2028-01-01 QUJD", "E_ROOT_KEYID"},
};

static void test_each_line_follows_its_form(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, LIMIT_ROOT_BYTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        build(&text, cases[i].at, cases[i].line);
        check_code(cases[i].name, parse_code(buf_slice(&text)), cases[i].code);
    }
    buf_done(&text);
}

/* Replace one word of key 0's line. */
static const char *key_with(size_t word, const char *replacement)
{
    static char line[1024];
    struct slice rest = slice_str(key_lines[0]);
    struct slice at;
    size_t len = 0;
    for (size_t i = 0; slice_next(&rest, ' ', &at); i++)
        len += (size_t)snprintf(line + len, sizeof(line) - len, "%s" SLICE_FMT, i == 0 ? "" : " ",
                                SLICE_ARG(i == word ? slice_str(replacement) : at));
    return line;
}

static void test_each_word_of_a_key_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t word;
        const char *replacement;
        const char *code;
    } words[] = {
        {"three roles", 3, "root,rules,pulse", ""},
        {"the same role twice", 3, "rules,rules", "E_ROOT_SYNTAX"},
        {"an unknown role", 3, "root,admin", "E_ROOT_SYNTAX"},
        {"an empty role", 3, "root,", "E_ROOT_SYNTAX"},
        {"another known algorithm", 2, "ecdsa-p256", "E_ROOT_KEYSHAPE"},
        {"rsa with an Ed25519 key", 2, "rsa-pss", "E_ROOT_KEYSHAPE"},
        {"an unknown algorithm is kept", 2, "ml-dsa-65", ""},
        {"sunset before from", 5, "2025-12-31", "E_ROOT_SYNTAX"},
        {"end before sunset", 6, "2035-05-31", "E_ROOT_SYNTAX"},
        {"a date with a time", 4, "2026-01-01T00:00:00Z", "E_ROOT_SYNTAX"},
        {"an upper-case id", 1, "AB23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         "E_ROOT_KEYID"},
    };
    struct buf text;
    buf_init(&text, LIMIT_ROOT_BYTES);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        build(&text, AT_KEY, key_with(words[i].word, words[i].replacement));
        check_code(words[i].name, parse_code(buf_slice(&text)), words[i].code);
    }
    buf_done(&text);
}

static void test_one_key_cannot_be_listed_twice(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, LIMIT_ROOT_BYTES);
    build(&text, N_LINES, key_lines[0]);
    check_code("again", parse_code(buf_slice(&text)), "E_ROOT_DUPKEY");
    char line[512];
    make_key_line(0, "ed25519", "pulse", line);
    build(&text, N_LINES, line);
    check_code("again in another role", parse_code(buf_slice(&text)), "E_ROOT_DUPKEY");
    make_key_line(0, "ml-dsa-65", "pulse", line);
    build(&text, N_LINES, line);
    check_code("again under an unknown algorithm", parse_code(buf_slice(&text)), "E_ROOT_DUPKEY");
    buf_done(&text);
}

static void test_a_root_of_its_limit_is_read_and_a_larger_one_is_not(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, LIMIT_ROOT_BYTES + 64);
    build(&text, N_LINES, NULL);
    while (text.len + 48 <= LIMIT_ROOT_BYTES)
        assert_true(buf_printf(&text, "withdraw n 1 %llu\n", 1000000000ull + text.len));
    check_code("just below", parse_code(buf_slice(&text)), "");
    while (text.len <= LIMIT_ROOT_BYTES)
        assert_true(buf_append(&text, SLICE("withdraw n 1 1\n")));
    check_code("above", parse_code(buf_slice(&text)), "E_ROOT_SIZE");
    buf_done(&text);
}

static void test_revocation_and_withdrawal_are_found(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, LIMIT_ROOT_BYTES);
    build(&text, 8, "threshold rules 1");
    assert_true(buf_printf(&text, "revoked %s 2027-03-01 stolen\nwithdraw exchange-core 1 7\n",
                           pub.ids[0]));
    struct root *root = root_parse(buf_slice(&text), NULL);
    assert_non_null(root);
    assert_true(root->keys[0].is_revoked);
    assert_false(root->keys[1].is_revoked);
    assert_true(root_is_withdrawn(root, SLICE("exchange-core"), 1, 7));
    assert_false(root_is_withdrawn(root, SLICE("exchange-core"), 1, 8));
    assert_false(root_is_withdrawn(root, SLICE("exchange-core"), 2, 7));
    assert_false(root_is_withdrawn(root, SLICE("exchange"), 1, 7));
    root_free(root);
    buf_done(&text);
}

/* The last usable key of a role cannot be revoked without a successor. */
static void test_a_root_that_could_accept_nothing_is_refused(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, LIMIT_ROOT_BYTES);
    build(&text, N_LINES, NULL);
    assert_true(buf_printf(&text, "revoked %s 2027-03-01 stolen\n", pub.ids[0]));
    check_code("one of two keys revoked at threshold two", parse_code(buf_slice(&text)),
               "E_ROOT_SYNTAX");
    buf_done(&text);
}

static void test_at_most_32_keys(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, LIMIT_ROOT_BYTES);
    build(&text, N_LINES, NULL);
    for (int i = 0; i < LIMIT_KEYS_PER_ROOT - 1; i++) {
        char id[HASH_SIZE];
        char raw[4] = {'k', 'e', (char)('A' + i), 0};
        struct buf base64;
        buf_init(&base64, 64);
        assert_true(hash_hex(slice_make(raw, 3), id));
        assert_true(encode_to_base64(slice_make(raw, 3), &base64));
        assert_true(buf_printf(
            &text, "key %s new-alg pulse 2026-01-01 2027-01-01 2028-01-01 " SLICE_FMT "\n", id,
            SLICE_ARG(buf_slice(&base64))));
        buf_done(&base64);
        check_code("keys", parse_code(buf_slice(&text)),
                   i + 3 <= LIMIT_KEYS_PER_ROOT ? "" : "E_ROOT_SIZE");
    }
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_line_follows_its_form),
        cmocka_unit_test(test_each_word_of_a_key_is_checked),
        cmocka_unit_test(test_one_key_cannot_be_listed_twice),
        cmocka_unit_test(test_a_root_of_its_limit_is_read_and_a_larger_one_is_not),
        cmocka_unit_test(test_revocation_and_withdrawal_are_found),
        cmocka_unit_test(test_a_root_that_could_accept_nothing_is_refused),
        cmocka_unit_test(test_at_most_32_keys),
    };
    return cmocka_run_group_tests(tests, setup, publisher_teardown);
}
