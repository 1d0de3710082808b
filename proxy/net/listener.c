/* bind and SO_REUSEPORT by hand: libuv 1.44 has no flag for it. */
#include "net/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stopgap/banned.h"

static bool bind_error(const char *url, struct err *err)
{
    const char *hint = "";
    if (errno == EADDRINUSE)
        hint = "; another program has this port: stop it, or give another --listen";
    else if (errno == EACCES)
        hint = "; ports below 1024 need CAP_NET_BIND_SERVICE";
    else if (errno == EADDRNOTAVAIL)
        hint = "; this machine has no such address";
    return err_set(err, ERR_IO, errno == EADDRINUSE ? "E_PORT_IN_USE" : "E_LISTEN",
                   "cannot listen on %s: %s%s", url, strerror(errno), hint);
}

static int bind_one(const struct addrinfo *address, bool reuse_port)
{
    int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    bool ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
              (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
              bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
              (reuse_port || listen(fd, 1) == 0);
    if (ok)
        return fd;
    int reason = errno;
    (void)close(fd);
    errno = reason;
    return -1;
}

static bool bind_all(const struct addrinfo *address, const char *url, int *ret_fds, unsigned n_fds,
                     struct err *err)
{
    int probe = bind_one(address, false);
    if (probe < 0)
        return bind_error(url, err);
    (void)close(probe);
    for (unsigned i = 0; i < n_fds; i++) {
        ret_fds[i] = bind_one(address, true);
        if (ret_fds[i] >= 0)
            continue;
        (void)bind_error(url, err);
        while (i-- != 0)
            (void)close(ret_fds[i]);
        return false;
    }
    return true;
}

bool listener_bind(const char *host, uint16_t port, const char *url, int *ret_fds, unsigned n_fds,
                   struct err *err)
{
    char service[8];
    struct addrinfo *addresses;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    (void)snprintf(service, sizeof(service), "%u", port);
    int status = getaddrinfo(host, service, &hints, &addresses);
    if (status != 0)
        return err_set(err, ERR_IO, "E_LISTEN", "cannot listen on %s: %s", url,
                       gai_strerror(status));
    bool ok = bind_all(addresses, url, ret_fds, n_fds, err);
    freeaddrinfo(addresses);
    return ok;
}
