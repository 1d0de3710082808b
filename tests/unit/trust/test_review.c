/* The review of a root before it is signed: who would be left behind, and what is unwise. */
#include "publisher.h"

#include "trust/review.h"
#include "trust/root_edit.h"

#include "stopgap/banned.h"

static struct buf old_text;
static char old_hash[HASH_SIZE];

/* Root 1: two keys of each of two families, threshold two. */
static int setup(void **state)
{
    int result = publisher_setup(state);
    make_plain_root(2, "");
    buf_init(&old_text, LIMIT_ROOT_BYTES);
    assert_true(buf_append(&old_text, buf_slice(&pub.root)));
    assert_true(root_edit_set(&old_text, "threshold root", "threshold root 2"));
    assert_true(hash_hex(buf_slice(&old_text), old_hash));
    return result;
}

static int teardown(void **state)
{
    buf_done(&old_text);
    return publisher_teardown(state);
}

/* Root 2 without changes, made on 2026-09-21. */
static void begin(struct buf *text)
{
    char previous[HASH_SIZE + 16];
    (void)snprintf(previous, sizeof(previous), "previous %s", old_hash);
    buf_init(text, LIMIT_ROOT_BYTES);
    assert_true(buf_append(text, buf_slice(&old_text)));
    assert_true(root_edit_set(text, "version", "version 2"));
    assert_true(root_edit_set(text, "previous", previous));
    assert_true(root_edit_set(text, "created", "created 2026-09-21T00:00:00Z"));
}

static struct root *parse(struct slice text)
{
    struct err err = {0};
    struct root *root = root_parse(text, &err);
    if (root == NULL)
        fail_msg("%s:\n%.*s", err.text, (int)text.len, text.ptr);
    return root;
}

static void review(const struct buf *text, bool both_sets, struct review *ret_review)
{
    struct root *old = parse(buf_slice(&old_text));
    struct root *next = parse(buf_slice(text));
    const struct review_request request = {
        .old = old,
        .next = next,
        .conditions = {.now = next->created, .algorithms = key_probe(), .engine = {1, 0, 0}},
        .both_sets = both_sets};
    review_root(&request, ret_review);
    root_free(old);
    root_free(next);
}

static bool says(const struct review *found, enum review_level level, const char *words)
{
    for (size_t i = 0; i < found->n; i++)
        if (found->findings[i].level == level && strstr(found->findings[i].text, words) != NULL)
            return true;
    return false;
}

static void test_a_plain_successor_is_fine(void **state)
{
    (void)state;
    struct buf text;
    struct review found;
    begin(&text);
    review(&text, false, &found);
    assert_int_equal(found.n, 0);
    assert_int_equal(review_worst(&found), REVIEW_NOTE);
    buf_done(&text);
}

static void test_each_line_that_installs_would_not_follow_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *words; /* the line that is replaced */
        const char *line;
        enum review_level level;
        const char *finding;
    } cases[] = {
        {"version", "version 3", REVIEW_REFUSAL, "version and previous"},
        {"usage", "usage test", REVIEW_REFUSAL, "followed by one of test"},
        {"expires", "expires 2026-09-20T00:00:00Z", REVIEW_REFUSAL, "before it was made"},
        {"expires", "expires 2026-12-01T00:00:00Z", REVIEW_WARNING, "in 71 days"},
        {"created", "created 2025-12-31T00:00:00Z", REVIEW_REFUSAL, "0 usable keys of 2"},
        {"created", "created 2025-12-31T00:00:00Z", REVIEW_WARNING, "older than the one before"},
        {"created", "created 2036-02-01T00:00:00Z", REVIEW_REFUSAL, "no install could follow"},
        {"created", "created 2035-11-01T00:00:00Z", REVIEW_WARNING, "from 2036-01-01 on"},
        {"threshold rules", "threshold rules 1", REVIEW_WARNING, "from 2 to 1"},
        {"threshold rules", "threshold rules 1", REVIEW_NOTE, "one stolen key"},
        {"threshold rules", "threshold rules 3", REVIEW_WARNING, "without ed25519 only 2"},
        {"engine-sunset", "engine-sunset 9.0 2026-09-21", REVIEW_REFUSAL, "0 usable keys of 2"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text;
        struct review found;
        begin(&text);
        assert_true(root_edit_set(&text, cases[i].words, cases[i].line));
        review(&text, false, &found);
        if (!says(&found, cases[i].level, cases[i].finding))
            fail_msg("%s: not found: %s", cases[i].line, cases[i].finding);
        buf_done(&text);
    }
}

static void drop_key(struct buf *text, int key)
{
    char words[HASH_SIZE + 8];
    (void)snprintf(words, sizeof(words), "key %s", pub.ids[key]);
    assert_int_equal(root_edit_drop(text, words), 1);
}

static void test_who_stays_must_be_able_to_sign(void **state)
{
    (void)state;
    struct buf text;
    struct review found;
    begin(&text);
    drop_key(&text, 0);
    drop_key(&text, 1);
    review(&text, false, &found);
    assert_false(says(&found, REVIEW_REFUSAL, "holders of old"));
    assert_true(says(&found, REVIEW_WARNING, "announced until 2036-01-01"));

    char revoked[HASH_SIZE + 32];
    (void)snprintf(revoked, sizeof(revoked), "revoked %s 2026-09-20 lost", pub.ids[2]);
    assert_true(root_edit_set(&text, "threshold root", "threshold root 1"));
    assert_true(root_edit_set(&text, "threshold rules", "threshold rules 1"));
    assert_true(root_edit_add(&text, revoked));
    review(&text, false, &found);
    assert_true(says(&found, REVIEW_REFUSAL, "3 of the root keys go and 1 stay"));
    review(&text, true, &found);
    assert_false(says(&found, REVIEW_REFUSAL, "holders of old"));
    assert_true(says(&found, REVIEW_NOTE, "holders of old"));
    buf_done(&text);
}

static void test_a_key_goes_with_notice(void **state)
{
    (void)state;
    static const struct {
        int days;
        bool warns;
    } cases[] = {{REVIEW_NOTICE_DAYS, false}, {REVIEW_NOTICE_DAYS - 1, true}, {1, true}};
    int64_t created;
    assert_true(utc_parse_date(SLICE("2026-09-21"), &created));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text;
        struct review found;
        begin(&text);
        assert_true(root_edit_dates(&text, pub.ids[0],
                                    created + (int64_t)cases[i].days * UTC_DAY_SECONDS, T_2036));
        review(&text, false, &found);
        assert_int_equal(says(&found, REVIEW_WARNING, "installs are promised 180 days"),
                         cases[i].warns);
        buf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plain_successor_is_fine),
        cmocka_unit_test(test_each_line_that_installs_would_not_follow_is_refused),
        cmocka_unit_test(test_who_stays_must_be_able_to_sign),
        cmocka_unit_test(test_a_key_goes_with_notice),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
