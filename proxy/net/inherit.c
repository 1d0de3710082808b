/* Sockets from before our time. */
#include "net/inherit.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "stopgap/slice.h"

#include "stopgap/banned.h"

enum { SYSTEMD_FIRST_FD = 3 }; /* SD_LISTEN_FDS_START */

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

static bool is_listener(int fd)
{
    int listens = 0;
    int type = 0;
    int domain = 0;
    socklen_t size = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0 &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           (domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX);
}

bool inherited_add(struct inherited *pool, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    bool ok = flags >= 0 && pool->n < LIMIT_INHERITED_SOCKETS && is_listener(fd) &&
              fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
    if (ok)
        pool->fds[pool->n++] = fd;
    else
        (void)close(fd);
    return ok;
}

/* A path would be the admin socket, which is removed at the end and then missing in systemd. */
static bool add_of_systemd(struct inherited *pool, int fd)
{
    int domain = AF_UNIX;
    socklen_t size = sizeof(domain);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain != AF_UNIX)
        return inherited_add(pool, fd);
    (void)close(fd);
    return false;
}

size_t inherited_from_systemd(struct inherited *pool)
{
    const char *count = getenv("LISTEN_FDS");
    const char *owner = getenv("LISTEN_PID");
    uint64_t n = 0;
    uint64_t pid = 0;
    size_t n_useless = 0;
    if (count != NULL && owner != NULL && slice_to_u64(slice_str(count), &n) &&
        slice_to_u64(slice_str(owner), &pid) && pid == (uint64_t)getpid())
        for (int i = 0; i < LIMIT_INHERITED_SOCKETS && (uint64_t)i < n; i++)
            n_useless += !add_of_systemd(pool, SYSTEMD_FIRST_FD + i);
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDNAMES");
    return n_useless;
}

static bool is_same(const union any_address *a, const struct sockaddr *b)
{
    if (a->any.sa_family != b->sa_family)
        return false;
    if (b->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)b;
        return a->v4.sin_port == v4->sin_port && a->v4.sin_addr.s_addr == v4->sin_addr.s_addr;
    }
    if (b->sa_family == AF_UNIX)
        return strncmp(a->local.sun_path, ((const struct sockaddr_un *)b)->sun_path,
                       sizeof(a->local.sun_path)) == 0;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)b;
    return b->sa_family == AF_INET6 && a->v6.sin6_port == v6->sin6_port &&
           a->v6.sin6_scope_id == v6->sin6_scope_id &&
           memcmp(&a->v6.sin6_addr, &v6->sin6_addr, sizeof(v6->sin6_addr)) == 0;
}

static bool own_address(int fd, union any_address *ret_address, socklen_t *ret_len)
{
    *ret_address = (union any_address){0}; /* a path need not end with NUL */
    *ret_len = sizeof(*ret_address);
    return getsockname(fd, &ret_address->any, ret_len) == 0;
}

int inherited_take(struct inherited *pool, const struct sockaddr *address)
{
    for (size_t i = 0; i < pool->n; i++) {
        union any_address own;
        socklen_t len;
        if (!own_address(pool->fds[i], &own, &len) || !is_same(&own, address))
            continue;
        int fd = pool->fds[i];
        pool->n--;
        memmove(&pool->fds[i], &pool->fds[i + 1], (pool->n - i) * sizeof(pool->fds[0]));
        return fd;
    }
    return -1;
}

void inherited_name(int fd, char out[static INHERITED_NAME_BYTES])
{
    union any_address own;
    socklen_t len;
    char host[64];
    char port[8];
    (void)snprintf(out, INHERITED_NAME_BYTES, "?");
    if (!own_address(fd, &own, &len))
        return;
    if (own.any.sa_family == AF_UNIX)
        (void)snprintf(out, INHERITED_NAME_BYTES, "%.*s", (int)sizeof(own.local.sun_path),
                       own.local.sun_path);
    else if (getnameinfo(&own.any, len, host, sizeof(host), port, sizeof(port),
                         NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        (void)snprintf(out, INHERITED_NAME_BYTES,
                       own.any.sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

void inherited_close(struct inherited *pool)
{
    for (size_t i = 0; i < pool->n; i++)
        (void)close(pool->fds[i]);
    pool->n = 0;
}
