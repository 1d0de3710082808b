/* What a feed offers: is it news here, and when is its turn? */
#include "publisher.h"

#include "stopgap/pulse.h"
#include "trust/store.h"

#include "stopgap/banned.h"

enum { HOUR = 3600, DAY = UTC_DAY_SECONDS };

static const char sha256[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* A store that has seen exchange-core 1.5; its clock stands at T_NOW. */
static struct trust_store *open_seen(const char *state_dir)
{
    struct draft draft;
    make_plain_root(1, "");
    struct trust_store *store = open_store(state_dir);
    const struct manifest facts = plain_facts(5);
    make_draft(&draft, &facts);
    sign_draft(&draft, 0);
    put_draft(&draft, "five.sgb");
    assert_string_equal(open_code(store, "five.sgb"), "");
    return store;
}

static void test_news_is_what_lies_above_the_floor(void **state)
{
    (void)state;
    struct trust_store *store = open_seen(NULL);
    assert_int_equal(trust_news(store, "exchange-core", 1, 4), TRUST_NEWS_OLDER);
    assert_int_equal(trust_news(store, "exchange-core", 1, 5), TRUST_NEWS_SAME);
    assert_int_equal(trust_news(store, "exchange-core", 1, 6), TRUST_NEWS_NEWER);
    assert_int_equal(trust_news(store, "exchange-core", 2, 1), TRUST_NEWS_NEWER);
    assert_int_equal(trust_news(store, "other", 1, 1), TRUST_NEWS_NEWER);
    trust_close(store);
}

static void test_the_facts_of_a_bundle_are_read_without_believing_them(void **state)
{
    (void)state;
    struct draft draft;
    struct buf bytes;
    struct bundle_facts facts;
    struct err err = {0};
    make_plain_root(1, "");
    struct manifest manifest = plain_facts(7);
    manifest.stable_after = T_NOW + DAY;
    manifest.is_critical = true;
    make_draft(&draft, &manifest);
    buf_init(&bytes, LIMIT_BUNDLE_BYTES);
    assert_true(draft_write(&draft, &bytes, NULL));
    assert_true(bundle_read_facts(buf_slice(&bytes), &facts, &err));
    assert_string_equal(facts.name, "exchange-core");
    assert_string_equal(facts.min_engine, "1.0.0");
    assert_true(facts.epoch == 1 && facts.serial == 7 && facts.is_critical && !facts.is_lab);
    assert_true(facts.created == T_NOW && facts.stable_after == T_NOW + DAY);
    assert_false(bundle_read_facts(SLICE("<html>"), &facts, &err));
    assert_string_equal(err.code, "E_BUNDLE_TRUNCATED");
    draft_done(&draft);
    buf_done(&bytes);
}

static void test_each_ring_has_its_turn(void **state)
{
    (void)state;
    struct trust_store *store = open_seen(NULL);
    const struct bundle_facts fresh = {.created = T_NOW - HOUR, .stable_after = T_NOW + DAY};
    const struct bundle_facts old = {.created = T_NOW - 2 * DAY, .stable_after = T_NOW - DAY};
    const struct trust_ring stable = {.has_rules = true};
    const struct trust_ring early = {.is_early = true, .has_rules = true};
    const struct trust_ring empty = {.has_rules = false};
    assert_int_equal(trust_due(store, &fresh, sha256, &stable, T_NOW), T_NOW + DAY);
    assert_int_equal(trust_due(store, &fresh, sha256, &early, T_NOW), 0);
    assert_int_equal(trust_due(store, &fresh, sha256, &empty, T_NOW), 0);
    assert_int_equal(trust_due(store, &old, sha256, &stable, T_NOW), 0);
    trust_close(store);
}

/* A clock that is behind would make an install wait for years. */
static void test_with_a_clock_that_is_behind_nothing_waits(void **state)
{
    (void)state;
    struct trust_store *store = open_seen(NULL);
    const struct bundle_facts fresh = {.created = T_NOW, .stable_after = T_NOW + DAY};
    const struct trust_ring stable = {.has_rules = true};
    assert_int_equal(trust_due(store, &fresh, sha256, &stable, T_NOW + HOUR), T_NOW + DAY);
    assert_int_equal(trust_due(store, &fresh, sha256, &stable, T_NOW + HOUR + 1), 0);
    assert_int_equal(trust_due(store, &fresh, sha256, &stable, 0), T_NOW + DAY);
    /* Signed a year from now: our clock or theirs is wrong, and nobody waits for either. */
    const struct bundle_facts ahead = {.created = T_NOW + 365 * DAY,
                                       .stable_after = T_NOW + 366 * DAY};
    const struct trust_ring early = {.is_early = true, .has_rules = true};
    assert_int_equal(trust_due(store, &ahead, sha256, &stable, T_NOW), 0);
    assert_int_equal(trust_due(store, &ahead, sha256, &early, T_NOW), 0);
    store->fixed_now = 1; /* 1970; the state knows what was signed since */
    assert_int_equal(trust_due(store, &fresh, sha256, &stable, 0), 0);
    trust_close(store);
}

static void test_installs_take_turns_that_stay_the_same_and_critical_ones_do_not_wait(void **state)
{
    (void)state;
    const struct bundle_facts normal = {.created = T_NOW, .stable_after = T_NOW + DAY};
    const struct bundle_facts critical = {
        .created = T_NOW, .stable_after = T_NOW + DAY, .is_critical = true};
    const struct trust_ring ring = {.has_rules = true, .spread_s = 4 * HOUR};
    int64_t least = INT64_MAX;
    int64_t most = 0;
    for (int i = 0; i < 20; i++) {
        char folder[40];
        (void)snprintf(folder, sizeof(folder), "spread%d", i);
        struct trust_store *store = open_seen(folder);
        int64_t due = trust_due(store, &normal, sha256, &ring, T_NOW);
        assert_true(due >= T_NOW + DAY && due < T_NOW + DAY + 4 * HOUR);
        assert_int_equal(trust_due(store, &normal, sha256, &ring, T_NOW), due);
        assert_int_equal(trust_due(store, &critical, sha256, &ring, T_NOW), T_NOW + DAY);
        least = due < least ? due : least;
        most = due > most ? due : most;
        trust_close(store);
    }
    /* Twenty at random within a quarter of the time happen once in 3 * 10^10. */
    assert_true(most - least > HOUR);
}

static void test_who_only_looks_writes_nothing(void **state)
{
    (void)state;
    make_plain_root(1, "");
    struct draft draft;
    const struct manifest facts = plain_facts(3);
    char root_path[PATH_SIZE * 2];
    char state_path[PATH_SIZE * 2];
    (void)snprintf(root_path, sizeof(root_path), "%s", in_folder("root"));
    (void)snprintf(state_path, sizeof(state_path), "%s", in_folder("looked"));
    const struct trust_options options = {
        .root_path = root_path, .state_dir = state_path, .now = T_NOW, .is_read_only = true};
    make_draft(&draft, &facts);
    sign_draft(&draft, 0);
    put_draft(&draft, "three.sgb");
    struct trust_store *store = trust_open(&options, NULL);
    assert_non_null(store);
    assert_string_equal(open_code(store, "three.sgb"), "");
    assert_int_equal(trust_news(store, "exchange-core", 1, 3), TRUST_NEWS_SAME);
    trust_close(store);
    assert_int_not_equal(access(state_path, F_OK), 0);
    trust_close(open_seen("looked"));
    store = trust_open(&options, NULL); /* begins from what is there */
    assert_non_null(store);
    assert_string_equal(open_code(store, "three.sgb"), "E_ROLLBACK");
    trust_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_news_is_what_lies_above_the_floor),
        cmocka_unit_test(test_the_facts_of_a_bundle_are_read_without_believing_them),
        cmocka_unit_test(test_each_ring_has_its_turn),
        cmocka_unit_test(test_with_a_clock_that_is_behind_nothing_waits),
        cmocka_unit_test(test_installs_take_turns_that_stay_the_same_and_critical_ones_do_not_wait),
        cmocka_unit_test(test_who_only_looks_writes_nothing),
    };
    return cmocka_run_group_tests(tests, publisher_setup, publisher_teardown);
}
