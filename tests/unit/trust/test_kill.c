/* Killed at any moment of an update, an installation has the old set or the new one, whole.
 *
 * Argument: how many kills. Without one there are 500, or as many as a slow disk does in a minute.
 */
#include "kept.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "trust/store.h"

#include "stopgap/banned.h"

enum { KILLS = 1000 }; /* half of them come before the end */
#define LONGEST_US UINT64_C(60000000)

static int n_kills = KILLS;
static bool is_asked; /* for so many, however long that takes */

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Everything that a new set brings about, from the file to the proof. */
static void update(uint64_t serial)
{
    struct trust_store *store = open_store("state");
    struct trust_set set = keep(store, serial, TRUST_FROM_FEED);
    struct err err = {0};
    must(trust_note_contact(store, T_NOW, &err), &err);
    must(trust_begin(store, &set, 1, &err), &err);
    must(trust_note_run(store, 1, &err), &err);
    must(trust_prove(store, &err), &err);
    trust_close(store);
}

/* Run the update in a child that is killed after so many microseconds, unless it has ended. */
static bool killed_after(uint64_t serial, uint64_t us)
{
    const struct timespec after = {.tv_sec = (time_t)(us / 1000000),
                                   .tv_nsec = (long)(us % 1000000) * 1000};
    sigset_t ended;
    int status;
    (void)sigemptyset(&ended);
    (void)sigaddset(&ended, SIGCHLD);
    assert_int_equal(sigprocmask(SIG_BLOCK, &ended, NULL), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        update(serial);
        _exit(0);
    }
    (void)sigtimedwait(&ended, NULL, &after);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)sigtimedwait(&ended, NULL, &(struct timespec){.tv_sec = 0}); /* of a killed one */
    if (!WIFSIGNALED(status) && WEXITSTATUS(status) != 0)
        fail_msg("the update itself failed");
    return WIFSIGNALED(status);
}

struct seen {
    uint64_t floor, active;
};

/* What the state folder holds now. Everything that it names must be there and verify. */
static struct seen look(void)
{
    struct state state;
    struct err err = {0};
    int folder = open(in_folder("state"), O_RDONLY | O_DIRECTORY);
    assert_true(folder >= 0);
    assert_int_equal(state_load(folder, &state, &err), STATE_GOOD);
    (void)close(folder);
    struct trust_store *store = open_store("state");
    assert_false(trust_state_was_lost(store));
    for (size_t i = 0; i < state.n_sets; i++) {
        char path[PATH_SIZE * 2];
        (void)snprintf(path, sizeof(path), "%s/state/store/%s.sgb", pub.folder,
                       state.sets[i].set.file);
        struct bundle *bundle = bundle_open(store, path, &err);
        must(bundle != NULL, &err);
        assert_int_equal(bundle_serial(bundle), state.sets[i].set.serial);
        bundle_close(bundle);
    }
    struct seen seen = {.floor = state.floors[0].serial, .active = chosen(store, TRUST_IN_FORCE)};
    trust_close(store);
    return seen;
}

static void test_killed_at_any_moment_an_update_is_done_or_not_begun(void **state)
{
    (void)state;
    unsigned n_killed = 0;
    unsigned n_old = 0;
    unsigned n_new = 0;
    remove_tree(in_folder("state"));
    make_plain_root(1, "");
    put_serial(1);
    update(1);
    put_serial(2);
    uint64_t started = now_us();
    assert_false(killed_after(2, LONGEST_US));
    uint64_t window_us = now_us() - started;
    struct seen before = look();
    assert_int_equal(before.active, 2);
    srandom((unsigned)now_us());
    int i;
    for (i = 0; i < n_kills && (is_asked || now_us() - started < LONGEST_US); i++) {
        uint64_t serial = before.floor + 1;
        put_serial(serial);
        bool was_killed = killed_after(serial, (uint64_t)random() % window_us);
        /* So that half of them are killed, however busy the machine becomes. */
        window_us += was_killed ? window_us / 50 + 1 : 0;
        window_us -= was_killed ? 0 : window_us / 50;
        struct seen after = look();
        if ((after.floor != before.floor && after.floor != serial) ||
            (after.active != before.active && after.active != serial))
            fail_msg("kill %d: floor %llu, active %llu before; floor %llu, active %llu after", i,
                     (unsigned long long)before.floor, (unsigned long long)before.active,
                     (unsigned long long)after.floor, (unsigned long long)after.active);
        n_killed += was_killed;
        n_old += after.active == before.active;
        n_new += after.active == serial;
        before = after;
    }
    print_message("%d updates, %u of them killed: %u left the old set, %u the new one\n", i,
                  n_killed, n_old, n_new);
    /* Else they came too early or too late to show anything. */
    assert_true(i >= 20 && n_old >= (unsigned)i / 20 && n_new >= (unsigned)i / 20);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_any_moment_an_update_is_done_or_not_begun),
    };
    is_asked = argc == 2;
    if (is_asked)
        n_kills = (int)strtol(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, publisher_setup, publisher_teardown);
}
