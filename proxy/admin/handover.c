/* A program that replaces this one: it gets the listening sockets (POST /listeners), starts, says
 * that it serves (POST /taken); and POST /upgrade starts such a program.
 *
 * Nothing changes here before /taken, so a successor may fail at any time until then. */
#include "admin/server.h"

#include "net/pass_fds.h"

#include <unistd.h>

#include "stopgap/banned.h"

/* A listening socket is a door to everybody's mail, so the group that may reload is not enough.
 * False: it was answered. */
static bool is_trusted(struct admin_conn *conn, struct ucred *ret_peer)
{
    const char *refusal = NULL;
    if (!admin_conn_peer(conn, ret_peer) || (ret_peer->uid != 0 && ret_peer->uid != geteuid()))
        refusal = "only root and the user that this program runs as";
    else if (ret_peer->pid <= 0)
        refusal = "the process that asks is in a PID name space that this one cannot see";
    if (refusal != NULL)
        admin_conn_answer_text(conn, 403, refusal);
    return refusal == NULL;
}

static bool add_admin_sockets(const struct admin *admin, struct inherited *sockets)
{
    for (size_t i = 0; i < admin->n_listeners; i++) {
        if (sockets->n == LIMIT_INHERITED_SOCKETS)
            return false;
        sockets->fds[sockets->n++] = admin->listeners[i].acceptor.fd;
    }
    return true;
}

/* One byte of the answer's body a batch. libuv sends no descriptors over a plain pipe, and nothing
 * of ours is queued on this connection, so the socket is written to directly. */
static bool send_sockets(int fd, const struct inherited *sockets)
{
    char head[128];
    size_t n_batches = (sockets->n + LIMIT_PASSED_FDS - 1) / LIMIT_PASSED_FDS;
    int len =
        snprintf(head, sizeof(head),
                 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", n_batches);
    bool ok = pass_fds_send(fd, slice_make(head, (size_t)len), NULL, 0);
    for (size_t at = 0; ok && at < sockets->n; at += LIMIT_PASSED_FDS) {
        size_t left = sockets->n - at;
        ok = pass_fds_send(fd, SLICE("."), sockets->fds + at,
                           left < LIMIT_PASSED_FDS ? left : LIMIT_PASSED_FDS);
    }
    return ok;
}

void admin_post_listeners(struct admin_conn *conn)
{
    const struct admin_backend *backend = &conn->admin->backend;
    struct inherited sockets = {.n = 0};
    struct ucred peer;
    uv_os_fd_t fd;
    if (!is_trusted(conn, &peer))
        return;
    const char *refusal = backend->lend(backend->ctx, peer.pid, &sockets);
    if (refusal != NULL)
        admin_conn_answer_text(conn, 409, refusal);
    else if (!add_admin_sockets(conn->admin, &sockets) || uv_fileno(&conn->uv.handle, &fd) != 0 ||
             !send_sockets(fd, &sockets))
        admin_conn_close(conn); /* what the peer got is no whole answer */
    else
        admin_conn_linger(conn);
}

void admin_post_taken(struct admin_conn *conn)
{
    const struct admin_backend *backend = &conn->admin->backend;
    struct ucred peer;
    if (!is_trusted(conn, &peer))
        return;
    const char *refusal = backend->replaced(backend->ctx, peer.pid);
    admin_conn_answer_text(conn, refusal != NULL ? 409 : 200,
                           refusal != NULL ? refusal : "draining");
}

void admin_post_upgrade(struct admin_conn *conn)
{
    struct admin_wait *wait = admin_conn_wait(conn);
    if (wait != NULL)
        conn->admin->backend.upgrade(conn->admin->backend.ctx, admin_conn_done, wait);
}
