/* The order of bundles, and the state that keeps it over restarts. */
#include "publisher.h"

#include "trust/state.h"

#include "stopgap/banned.h"

/* A signed bundle; rule_text makes the content differ. */
static void put_bundle(const char *file, uint64_t epoch, uint64_t serial, const char *rule_text)
{
    struct manifest facts = plain_facts(serial);
    struct draft draft = {0};
    facts.epoch = epoch;
    assert_true(draft_put(&draft, "rules/a.yaml", slice_str(rule_text), NULL));
    assert_true(draft_put_manifest(&draft, &facts, NULL));
    sign_draft(&draft, 0);
    put_draft(&draft, file);
}

/* Root 1, or root 2 after root 1 of epoch 1. */
static void make_root_of_epoch(uint64_t version, uint64_t epoch)
{
    static char previous[HASH_SIZE];
    const struct root_draft_key keys[] = {{pub.keys[0], BOTH, T_2026, T_2036, T_2036}};
    const struct root_draft root = {.version = version,
                                    .epoch = epoch,
                                    .created = T_2026,
                                    .expires = T_2036,
                                    .previous = version > 1 ? previous : NULL,
                                    .thresholds = {1, 1, 0},
                                    .keys = keys,
                                    .n_keys = 1};
    make_root(&root, "");
    if (version == 1 && epoch == 1)
        assert_true(hash_hex(buf_slice(&pub.root), previous));
}

static void fresh_folder(void)
{
    remove_tree(in_folder("state"));
}

/* Open one bundle with a store of its own, as after a restart. */
static const char *open_after_restart(const char *file)
{
    struct trust_store *store = open_store("state");
    const char *code = open_code(store, file);
    trust_close(store);
    return code;
}

static void test_a_lower_serial_is_a_rollback_and_the_same_bytes_are_fine(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *code;
    } steps[] = {
        {"s5", ""},           {"s5", ""}, {"s5x", "E_SERIAL_REUSED"},
        {"s4", "E_ROLLBACK"}, {"s9", ""}, {"s5", "E_ROLLBACK"},
        {"s9", ""},
    };
    make_root_of_epoch(1, 1);
    put_bundle("s4", 1, 4, "id: A\n");
    put_bundle("s5", 1, 5, "id: A\n");
    put_bundle("s5x", 1, 5, "id: B\n");
    put_bundle("s9", 1, 9, "id: A\n");
    struct trust_store *store = open_store(NULL);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        check_code("in memory", open_code(store, steps[i].file), steps[i].code);
    trust_close(store);
    fresh_folder();
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        check_code("over restarts", open_after_restart(steps[i].file), steps[i].code);
}

/* Who signs twice with ECDSA gets other bytes for the same set. */
static void test_another_signature_of_the_same_manifest_is_the_same_set(void **state)
{
    (void)state;
    make_plain_root(1, "");
    struct manifest facts = plain_facts(5);
    struct trust_store *store = open_store(NULL);
    for (int i = 0; i < 3; i++) {
        struct draft draft;
        make_draft(&draft, &facts);
        sign_draft(&draft, 1);
        put_draft(&draft, "b");
        check_code("signed again", open_code(store, "b"), "");
    }
    trust_close(store);
}

static void test_names_have_their_own_order(void **state)
{
    (void)state;
    make_plain_root(1, "");
    struct trust_store *store = open_store(NULL);
    static const char *const names[] = {"one", "two"};
    for (size_t i = 0; i < 2; i++) {
        struct manifest facts = plain_facts(9 - i * 5);
        facts.name = slice_str(names[i]);
        struct draft draft;
        make_draft(&draft, &facts);
        sign_draft(&draft, 0);
        put_draft(&draft, "b");
        check_code(names[i], open_code(store, "b"), "");
    }
    trust_close(store);
}

/* A thief of a rules key signs the largest serial; the root opens an epoch above it. */
static void test_an_epoch_step_of_the_root_recovers_from_a_fast_forward(void **state)
{
    (void)state;
    fresh_folder();
    make_root_of_epoch(1, 1);
    put_bundle("good", 1, 100, "id: A\n");
    put_bundle("thief", 1, INT64_MAX, "id: EVIL\n");
    put_bundle("ahead", 2, 1, "id: EVIL\n");
    check_code("good", open_after_restart("good"), "");
    check_code("thief", open_after_restart("thief"), "");
    check_code("good after thief", open_after_restart("good"), "E_ROLLBACK");
    check_code("an epoch the root has not opened", open_after_restart("ahead"), "E_EPOCH");

    make_root_of_epoch(2, 2);
    struct manifest facts = plain_facts(1);
    facts.epoch = 2;
    facts.root_version = 2;
    struct draft draft = {0};
    assert_true(draft_put(&draft, "rules/a.yaml", SLICE("id: A\n"), NULL));
    assert_true(draft_put_manifest(&draft, &facts, NULL));
    sign_draft(&draft, 0);
    put_draft(&draft, "recovered");
    check_code("serial 1 of epoch 2", open_after_restart("recovered"), "");
    check_code("thief of the old epoch", open_after_restart("thief"), "E_ROLLBACK");
}

/* Authentic but damaged on the way: the floor is raised, the undamaged copy still loads. */
static void test_the_floor_rises_before_the_contents_are_checked(void **state)
{
    (void)state;
    make_root_of_epoch(1, 1);
    put_bundle("s5", 1, 5, "id: A\n");
    put_bundle("s9", 1, 9, "id: A\n");
    struct buf bytes;
    buf_init(&bytes, LIMIT_BUNDLE_BYTES);
    FILE *file = fopen(in_folder("s9"), "rb");
    assert_non_null(file);
    assert_true(buf_reserve(&bytes, 64 * 1024));
    bytes.len = fread(bytes.ptr, 1, 64 * 1024, file);
    (void)fclose(file);
    char *at = memmem(bytes.ptr, bytes.len, "id: A", 5);
    assert_non_null(at);
    at[4] = 'B';
    put_file("s9-damaged", buf_slice(&bytes));
    buf_done(&bytes);

    struct trust_store *store = open_store(NULL);
    check_code("s5", open_code(store, "s5"), "");
    check_code("damaged", open_code(store, "s9-damaged"), "E_HASH");
    check_code("s5 again", open_code(store, "s5"), "E_ROLLBACK");
    check_code("undamaged", open_code(store, "s9"), "");
    trust_close(store);
}

static void test_two_processes_share_one_order(void **state)
{
    (void)state;
    fresh_folder();
    make_root_of_epoch(1, 1);
    put_bundle("s5", 1, 5, "id: A\n");
    put_bundle("s9", 1, 9, "id: A\n");
    put_bundle("s7", 1, 7, "id: A\n");
    struct trust_store *first = open_store("state");
    struct trust_store *second = open_store("state");
    check_code("first", open_code(first, "s5"), "");
    check_code("second", open_code(second, "s9"), "");
    check_code("first sees what second raised", open_code(first, "s7"), "E_ROLLBACK");
    trust_close(first);
    trust_close(second);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[64 * 1024];
    FILE *file = fopen(in_folder(from), "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    put_file(to, slice_make(bytes, len));
}

/* Two commits, so that state holds serial 9 and state.prev serial 5. */
static void make_two_commits(void)
{
    fresh_folder();
    make_root_of_epoch(1, 1);
    put_bundle("s4", 1, 4, "id: A\n");
    put_bundle("s5", 1, 5, "id: A\n");
    put_bundle("s9", 1, 9, "id: A\n");
    check_code("s5", open_after_restart("s5"), "");
    check_code("s9", open_after_restart("s9"), "");
}

static void damage(const char *name, const char *how)
{
    struct stat st;
    const char *path = in_folder(name);
    if (strcmp(how, "removed") == 0) {
        assert_int_equal(unlink(path), 0);
    } else if (strcmp(how, "cut") == 0) {
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(truncate(path, st.st_size - 1), 0);
    } else if (strcmp(how, "empty") == 0) {
        assert_int_equal(truncate(path, 0), 0);
    } else if (strcmp(how, "edited") == 0) {
        FILE *file = fopen(path, "r+");
        assert_non_null(file);
        assert_int_equal(fseek(file, 30, SEEK_SET), 0);
        (void)fputc('0', file);
        (void)fputc('1', file);
        (void)fclose(file);
    }
}

static void test_a_damaged_state_falls_back_and_says_when_it_is_lost(void **state)
{
    (void)state;
    static const struct {
        const char *state_damage;
        const char *prev_damage;
        bool is_lost;
        const char *code_of_5; /* whether serial 5 is taken tells which floor is known */
        const char *code_of_4;
    } cases[] = {
        {"none", "none", false, "E_ROLLBACK", "E_ROLLBACK"},
        {"none", "removed", false, "E_ROLLBACK", "E_ROLLBACK"},
        {"none", "edited", false, "E_ROLLBACK", "E_ROLLBACK"},
        {"removed", "none", false, "", "E_ROLLBACK"},
        {"cut", "none", false, "", "E_ROLLBACK"},
        {"edited", "none", false, "", "E_ROLLBACK"},
        {"empty", "none", false, "", "E_ROLLBACK"},
        {"edited", "edited", true, "", "E_ROLLBACK"},
        {"cut", "removed", true, "", "E_ROLLBACK"},
        {"removed", "removed", true, "", "E_ROLLBACK"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make_two_commits();
        damage("state/state", cases[i].state_damage);
        damage("state/state.prev", cases[i].prev_damage);
        struct trust_store *store = open_store("state");
        if (trust_state_was_lost(store) != cases[i].is_lost)
            fail_msg("case %zu", i);
        check_code(cases[i].state_damage, open_code(store, "s5"), cases[i].code_of_5);
        check_code(cases[i].prev_damage, open_code(store, "s4"), cases[i].code_of_4);
        trust_close(store);
    }
}

/* What a power cut can leave between the steps of a commit. */
static void test_leftovers_of_an_interrupted_commit_are_harmless(void **state)
{
    (void)state;
    static const char *const leftovers[] = {"state/state.tmp", "state/state.prev.tmp",
                                            "state/roots/0000000001.tmp",
                                            "state/roots/0000000002.tmp"};
    for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++) {
        make_two_commits();
        put_file(leftovers[i], SLICE("stopgap-sta"));
        check_code("kept floor", open_after_restart("s5"), "E_ROLLBACK");
        put_bundle("s10", 1, 10, "id: A\n");
        check_code("next commit", open_after_restart("s10"), "");
        check_code("raised floor", open_after_restart("s9"), "E_ROLLBACK");
    }
    /* The link to state.prev is made, the rename has not happened. */
    make_two_commits();
    copy_file("state/state", "state/state.prev");
    check_code("both the same", open_after_restart("s5"), "E_ROLLBACK");
}

static struct trust_store *open_without_root(struct err *err)
{
    char path[PATH_SIZE * 2];
    (void)snprintf(path, sizeof(path), "%s", in_folder("state"));
    const struct trust_options options = {.state_dir = path, .now = T_NOW};
    return trust_open(&options, err);
}

static void test_the_stored_root_serves_when_none_is_given(void **state)
{
    (void)state;
    struct err err = {0};
    fresh_folder();
    assert_null(open_without_root(&err));
    assert_string_equal(err.code, "E_ROOT_NONE");

    make_two_commits();
    struct trust_store *store = open_without_root(&err);
    assert_non_null(store);
    assert_false(trust_state_was_lost(store));
    check_code("s9", open_code(store, "s9"), "");
    trust_close(store);

    damage("state/state", "edited");
    damage("state/state.prev", "edited");
    store = open_without_root(&err);
    assert_non_null(store);
    assert_true(trust_state_was_lost(store));
    check_code("s9 with a lost state", open_code(store, "s9"), "");
    trust_close(store);
}

static const char *trust_code(bool allow_test)
{
    static struct err err;
    err = (struct err){0};
    char root_path[PATH_SIZE * 2];
    char state_path[PATH_SIZE * 2];
    (void)snprintf(root_path, sizeof(root_path), "%s", in_folder("root"));
    (void)snprintf(state_path, sizeof(state_path), "%s", in_folder("state"));
    const struct trust_options options = {.root_path = root_path,
                                          .state_dir = state_path,
                                          .now = T_NOW,
                                          .allow_test_root = allow_test};
    struct trust_store *store = trust_open(&options, &err);
    bool is_open = store != NULL;
    trust_close(store);
    return is_open ? "" : err.code;
}

static void test_the_newer_root_counts_and_a_fork_is_refused(void **state)
{
    (void)state;
    make_two_commits();
    check_code("the same root", trust_code(false), "");
    make_root_of_epoch(1, 7);
    check_code("another root 1", trust_code(false), "E_ROOT_FORK");
    make_root_of_epoch(2, 2);
    check_code("a newer root", trust_code(false), "");
    make_two_commits();
    make_root(
        &(struct root_draft){
            .version = 2,
            .epoch = 1,
            .created = T_2026,
            .expires = T_2036,
            .previous = "0123456789abcdef0123456789abcdef"
                        "0123456789abcdef0123456789abcdef",
            .thresholds = {1, 1, 0},
            .keys = (const struct root_draft_key[]){{pub.keys[0], BOTH, T_2026, T_2036, T_2036}},
            .n_keys = 1},
        "");
    check_code("the next root of another history", trust_code(false), "E_ROOT_FORK");
}

static void test_a_test_root_is_refused_unless_allowed(void **state)
{
    (void)state;
    fresh_folder();
    const struct root_draft_key keys[] = {{pub.keys[0], BOTH, T_2026, T_2036, T_2036}};
    const struct root_draft root = {.version = 1,
                                    .epoch = 1,
                                    .is_test = true,
                                    .created = T_2026,
                                    .expires = T_2036,
                                    .thresholds = {1, 1, 0},
                                    .keys = keys,
                                    .n_keys = 1};
    make_root(&root, "");
    check_code("refused", trust_code(false), "E_ROOT_TEST");
    check_code("allowed", trust_code(true), "");
}

static void test_a_folder_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    char path[PATH_SIZE * 2];
    char root_path[PATH_SIZE * 2];
    struct err err = {0};
    make_root_of_epoch(1, 1);
    (void)snprintf(root_path, sizeof(root_path), "%s", in_folder("root"));
    (void)snprintf(path, sizeof(path), "%s", in_folder("no/such/folder"));
    const struct trust_options options = {.root_path = root_path, .state_dir = path};
    assert_null(trust_open(&options, &err));
    assert_string_equal(err.code, "E_STATE_OPEN");
}

/* A floor that cannot be kept protects nobody: the set is refused, the one in force stays. */
static void test_a_floor_that_cannot_be_written_is_an_error(void **state)
{
    (void)state;
    make_two_commits();
    put_bundle("s10", 1, 10, "id: A\n");
    struct trust_store *store = open_store("state");
    /* A folder in the place of the temporary file stops even the superuser. */
    assert_int_equal(mkdir(in_folder("state/state.tmp"), 0700), 0);
    check_code("new floor", open_code(store, "s10"), "E_STATE_WRITE");
    check_code("the same set needs no write", open_code(store, "s9"), "");
    assert_int_equal(rmdir(in_folder("state/state.tmp")), 0);
    check_code("once there is room", open_code(store, "s10"), "");
    trust_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lower_serial_is_a_rollback_and_the_same_bytes_are_fine),
        cmocka_unit_test(test_another_signature_of_the_same_manifest_is_the_same_set),
        cmocka_unit_test(test_names_have_their_own_order),
        cmocka_unit_test(test_an_epoch_step_of_the_root_recovers_from_a_fast_forward),
        cmocka_unit_test(test_the_floor_rises_before_the_contents_are_checked),
        cmocka_unit_test(test_two_processes_share_one_order),
        cmocka_unit_test(test_a_damaged_state_falls_back_and_says_when_it_is_lost),
        cmocka_unit_test(test_leftovers_of_an_interrupted_commit_are_harmless),
        cmocka_unit_test(test_the_stored_root_serves_when_none_is_given),
        cmocka_unit_test(test_the_newer_root_counts_and_a_fork_is_refused),
        cmocka_unit_test(test_a_test_root_is_refused_unless_allowed),
        cmocka_unit_test(test_a_folder_that_cannot_be_made_is_an_error),
        cmocka_unit_test(test_a_floor_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, publisher_setup, publisher_teardown);
}
