/* Which sets are in force over restarts: last known good, candidates, crash loop. */
#include "kept.h"

#include <fcntl.h>
#include <time.h>

#include "stopgap/banned.h"

static void test_the_set_before_is_the_last_known_good_one(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FEED, true);
    assert_int_equal(chosen(store, TRUST_LAST_GOOD), 1);
    live(store, 2, TRUST_FROM_FEED, true);
    live(store, 3, TRUST_FROM_FEED, false);
    trust_close(store);
    store = open_store("state"); /* over a restart */
    assert_int_equal(chosen(store, TRUST_NEWEST), 3);
    assert_int_equal(chosen(store, TRUST_IN_FORCE), 3);
    assert_int_equal(chosen(store, TRUST_LAST_GOOD), 2);
    /* What was never proved is no last known good one. */
    live(store, 4, TRUST_FROM_FEED, false);
    assert_int_equal(chosen(store, TRUST_LAST_GOOD), 2);
    trust_close(store);
}

/* The older set is taken back by the store's own choice, never because somebody offers it. */
static void test_the_last_known_good_set_is_no_way_back_for_others(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FILE, true);
    live(store, 2, TRUST_FROM_FILE, true);
    check_code("offered again", open_code(store, "s1"), "E_ROLLBACK");
    assert_int_equal(chosen(store, TRUST_LAST_GOOD), 1);
    trust_close(store);
}

/* A newer set raised the floor and was refused; a reload of what is in force is no rollback. */
static void test_the_set_in_force_may_lie_below_the_floor(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FILE, true);
    check_code("newer", open_code(store, "s2"), "");
    check_code("in force", open_code(store, "s1"), "");
    struct trust_facts facts;
    struct err err = {0};
    must(trust_collect(store, &facts, &err), &err);
    assert_true(facts.is_behind && facts.has_bundles);
    trust_close(store);
}

static void test_a_configured_file_is_loaded_from_its_place_and_kept_for_bad_days(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FILE, true);
    assert_int_equal(chosen(store, TRUST_NEWEST), 0);
    assert_int_equal(chosen(store, TRUST_IN_FORCE), 1);
    trust_close(store);
}

static void test_a_candidate_waits_until_it_is_in_force_or_failed(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    struct err err = {0};
    live(store, 1, TRUST_FROM_FEED, true);
    struct trust_set second = keep(store, 2, TRUST_FROM_FEED);
    assert_int_equal(chosen(store, TRUST_NEWEST), 2);
    assert_int_equal(chosen(store, TRUST_IN_FORCE), 1);
    struct trust_facts facts;
    must(trust_collect(store, &facts, &err), &err);
    assert_false(facts.is_behind); /* it waits */
    must(trust_fail(store, &second, "E_COMPILE", &err), &err);
    assert_int_equal(chosen(store, TRUST_NEWEST), 1);
    assert_string_equal(trust_failed_code(store, &second), "E_COMPILE");
    must(trust_collect(store, &facts, &err), &err);
    assert_true(facts.is_behind);
    struct trust_set third = keep(store, 3, TRUST_FROM_FEED);
    assert_string_equal(trust_failed_code(store, &third), "");
    assert_int_equal(chosen(store, TRUST_NEWEST), 3);
    trust_close(store);
}

static void test_names_that_are_taken_away_do_not_come_back(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    struct err err = {0};
    live(store, 1, TRUST_FROM_FILE, true);
    must(trust_begin(store, NULL, 0, &err), &err);
    assert_int_equal(chosen(store, TRUST_IN_FORCE), 0);
    assert_int_equal(chosen(store, TRUST_LAST_GOOD), 0);
    check_code("its floor stays", open_code(store, "s1"), "");
    trust_close(store);
}

/* ---- crash loop */

/* A start as the program does it. Returns the serial in force after it. */
static uint64_t start(struct trust_set *ret_fallen)
{
    struct trust_store *store = open_store("state");
    struct err err = {0};
    must(trust_start(store, ret_fallen, &err), &err);
    uint64_t serial = chosen(store, TRUST_IN_FORCE);
    trust_close(store);
    return serial;
}

static void test_two_deaths_while_trying_bring_the_last_known_good_set_back(void **state)
{
    (void)state;
    struct trust_set fallen;
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FEED, true);
    live(store, 2, TRUST_FROM_FEED, false);
    trust_close(store); /* the first death */
    assert_int_equal(start(&fallen), 2);
    assert_string_equal(fallen.name, "");
    assert_int_equal(start(&fallen), 1); /* the second one */
    assert_string_equal(fallen.name, "exchange-core");
    assert_int_equal(fallen.serial, 2);
    assert_int_equal(start(&fallen), 1);
    assert_string_equal(fallen.name, "");

    store = open_store("state");
    struct err err = {0};
    check_code("offered again", open_code(store, "s2"), "E_CRASHLOOP");
    check_code("a newer one is fine", open_code(store, "s3"), "");
    must(trust_reset_floor(store, "exchange-core", &err), &err);
    check_code("allowed by a person", open_code(store, "s2"), "");
    trust_close(store);
}

static void test_an_orderly_end_is_no_death_and_a_proved_set_needs_no_tries(void **state)
{
    (void)state;
    struct trust_set fallen;
    struct err err = {0};
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FEED, true);
    live(store, 2, TRUST_FROM_FEED, false);
    trust_close(store);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(start(&fallen), 2);
        store = open_store("state");
        must(trust_end(store, &err), &err);
        trust_close(store);
    }
    store = open_store("state");
    must(trust_prove(store, &err), &err);
    trust_close(store);
    for (int i = 0; i < 5; i++)
        assert_int_equal(start(&fallen), 2);
}

/* Without a set to go back to the name has none; the rules of the program are left. */
static void test_a_first_set_that_kills_leaves_nothing_of_its_name(void **state)
{
    (void)state;
    struct trust_set fallen;
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FEED, false);
    trust_close(store);
    assert_int_equal(start(&fallen), 1);
    assert_int_equal(start(&fallen), 0);
    assert_int_equal(fallen.serial, 1);
}

/* It only detects, and kills all the same; the set in force is not to blame. */
static void test_a_candidate_that_kills_while_it_is_on_trial_is_given_up(void **state)
{
    (void)state;
    struct trust_set fallen;
    struct err err = {0};
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FEED, true);
    live(store, 2, TRUST_FROM_FEED, true);
    struct trust_set third = keep(store, 3, TRUST_FROM_FEED);
    must(trust_try(store, &third, 1, &err), &err);
    trust_close(store);
    assert_int_equal(start(&fallen), 2);
    assert_string_equal(fallen.name, "");
    assert_int_equal(start(&fallen), 2);
    assert_int_equal(fallen.serial, 3);
    store = open_store("state");
    assert_int_equal(chosen(store, TRUST_NEWEST), 2);
    assert_int_equal(chosen(store, TRUST_LAST_GOOD), 1);
    check_code("offered again", open_code(store, "s3"), "E_CRASHLOOP");
    /* One that runs for long enough, or ends in an orderly way, is none of those. */
    struct trust_set fourth = keep(store, 4, TRUST_FROM_FEED);
    must(trust_try(store, &fourth, 1, &err), &err);
    must(trust_prove(store, &err), &err);
    trust_close(store);
    for (int i = 0; i < 4; i++)
        assert_int_equal(start(&fallen), 2);
    assert_string_equal(fallen.name, "");
}

/* ---- what was accepted stays */

/* As if root 1 had had these lines from the beginning: the same version with other contents would
 * be a fork. */
static void rewrite_root(const char *lines)
{
    struct state loaded;
    struct err err = {0};
    make_plain_root(1, lines);
    remove_tree(in_folder("state/roots"));
    int folder = open(in_folder("state"), O_RDONLY | O_DIRECTORY);
    assert_int_equal(state_load(folder, &loaded, &err), STATE_GOOD);
    assert_true(hash_hex(buf_slice(&pub.root), loaded.root_hash));
    assert_int_equal(mkdir(in_folder("state/roots"), 0700), 0);
    put_file("state/roots/0000000001", buf_slice(&pub.root));
    must(state_save(folder, &loaded, false, &err), &err);
    (void)close(folder);
}

static void revoke_first_key(void)
{
    char revoked[256];
    (void)snprintf(revoked, sizeof(revoked), "revoked %s 2026-03-01 lost\n", pub.ids[0]);
    rewrite_root(revoked);
}

static void test_kept_sets_outlive_their_keys(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FEED, true);
    live(store, 2, TRUST_FROM_FEED, true);
    trust_close(store);
    revoke_first_key();
    store = open_store("state");
    assert_int_equal(chosen(store, TRUST_IN_FORCE), 2);
    assert_int_equal(chosen(store, TRUST_LAST_GOOD), 1);
    check_code("a new one of this key", open_code(store, "s3"), "E_SIG_THRESHOLD");
    trust_close(store);
}

static const char *kept_code(struct trust_store *store, const struct trust_set *set)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "state/store/%s.sgb", set->file);
    return open_code(store, path);
}

/* It was verified while the stolen key counted, and was never used. */
static void test_what_only_waits_goes_with_its_keys(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    struct err err = {0};
    live(store, 1, TRUST_FROM_FEED, true);
    const struct trust_set waits = keep(store, 2, TRUST_FROM_FEED);
    check_code("while its key counts", kept_code(store, &waits), "");
    trust_close(store);
    revoke_first_key();
    store = open_store("state");
    check_code("the kept candidate", kept_code(store, &waits), "E_SIG_THRESHOLD");
    check_code("the same offered again", open_code(store, "s2"), "E_SIG_THRESHOLD");
    must(trust_try(store, &waits, 1, &err), &err);
    check_code("on trial", kept_code(store, &waits), "E_SIG_THRESHOLD");
    assert_int_equal(chosen(store, TRUST_IN_FORCE), 1);
    trust_close(store);
}

static void test_a_withdrawn_set_gives_way_to_the_next_best_one(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        uint64_t newest, in_force;
    } cases[] = {
        {"", 3, 2},
        {"withdraw exchange-core 1 3\n", 2, 2},
        {"withdraw exchange-core 1 2\n", 3, 1},
        {"withdraw exchange-core 1 2\nwithdraw exchange-core 1 3\n", 1, 1},
        {"withdraw exchange-core 1 1\nwithdraw exchange-core 1 2\nwithdraw exchange-core 1 3\n", 0,
         0},
        {"withdraw exchange 1 3\nwithdraw exchange-core 2 3\n", 3, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start_anew();
        struct trust_store *store = open_store("state");
        live(store, 1, TRUST_FROM_FEED, true);
        live(store, 2, TRUST_FROM_FEED, true);
        const struct trust_set third = keep(store, 3, TRUST_FROM_FEED);
        trust_close(store);
        rewrite_root(cases[i].lines);
        store = open_store("state");
        assert_int_equal(trust_is_withdrawn(store, &third), cases[i].newest < 3);
        assert_int_equal(chosen(store, TRUST_NEWEST), cases[i].newest);
        assert_int_equal(chosen(store, TRUST_IN_FORCE), cases[i].in_force);
        trust_close(store);
    }
}

/* A configured file is loaded from its place; when it was withdrawn, what is kept steps in. */
static void test_a_withdrawn_file_gives_way_to_the_last_known_good_one(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FILE, true);
    live(store, 2, TRUST_FROM_FILE, true);
    assert_int_equal(chosen(store, TRUST_NEWEST), 0);
    trust_close(store);
    rewrite_root("withdraw exchange-core 1 2\n");
    store = open_store("state");
    assert_int_equal(chosen(store, TRUST_NEWEST), 1);
    trust_close(store);
}

/* ---- damage */

static void spoil_kept(const char *hash)
{
    char path[PATH_SIZE * 2];
    (void)snprintf(path, sizeof(path), "%s/state/store/%s.sgb", pub.folder, hash);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 2000, SEEK_SET), 0);
    (void)fputs("damage", file);
    (void)fclose(file);
}

static void test_a_damaged_kept_bundle_is_noticed_and_the_other_one_is_there(void **state)
{
    (void)state;
    struct trust_paths paths;
    struct err err = {0};
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FEED, true);
    struct trust_set second = keep(store, 2, TRUST_FROM_FEED);
    must(trust_begin(store, &second, 1, &err), &err);
    spoil_kept(second.file);
    must(trust_find_paths(store, TRUST_IN_FORCE, &paths, &err), &err);
    assert_null(bundle_open(store, paths.items[0], &err));
    assert_string_equal(err.code, "E_HASH");
    trust_paths_done(&paths);
    assert_int_equal(chosen(store, TRUST_LAST_GOOD), 1);
    trust_close(store);
}

static void test_a_lost_state_is_rebuilt_from_the_kept_sets(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FEED, true);
    live(store, 2, TRUST_FROM_FEED, true);
    trust_close(store);
    put_file("state/state", SLICE("nothing"));
    put_file("state/state.prev", SLICE("nothing"));
    store = open_store("state");
    assert_true(trust_state_was_lost(store));
    assert_int_equal(chosen(store, TRUST_NEWEST), 2);
    check_code("the floor is there again", open_code(store, "s1"), "E_ROLLBACK");
    trust_close(store);
    store = open_store("state"); /* remembered, though nothing is lost now */
    struct trust_facts facts;
    struct trust_standing standing;
    struct err err = {0};
    must(trust_collect(store, &facts, &err), &err);
    trust_judge(&facts, &standing);
    assert_int_equal(facts.lost, T_NOW);
    assert_true((standing.marks & 1U << TRUST_MARK_STATE_LOST) != 0);
    trust_close(store);
}

static size_t count_kept(void)
{
    static const char *const files[] = {"s1", "s2", "s3", "s4"};
    size_t n = 0;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct trust_store *store = open_store(NULL);
        struct trust_set set;
        struct bundle *bundle = bundle_open(store, in_folder(files[i]), NULL);
        char path[PATH_SIZE * 2];
        trust_set_of(bundle, &set);
        (void)snprintf(path, sizeof(path), "%s/state/store/%s.sgb", pub.folder, set.file);
        n += access(path, F_OK) == 0;
        bundle_close(bundle);
        trust_close(store);
    }
    return n;
}

static void make_old(const char *hash)
{
    char path[PATH_SIZE * 2];
    struct timespec times[2] = {{.tv_sec = time(NULL) - 7200}, {.tv_sec = time(NULL) - 7200}};
    (void)snprintf(path, sizeof(path), "%s/state/store/%s.sgb", pub.folder, hash);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_what_has_no_role_is_pruned_when_it_is_old(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    struct trust_set first = keep(store, 1, TRUST_FROM_FILE);
    struct err err = {0};
    must(trust_begin(store, &first, 1, &err), &err);
    live(store, 2, TRUST_FROM_FILE, true); /* the first one was not proved: no role is left */
    live(store, 3, TRUST_FROM_FILE, true);
    assert_int_equal(count_kept(), 3);
    trust_prune(store);
    assert_int_equal(count_kept(), 3); /* somebody may be about to name it */
    make_old(first.file);
    trust_prune(store);
    assert_int_equal(count_kept(), 2);
    assert_int_equal(chosen(store, TRUST_LAST_GOOD), 2);
    trust_close(store);
}

/* A state that names what is not there would be a promise that no start can keep. */
static void test_no_set_is_named_before_it_is_kept(void **state)
{
    (void)state;
    start_anew();
    struct trust_store *store = open_store("state");
    struct trust_set set = keep(store, 1, TRUST_FROM_FILE);
    struct err err = {0};
    char path[PATH_SIZE * 2];
    (void)snprintf(path, sizeof(path), "%s/state/store/%s.sgb", pub.folder, set.file);
    assert_int_equal(unlink(path), 0);
    assert_false(trust_begin(store, &set, 1, &err));
    assert_string_equal(err.code, "E_STATE_WRITE");
    assert_int_equal(chosen(store, TRUST_IN_FORCE), 0);
    trust_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_set_before_is_the_last_known_good_one),
        cmocka_unit_test(test_the_last_known_good_set_is_no_way_back_for_others),
        cmocka_unit_test(test_the_set_in_force_may_lie_below_the_floor),
        cmocka_unit_test(test_a_configured_file_is_loaded_from_its_place_and_kept_for_bad_days),
        cmocka_unit_test(test_a_candidate_waits_until_it_is_in_force_or_failed),
        cmocka_unit_test(test_names_that_are_taken_away_do_not_come_back),
        cmocka_unit_test(test_two_deaths_while_trying_bring_the_last_known_good_set_back),
        cmocka_unit_test(test_an_orderly_end_is_no_death_and_a_proved_set_needs_no_tries),
        cmocka_unit_test(test_a_first_set_that_kills_leaves_nothing_of_its_name),
        cmocka_unit_test(test_a_candidate_that_kills_while_it_is_on_trial_is_given_up),
        cmocka_unit_test(test_kept_sets_outlive_their_keys),
        cmocka_unit_test(test_what_only_waits_goes_with_its_keys),
        cmocka_unit_test(test_a_withdrawn_set_gives_way_to_the_next_best_one),
        cmocka_unit_test(test_a_withdrawn_file_gives_way_to_the_last_known_good_one),
        cmocka_unit_test(test_a_damaged_kept_bundle_is_noticed_and_the_other_one_is_there),
        cmocka_unit_test(test_a_lost_state_is_rebuilt_from_the_kept_sets),
        cmocka_unit_test(test_what_has_no_role_is_pruned_when_it_is_old),
        cmocka_unit_test(test_no_set_is_named_before_it_is_kept),
    };
    return cmocka_run_group_tests(tests, publisher_setup, publisher_teardown);
}
