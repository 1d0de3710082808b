/* Binding a Unix socket where the last run may have left one. */
#include "admin/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum { SOCKET_MODE = 0660 }; /* owner and group; who may write may reload and drain */

bool admin_socket_address(const char *path, struct sockaddr_un *ret_address, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(address.sun_path))
        return err_set(err, ERR_USAGE, "", "socket path '%s': 1 to %zu bytes are allowed", path,
                       sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, len + 1);
    *ret_address = address;
    return true;
}

static bool fail(struct err *err, const char *path, const char *what)
{
    return err_set(err, ERR_IO, "", "admin socket %s: %s: %s", path, what, strerror(errno));
}

/* Does a program answer there? */
static bool is_in_use(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true; /* better refuse than take the name from a running program */
    int result = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    bool nobody = result != 0 && (errno == ECONNREFUSED || errno == ENOENT);
    (void)close(fd);
    return !nobody;
}

static bool remove_stale(const char *path, const struct sockaddr_un *address, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT || fail(err, path, "cannot look at it");
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_USAGE, "",
                       "admin socket %s: there is a file of that name that "
                       "is no socket; move it away or choose another path",
                       path);
    if (is_in_use(address))
        return err_set(err, ERR_IO, "",
                       "admin socket %s is already in use; another stopgap runs "
                       "with it: stop that one, or give this one another path",
                       path);
    return unlink(path) == 0 || errno == ENOENT || fail(err, path, "cannot remove the old one");
}

int admin_socket_bind(const char *path, struct err *err)
{
    struct sockaddr_un address;
    if (!admin_socket_address(path, &address, err) || !remove_stale(path, &address, err))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        (void)fail(err, path, "cannot make a socket");
        return -1;
    }
    /* Linux gives the file the mode of the descriptor less the umask, so it is never wider than
     * this; chmod then puts back what the umask took. */
    if (fchmod(fd, SOCKET_MODE) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(path, SOCKET_MODE) != 0) {
        (void)fail(err, path, "cannot bind; check the folder and its owner");
        (void)close(fd);
        return -1;
    }
    return fd;
}
