/* libxml2's memory: from the heap of the thread that has entered, else from malloc. */
#include "body/xml_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <libxml/globals.h>

#include "stopgap/limits.h"

#include "stopgap/banned.h"

static struct xml_heap *new_heap(void)
{
    struct xml_heap *heap = aligned_alloc(16, sizeof(*heap));
    assert_non_null(heap);
    return heap;
}

static bool is_in(const struct xml_heap *heap, const void *ptr)
{
    return (const char *)ptr >= heap->bytes && (const char *)ptr < heap->bytes + XML_HEAP_BYTES;
}

static void test_a_block_comes_from_the_heap_only_between_enter_and_leave(void **state)
{
    (void)state;
    struct xml_heap *heap = new_heap();
    void *before = xmlMalloc(100);
    xml_heap_enter(heap);
    void *within = xmlMalloc(100);
    assert_true(is_in(heap, within));
    assert_int_equal((uintptr_t)within % 16, 0);
    xmlFree(within);
    xml_heap_leave(heap);
    void *behind = xmlMalloc(100);
    assert_false(is_in(heap, before) || is_in(heap, behind));
    xmlFree(before);
    xmlFree(behind);
    free(heap);
}

static void test_what_was_made_before_is_resized_and_ended_within(void **state)
{
    (void)state;
    struct xml_heap *heap = new_heap();
    char *resized = xmlMalloc(10);
    char *ended = xmlMalloc(10);
    resized[9] = 'k';
    xml_heap_enter(heap);
    resized = xmlRealloc(resized, 100000);
    assert_false(is_in(heap, resized));
    assert_int_equal(resized[9], 'k');
    xmlFree(ended);
    xml_heap_leave(heap);
    xmlFree(resized);
    free(heap);
}

static void test_a_block_that_grows_keeps_its_bytes(void **state)
{
    (void)state;
    struct xml_heap *heap = new_heap();
    xml_heap_enter(heap);
    char *ptr = xmlRealloc(NULL, 1);
    ptr[0] = 'k';
    for (size_t size = 2; size <= 2 * XML_HEAP_BYTES; size *= 2) {
        ptr = xmlRealloc(ptr, size);
        assert_int_equal(ptr[size / 2 - 1], 'k');
        ptr[size - 1] = 'k';
    }
    assert_false(is_in(heap, ptr));
    xmlFree(ptr);
    char *copy = xmlMemStrdup("abc");
    assert_string_equal(copy, "abc");
    assert_true(is_in(heap, copy));
    xmlFree(copy);
    assert_int_equal(heap->overflow, 0);
    xml_heap_leave(heap);
    free(heap);
}

static void test_freed_blocks_are_used_again(void **state)
{
    (void)state;
    struct xml_heap *heap = new_heap();
    xml_heap_enter(heap);
    for (int i = 0; i < 100000; i++) {
        void *ptr = xmlMalloc(150);
        assert_true(is_in(heap, ptr));
        xmlFree(ptr);
    }
    assert_true(heap->used < 1024);
    xml_heap_leave(heap);
    free(heap);
}

static void test_a_full_heap_goes_on_with_malloc_and_says_when_it_is_too_much(void **state)
{
    (void)state;
    enum { N = 48, BYTES = 100 * 1024 };
    struct xml_heap *heap = new_heap();
    void *blocks[N];
    xml_heap_enter(heap);
    for (int i = 0; i < N; i++) {
        blocks[i] = xmlMalloc(BYTES);
        assert_non_null(blocks[i]);
        assert_int_equal(xml_heap_is_over(heap), heap->overflow > LIMIT_XML_OVERFLOW_BYTES);
    }
    assert_true(xml_heap_is_over(heap));
    for (int i = 0; i < N; i++)
        xmlFree(blocks[i]);
    assert_int_equal(heap->overflow, 0);
    assert_true(xml_heap_is_over(heap)); /* it was */
    xml_heap_leave(heap);
    xml_heap_enter(heap);
    assert_false(xml_heap_is_over(heap));
    xml_heap_leave(heap);
    free(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_comes_from_the_heap_only_between_enter_and_leave),
        cmocka_unit_test(test_what_was_made_before_is_resized_and_ended_within),
        cmocka_unit_test(test_a_block_that_grows_keeps_its_bytes),
        cmocka_unit_test(test_freed_blocks_are_used_again),
        cmocka_unit_test(test_a_full_heap_goes_on_with_malloc_and_says_when_it_is_too_much),
    };
    xml_heap_setup();
    return cmocka_run_group_tests_name("body/xml_heap", tests, NULL, NULL);
}
