/* uv_poll and accept4. */
#include "net/acceptor.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stopgap/banned.h"

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

int acceptor_start(struct acceptor *acceptor, uv_loop_t *loop, int fd, int backlog,
                   uv_poll_cb callback)
{
    int status = listen(fd, backlog) == 0 ? 0 : -errno;
    if (status == 0)
        status = uv_poll_init_socket(loop, &acceptor->handle, fd);
    if (status != 0)
        return status;
    acceptor->fd = fd;
    acceptor->callback = callback;
    return uv_poll_start(&acceptor->handle, UV_READABLE, callback);
}

void acceptor_stop(struct acceptor *acceptor, uv_close_cb closed)
{
    if (uv_is_closing((uv_handle_t *)&acceptor->handle))
        return;
    uv_close((uv_handle_t *)&acceptor->handle, closed);
    (void)close(acceptor->fd);
}

enum acceptor_result acceptor_take(const struct acceptor *acceptor, int *ret_fd)
{
    *ret_fd = accept4(acceptor->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (*ret_fd >= 0)
        return ACCEPTOR_MORE;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return ACCEPTOR_EMPTY;
    return concerns_one_connection(errno) ? ACCEPTOR_MORE : ACCEPTOR_FAILED;
}

void acceptor_rest(struct acceptor *acceptor)
{
    (void)uv_poll_stop(&acceptor->handle);
    acceptor->rests = true;
}

void acceptor_resume(struct acceptor *acceptor)
{
    if (acceptor->rests && !uv_is_closing((uv_handle_t *)&acceptor->handle))
        (void)uv_poll_start(&acceptor->handle, UV_READABLE, acceptor->callback); /* it did once */
    acceptor->rests = false;
}

const char *acceptor_remedy(int error)
{
    return error == EMFILE   ? "; raise LimitNOFILE of the systemd unit"
           : error == ENFILE ? "; raise fs.file-max"
                             : "";
}
