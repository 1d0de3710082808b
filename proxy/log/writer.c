/* The thread that writes the logs. Workers reach it through one list behind a mutex that is held
 * for a few pointer moves, and an eventfd that wakes it. */
#include "log/sink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum {
    RETRY_MS = 1000,     /* between attempts on a full disk */
    STOP_WAIT_MS = 2000, /* at the end, for a file that takes nothing */
    STOP_RETRY_MS = 100, /* meanwhile */
};

SLIST_HEAD(log_account_list, log_account);

struct log_writer {
    struct sink sinks[LOG_KIND_COUNT];
    unsigned n_sinks;
    int sink_of[LOG_KIND_COUNT]; /* -1: not written */
    char *paths[LOG_KIND_COUNT];
    int wake_fd;
    pthread_t thread;

    pthread_mutex_t lock; /* for what follows */
    struct log_chunk_list queue;
    struct log_account_list accounts;
    bool wants_reopen;
    bool wants_stop;
};

static uint64_t clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void writer_wake(struct log_writer *writer)
{
    uint64_t one = 1;
    (void)!write(writer->wake_fd, &one, sizeof(one)); /* full means that it is awake already */
}

/* Sort what has come since the last turn into the sinks, and read the wishes. */
static void writer_take(struct log_writer *writer, bool *ret_reopen, bool *ret_stop)
{
    struct log_chunk_list taken = STAILQ_HEAD_INITIALIZER(taken);
    uint64_t count;
    (void)!read(writer->wake_fd, &count, sizeof(count)); /* empty is fine, too */
    (void)pthread_mutex_lock(&writer->lock);
    STAILQ_CONCAT(&taken, &writer->queue);
    *ret_reopen = writer->wants_reopen;
    writer->wants_reopen = false;
    *ret_stop = writer->wants_stop;
    (void)pthread_mutex_unlock(&writer->lock);
    struct log_chunk *chunk;
    while ((chunk = STAILQ_FIRST(&taken)) != NULL) {
        STAILQ_REMOVE_HEAD(&taken, link);
        STAILQ_INSERT_TAIL(&writer->sinks[chunk->sink].pending, chunk, link);
    }
}

static bool writer_write_all(struct log_writer *writer)
{
    bool is_idle = true;
    for (unsigned i = 0; i < writer->n_sinks; i++) {
        sink_write(&writer->sinks[i]);
        is_idle = is_idle && writer->sinks[i].state == SINK_IDLE;
    }
    return is_idle;
}

static void writer_wait(struct log_writer *writer, bool is_stopping)
{
    struct pollfd fds[1 + LOG_KIND_COUNT] = {{.fd = writer->wake_fd, .events = POLLIN}};
    int timeout_ms = is_stopping ? STOP_RETRY_MS : -1;
    for (unsigned i = 0; i < writer->n_sinks; i++) {
        const struct sink *sink = &writer->sinks[i];
        fds[1 + i] =
            (struct pollfd){.fd = sink->state == SINK_BLOCKED ? sink->fd : -1, .events = POLLOUT};
        if (sink->state == SINK_FAILED && !is_stopping)
            timeout_ms = RETRY_MS;
    }
    (void)poll(fds, 1 + writer->n_sinks, timeout_ms);
}

static void *writer_run(void *arg)
{
    struct log_writer *writer = arg;
    uint64_t stop_ms = 0;
    for (;;) {
        bool wants_reopen;
        bool wants_stop;
        writer_take(writer, &wants_reopen, &wants_stop);
        /* What came before the wish still goes to the old file. */
        bool is_idle = writer_write_all(writer);
        if (wants_reopen) {
            for (unsigned i = 0; i < writer->n_sinks; i++)
                sink_reopen(&writer->sinks[i]);
            is_idle = writer_write_all(writer);
        }
        if (wants_stop && stop_ms == 0)
            stop_ms = clock_ms() + STOP_WAIT_MS;
        if (wants_stop && (is_idle || clock_ms() >= stop_ms))
            return NULL;
        writer_wait(writer, wants_stop);
    }
}

/* Files, by kind; two kinds with one path share the sink so that their lines do not mix. */
static bool writer_open(struct log_writer *writer, enum log_kind kind, const char *path,
                        struct err *err)
{
    writer->sink_of[kind] = -1;
    if (path == NULL)
        return true;
    for (unsigned i = 0; i < writer->n_sinks; i++) {
        if (strcmp(writer->sinks[i].path, path) == 0) {
            writer->sink_of[kind] = (int)i;
            return true;
        }
    }
    writer->paths[kind] = strdup(path);
    if (writer->paths[kind] == NULL)
        return err_set(err, ERR_MEMORY, "", "no memory for the log writer");
    if (!sink_open(&writer->sinks[writer->n_sinks], writer->paths[kind], err))
        return false;
    writer->sink_of[kind] = (int)writer->n_sinks++;
    return true;
}

static void writer_free(struct log_writer *writer)
{
    for (unsigned i = 0; i < writer->n_sinks; i++) {
        size_t n_lost = sink_close(&writer->sinks[i]);
        if (n_lost != 0)
            log_event("error", "log_lines_lost", "%zu lines could not be written to %s", n_lost,
                      writer->sinks[i].path);
    }
    struct log_account *account;
    while ((account = SLIST_FIRST(&writer->accounts)) != NULL) {
        SLIST_REMOVE_HEAD(&writer->accounts, link);
        for (unsigned i = 0; i < LOG_SPARE_CHUNKS; i++)
            free(account->spares[i]);
        free(account);
    }
    for (unsigned i = 0; i < LOG_KIND_COUNT; i++)
        free(writer->paths[i]);
    if (writer->wake_fd >= 0)
        (void)close(writer->wake_fd);
    (void)pthread_mutex_destroy(&writer->lock);
    free(writer);
}

/* No signal is handled in the thread; a reader that went away is an error of write. */
static bool writer_start_thread(struct log_writer *writer, struct err *err)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&writer->thread, NULL, writer_run, writer);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 || err_set(err, ERR_IO, "",
                                 "cannot start the log thread: %s; check the "
                                 "limit of threads",
                                 strerror(error));
}

struct log_writer *log_writer_start(const char *access, const char *decisions, struct err *err)
{
    struct log_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL) {
        (void)err_set(err, ERR_MEMORY, "", "no memory for the log writer");
        return NULL;
    }
    (void)pthread_mutex_init(&writer->lock, NULL);
    STAILQ_INIT(&writer->queue);
    SLIST_INIT(&writer->accounts);
    writer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (writer->wake_fd < 0)
        (void)err_set(err, ERR_IO, "", "cannot make an eventfd: %s", strerror(errno));
    if (writer->wake_fd < 0 || !writer_open(writer, LOG_ACCESS, access, err) ||
        !writer_open(writer, LOG_DECISIONS, decisions, err) || !writer_start_thread(writer, err)) {
        writer_free(writer);
        return NULL;
    }
    return writer;
}

void log_writer_reopen(struct log_writer *writer)
{
    (void)pthread_mutex_lock(&writer->lock);
    writer->wants_reopen = true;
    (void)pthread_mutex_unlock(&writer->lock);
    writer_wake(writer);
}

void log_writer_stop(struct log_writer *writer)
{
    if (writer == NULL)
        return;
    (void)pthread_mutex_lock(&writer->lock);
    writer->wants_stop = true;
    (void)pthread_mutex_unlock(&writer->lock);
    writer_wake(writer);
    (void)pthread_join(writer->thread, NULL);
    writer_free(writer);
}

struct log_account *log_writer_account(struct log_writer *writer)
{
    struct log_account *account = calloc(1, sizeof(*account));
    if (account == NULL)
        return NULL;
    (void)pthread_mutex_lock(&writer->lock);
    SLIST_INSERT_HEAD(&writer->accounts, account, link);
    (void)pthread_mutex_unlock(&writer->lock);
    return account;
}

bool log_writer_sink(const struct log_writer *writer, enum log_kind kind, unsigned *ret_sink)
{
    int sink = writer->sink_of[kind];
    if (sink < 0)
        return false;
    *ret_sink = (unsigned)sink;
    return true;
}

void log_writer_push(struct log_writer *writer, struct log_chunk_list *list)
{
    if (STAILQ_EMPTY(list))
        return;
    (void)pthread_mutex_lock(&writer->lock);
    bool was_empty = STAILQ_EMPTY(&writer->queue);
    STAILQ_CONCAT(&writer->queue, list);
    (void)pthread_mutex_unlock(&writer->lock);
    if (was_empty)
        writer_wake(writer);
}
