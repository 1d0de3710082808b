/* Who has the listening sockets, and for how long. */
#include "successor.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "stopgap/banned.h"

/* A process that waits to be killed. */
static pid_t start(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    while (pid == 0)
        (void)pause();
    return pid;
}

static void end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    siginfo_t info;
    /* It stays a zombie: the number is taken, the process is not there. */
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void test_one_that_lives_keeps_others_out_for_its_time(void **state)
{
    struct successor successor = {0};
    pid_t first = start();
    pid_t second = start();
    (void)state;
    assert_false(successor_is_alive(&successor));
    assert_true(successor_begin(&successor, first, 1000));
    assert_true(successor_is(&successor, first));
    assert_false(successor_begin(&successor, second, 1000 + SUCCESSOR_MS - 1));
    assert_true(successor_is(&successor, first));
    assert_true(successor_begin(&successor, second, 1000 + SUCCESSOR_MS));
    assert_true(successor_is(&successor, second));
    assert_false(successor_is(&successor, first)); /* it came too late */
    successor_done(&successor);
    end(first);
    end(second);
}

static void test_the_same_process_may_ask_again(void **state)
{
    struct successor successor = {0};
    (void)state;
    assert_true(successor_begin(&successor, (int)getpid(), 1000));
    assert_true(successor_begin(&successor, (int)getpid(), 2000));
    assert_true(successor_is(&successor, (int)getpid()));
    successor_done(&successor);
    assert_false(successor_is(&successor, (int)getpid()));
}

static void test_one_that_died_keeps_nobody_out_waited_for_or_not(void **state)
{
    struct successor successor = {0};
    pid_t first = start();
    (void)state;
    assert_true(successor_begin(&successor, first, 1000));
    end(first);
    assert_false(successor_is_alive(&successor));
    assert_false(successor_is(&successor, first));
    assert_true(successor_begin(&successor, (int)getpid(), 1001));
    successor_done(&successor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_lives_keeps_others_out_for_its_time),
        cmocka_unit_test(test_the_same_process_may_ask_again),
        cmocka_unit_test(test_one_that_died_keeps_nobody_out_waited_for_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
