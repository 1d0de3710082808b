/* What was blocked at run time survives a restart, and a damaged file is not taken for an empty
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "stopgap/mitigation.h"

#include "stopgap/banned.h"

struct place {
    char folder[64];
    char file[96];
};

static void place_init(struct place *place)
{
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/stopgap-store-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->file, sizeof(place->file), "%s/mitigations", place->folder);
}

static void place_done(const struct place *place)
{
    (void)unlink(place->file);
    assert_int_equal(rmdir(place->folder), 0);
}

static struct mitigation_block block_of(const char *id, const char *reason)
{
    struct mitigation_block block = {.when_unix = 1795000000, .uid = 1000};
    (void)snprintf(block.id, sizeof(block.id), "%s", id);
    (void)snprintf(block.reason, sizeof(block.reason), "%s", reason);
    return block;
}

static void test_what_was_saved_is_loaded(void **state)
{
    (void)state;
    static struct mitigation_store saved, loaded;
    struct mitigation_block m1 = block_of("M1", "refuses powershell-team@example.com");
    struct mitigation_block m2 = block_of("M2.1.0", "printing");
    struct place place;
    struct err err = {0};
    place_init(&place);
    assert_true(mitigation_store_load(place.folder, &loaded, &err));
    assert_int_equal(loaded.n_blocks, 0);
    assert_true(mitigation_store_block(&saved, &m1, &err));
    assert_true(mitigation_store_block(&saved, &m2, &err));
    saved.is_off = true;
    saved.off = block_of("", "maintenance");
    assert_true(mitigation_store_save(place.folder, &saved, &err));
    assert_true(mitigation_store_load(place.folder, &loaded, &err));
    assert_int_equal(loaded.n_blocks, 2);
    assert_string_equal(loaded.blocks[0].id, "M1");
    assert_string_equal(loaded.blocks[0].reason, m1.reason);
    assert_int_equal(loaded.blocks[0].when_unix, m1.when_unix);
    assert_int_equal(loaded.blocks[0].uid, 1000);
    assert_true(loaded.is_off);
    assert_string_equal(loaded.off.reason, "maintenance");
    place_done(&place);
}

static void test_a_block_is_there_once_and_goes_by_its_id(void **state)
{
    (void)state;
    static struct mitigation_store store;
    struct mitigation_block first = block_of("M1", "a");
    struct mitigation_block second = block_of("m1", "b");
    struct err err = {0};
    assert_true(mitigation_store_block(&store, &first, &err));
    assert_true(mitigation_store_block(&store, &second, &err));
    assert_int_equal(store.n_blocks, 1);
    assert_string_equal(store.blocks[0].reason, "b");
    assert_false(mitigation_store_unblock(&store, "M2"));
    assert_true(mitigation_store_unblock(&store, "M1"));
    assert_int_equal(store.n_blocks, 0);
}

static void test_more_blocks_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    static struct mitigation_store store;
    struct err err = {0};
    for (int i = 0; i <= MITIGATION_MAX_BLOCKS; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "M%d", i);
        struct mitigation_block block = block_of(id, "r");
        assert_int_equal(mitigation_store_block(&store, &block, &err), i < MITIGATION_MAX_BLOCKS);
    }
    assert_string_equal(err.code, "E_LIMIT");
}

static void test_a_changed_byte_is_an_error(void **state)
{
    (void)state;
    static struct mitigation_store store;
    struct mitigation_block block = block_of("M1", "reason");
    struct place place;
    struct err err = {0};
    char bytes[1024];
    place_init(&place);
    assert_true(mitigation_store_block(&store, &block, &err));
    assert_true(mitigation_store_save(place.folder, &store, &err));
    FILE *file = fopen(place.file, "re");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    assert_true(mitigation_store_parse(slice_make(bytes, len), &store, &err));
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 1;
        if (mitigation_store_parse(slice_make(bytes, len), &store, &err))
            fail_msg("a change of byte %zu was not seen", i);
        assert_string_equal(err.code, "E_MITIGATIONS");
        bytes[i] ^= 1;
        if (mitigation_store_parse(slice_make(bytes, i), &store, &err))
            fail_msg("a cut at byte %zu was not seen", i);
    }
    place_done(&place);
}

static void test_a_folder_that_is_not_there_yet_holds_no_decisions(void **state)
{
    (void)state;
    struct err err;
    struct mitigation_store store = {.is_off = true};
    assert_true(mitigation_store_load("/nonexistent/stopgap", &store, &err));
    assert_false(store.is_off);
    assert_int_equal(store.n_blocks, 0);
}

/* Nobody else makes the folder where no rule set is signed. */
static void test_the_first_decision_makes_the_folder(void **state)
{
    (void)state;
    static struct mitigation_store saved, loaded;
    struct mitigation_block m1 = block_of("M1", "reason");
    struct place place;
    struct err err = {0};
    place_init(&place);
    assert_int_equal(rmdir(place.folder), 0);
    assert_true(mitigation_store_block(&saved, &m1, &err));
    assert_true(mitigation_store_save(place.folder, &saved, &err));
    assert_true(mitigation_store_load(place.folder, &loaded, &err));
    assert_int_equal(loaded.n_blocks, 1);
    place_done(&place);
    assert_false(mitigation_store_save("/nonexistent/stopgap", &saved, &err));
    assert_string_equal(err.code, "E_MITIGATIONS");
}

/* The disk of the decisions is away: no reason to think that there were none. */
static void test_a_link_to_nowhere_is_an_error(void **state)
{
    (void)state;
    static struct mitigation_store store;
    struct place place;
    struct err err = {0};
    place_init(&place);
    assert_int_equal(symlink("/nonexistent/stopgap", place.file), 0);
    assert_false(mitigation_store_load(place.file, &store, &err));
    assert_string_equal(err.code, "E_MITIGATIONS");
    err = (struct err){0};
    assert_false(mitigation_store_save(place.file, &store, &err));
    assert_string_equal(err.code, "E_MITIGATIONS");
    place_done(&place);
}

/* What cannot be looked at is not taken for absent, either. */
static void test_a_folder_that_may_not_be_searched_is_an_error(void **state)
{
    (void)state;
    static struct mitigation_store store;
    struct place place;
    struct err err = {0};
    if (geteuid() == 0) /* root may search everything: be somebody else for this test */
        assert_int_equal(seteuid(65534), 0);
    place_init(&place);
    assert_int_equal(chmod(place.folder, 0400), 0);
    bool is_loaded = mitigation_store_load(place.folder, &store, &err);
    assert_int_equal(chmod(place.folder, 0700), 0);
    place_done(&place);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_false(is_loaded);
    assert_string_equal(err.code, "E_MITIGATIONS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_saved_is_loaded),
        cmocka_unit_test(test_a_block_is_there_once_and_goes_by_its_id),
        cmocka_unit_test(test_more_blocks_than_there_is_room_for_are_refused),
        cmocka_unit_test(test_a_changed_byte_is_an_error),
        cmocka_unit_test(test_a_folder_that_is_not_there_yet_holds_no_decisions),
        cmocka_unit_test(test_the_first_decision_makes_the_folder),
        cmocka_unit_test(test_a_link_to_nowhere_is_an_error),
        cmocka_unit_test(test_a_folder_that_may_not_be_searched_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
