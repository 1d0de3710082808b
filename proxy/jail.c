/* The side that asks: start the process, give it the rules, wait for its answer or its end. */
#include "jail.h"

#include "proxy_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stopgap/banned.h"

#define OWN_PROGRAM "/proc/self/exe" /* this very file, even when an upgrade has replaced it */

enum {
    REPLY_BYTES = 16 * 1024, /* numbers, a code and a line */
    TICK_MS = 200,           /* how soon it is seen that nobody waits any more */
};

struct jail {
    int request; /* a file in memory */
    int reply;   /* our end of a pipe */
    int their_reply;
    pid_t process;
    bool was_killed; /* by us: too slow, or not wanted any more */
    struct buf answer;
};

static bool fail_start(const char *what, int error, struct err *err)
{
    return err_set(err, ERR_IO, "E_JAIL", "cannot start the process that judges rules: %s: %s",
                   what, strerror(error));
}

/* ---- the start */

static bool write_request(int fd, struct slice bytes)
{
    while (bytes.len != 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            bytes = slice_from(bytes, (size_t)n);
    }
    return lseek(fd, 0, SEEK_SET) == 0;
}

/* Only what a library or a sanitizer needs: the environment may hold sockets and credentials. */
static size_t choose_environment(char **ret_env, size_t max)
{
    static const char *const names[] = {"LD_LIBRARY_PATH=", "OPENSSL_CONF=",  "OPENSSL_MODULES=",
                                        "ASAN_OPTIONS=",    "UBSAN_OPTIONS=", "TSAN_OPTIONS="};
    size_t n = 0;
    for (size_t i = 0; environ[i] != NULL; i++)
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]) && n + 1 < max; k++)
            if (strncmp(environ[i], names[k], strlen(names[k])) == 0)
                ret_env[n++] = environ[i];
    ret_env[n] = NULL;
    return n;
}

static int spawn(struct jail *jail)
{
    static char name[] = "stopgap";
    static char verb[] = JAIL_VERB;
    char *const argv[] = {name, verb, NULL};
    char *env[16];
    sigset_t none;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    (void)choose_environment(env, sizeof(env) / sizeof(env[0]));
    (void)sigemptyset(&none);
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        error = posix_spawn_file_actions_adddup2(&actions, jail->request, STDIN_FILENO);
        if (error == 0)
            error = posix_spawn_file_actions_adddup2(&actions, jail->their_reply, STDOUT_FILENO);
        if (error == 0)
            error = posix_spawn(&jail->process, OWN_PROGRAM, &actions, &attributes, argv, env);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

static bool start(struct jail *jail, struct slice request, struct err *err)
{
    int ends[2];
    jail->request = memfd_create("rules to judge", MFD_CLOEXEC);
    if (jail->request < 0 || !write_request(jail->request, request))
        return fail_start("a file in memory", errno, err);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail_start("a pipe", errno, err);
    jail->reply = ends[0];
    jail->their_reply = ends[1];
    int error = spawn(jail);
    (void)close(jail->their_reply);
    jail->their_reply = -1;
    return error == 0 || fail_start(OWN_PROGRAM, error, err);
}

/* ---- the wait */

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* False: the end of its answer. */
static bool read_some(struct jail *jail)
{
    char bytes[4096];
    ssize_t n = read(jail->reply, bytes, sizeof(bytes));
    if (n < 0)
        return errno == EINTR;
    return n != 0 && buf_append(&jail->answer, slice_make(bytes, (size_t)n));
}

/* Until it has closed its end, which its death does, too. */
static void collect(struct jail *jail, const atomic_bool *is_over)
{
    uint64_t end = now_ms() + JAIL_WALL_MS;
    for (;;) {
        struct pollfd poll_reply = {.fd = jail->reply, .events = POLLIN};
        int n = poll(&poll_reply, 1, TICK_MS);
        if (n > 0 && !read_some(jail))
            return;
        if (now_ms() >= end || (is_over != NULL && atomic_load(is_over))) {
            jail->was_killed = true;
            return;
        }
    }
}

/* Its status, as wait(2) tells it. */
static int reap(struct jail *jail)
{
    int status = 0;
    (void)kill(jail->process, SIGKILL); /* it has answered, or will not */
    while (waitpid(jail->process, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* ---- the verdict */

static bool fail_limit(struct err *err)
{
    return err_set(err, ERR_COMPILE, "E_COMPILE",
                   "the rules take more to compile and try than they may: %d MiB of memory, %d s "
                   "of CPU, %d s in all; remove or simplify large patterns",
                   JAIL_MEMORY_MIB, JAIL_CPU_S, JAIL_WALL_MS / 1000);
}

static bool explain_death(int status, struct err *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == JAIL_EXIT_UNLIMITED)
        return err_set(err, ERR_IO, "E_JAIL",
                       "the process that judges rules cannot limit itself; allow prlimit64 and "
                       "prctl where system calls are filtered");
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGXCPU && WTERMSIG(status) != SIGKILL)
        return err_set(err, ERR_COMPILE, "E_COMPILE",
                       "the rules crash the process that judges them (signal %d); send them to "
                       "their publisher",
                       WTERMSIG(status));
    return fail_limit(err);
}

static bool conclude(struct jail *jail, int status, struct rules_judgement *ret, struct err *err)
{
    struct err verdict = {.kind = ERR_NONE};
    if (jail->was_killed || jail->answer.len == 0)
        return explain_death(jail->was_killed ? SIGKILL : status, err);
    if (rules_judge_reply(buf_slice(&jail->answer), ret, &verdict))
        return true;
    if (verdict.kind == ERR_MEMORY)
        return fail_limit(err);
    if (err != NULL)
        *err = verdict;
    return false;
}

bool jail_judge(void *ctx, struct slice request, struct rules_judgement *ret, struct err *err)
{
    struct jail jail = {.request = -1, .reply = -1, .their_reply = -1};
    buf_init(&jail.answer, REPLY_BYTES);
    bool is_good = start(&jail, request, err);
    if (is_good) {
        collect(&jail, ctx);
        is_good = conclude(&jail, reap(&jail), ret, err);
    }
    if (jail.request >= 0)
        (void)close(jail.request);
    if (jail.reply >= 0)
        (void)close(jail.reply);
    buf_done(&jail.answer);
    return is_good;
}

bool jail_try(struct rules_source source, struct rules_judgement *ret, struct err *err)
{
    *ret = (struct rules_judgement){.cost = 0};
    source.judge = jail_judge;
    source.judge_ctx = NULL;
    source.judgement = ret;
    struct ruleset *set = rules_load(&source, err);
    ruleset_unref(set);
    return set != NULL;
}
