/* The writer thread: order, rotation, full disks, slow readers, dropped lines. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "log/log.h"
#include "proxy_limits.h"

#include "log/log_test.h"

enum { DEADLINE_S = 20 };

static char padding[1024];

/* About 1.2 KiB a line; req counts up from first. */
static void write_lines(struct log_buffer *buffer, uint64_t first, uint64_t n)
{
    for (uint64_t i = first; i < first + n; i++) {
        struct access_record record = {.request_number = i,
                                       .target = slice_make(padding, sizeof(padding))};
        access_log_write(buffer, &record);
    }
}

/* Every line is whole and has a greater req than the one before; returns how many there are. */
static size_t check_order(const char *text, uint64_t *last)
{
    size_t n = 0;
    for (const char *line = text; *line != '\0'; n++) {
        const char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_memory_equal(line, "{\"v\":1,", 7);
        assert_memory_equal(end - 1, "}", 1);
        const char *req = strstr(line, "\"req\":");
        assert_true(req != NULL && req < end);
        uint64_t number = strtoull(req + 6, NULL, 10);
        assert_true(n == 0 || number > *last);
        *last = number;
        line = end + 1;
    }
    return n;
}

static time_t now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void wait_for_file(const char *path)
{
    time_t deadline = now_s() + DEADLINE_S;
    while (access(path, F_OK) != 0) {
        assert_true(now_s() < deadline);
        (void)sched_yield();
    }
}

static void test_lines_of_one_worker_keep_their_order(void **state)
{
    (void)state;
    struct err err;
    struct log_writer *writer = log_writer_start("a.log", NULL, &err);
    struct log_buffer *buffer = log_buffer_new(writer);
    for (uint64_t turn = 0; turn < 100; turn++) {
        write_lines(buffer, turn * 10, 10);
        log_buffer_flush(buffer);
    }
    uint64_t dropped = log_buffer_dropped(buffer);
    log_buffer_free(buffer);
    log_writer_stop(writer);
    char *text = take_file("a.log", NULL);
    uint64_t last = 0;
    assert_int_equal(check_order(text, &last), 1000 - dropped);
    free(text);
}

static void test_rotation_loses_no_line(void **state)
{
    (void)state;
    struct err err;
    uint64_t last = 0;
    struct log_writer *writer = log_writer_start("a.log", NULL, &err);
    struct log_buffer *buffer = log_buffer_new(writer);
    write_lines(buffer, 0, 50);
    log_buffer_flush(buffer);
    assert_int_equal(rename("a.log", "a.log.1"), 0);
    log_writer_reopen(writer);
    wait_for_file("a.log");
    write_lines(buffer, 50, 50);
    log_buffer_free(buffer);
    log_writer_stop(writer);

    char *old_text = take_file("a.log.1", NULL);
    char *new_text = take_file("a.log", NULL);
    assert_int_equal(check_order(old_text, &last), 50);
    assert_int_equal(last, 49);
    assert_int_equal(check_order(new_text, &last), 50);
    assert_int_equal(last, 99);
    free(old_text);
    free(new_text);
}

static void test_lines_wait_while_the_disk_is_full(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0) {
        print_message("skipped: no /dev/full here\n");
        skip();
    }
    struct err err;
    uint64_t last = 0;
    assert_int_equal(symlink("/dev/full", "a.log"), 0);
    struct log_writer *writer = log_writer_start("a.log", NULL, &err);
    assert_non_null(writer);
    struct log_buffer *buffer = log_buffer_new(writer);
    write_lines(buffer, 0, 50);
    log_buffer_flush(buffer);
    assert_int_equal(unlink("a.log"), 0);
    log_writer_reopen(writer);
    wait_for_file("a.log");
    write_lines(buffer, 50, 50);
    log_buffer_free(buffer);
    log_writer_stop(writer);
    char *text = take_file("a.log", NULL);
    assert_int_equal(check_order(text, &last), 100);
    free(text);
}

static void test_a_full_disk_costs_only_the_log_on_it(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0) {
        print_message("skipped: no /dev/full here\n");
        skip();
    }
    struct err err;
    struct log_writer *writer = log_writer_start("/dev/full", "d.log", &err);
    struct log_buffer *buffer = log_buffer_new(writer);
    uint64_t n = 0;
    while (log_buffer_dropped(buffer) == 0) {
        write_lines(buffer, n++, 1);
        log_buffer_flush(buffer);
        assert_true(n * 1024 < 2 * LIMIT_LOG_QUEUE_BYTES);
    }
    struct decision_record record = {.request_number = 1};
    decision_log_write(buffer, &record);
    assert_int_equal(log_buffer_dropped(buffer), 1);
    log_buffer_free(buffer);
    log_writer_stop(writer); /* gives up on the full disk after two seconds */
    char *text = take_file("d.log", NULL);
    uint64_t last = 0;
    assert_int_equal(check_order(text, &last), 1);
    free(text);
}

/* Read whole lines until there are n, with a deadline. */
static char *read_lines(int fd, uint64_t n)
{
    size_t size = 8 * LIMIT_LOG_QUEUE_BYTES;
    char *text = malloc(size);
    assert_non_null(text);
    size_t len = 0;
    time_t deadline = now_s() + DEADLINE_S;
    while (n != 0) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        (void)poll(&pfd, 1, 1000);
        ssize_t got = read(fd, text + len, size - 1 - len);
        assert_true(got > 0 || (got < 0 && errno == EAGAIN));
        for (ssize_t i = 0; i < got; i++)
            n -= text[len + (size_t)i] == '\n';
        len += got > 0 ? (size_t)got : 0;
        assert_true(now_s() < deadline);
    }
    text[len] = '\0';
    return text;
}

static void test_lines_are_dropped_and_counted_while_the_reader_sleeps(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_null(log_writer_start("fifo", NULL, &err)); /* nobody reads */
    assert_string_equal(err.code, "E_LOG_OPEN");
    int reader = open("fifo", O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    struct log_writer *writer = log_writer_start("fifo", NULL, &err);
    struct log_buffer *buffer = log_buffer_new(writer);
    uint64_t n = 0;
    while (log_buffer_dropped(buffer) < 100) {
        write_lines(buffer, n++, 1);
        log_buffer_flush(buffer);
        assert_true(n * 1024 < 2 * LIMIT_LOG_QUEUE_BYTES);
    }
    uint64_t dropped = log_buffer_dropped(buffer);
    assert_true((n - dropped) * 1200 < LIMIT_LOG_QUEUE_BYTES);
    log_buffer_free(buffer);
    char *text = read_lines(reader, n - dropped);
    log_writer_stop(writer);
    uint64_t last = 0;
    assert_int_equal(check_order(text, &last), n - dropped);
    free(text);
    (void)close(reader);
    assert_int_equal(unlink("fifo"), 0);
}

static void test_a_dash_is_standard_output_for_both_logs(void **state)
{
    (void)state;
    int ends[2];
    struct err err;
    assert_int_equal(pipe(ends), 0);
    (void)fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    assert_true(saved >= 0 && dup2(ends[1], STDOUT_FILENO) >= 0);
    struct log_writer *writer = log_writer_start("-", "-", &err);
    struct log_buffer *buffer = log_buffer_new(writer);
    write_lines(buffer, 0, 300); /* more than a pipe holds */
    struct decision_record record = {.request_number = 300};
    decision_log_write(buffer, &record);
    log_buffer_free(buffer);
    char *text = read_lines(ends[0], 301);
    log_writer_stop(writer);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    uint64_t last = 0;
    assert_int_equal(check_order(text, &last), 301);
    assert_int_equal(last, 300);
    assert_int_equal(fcntl(saved, F_GETFL) & O_NONBLOCK, 0);
    free(text);
    (void)close(saved);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_two_logs_with_one_path_share_the_file(void **state)
{
    (void)state;
    struct err err;
    uint64_t last = 0;
    struct log_writer *writer = log_writer_start("a.log", "a.log", &err);
    struct log_buffer *buffer = log_buffer_new(writer);
    for (uint64_t i = 0; i < 100; i += 2) {
        write_lines(buffer, i, 1);
        struct decision_record record = {.request_number = i + 1};
        decision_log_write(buffer, &record);
    }
    log_buffer_free(buffer);
    log_writer_stop(writer);
    char *text = take_file("a.log", NULL);
    assert_int_equal(check_order(text, &last), 100);
    free(text);
}

static void test_a_log_that_is_not_wanted_costs_nothing(void **state)
{
    (void)state;
    struct err err;
    struct log_writer *writer = log_writer_start(NULL, NULL, &err);
    struct log_buffer *buffer = log_buffer_new(writer);
    write_lines(buffer, 0, 10);
    log_buffer_flush(buffer);
    assert_int_equal(log_buffer_dropped(buffer), 0);
    log_buffer_free(buffer);
    log_writer_stop(writer);
}

static void test_a_log_that_cannot_be_opened_is_an_error_at_start(void **state)
{
    (void)state;
    struct err err = {0};
    assert_null(log_writer_start("no/such/folder/a.log", NULL, &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_string_equal(err.code, "E_LOG_OPEN");
    assert_non_null(strstr(err.text, "no/such/folder/a.log"));
    assert_null(log_writer_start("a.log", "no/such/folder/b.log", &err));
    assert_int_equal(unlink("a.log"), 0);
}

static void test_a_quiet_program_writes_a_line_at_the_next_flush(void **state)
{
    (void)state;
    struct err err;
    int reader;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    reader = open("fifo", O_RDONLY | O_NONBLOCK);
    struct log_writer *writer = log_writer_start("fifo", NULL, &err);
    struct log_buffer *buffer = log_buffer_new(writer);
    write_lines(buffer, 0, 1);
    log_buffer_flush(buffer);
    free(read_lines(reader, 1)); /* comes without log_buffer_free */
    log_buffer_free(buffer);
    log_writer_stop(writer);
    (void)close(reader);
    assert_int_equal(unlink("fifo"), 0);
}

static void test_an_event_is_one_logfmt_line(void **state)
{
    (void)state;
    int ends[2];
    char line[8192];
    assert_int_equal(pipe(ends), 0);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    log_event("warn", "reload_refused", "line 1\n\"%s\" %d", "quoted", 7);
    ssize_t len = read(ends[0], line, sizeof(line) - 1);
    char *long_text = malloc(10000);
    assert_non_null(long_text);
    memset(long_text, '\n', 9999);
    long_text[9999] = '\0';
    log_event("error", "long", "%s", long_text);
    char second[8192];
    ssize_t second_len = read(ends[0], second, sizeof(second) - 1);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);

    assert_true(len > 31);
    line[len] = '\0';
    assert_memory_equal(line, "ts=20", 5);
    assert_string_equal(line + 3 + 27, " level=warn event=reload_refused "
                                       "msg=\"line 1\\u000a\\\"quoted\\\" 7\"\n");
    assert_true(second_len > 0 && second_len < 4096);
    second[second_len] = '\0';
    assert_string_equal(second + second_len - 5, "...\"\n");
    free(long_text);
    (void)close(saved);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_one_worker_keep_their_order),
        cmocka_unit_test(test_rotation_loses_no_line),
        cmocka_unit_test(test_lines_wait_while_the_disk_is_full),
        cmocka_unit_test(test_a_full_disk_costs_only_the_log_on_it),
        cmocka_unit_test(test_lines_are_dropped_and_counted_while_the_reader_sleeps),
        cmocka_unit_test(test_a_dash_is_standard_output_for_both_logs),
        cmocka_unit_test(test_two_logs_with_one_path_share_the_file),
        cmocka_unit_test(test_a_log_that_is_not_wanted_costs_nothing),
        cmocka_unit_test(test_a_log_that_cannot_be_opened_is_an_error_at_start),
        cmocka_unit_test(test_a_quiet_program_writes_a_line_at_the_next_flush),
        cmocka_unit_test(test_an_event_is_one_logfmt_line),
    };
    memset(padding, 'p', sizeof(padding));
    test_folder_enter();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_folder_leave();
    return failed;
}
