/* Taking connections from the kernel, and resting when that cannot be done. */
#include "accept.h"

#include "conn.h"
#include "log/log.h"
#include "proxy_limits.h"
#include "worker.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum accept_result {
    ACCEPT_MORE = 0,
    ACCEPT_EMPTY, /* nobody waits */
    ACCEPT_FAILED,
};

static struct worker_socket *socket_of_poll(uv_poll_t *poll)
{
    return (struct worker_socket *)((char *)poll - offsetof(struct worker_socket, handle));
}

/* accept(2): Linux reports an error that the new connection already has; the next one is well. */
static bool concerns_one_connection(int error)
{
    static const int errors[] = {EINTR,     ECONNABORTED, EPROTO,     ENOPROTOOPT,
                                 EHOSTDOWN, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH,
                                 ENETDOWN,  ENONET,       EPERM};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (error == errors[i])
            return true;
    return false;
}

static enum accept_result accept_one(struct worker_socket *socket)
{
    struct worker *worker = socket->listener->worker;
    struct conn *conn = conn_new(worker, socket->listener);
    if (conn == NULL) { /* it waits in the queue instead of being taken and dropped */
        errno = ENOMEM;
        return ACCEPT_FAILED;
    }
    int fd = accept4(socket->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        conn_begin(conn, fd);
        return ACCEPT_MORE;
    }
    int error = errno;
    conn_discard(conn);
    errno = error;
    if (error == EAGAIN || error == EWOULDBLOCK)
        return ACCEPT_EMPTY;
    return concerns_one_connection(error) ? ACCEPT_MORE : ACCEPT_FAILED;
}

/* Out of descriptors or memory, here or in the whole system: trying at once again would only burn
 * the processor, and those who wait lose nothing but time. */
static void accept_rest(struct worker_socket *socket)
{
    struct worker *worker = socket->listener->worker;
    int error = errno;
    counter_add(&worker->stats.accept_pauses, 1);
    (void)uv_poll_stop(&socket->handle);
    socket->rests = true;
    uint64_t now_ms = worker_now_ms(worker);
    if (worker->accept_logged_ms != 0 && now_ms < worker->accept_logged_ms + LIMIT_REFUSAL_LOG_MS)
        return;
    worker->accept_logged_ms = now_ms;
    log_event("error", "accept_paused", "%s: cannot take a connection: %s%s",
              socket->listener->config->url, strerror(error),
              error == EMFILE   ? "; raise LimitNOFILE of the systemd unit"
              : error == ENFILE ? "; raise fs.file-max"
                                : "");
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct worker_socket *socket = socket_of_poll(poll);
    enum accept_result result = ACCEPT_MORE;
    (void)status; /* accept4 tells more */
    (void)events;
    /* What a draining worker does not take now is reset with its queue. A full queue has one more
     * than listen(2) says; those who come meanwhile must not keep the loop here. */
    unsigned most = socket->listener->worker->is_draining ? SOMAXCONN + 1 : LIMIT_ACCEPT_BURST;
    for (unsigned n = 0; result == ACCEPT_MORE && n < most; n++)
        result = accept_one(socket);
    if (result == ACCEPT_FAILED)
        accept_rest(socket);
}

bool accept_start(struct worker *worker, struct worker_socket *socket, int fd, struct err *err)
{
    socket->fd = fd;
    int status = listen(fd, SOMAXCONN) == 0 ? 0 : -errno;
    if (status == 0)
        status = uv_poll_init_socket(&worker->loop, &socket->handle, fd);
    if (status == 0)
        status = uv_poll_start(&socket->handle, UV_READABLE, on_acceptable);
    return status == 0 || err_set(err, ERR_IO, "E_LISTEN", "cannot listen on %s: %s",
                                  socket->listener->config->url, uv_strerror(status));
}

void accept_stop(struct worker_socket *socket)
{
    if (uv_is_closing((uv_handle_t *)&socket->handle))
        return;
    uv_close((uv_handle_t *)&socket->handle, NULL);
    (void)close(socket->fd);
}

void accept_resume(struct worker *worker)
{
    for (struct worker_socket *socket = LIST_FIRST(&worker->sockets); socket != NULL;
         socket = LIST_NEXT(socket, entry)) {
        if (socket->rests && !uv_is_closing((uv_handle_t *)&socket->handle))
            (void)uv_poll_start(&socket->handle, UV_READABLE, on_acceptable); /* it did once */
        socket->rests = false;
    }
}

void accept_note_refused(struct worker *worker, const struct net_address *address)
{
    struct refusal_log *log = address != NULL ? &worker->refused_address : &worker->refused_total;
    counter_add(&worker->stats.connections_refused, 1);
    log->n++;
    uint64_t now_ms = worker_now_ms(worker);
    if (log->logged_ms != 0 && now_ms < log->logged_ms + LIMIT_REFUSAL_LOG_MS)
        return;
    if (address == NULL) {
        log_event("warn", "connection_limit",
                  "%llu client connections refused: %u are open, that is the limit",
                  (unsigned long long)log->n, worker->shared->max_connections);
    } else {
        char text[48];
        (void)net_address_format(address, text, sizeof(text));
        log_event("warn", "address_limit",
                  "%llu client connections refused, the last from %s, which has "
                  "limits.connections_per_address (%llu) open",
                  (unsigned long long)log->n, text,
                  (unsigned long long)worker->config->limits.connections_per_address);
    }
    *log = (struct refusal_log){.logged_ms = now_ms};
}
