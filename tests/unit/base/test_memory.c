/* Growing buffers and arenas: what they give out, and that their maximum holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stopgap/arena.h"
#include "stopgap/buf.h"

static void test_a_zero_buf_with_a_maximum_is_ready(void **state)
{
    struct buf buf = {.max = 8};
    (void)state;
    assert_true(buf_append(&buf, SLICE("")));
    assert_int_equal(buf.len, 0);
    assert_true(buf_append(&buf, SLICE("abcd")));
    assert_true(buf_append(&buf, SLICE("efgh")));
    assert_true(slice_equal(buf_slice(&buf), SLICE("abcdefgh")));
    buf_done(&buf);
    assert_null(buf.ptr);
    assert_int_equal(buf.max, 8);
}

static void test_a_buf_refuses_what_is_over_its_maximum(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, 1000);
    for (size_t i = 0; i < 100; i++)
        assert_true(buf_append(&buf, SLICE("0123456789")));
    assert_false(buf_append(&buf, SLICE("x")));
    assert_false(buf_reserve(&buf, SIZE_MAX));
    assert_int_equal(buf.len, 1000);
    assert_in_range(buf.capacity, 1000, 1000);
    assert_true(buf_append(&buf, SLICE("")));
    buf_done(&buf);
}

static void test_printf_appends_or_changes_nothing(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, 8);
    assert_true(buf_printf(&buf, "%d-%s", 12, "a"));
    assert_true(buf_printf(&buf, "%s", "xyz"));
    assert_true(slice_equal(buf_slice(&buf), SLICE("12-axyz")));
    assert_false(buf_printf(&buf, "%s", "too long"));
    assert_true(slice_equal(buf_slice(&buf), SLICE("12-axyz")));
    buf_done(&buf);
}

static void test_an_arena_gives_aligned_memory_of_its_own(void **state)
{
    _Alignas(16) char memory[256];
    const size_t large_bytes = 100000; /* more than a chunk of the arena */
    struct arena arena;
    (void)state;
    arena_init(&arena, memory, sizeof(memory), 2 * large_bytes);
    char *one = arena_alloc(&arena, 1);
    char *two = arena_alloc(&arena, 17);
    assert_ptr_equal(one, memory);
    assert_ptr_equal(two, memory + 16);
    assert_int_equal((uintptr_t)two % 16, 0);
    assert_int_equal(arena.n_mallocs, 0);

    char *large = arena_alloc(&arena, large_bytes);
    assert_non_null(large);
    memset(large, 1, large_bytes);
    assert_int_equal(arena.n_mallocs, 1);
    char *next = arena_alloc(&arena, 100);
    assert_non_null(next);
    memset(next, 2, 100);
    assert_int_equal((uintptr_t)next % 16, 0);
    arena_done(&arena);
}

static void test_an_arena_refuses_what_is_over_its_maximum(void **state)
{
    _Alignas(16) char memory[64];
    struct arena arena;
    (void)state;
    arena_init(&arena, memory, sizeof(memory), 128);
    assert_non_null(arena_alloc(&arena, 64));
    assert_null(arena_alloc(&arena, 65));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 20));
    assert_non_null(arena_alloc(&arena, 64));
    assert_null(arena_alloc(&arena, 1));
    assert_null(arena_copy(&arena, SLICE("x")).ptr);
    arena_done(&arena);
}

static void test_a_copy_in_the_arena_is_independent(void **state)
{
    _Alignas(16) char memory[64];
    struct arena arena;
    char text[] = "abc";
    (void)state;
    arena_init(&arena, memory, sizeof(memory), sizeof(memory));
    struct slice copy = arena_copy(&arena, slice_make(text, 3));
    text[0] = 'x';
    assert_true(slice_equal(copy, SLICE("abc")));
    struct slice empty = arena_copy(&arena, slice_make(NULL, 0));
    assert_non_null(empty.ptr);
    assert_int_equal(empty.len, 0);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_zero_buf_with_a_maximum_is_ready),
        cmocka_unit_test(test_a_buf_refuses_what_is_over_its_maximum),
        cmocka_unit_test(test_printf_appends_or_changes_nothing),
        cmocka_unit_test(test_an_arena_gives_aligned_memory_of_its_own),
        cmocka_unit_test(test_an_arena_refuses_what_is_over_its_maximum),
        cmocka_unit_test(test_a_copy_in_the_arena_is_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
