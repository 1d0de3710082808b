/* The rule files of an import: all of them, or none. They are written into a folder beside the one
 * that is wanted, which then takes its name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stopgap/iis.h"
#include "trust/file.h"

#include "stopgap/banned.h"

enum { PATH_BYTES = 4096 };

static bool fail(const char *what, const char *path, struct err *err)
{
    (void)err_set(err, ERR_IO, "E_IO", "%s: %s", what, strerror(errno));
    return err_at(err, path, 0, 0);
}

/* What stands in front of the last part of a path. */
static bool parent_of(const char *path, char out[PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    int len = slash == NULL   ? snprintf(out, PATH_BYTES, ".")
              : slash == path ? snprintf(out, PATH_BYTES, "/")
                              : snprintf(out, PATH_BYTES, "%.*s", (int)(slash - path), path);
    return len > 0 && len < PATH_BYTES;
}

static bool write_files(const struct iis_import *import, int dir, struct err *err)
{
    bool is_done = true;
    for (size_t i = 0; i < iis_import_n_outcomes(import) && is_done; i++) {
        const struct iis_outcome *outcome = iis_import_outcome(import, i);
        is_done =
            outcome->file == NULL || file_replace(dir, outcome->file, outcome->yaml, "E_IO", err);
    }
    return is_done;
}

static void remove_files(const struct iis_import *import, int dir)
{
    char tmp[PATH_BYTES];
    for (size_t i = 0; i < iis_import_n_outcomes(import); i++) {
        const char *file = iis_import_outcome(import, i)->file;
        if (file == NULL)
            continue;
        (void)snprintf(tmp, sizeof(tmp), "%s.tmp", file);
        (void)unlinkat(dir, file, 0);
        (void)unlinkat(dir, tmp, 0);
    }
}

/* An empty folder makes room for another one of its name; one with files in it does not. */
static bool move_into_place(const char *from, const char *to, struct err *err)
{
    char parent[PATH_BYTES];
    if (rename(from, to) != 0) {
        if (errno != ENOTEMPTY && errno != EEXIST)
            return fail("cannot be made", to, err);
        (void)err_set(err, ERR_IO, "E_IIS_EXISTS",
                      "there are files in it already; import into a new or an empty directory");
        return err_at(err, to, 0, 0);
    }
    int dir = parent_of(to, parent) ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir >= 0) {
        (void)fsync(dir); /* the files themselves are safe */
        (void)close(dir);
    }
    return true;
}

bool iis_import_write(const struct iis_import *import, const char *directory, struct err *err)
{
    char wanted[PATH_BYTES];
    char tmp[PATH_BYTES + 32];
    size_t len = strlen(directory);
    while (len > 1 && directory[len - 1] == '/')
        len--;
    (void)snprintf(wanted, sizeof(wanted), "%.*s", (int)len, directory);
    if (len == 0 || len >= sizeof(wanted)) {
        errno = len == 0 ? ENOENT : ENAMETOOLONG;
        return fail("cannot be made", directory, err);
    }
    (void)snprintf(tmp, sizeof(tmp), "%s.tmp-%ld", wanted, (long)getpid());
    if (mkdir(tmp, 0777) != 0)
        return fail("cannot be made", tmp, err);
    int dir = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_done = (dir >= 0 || fail("cannot be opened", tmp, err)) &&
                   write_files(import, dir, err) && move_into_place(tmp, wanted, err);
    if (!is_done) {
        if (dir >= 0)
            remove_files(import, dir);
        (void)rmdir(tmp);
    }
    if (dir >= 0)
        (void)close(dir);
    return is_done;
}
