/* Reading whole files and replacing them atomically. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stopgap/banned.h"

static bool fail_size(const char *code, size_t max, struct err *err)
{
    return err_set(err, ERR_LIMIT, code, "the file is larger than the %zu bytes it may have", max);
}

static bool read_all(int fd, size_t size, const struct file_codes *codes, struct buf *ret_bytes,
                     struct err *err)
{
    if (!buf_reserve(ret_bytes, size))
        return err_set(err, ERR_MEMORY, codes->read, "no memory for %zu bytes", size);
    for (;;) {
        char past_end = 0;
        size_t room = size - ret_bytes->len;
        char *to = room != 0 ? ret_bytes->ptr + ret_bytes->len : &past_end;
        ssize_t n = read(fd, to, room != 0 ? room : 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_IO, codes->read, "cannot read: %s", strerror(errno));
        if (n == 0)
            return true;
        if (room == 0)
            return err_set(err, ERR_IO, codes->read,
                           "the file grew while it was read; rename new files into place");
        ret_bytes->len += (size_t)n;
    }
}

bool file_read(int directory, const char *path, const struct file_codes *codes,
               struct buf *ret_bytes, struct err *err)
{
    /* Non-blocking, so that a FIFO in the place of the file cannot hang the program. */
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    bool done = false;
    if (fd < 0 || fstat(fd, &st) != 0)
        (void)err_set(err, ERR_IO, codes->read, "cannot open: %s", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        (void)err_set(err, ERR_IO, codes->read, "this is not a regular file");
    else if ((uint64_t)st.st_size > ret_bytes->max)
        (void)fail_size(codes->size, ret_bytes->max, err);
    else
        done = read_all(fd, (size_t)st.st_size, codes, ret_bytes, err);
    if (fd >= 0)
        (void)close(fd);
    return done || err_at(err, path, 0, 0);
}

static bool write_all(int fd, struct slice bytes)
{
    while (bytes.len != 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            bytes = slice_from(bytes, (size_t)n);
    }
    return fsync(fd) == 0;
}

/* Without this the rename itself may be lost in a power cut. */
static bool sync_folder(int directory, const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];
    int len = slash == NULL   ? snprintf(folder, sizeof(folder), ".")
              : slash == path ? snprintf(folder, sizeof(folder), "/")
                              : snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    if (len < 0 || (size_t)len >= sizeof(folder))
        return false;
    int fd = openat(directory, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = fsync(fd) == 0;
    (void)close(fd);
    return done;
}

bool file_replace(int directory, const char *path, struct slice bytes, const char *code,
                  struct err *err)
{
    char tmp[4096];
    int len = snprintf(tmp, sizeof(tmp), "%s.tmp", path);
    int fd = -1;
    bool done = false;
    if (len < 0 || (size_t)len >= sizeof(tmp)) {
        errno = ENAMETOOLONG;
        goto out;
    }
    /* What a killed run left behind goes; O_EXCL then never follows a link. */
    (void)unlinkat(directory, tmp, 0);
    fd = openat(directory, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 || !write_all(fd, bytes))
        goto out;
    done = renameat(directory, tmp, directory, path) == 0 && sync_folder(directory, path);
out:
    if (!done) {
        (void)err_set(err, ERR_IO, code, "cannot write %s: %s", path, strerror(errno));
        (void)unlinkat(directory, tmp, 0);
    }
    if (fd >= 0)
        (void)close(fd);
    return done;
}
