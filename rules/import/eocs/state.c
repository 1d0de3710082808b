/* One small file in a folder of the admin's:
 *
 *   stopgap-eocs 1
 *   signed-at 2021-09-15T16:42:08Z
 *   sha256 HEX
 *
 * of the newest document that was accepted; and an empty file whose time is that of the last
 * contact. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eocs_limits.h"
#include "stopgap/eocs.h"
#include "trust/file.h"
#include "trust/utc.h"

#include "stopgap/banned.h"

static const char head[] = "stopgap-eocs 1\nsigned-at ";
static const char file_name[] = "eocs";
static const char contact_name[] = "eocs-contact";

static int open_folder(const char *folder, struct err *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        (void)err_set(err, ERR_IO, "E_EOCS_STATE",
                      "cannot open the folder: %s; make it, and give "
                      "this user the right to write there",
                      strerror(errno));
        (void)err_at(err, folder, 0, 0);
    }
    return fd;
}

static bool parse(struct slice text, int64_t *ret_newest)
{
    const size_t head_len = sizeof(head) - 1;
    return text.len > head_len + UTC_TIME_CHARS && slice_starts_with(text, slice_str(head)) &&
           text.ptr[head_len + UTC_TIME_CHARS] == '\n' &&
           utc_parse_time(slice_make(text.ptr + head_len, UTC_TIME_CHARS), ret_newest);
}

/* sha256 NULL: of whichever document. */
static bool load(const char *folder, const char *sha256, int64_t *ret_newest, struct err *err)
{
    static const struct file_codes codes = {.read = "E_EOCS_STATE", .size = "E_EOCS_STATE"};
    struct buf text;
    struct stat st;
    int fd = open_folder(folder, err);
    bool done = fd >= 0;
    buf_init(&text, EOCS_MAX_STATE_BYTES);
    *ret_newest = 0;
    if (done && (fstatat(fd, file_name, &st, 0) == 0 || errno != ENOENT)) {
        done = file_read(fd, file_name, &codes, &text, err);
        if (done && !parse(buf_slice(&text), ret_newest))
            done = err_set(err, ERR_SYNTAX, "E_EOCS_STATE",
                           "the file 'eocs' was damaged, so an older document could not be told "
                           "from a newer one; remove it only when you know why") ||
                   err_at(err, folder, 0, 0);
        if (done && sha256 != NULL && memmem(text.ptr, text.len, sha256, strlen(sha256)) == NULL)
            *ret_newest = 0;
    }
    buf_done(&text);
    if (fd >= 0)
        (void)close(fd);
    return done;
}

bool eocs_state_load(const char *folder, int64_t *ret_newest, struct err *err)
{
    return load(folder, NULL, ret_newest, err);
}

int64_t eocs_state_signed(const char *folder, const char *sha256)
{
    int64_t signed_at;
    return load(folder, sha256, &signed_at, NULL) ? signed_at : 0; /* only shown */
}

bool eocs_state_save(const char *folder, const struct eocs_document *document, struct err *err)
{
    char when[UTC_TIME_CHARS + 1];
    struct buf text;
    int fd = open_folder(folder, err);
    if (fd < 0)
        return false;
    buf_init(&text, EOCS_MAX_STATE_BYTES);
    utc_format_time(document->signed_at, when);
    bool done = (buf_printf(&text, "%s%s\nsha256 %s\n", head, when, document->sha256) ||
                 err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory")) &&
                file_replace(fd, file_name, buf_slice(&text), "E_EOCS_STATE", err);
    buf_done(&text);
    (void)close(fd);
    return done;
}

int64_t eocs_contact_load(const char *folder)
{
    struct stat st;
    int fd = open_folder(folder, NULL);
    bool is_there = fd >= 0 && fstatat(fd, contact_name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (fd >= 0)
        (void)close(fd);
    return is_there && S_ISREG(st.st_mode) ? (int64_t)st.st_mtime : 0;
}

void eocs_contact_save(const char *folder)
{
    int dir = open_folder(folder, NULL);
    int fd = dir < 0 ? -1
                     : openat(dir, contact_name,
                              O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd >= 0) {
        (void)futimens(fd, NULL); /* a full disk costs nothing but the memory of it */
        (void)close(fd);
    }
    if (dir >= 0)
        (void)close(dir);
}
