/* A disk that takes nothing more: what is in force stays, and the state is the one of before. */
#include "kept.h"

#include <signal.h>
#include <sys/resource.h>

#include "stopgap/banned.h"

/* Files may have so many bytes from now on; 0: as many as before. */
static void limit_files(rlim_t bytes)
{
    static struct rlimit before;
    if (before.rlim_max == 0)
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit limit = {.rlim_cur = bytes != 0 ? bytes : before.rlim_cur,
                           .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static struct bundle *open_serial(struct trust_store *store, const char *name, struct err *err)
{
    struct bundle *bundle = bundle_open(store, in_folder(name), err);
    must(bundle != NULL, err);
    return bundle;
}

static void test_nothing_changes_while_the_disk_is_full(void **state)
{
    (void)state;
    struct err err = {0};
    size_t n;
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FEED, true);
    live(store, 2, TRUST_FROM_FEED, true);
    struct trust_pin pin = {
        .name = "exchange-core", .serial = 1, .until = T_NOW + UTC_DAY_SECONDS, .reason = "a test"};
    struct bundle *newer = open_serial(store, "s3", &err);
    struct trust_set set;
    trust_set_of(newer, &set);

    limit_files(200); /* less than a state, and less than a bundle */
    const bool changes[] = {
        trust_keep_bundle(store, newer, TRUST_FROM_FEED, &err),
        trust_begin(store, &set, 1, &err),
        trust_fail(store, &set, "E_COMPILE", &err),
        trust_note_contact(store, T_NOW, &err),
        trust_note_run(store, 10, &err),
        trust_pin(store, &pin, &err),
        trust_reset_floor(store, "exchange-core", &err),
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        if (changes[i])
            fail_msg("change %zu was made", i);
    assert_string_equal(err.code, "E_STATE_WRITE");
    check_code("a newer one", open_code(store, "s4"), "E_STATE_WRITE");
    /* What needs no change goes on. */
    check_code("in force", open_code(store, "s2"), "");
    assert_int_equal(chosen(store, TRUST_IN_FORCE), 2);
    must(trust_prove(store, &err) && trust_end(store, &err) && trust_end_pins(store, &n, &err),
         &err);
    trust_close(store);
    store = open_store("state");
    assert_false(trust_state_was_lost(store));
    assert_int_equal(chosen(store, TRUST_IN_FORCE), 2);
    assert_int_equal(chosen(store, TRUST_LAST_GOOD), 1);

    limit_files(0);
    must(trust_keep_bundle(store, newer, TRUST_FROM_FEED, &err), &err);
    must(trust_begin(store, &set, 1, &err), &err);
    assert_int_equal(chosen(store, TRUST_IN_FORCE), 3);
    bundle_close(newer);
    trust_close(store);
}

/* A folder in the place of each file stops even the superuser, whom permissions do not. */
static void test_a_folder_that_cannot_be_written_is_like_a_full_disk(void **state)
{
    (void)state;
    static const char *const places[] = {"state/state.tmp", "state/state.prev.tmp"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct err err = {0};
        start_anew();
        struct trust_store *store = open_store("state");
        live(store, 1, TRUST_FROM_FEED, true);
        struct trust_set set = keep(store, 2, TRUST_FROM_FEED);
        assert_int_equal(mkdir(in_folder(places[i]), 0700), 0);
        assert_false(trust_begin(store, &set, 1, &err));
        assert_string_equal(err.code, "E_STATE_WRITE");
        assert_int_equal(chosen(store, TRUST_IN_FORCE), 1);
        assert_int_equal(rmdir(in_folder(places[i])), 0);
        must(trust_begin(store, &set, 1, &err), &err);
        trust_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_changes_while_the_disk_is_full),
        cmocka_unit_test(test_a_folder_that_cannot_be_written_is_like_a_full_disk),
    };
    (void)signal(SIGXFSZ, SIG_IGN); /* the write fails instead */
    return cmocka_run_group_tests(tests, publisher_setup, publisher_teardown);
}
