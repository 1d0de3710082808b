/* The hub: what is dirty is flushed once, and what leaves it in between is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/stream.h"

struct counted {
    struct stream stream;
    unsigned n_flushed;
    struct stream *dirties; /* what a flush makes dirty, as TLS does with the stream below */
    struct stream *cleans;
    struct {
        char bytes[64];
        size_t len;
    } sent;
};

static struct counted *counted_of(struct stream *stream)
{
    return (struct counted *)((char *)stream - offsetof(struct counted, stream));
}

static void on_flush(struct stream *stream)
{
    struct counted *counted = counted_of(stream);
    counted->n_flushed++;
    if (counted->dirties != NULL)
        stream_mark_dirty(counted->dirties);
    if (counted->cleans != NULL)
        stream_unmark_dirty(counted->cleans);
}

static void on_send(struct stream *stream, struct piece piece)
{
    struct counted *counted = counted_of(stream);
    assert_in_range(counted->sent.len + piece.bytes.len, 1, sizeof(counted->sent.bytes));
    memcpy(counted->sent.bytes + counted->sent.len, piece.bytes.ptr, piece.bytes.len);
    counted->sent.len += piece.bytes.len;
}

static const struct stream_ops counted_ops = {.flush = on_flush, .send = on_send};

static void test_each_dirty_stream_is_flushed_once_a_turn(void **state)
{
    struct stream_hub hub;
    struct counted streams[3] = {0};
    (void)state;
    stream_hub_init(&hub);
    for (unsigned i = 0; i < 3; i++)
        stream_init(&streams[i].stream, &hub, &counted_ops, NULL, NULL);
    stream_hub_flush(&hub);
    stream_mark_dirty(&streams[0].stream);
    stream_mark_dirty(&streams[0].stream);
    streams[0].dirties = &streams[1].stream; /* not dirty yet */
    streams[0].cleans = &streams[2].stream;  /* closes while its flush is due */
    stream_mark_dirty(&streams[2].stream);
    stream_hub_flush(&hub);
    assert_int_equal(streams[0].n_flushed, 1);
    assert_int_equal(streams[1].n_flushed, 1);
    assert_int_equal(streams[2].n_flushed, 0);
    stream_hub_flush(&hub);
    assert_int_equal(streams[0].n_flushed, 1);
    stream_unmark_dirty(&streams[0].stream); /* a clean one stays clean */
    stream_mark_dirty(&streams[0].stream);
    stream_hub_flush(&hub);
    assert_int_equal(streams[0].n_flushed, 2);
    stream_hub_done(&hub);
}

static void test_one_stream_can_be_flushed_before_the_others(void **state)
{
    struct stream_hub hub;
    struct counted streams[2] = {0};
    (void)state;
    stream_hub_init(&hub);
    for (unsigned i = 0; i < 2; i++) {
        stream_init(&streams[i].stream, &hub, &counted_ops, NULL, NULL);
        stream_mark_dirty(&streams[i].stream);
    }
    stream_flush(&streams[1].stream);
    stream_flush(&streams[1].stream); /* nothing new: no second write */
    assert_int_equal(streams[0].n_flushed, 0);
    assert_int_equal(streams[1].n_flushed, 1);
    stream_hub_flush(&hub); /* the end of the turn finds the other one only */
    assert_int_equal(streams[0].n_flushed, 1);
    assert_int_equal(streams[1].n_flushed, 1);
    stream_hub_done(&hub);
}

static void test_small_writes_share_memory_and_keep_their_bytes(void **state)
{
    struct stream_hub hub;
    struct counted counted = {0};
    (void)state;
    stream_hub_init(&hub);
    stream_init(&counted.stream, &hub, &counted_ops, NULL, NULL);
    assert_true(stream_send_copy(&counted.stream, SLICE("one ")));
    stream_send_static(&counted.stream, SLICE("two "));
    stream_send_static(&counted.stream, SLICE("")); /* never reaches the stream */
    assert_true(stream_send_copy(&counted.stream, SLICE("three")));
    assert_true(
        slice_equal(slice_make(counted.sent.bytes, counted.sent.len), SLICE("one two three")));
    assert_false(stream_send_copy(&counted.stream, slice_make("", CHUNK_BYTES + 1)));
    stream_hub_done(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_dirty_stream_is_flushed_once_a_turn),
        cmocka_unit_test(test_one_stream_can_be_flushed_before_the_others),
        cmocka_unit_test(test_small_writes_share_memory_and_keep_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
