/* Taking connections from the kernel, and resting when that cannot be done. */
#include "accept.h"

#include "conn.h"
#include "log/log.h"
#include "proxy_limits.h"
#include "worker.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "stopgap/banned.h"

static struct worker_socket *socket_of_poll(uv_poll_t *poll)
{
    return (struct worker_socket *)((char *)poll - offsetof(struct worker_socket, acceptor.handle));
}

static enum acceptor_result accept_one(struct worker_socket *socket)
{
    struct worker *worker = socket->listener->worker;
    struct conn *conn = conn_new(worker, socket->listener);
    if (conn == NULL) { /* it waits in the queue instead of being taken and dropped */
        errno = ENOMEM;
        return ACCEPTOR_FAILED;
    }
    int fd;
    enum acceptor_result result = acceptor_take(&socket->acceptor, &fd);
    int error = errno;
    if (fd >= 0)
        conn_begin(conn, fd);
    else
        conn_discard(conn);
    errno = error;
    return result;
}

static void accept_rest(struct worker_socket *socket)
{
    struct worker *worker = socket->listener->worker;
    int error = errno;
    counter_add(&worker->stats.accept_pauses, 1);
    acceptor_rest(&socket->acceptor);
    uint64_t now_ms = worker_now_ms(worker);
    if (worker->accept_logged_ms != 0 && now_ms < worker->accept_logged_ms + LIMIT_REFUSAL_LOG_MS)
        return;
    worker->accept_logged_ms = now_ms;
    log_event("error", "accept_paused", "%s: cannot take a connection: %s%s",
              socket->listener->config->url, strerror(error), acceptor_remedy(error));
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct worker_socket *socket = socket_of_poll(poll);
    enum acceptor_result result = ACCEPTOR_MORE;
    (void)status; /* accept4 tells more */
    (void)events;
    /* What a draining worker does not take now is reset with its queue. A full queue has one more
     * than listen(2) says; those who come meanwhile must not keep the loop here. */
    unsigned most = socket->listener->worker->is_draining ? SOMAXCONN + 1 : LIMIT_ACCEPT_BURST;
    for (unsigned n = 0; result == ACCEPTOR_MORE && n < most; n++)
        result = accept_one(socket);
    if (result == ACCEPTOR_FAILED)
        accept_rest(socket);
}

bool accept_start(struct worker *worker, struct worker_socket *socket, int fd, struct err *err)
{
    int status = acceptor_start(&socket->acceptor, &worker->loop, fd, SOMAXCONN, on_acceptable);
    return status == 0 || err_set(err, ERR_IO, "E_LISTEN", "cannot listen on %s: %s",
                                  socket->listener->config->url, uv_strerror(status));
}

void accept_stop(struct worker_socket *socket)
{
    acceptor_stop(&socket->acceptor, NULL);
}

void accept_resume(struct worker *worker)
{
    for (struct worker_socket *socket = LIST_FIRST(&worker->sockets); socket != NULL;
         socket = LIST_NEXT(socket, entry))
        acceptor_resume(&socket->acceptor);
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
