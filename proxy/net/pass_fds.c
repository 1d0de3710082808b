/* sendmsg and recvmsg with SCM_RIGHTS. */
#include "net/pass_fds.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "stopgap/banned.h"

union control_bytes {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(LIMIT_PASSED_FDS * sizeof(int))];
};

bool pass_fds_send(int socket, struct slice bytes, const int *fds, size_t n)
{
    union control_bytes control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes.ptr, .iov_len = bytes.len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;
    assert(n <= LIMIT_PASSED_FDS && bytes.len != 0);
    if (n != 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(n * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)),
                                   .cmsg_level = SOL_SOCKET,
                                   .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(header), fds, n * sizeof(int));
    }
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0 && (size_t)sent != bytes.len)
        errno = EAGAIN; /* the message is cut, so the peer cannot go on */
    return sent == (ssize_t)bytes.len;
}

/* False: there was no room for all. */
static bool take_fds(const struct cmsghdr *header, struct inherited *pool)
{
    size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
        fits &= pool->n < LIMIT_INHERITED_SOCKETS;
        (void)inherited_add(pool, fd);
    }
    return fits;
}

ssize_t pass_fds_receive(int socket, void *buffer, size_t size, struct inherited *pool)
{
    union control_bytes control;
    struct iovec part = {.iov_base = buffer, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (n < 0)
        return -1;
    bool is_whole = (message.msg_flags & MSG_CTRUNC) == 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
         header = CMSG_NXTHDR(&message, header))
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
            is_whole &= take_fds(header, pool);
    if (is_whole)
        return n;
    errno = EMSGSIZE; /* some are missing: connections would wait in queues that nobody serves */
    return -1;
}
