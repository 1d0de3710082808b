/* Writes chunks to a file: short writes go on where they stopped, a full disk is waited for. */
#include "log/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum {
    SINK_IOVECS = 16,         /* 1 MiB a call at most */
    SINK_SHARED_BYTES = 4096, /* Linux's PIPE_BUF: what a writable pipe takes without blocking */
};

static int open_file(const char *path)
{
    /* O_NONBLOCK matters for a FIFO only: a stuck reader must not stop the other log. */
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

bool sink_open(struct sink *sink, const char *path, struct err *err)
{
    *sink = (struct sink){.path = path, .fd = STDOUT_FILENO};
    STAILQ_INIT(&sink->pending);
    sink->is_shared = strcmp(path, "-") == 0;
    if (sink->is_shared)
        return true;
    sink->fd = open_file(path);
    if (sink->fd >= 0)
        return true;
    return err_set(err, ERR_IO, "E_LOG_OPEN", "cannot open the log %s for appending: %s%s", path,
                   strerror(errno),
                   errno == ENXIO ? "; start the reader of this FIFO first"
                                  : "; check its folder and who may write there");
}

/* Gather the front of the queue, max bytes at most. */
static int sink_gather(const struct sink *sink, struct iovec *iov, size_t max)
{
    int n = 0;
    const struct log_chunk *chunk;
    STAILQ_FOREACH (chunk, &sink->pending, link) {
        size_t len = chunk->len - chunk->written;
        if (n == SINK_IOVECS || max == 0)
            break;
        union { /* writev does not write to it, but its type does not say so */
            const char *bytes;
            void *base;
        } from = {.bytes = chunk->bytes + chunk->written};
        iov[n].iov_base = from.base;
        iov[n].iov_len = len < max ? len : max;
        max -= iov[n].iov_len;
        n++;
    }
    return n;
}

static void sink_consume(struct sink *sink, size_t written)
{
    while (written != 0) {
        struct log_chunk *chunk = STAILQ_FIRST(&sink->pending);
        size_t n = chunk->len - chunk->written;
        if (n > written) {
            chunk->written += written;
            return;
        }
        written -= n;
        STAILQ_REMOVE_HEAD(&sink->pending, link);
        log_chunk_free(chunk);
    }
}

/* Would a small write go through? A shared descriptor stays in blocking mode, so we ask first. */
static bool sink_has_room(const struct sink *sink)
{
    struct pollfd pfd = {.fd = sink->fd, .events = POLLOUT};
    return poll(&pfd, 1, 0) > 0;
}

/* Messages come once per change of state, not once per attempt. */
static void sink_set_failed(struct sink *sink, int error)
{
    if (sink->state != SINK_FAILED)
        log_event("error", "log_write_failed", "cannot write to %s: %s; lines wait in memory",
                  sink->path, strerror(error));
    sink->state = SINK_FAILED;
}

static void sink_set_working(struct sink *sink)
{
    if (sink->state == SINK_FAILED)
        log_event("info", "log_write_works", "writing to %s again", sink->path);
    sink->state = SINK_IDLE;
}

void sink_write(struct sink *sink)
{
    struct iovec iov[SINK_IOVECS];
    size_t max = sink->is_shared ? SINK_SHARED_BYTES : SIZE_MAX;
    while (!STAILQ_EMPTY(&sink->pending)) {
        if (sink->is_shared && !sink_has_room(sink)) {
            sink->state = SINK_BLOCKED;
            return;
        }
        ssize_t written = writev(sink->fd, iov, sink_gather(sink, iov, max));
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            sink->state = SINK_BLOCKED;
            return;
        }
        if (written <= 0) {
            sink_set_failed(sink, written < 0 ? errno : ENOSPC);
            return;
        }
        sink_set_working(sink);
        sink_consume(sink, (size_t)written);
    }
    sink->state = SINK_IDLE;
}

/* A line that is half in the old file starts again in the new one. */
static void sink_rewind_line(struct sink *sink)
{
    struct log_chunk *chunk = STAILQ_FIRST(&sink->pending);
    while (chunk != NULL && chunk->written != 0 && chunk->bytes[chunk->written - 1] != '\n')
        chunk->written--;
}

void sink_reopen(struct sink *sink)
{
    if (sink->is_shared)
        return;
    int fd = open_file(sink->path);
    if (fd < 0) {
        log_event("error", "log_reopen_failed", "cannot open %s again: %s; the old file stays open",
                  sink->path, strerror(errno));
        return;
    }
    (void)close(sink->fd);
    sink->fd = fd;
    sink_rewind_line(sink);
}

size_t sink_close(struct sink *sink)
{
    size_t n_lost = 0;
    struct log_chunk *chunk;
    while ((chunk = STAILQ_FIRST(&sink->pending)) != NULL) {
        n_lost += chunk->n_lines;
        STAILQ_REMOVE_HEAD(&sink->pending, link);
        log_chunk_free(chunk);
    }
    if (!sink->is_shared)
        (void)close(sink->fd);
    return n_lost;
}
