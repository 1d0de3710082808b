/* Appending, and no more than that: what stands there is not read. */
#include "audit.h"

#include "proxy_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "stopgap/banned.h"

static int open_file(int folder, const char *name)
{
    return openat(folder, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
}

/* *fd is the new file behind a full one; on failure the full one goes on. */
static void make_room(int folder, const char *name, int *fd)
{
    char full_name[64];
    struct stat st;
    (void)snprintf(full_name, sizeof(full_name), "%s.1", name);
    if (fstat(*fd, &st) != 0 || st.st_size < LIMIT_AUDIT_BYTES ||
        renameat(folder, name, folder, full_name) != 0)
        return;
    int next = open_file(folder, name);
    if (next < 0)
        return;
    (void)close(*fd);
    *fd = next;
}

/* One write, so that two programs (an upgrade) never mix their lines. */
static bool write_line(int fd, struct slice line)
{
    struct iovec parts[] = {
        {.iov_base = (void *)(uintptr_t)line.ptr, .iov_len = line.len},
        {.iov_base = (char[]){'\n'}, .iov_len = 1},
    };
    ssize_t n = writev(fd, parts, 2);
    if (n >= 0 && (size_t)n != line.len + 1) {
        errno = ENOSPC;
        return false;
    }
    return n >= 0 && fdatasync(fd) == 0;
}

bool audit_append(const char *directory, const char *name, struct slice line)
{
    int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = folder >= 0 ? open_file(folder, name) : -1;
    bool ok = false;
    if (fd >= 0) {
        make_room(folder, name, &fd);
        /* The name of a new file must be on the disk, too. */
        ok = write_line(fd, line) && fsync(folder) == 0;
    }
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    if (folder >= 0)
        (void)close(folder);
    errno = error;
    return ok;
}
