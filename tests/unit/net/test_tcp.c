/* The stream over a socket, when a write is under way that the kernel could not take at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/tcp.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum { MANY_BYTES = 4 * 1024 * 1024 }; /* no socket takes them unread */

/* A stream with bytes that its peer does not read. */
struct writing {
    uv_loop_t loop;
    struct stream_hub hub;
    struct tcp_stream tcp;
    int peer;
    unsigned n_failed, n_closed;
};

static void on_failed(struct stream *stream, enum stream_failure failure, const char *text)
{
    struct writing *writing = stream->owner;
    (void)text;
    assert_int_equal(failure, STREAM_RESET);
    writing->n_failed++;
}

static void on_closed(struct stream *stream)
{
    struct writing *writing = stream->owner;
    writing->n_closed++;
}

static const struct stream_events events = {.on_failed = on_failed, .on_closed = on_closed};

static void writing_begin(struct writing *writing)
{
    static const char bytes[MANY_BYTES];
    int ends[2];
    *writing = (struct writing){.n_failed = 0};
    assert_int_equal(uv_loop_init(&writing->loop), 0);
    stream_hub_init(&writing->hub);
    tcp_stream_init(&writing->tcp, &writing->loop, &writing->hub, &events, writing);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_true(tcp_stream_accept(&writing->tcp, ends[0]));
    writing->peer = ends[1];
    stream_send_static(&writing->tcp.stream, slice_make(bytes, sizeof(bytes)));
    stream_hub_flush(&writing->hub);
    assert_true(writing->tcp.is_writing);
    assert_int_not_equal(stream_pending(&writing->tcp.stream), 0);
}

static void writing_end(struct writing *writing)
{
    stream_close(&writing->tcp.stream, true);
    (void)uv_run(&writing->loop, UV_RUN_DEFAULT);
    assert_int_equal(writing->n_closed, 1);
    stream_hub_done(&writing->hub);
    assert_int_equal(uv_loop_close(&writing->loop), 0);
}

static void test_a_write_that_fails_leaves_nothing_pending(void **state)
{
    struct writing writing;
    (void)state;
    writing_begin(&writing);
    assert_int_equal(close(writing.peer), 0);
    (void)uv_run(&writing.loop, UV_RUN_ONCE);
    assert_int_equal(writing.n_failed, 1);
    assert_int_equal(stream_queued(&writing.tcp.stream), 0);
    assert_int_equal(stream_pending(&writing.tcp.stream), 0);
    writing_end(&writing);
}

static void test_closing_during_a_write_is_no_failure(void **state)
{
    struct writing writing;
    (void)state;
    writing_begin(&writing);
    writing_end(&writing);
    assert_int_equal(writing.n_failed, 0);
    assert_int_equal(close(writing.peer), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_write_that_fails_leaves_nothing_pending),
        cmocka_unit_test(test_closing_during_a_write_is_no_failure),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("net/tcp", tests, NULL, NULL);
}
