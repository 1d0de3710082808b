/* bind and SO_REUSEPORT by hand: libuv 1.44 has no flag for it. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
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

/* Workers beyond the inherited sockets share those. One bound beside them would take its part of
 * the new connections at once, and lose them if this program gives up before it serves. */
static int bind_next(const struct addrinfo *address, const struct listener_sockets *sockets,
                     unsigned n_inherited)
{
    if (n_inherited != 0)
        return fcntl(sockets->fds[sockets->n % n_inherited], F_DUPFD_CLOEXEC, 0);
    return bind_one(address, true);
}

static bool bind_all(const struct addrinfo *address, const char *url, struct inherited *pool,
                     unsigned n_workers, struct listener_sockets *sockets, struct err *err)
{
    int fd = -1;
    *sockets = (struct listener_sockets){0};
    while (sockets->n < LIMIT_WORKERS && (fd = inherited_take(pool, address->ai_addr)) >= 0)
        sockets->fds[sockets->n++] = fd;
    unsigned n_inherited = sockets->n;
    if (n_inherited == 0) {
        int probe = bind_one(address, false);
        if (probe < 0)
            return bind_error(url, err);
        (void)close(probe);
    }
    while (sockets->n < n_workers) {
        fd = bind_next(address, sockets, n_inherited);
        if (fd >= 0) {
            sockets->fds[sockets->n++] = fd;
            continue;
        }
        (void)bind_error(url, err);
        while (sockets->n != 0)
            (void)close(sockets->fds[--sockets->n]);
        return false;
    }
    return true;
}

bool listener_bind(const struct listener_place *place, struct inherited *pool, unsigned n_workers,
                   struct listener_sockets *ret_sockets, struct err *err)
{
    char service[8];
    struct addrinfo *addresses;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    (void)snprintf(service, sizeof(service), "%u", place->port);
    int status = getaddrinfo(place->host, service, &hints, &addresses);
    if (status != 0)
        return err_set(err, ERR_IO, "E_LISTEN", "cannot listen on %s: %s", place->url,
                       gai_strerror(status));
    bool ok = bind_all(addresses, place->url, pool, n_workers, ret_sockets, err);
    freeaddrinfo(addresses);
    return ok;
}
