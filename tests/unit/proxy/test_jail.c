/* The process that judges, with a judge that misbehaves: whatever it does, the asker goes on.
 *
 * The process is the program that asks, started again, so this test is both. */
#include "jail.h"

#include "judge_wire.h"
#include "proxy_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "stopgap/banned.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER true
#else
#define HAS_SANITIZER false
#endif

enum {
    SHORT_CPU_S =
        2, /* of processes started in a test of the limit; more than the test itself takes */
    LIE_COST = 4321, /* what the misbehaving judge answers when all is well */
};

/* ---- in the process that judges */

static volatile unsigned long spun;

static void crash(void)
{
    (void)signal(SIGSEGV, SIG_DFL); /* of a sanitizer, who would tell of it */
    (void)raise(SIGSEGV);
}

static void take_memory(void)
{
    enum { PIECE = 16 * 1024 * 1024 };
    for (;;) {
        char *piece = malloc(PIECE);
        if (piece == NULL)
            _exit(0); /* as the library does: no answer */
        memset(piece, 1, PIECE);
    }
}

static void spin(void)
{
    for (;;)
        spun++;
}

static bool is_disk_limited(void)
{
    char path[] = "/tmp/stopgap-jail-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    (void)unlink(path);
    return fd >= 0 && ftruncate(fd, ((off_t)JAIL_FILE_MIB + 1) * 1024 * 1024) != 0 &&
           errno == EFBIG;
}

/* What must not work, and that there is no open file but the three streams. */
static bool is_shut_in(void)
{
    char *const argv[] = {NULL};
    bool is_alone = true;
    for (int fd = STDERR_FILENO + 1; fd < 256; fd++)
        is_alone = is_alone && fcntl(fd, F_GETFD) < 0;
    struct rlimit core;
    return is_alone && socket(AF_INET, SOCK_STREAM, 0) < 0 && socket(AF_UNIX, SOCK_STREAM, 0) < 0 &&
           execve("/bin/true", argv, argv) < 0 && errno == EPERM && fork() < 0 &&
           kill(getppid(), 0) < 0 && getenv("STOPGAP_TEST_SECRET") == NULL &&
           getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0;
}

static bool answer(bool is_good, struct buf *reply)
{
    const struct rules_judgement judgement = {.cost = LIE_COST};
    const struct err bad = {.kind = ERR_TEST, .code = "E_TEST", .text = "bad"};
    return judge_reply_write(&judgement, is_good ? NULL : &bad, reply);
}

/* Stands for the real one. */
bool rules_judge(struct slice request, unsigned isolation, struct buf *reply)
{
    (void)isolation;
    if (slice_equal(request, SLICE("crash")))
        crash();
    else if (slice_equal(request, SLICE("memory")))
        take_memory();
    else if (slice_equal(request, SLICE("spin")))
        spin();
    else if (slice_equal(request, SLICE("sleep")))
        (void)pause();
    else if (slice_equal(request, SLICE("rubbish")))
        return buf_append(reply, SLICE("all is well, believe me"));
    else if (slice_equal(request, SLICE("flood")))
        for (int i = 0; i < 100000; i++)
            (void)!write(STDOUT_FILENO, "................................", 32);
    else if (slice_equal(request, SLICE("disk")))
        return answer(is_disk_limited(), reply);
    else if (slice_equal(request, SLICE("shut in")))
        return answer(is_shut_in(), reply);
    return answer(request.len > 1024 * 1024, reply);
}

/* ---- the tests */

static bool judge(const char *request, struct err *err)
{
    struct rules_judgement judgement = {.cost = 0};
    *err = (struct err){.kind = ERR_NONE};
    bool is_good = jail_judge(NULL, slice_str(request), &judgement, err);
    assert_true(!is_good || judgement.cost == LIE_COST);
    return is_good;
}

static void check_refused(const char *request, const char *code, const char *why)
{
    struct err err;
    assert_false(judge(request, &err));
    if (strcmp(err.code, code) != 0 || strstr(err.text, why) == NULL)
        fail_msg("%s: %s: %s", request, err.code, err.text);
}

static void test_it_has_no_network_no_other_program_and_no_secret(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(setenv("STOPGAP_TEST_SECRET", "hunter2", 1), 0);
    int open_file = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    assert_true(open_file >= 0);
    if (!judge("shut in", &err))
        fail_msg("%s", err.text);
    assert_int_equal(close(open_file), 0);
    assert_int_equal(unsetenv("STOPGAP_TEST_SECRET"), 0);
}

static void test_a_large_request_arrives(void **state)
{
    enum { SIZE = 20 * 1024 * 1024 };
    struct rules_judgement judgement;
    struct err err;
    (void)state;
    char *large = calloc(1, SIZE);
    assert_non_null(large);
    assert_true(jail_judge(NULL, slice_make(large, SIZE), &judgement, &err));
    assert_int_equal(judgement.cost, LIE_COST);
    free(large);
}

static void test_a_crash_is_a_refusal(void **state)
{
    (void)state;
    check_refused("crash", "E_COMPILE", "crash the process that judges them (signal 11)");
}

static void test_too_much_memory_is_a_refusal(void **state)
{
    (void)state;
    if (HAS_SANITIZER)
        skip(); /* nothing is limited */
    check_refused("memory", "E_COMPILE", "1024 MiB of memory");
}

/* The limit of this process is handed on, so that the test need not take a minute. */
static void test_too_much_time_is_a_refusal(void **state)
{
    struct rlimit before;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_CPU, &before), 0);
    pid_t child = fork(); /* a limit cannot be taken back */
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit few = {.rlim_cur = before.rlim_cur, .rlim_max = SHORT_CPU_S};
        struct err err;
        few.rlim_cur = few.rlim_max;
        bool is_refused = setrlimit(RLIMIT_CPU, &few) == 0 && !judge("spin", &err) &&
                          strcmp(err.code, "E_COMPILE") == 0 && strstr(err.text, "CPU") != NULL;
        _exit(is_refused ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_a_file_cannot_grow_without_end(void **state)
{
    struct err err;
    (void)state;
    assert_true(judge("disk", &err));
}

static void test_an_answer_that_is_none_is_a_refusal(void **state)
{
    (void)state;
    check_refused("rubbish", "E_COMPILE", "no whole answer");
    check_refused("flood", "E_COMPILE", "no whole answer");
}

static void test_an_answer_that_is_no_is_a_refusal(void **state)
{
    (void)state;
    check_refused("too small", "E_TEST", "bad");
}

static void test_who_stops_does_not_wait_for_it(void **state)
{
    atomic_bool is_over;
    struct rules_judgement judgement;
    struct err err = {.kind = ERR_NONE};
    (void)state;
    atomic_init(&is_over, true);
    assert_false(jail_judge(&is_over, SLICE("sleep"), &judgement, &err));
    assert_string_equal(err.code, "E_COMPILE");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_has_no_network_no_other_program_and_no_secret),
        cmocka_unit_test(test_a_large_request_arrives),
        cmocka_unit_test(test_a_crash_is_a_refusal),
        cmocka_unit_test(test_too_much_memory_is_a_refusal),
        cmocka_unit_test(test_too_much_time_is_a_refusal),
        cmocka_unit_test(test_a_file_cannot_grow_without_end),
        cmocka_unit_test(test_an_answer_that_is_none_is_a_refusal),
        cmocka_unit_test(test_an_answer_that_is_no_is_a_refusal),
        cmocka_unit_test(test_who_stops_does_not_wait_for_it),
    };
    if (argc == 2 && strcmp(argv[1], JAIL_VERB) == 0)
        return jail_main();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
