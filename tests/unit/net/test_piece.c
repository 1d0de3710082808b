/* Chunks, fills and queues against a string of bytes, in random order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/message.h"
#include "net/piece.h"
#include "net/piece_copy.h"

#include <stdlib.h>

enum { MODEL_BYTES = 1 << 20 };

struct model {
    struct chunk_pool pool;
    struct fill fill;
    struct piece_queue queue;
    char *bytes; /* what the queue must hold */
    size_t from, to;
};

static void model_note(struct model *model, struct slice bytes)
{
    assert_in_range(model->to + bytes.len, 0, MODEL_BYTES);
    memcpy(model->bytes + model->to, bytes.ptr, bytes.len);
    model->to += bytes.len;
}

static void push(struct model *model, struct piece piece)
{
    assert_true(piece_queue_push(&model->queue, piece));
    model_note(model, piece.bytes);
}

static void push_fill(struct model *model, uint64_t draw)
{
    size_t len = 1 + (size_t)(draw % 3000);
    size_t min = (draw >> 20) % 8 == 0 ? 200000 : len;
    struct slice space = fill_space(&model->pool, &model->fill, min);
    assert_non_null(space.ptr);
    assert_true(space.len >= min && space.len >= len);
    struct piece piece = fill_take(&model->fill, len);
    assert_ptr_equal(piece.bytes.ptr, space.ptr);
    memset(piece.chunk->data + (piece.bytes.ptr - piece.chunk->data), (int)(draw >> 32), len);
    if ((draw >> 28) % 8 != 0) /* else nobody keeps it, and the fill begins anew */
        push(model, piece);
}

static void push_copy(struct model *model, uint64_t draw)
{
    char bytes[500];
    size_t len = 1 + (size_t)(draw % sizeof(bytes));
    memset(bytes, (int)(draw >> 32), len);
    struct piece piece = piece_copy(&model->pool, slice_make(bytes, len));
    assert_non_null(piece.chunk);
    push(model, piece);
    chunk_unref(piece.chunk);
}

/* A piece handed from one owner to the next, as between the two sides of a connection. */
static void pass_on(struct model *model)
{
    struct piece piece = *piece_queue_front(&model->queue);
    chunk_ref(piece.chunk);
    piece_queue_consume(&model->queue, piece.bytes.len);
    model->from += piece.bytes.len;
    push(model, piece);
    chunk_unref(piece.chunk);
}

static void model_check(struct model *model)
{
    size_t at = model->from;
    assert_int_equal(model->queue.n_bytes, model->to - model->from);
    assert_int_equal(piece_queue_is_empty(&model->queue), model->to == model->from);
    for (unsigned i = 0; i < model->queue.n; i++) {
        struct slice bytes = piece_queue_at(&model->queue, i)->bytes;
        assert_in_range(bytes.len, 1, model->to - at);
        assert_memory_equal(bytes.ptr, model->bytes + at, bytes.len);
        at += bytes.len;
    }
    assert_int_equal(at, model->to);
}

static void act(struct model *model, uint64_t draw)
{
    switch (draw >> 60) {
    case 0:
    case 1:
    case 2:
    case 3:
        push_fill(model, draw);
        break;
    case 4:
    case 5:
        push_copy(model, draw);
        break;
    case 6:
        push(model, (struct piece){.bytes = SLICE("constant memory")});
        break;
    case 7:
        if (!piece_queue_is_empty(&model->queue))
            pass_on(model);
        break;
    case 8:
        if ((draw & 31) == 0) {
            piece_queue_clear(&model->queue);
            model->from = model->to;
        } else {
            assert_true(piece_queue_settle(&model->queue, &model->pool));
        }
        break;
    default: {
        size_t len = (size_t)(draw % (model->queue.n_bytes + 1)) / (1 + (draw >> 40) % 4);
        piece_queue_consume(&model->queue, len);
        model->from += len;
        break;
    }
    }
}

static void test_a_queue_is_a_string_of_bytes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct model model = {.bytes = malloc(MODEL_BYTES)};
        uint64_t random = seed;
        assert_non_null(model.bytes);
        chunk_pool_init(&model.pool);
        for (unsigned i = 0; i < 400; i++) {
            act(&model, test_random(&random));
            model_check(&model);
        }
        piece_queue_clear(&model.queue);
        chunk_unref(model.fill.chunk);
        assert_null(model.queue.array);
        chunk_pool_done(&model.pool);
        free(model.bytes);
    }
}

static void test_a_chunk_comes_back_to_its_pool_and_not_too_many_do(void **state)
{
    struct chunk_pool pool;
    static struct chunk *chunks[CHUNK_MAX_FREE + 10];
    enum { N = sizeof(chunks) / sizeof(chunks[0]) };
    (void)state;
    chunk_pool_init(&pool);
    for (unsigned i = 0; i < N; i++)
        assert_non_null(chunks[i] = chunk_new(&pool));
    for (unsigned i = 0; i < N; i++)
        chunk_unref(chunks[i]);
    assert_int_equal(pool.n_free, CHUNK_MAX_FREE);
    struct chunk *again = chunk_new(&pool);
    assert_int_equal(pool.n_free, CHUNK_MAX_FREE - 1);
    assert_int_equal(again->n_refs, 1);
    chunk_unref(again);
    struct chunk *exact = chunk_new_exact(&pool, 10);
    chunk_unref(exact);
    assert_int_equal(pool.n_free, CHUNK_MAX_FREE);
    chunk_pool_done(&pool);
    chunk_unref(NULL);
}

static void test_a_fill_starts_anew_once_nobody_holds_any_of_it(void **state)
{
    struct chunk_pool pool;
    struct fill fill = {0};
    (void)state;
    chunk_pool_init(&pool);
    struct slice first = fill_space(&pool, &fill, 100);
    struct piece piece = fill_take(&fill, 100);
    assert_ptr_equal(fill_space(&pool, &fill, 100).ptr, first.ptr);
    piece = fill_take(&fill, 100);
    chunk_ref(piece.chunk);
    assert_ptr_equal(fill_space(&pool, &fill, 100).ptr, first.ptr + 100);
    assert_true(fill_space(&pool, &fill, CHUNK_BYTES).ptr != NULL); /* another chunk */
    assert_true(fill.chunk != piece.chunk);
    chunk_unref(piece.chunk);
    chunk_unref(fill.chunk);
    chunk_pool_done(&pool);
}

/* Read n bytes into the fill and queue them. */
static void queue_read(struct chunk_pool *pool, struct piece_queue *queue, size_t n)
{
    assert_non_null(fill_space(pool, &pool->read, n).ptr);
    assert_true(piece_queue_push(queue, fill_take(&pool->read, n)));
}

static void test_a_byte_that_waits_keeps_no_chunk_alive(void **state)
{
    struct chunk_pool pool;
    struct piece_queue queue = {0};
    (void)state;
    chunk_pool_init(&pool);
    queue_read(&pool, &queue, 1);
    assert_int_equal(pool.read.chunk->n_refs, 2);
    assert_true(piece_queue_settle(&queue, &pool));
    assert_int_equal(pool.read.chunk->n_refs, 1);
    assert_in_range(piece_queue_front(&queue)->chunk->size, 1, 16);
    queue_read(&pool, &queue, 100 * 1000); /* worth a chunk */
    assert_true(piece_queue_settle(&queue, &pool));
    assert_int_equal(pool.read.chunk->n_refs, 2);
    assert_int_equal(queue.n_bytes, 100 * 1000 + 1);
    piece_queue_clear(&queue);
    chunk_pool_done(&pool);
}

static void test_bytes_that_come_one_by_one_do_not_need_a_chunk_each(void **state)
{
    enum { N = 65536 };
    struct chunk_pool pool;
    struct piece_queue queue = {0};
    size_t room = 0;
    (void)state;
    chunk_pool_init(&pool);
    for (size_t i = 0; i < N; i++) {
        queue_read(&pool, &queue, 1);
        assert_true(piece_queue_settle(&queue, &pool));
    }
    assert_in_range(queue.n, 1, 32);
    for (unsigned i = 0; i < queue.n; i++)
        room += piece_queue_at(&queue, i)->chunk->size;
    assert_in_range(room, N, 2 * N);
    piece_queue_clear(&queue);
    chunk_pool_done(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_queue_is_a_string_of_bytes),
        cmocka_unit_test(test_a_chunk_comes_back_to_its_pool_and_not_too_many_do),
        cmocka_unit_test(test_a_fill_starts_anew_once_nobody_holds_any_of_it),
        cmocka_unit_test(test_a_byte_that_waits_keeps_no_chunk_alive),
        cmocka_unit_test(test_bytes_that_come_one_by_one_do_not_need_a_chunk_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
