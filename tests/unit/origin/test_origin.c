/* Origins: as bytes and back, and bytes that nobody wrote. */
#include "origin/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stopgap/banned.h"

static struct origins *two_origins(void)
{
    static char core[] = "core";
    static char label[] = "core@1.5";
    static char hash[] = "ab12";
    static char eocs[] = "eocs";
    static char none[] = "";
    struct origins *origins = origins_new();
    assert_non_null(origins);
    struct origin *origin = origins_add(origins, &(struct origin){.kind = ORIGIN_BUNDLE,
                                                                  .source = core,
                                                                  .label = label,
                                                                  .hash = hash,
                                                                  .is_tried = true,
                                                                  .is_critical = true,
                                                                  .expires_unix = -5,
                                                                  .created_unix = 7,
                                                                  .max_cost = 4000});
    assert_non_null(origin);
    assert_true(origin_add_file(origin, "a.sgb:rules/a", SLICE("id: A\n")));
    assert_true(origin_add_file(origin, "a.sgb:rules/b", slice_make("b\0c", 3)));
    origin = origins_add(
        origins,
        &(struct origin){.kind = ORIGIN_EOCS, .source = eocs, .label = none, .hash = none});
    assert_non_null(origin);
    return origins;
}

static void check_two(const struct origins *origins)
{
    assert_int_equal(origins->n, 2);
    const struct origin *core = origins_find(origins, ORIGIN_BUNDLE, "core");
    assert_ptr_equal(core, &origins->items[0]);
    assert_string_equal(core->label, "core@1.5");
    assert_string_equal(core->hash, "ab12");
    assert_true(core->is_tried && core->is_critical && !core->is_marked);
    assert_int_equal(core->expires_unix, -5);
    assert_int_equal(core->created_unix, 7);
    assert_int_equal(core->max_cost, 4000);
    assert_int_equal(core->n_files, 2);
    assert_string_equal(core->files[0].place, "a.sgb:rules/a");
    assert_string_equal(core->files[0].text, "id: A\n");
    assert_int_equal(core->files[1].len, 3);
    assert_memory_equal(core->files[1].text, "b\0c", 4);
    assert_int_equal(origins_find(origins, ORIGIN_EOCS, "eocs")->n_files, 0);
    assert_null(origins_find(origins, ORIGIN_EOCS, "core"));
    assert_null(origins_find(NULL, ORIGIN_EOCS, "core"));
}

static void test_bytes_lead_back_to_the_same_origins(void **state)
{
    struct buf bytes = {.max = 4096};
    (void)state;
    struct origins *origins = two_origins();
    assert_true(origins_write(origins, &bytes));
    assert_true(buf_append(&bytes, SLICE("what follows")));
    struct slice rest = buf_slice(&bytes);
    struct origins *again = origins_read(&rest);
    assert_non_null(again);
    check_two(again);
    assert_true(slice_equal(rest, SLICE("what follows")));
    origins_unref(origins);
    origins_unref(again);
    buf_done(&bytes);
}

static void test_a_copy_is_as_good_as_the_original(void **state)
{
    (void)state;
    struct origins *origins = two_origins();
    struct origins *copy = origins_new();
    assert_non_null(copy);
    assert_true(origins_add_copy(copy, &origins->items[0]));
    assert_true(origins_add_copy(copy, &origins->items[1]));
    origins_unref(origins);
    check_two(copy);
    origins_unref(copy);
}

static void test_cut_bytes_are_refused(void **state)
{
    struct buf bytes = {.max = 4096};
    (void)state;
    struct origins *origins = two_origins();
    assert_true(origins_write(origins, &bytes));
    for (size_t len = 0; len < bytes.len; len++) {
        struct slice cut = slice_make(bytes.ptr, len);
        assert_null(origins_read(&cut));
    }
    origins_unref(origins);
    buf_done(&bytes);
}

/* Nothing of it may crash or be read beyond its end; what is still sound is of no interest. */
static void test_changed_bytes_are_harmless(void **state)
{
    struct buf bytes = {.max = 4096};
    (void)state;
    struct origins *origins = two_origins();
    assert_true(origins_write(origins, &bytes));
    for (size_t at = 0; at < bytes.len; at++)
        for (int value = 0; value < 256; value += 51) {
            char *copy = malloc(bytes.len); /* so that a sanitizer sees its end */
            assert_non_null(copy);
            memcpy(copy, bytes.ptr, bytes.len);
            copy[at] = (char)value;
            struct slice changed = slice_make(copy, bytes.len);
            origins_unref(origins_read(&changed));
            free(copy);
        }
    origins_unref(origins);
    buf_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_lead_back_to_the_same_origins),
        cmocka_unit_test(test_a_copy_is_as_good_as_the_original),
        cmocka_unit_test(test_cut_bytes_are_refused),
        cmocka_unit_test(test_changed_bytes_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
