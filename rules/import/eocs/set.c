/* Sets of rule files below a folder:
 *
 *   eocs-sets/HASH-MODE-VERSION/EOCS-M1.yaml ...   HASH: of the signed content
 *   eocs-sets/HASH-MODE-VERSION/document.xml       for people; not read again
 *   eocs-sets/current -> HASH-MODE-VERSION         replaced in one step
 *   eocs-sets/former -> HASH-MODE-VERSION          what to go back to, until current is proved
 *
 * The rules are kept, not the document alone: what was accepted once must not be judged again at a
 * start many years later. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stopgap/eocs.h"
#include "trust/file.h"

#include "stopgap/banned.h"

static const char sets_name[] = "eocs-sets";
static const char document_name[] = "document.xml";
static const char current_name[] = "current";
static const char former_name[] = "former";

enum { NAME_CHARS = 96 }; /* a hash, the mode, the version */

static bool fail_write(const char *what, struct err *err)
{
    return err_set(err, ERR_IO, "E_EOCS_WRITE", "cannot write %s: %s", what, strerror(errno));
}

static bool is_rule_file(const char *name)
{
    size_t len = strlen(name);
    return len > 5 && strcmp(name + len - 5, ".yaml") == 0;
}

/* Open FOLDER/eocs-sets, made when it is not there. -1: errno says why. */
static int open_sets(const char *folder, bool creates)
{
    char path[EOCS_PATH_BYTES];
    int len = snprintf(path, sizeof(path), "%s/%s", folder, sets_name);
    if (len < 0 || (size_t)len >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (creates && mkdir(path, 0700) != 0 && errno != EEXIST)
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Remove a folder of plain files. What cannot be removed is tried again next time. */
static void remove_set(int sets, const char *name)
{
    int fd = openat(sets, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled; glibc locks each stream, and readdir_r is deprecated */
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
    (void)unlinkat(sets, name, AT_REMOVEDIR);
}

/* Every set but those to keep: failed ones, and what a killed run left behind. */
static void remove_others(int sets, const char *keep, const char *keep_too)
{
    int fd = dup(sets);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    rewinddir(dir);
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled; as above */
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, keep) != 0 &&
            strcmp(entry->d_name, keep_too) != 0)
            remove_set(sets, entry->d_name); /* "current" is a link, which O_NOFOLLOW spares */
    (void)closedir(dir);
}

static void note_left_out(struct eocs_set *set, const struct eocs_mitigation *mitigation,
                          const struct err *why)
{
    if (set->n_left_out < EOCS_MAX_LEFT_OUT) {
        struct eocs_left_out *left_out = &set->left_out[set->n_left_out];
        (void)snprintf(left_out->id, sizeof(left_out->id), "%s", mitigation->id);
        left_out->why = *why;
    }
    set->n_left_out++;
}

/* Ids are cut for file names and may meet; the mitigation that came first has the name. */
static bool is_name_taken(int dir, const struct eocs_files *files, struct err *why)
{
    for (size_t i = 0; i < files->n; i++)
        if (dir >= 0 && faccessat(dir, files->items[i].name, F_OK, 0) == 0)
            return !err_set(why, ERR_SYNTAX, "E_EOCS_CONVERT",
                            "its file %s is that of another mitigation", files->items[i].name);
    return false;
}

/* dir < 0: only count and judge. */
static bool write_files(int dir, const struct eocs_files *files, struct err *err)
{
    for (size_t i = 0; i < files->n; i++)
        if (dir >= 0 && !file_replace(dir, files->items[i].name, buf_slice(&files->items[i].text),
                                      "E_EOCS_WRITE", err))
            return false;
    return true;
}

static bool convert_all(int dir, const struct eocs_document *document, bool is_enforced,
                        struct eocs_set *set, struct err *err)
{
    for (size_t i = 0; i < document->n_mitigations; i++) {
        struct err why = {0};
        struct eocs_files files;
        if (!eocs_convert(&document->mitigations[i], is_enforced, &files, &why)) {
            note_left_out(set, &document->mitigations[i], &why);
            continue;
        }
        bool is_taken = is_name_taken(dir, &files, &why);
        bool done = is_taken || write_files(dir, &files, err);
        if (is_taken)
            note_left_out(set, &document->mitigations[i], &why);
        else
            set->n_files += files.n;
        eocs_files_free(&files);
        if (!done)
            return false;
    }
    return true;
}

static bool write_all(int dir, const struct eocs_document *document, struct slice bytes,
                      bool is_enforced, struct eocs_set *set, struct err *err)
{
    return convert_all(dir, document, is_enforced, set, err) &&
           file_replace(dir, document_name, bytes, "E_EOCS_WRITE", err);
}

/* A new folder NAME.tmp; -1 with err. */
static int make_tmp(int sets, const char *tmp, struct err *err)
{
    remove_set(sets, tmp);
    int dir =
        mkdirat(sets, tmp, 0700) == 0 ? openat(sets, tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir < 0)
        (void)fail_write(tmp, err);
    return dir;
}

bool eocs_set_make(const char *folder, const struct eocs_document *document, struct slice bytes,
                   bool is_enforced, struct eocs_set *ret_set, struct err *err)
{
    char name[NAME_CHARS];
    *ret_set = (struct eocs_set){.signed_at = document->signed_at,
                                 .n_mitigations = document->n_mitigations};
    memcpy(ret_set->sha256, document->sha256, sizeof(ret_set->sha256));
    /* A newer program may understand more of the same document. */
    (void)snprintf(name, sizeof(name), "%s-%s-%s", document->sha256,
                   is_enforced ? "block" : "detect", STOPGAP_VERSION);
    if (folder == NULL)
        return convert_all(-1, document, is_enforced, ret_set, err);
    int len = snprintf(ret_set->path, sizeof(ret_set->path), "%s/%s/%s", folder, sets_name, name);
    if (len < 0 || (size_t)len >= sizeof(ret_set->path))
        return err_set(err, ERR_IO, "E_EOCS_WRITE", "the path of the folder is too long");
    int sets = open_sets(folder, true);
    if (sets < 0)
        return fail_write(folder, err);
    /* Written as NAME.tmp, which then gets its name: under that, a set is whole. */
    char tmp[NAME_CHARS + 8];
    (void)snprintf(tmp, sizeof(tmp), "%s.tmp", name);
    bool is_there = faccessat(sets, name, F_OK, 0) == 0;
    int dir = is_there ? -1 : make_tmp(sets, tmp, err);
    bool done = is_there ? convert_all(-1, document, is_enforced, ret_set, err)
                         : dir >= 0 && write_all(dir, document, bytes, is_enforced, ret_set, err);
    if (done && !is_there)
        done = renameat(sets, tmp, sets, name) == 0 || fail_write(name, err);
    if (dir >= 0)
        (void)close(dir);
    if (!done)
        remove_set(sets, tmp);
    (void)close(sets);
    return done;
}

bool eocs_set_accept(const char *folder, const struct eocs_set *set, struct err *err)
{
    struct eocs_document known = {.signed_at = set->signed_at};
    memcpy(known.sha256, set->sha256, sizeof(known.sha256));
    return set->signed_at == 0 || eocs_state_save(folder, &known, err);
}

static const char *name_of(const struct eocs_set *set)
{
    const char *slash = strrchr(set->path, '/');
    return slash != NULL ? slash + 1 : set->path;
}

static bool is_former(int sets, const char *name)
{
    char former[NAME_CHARS];
    ssize_t len = readlinkat(sets, former_name, former, sizeof(former));
    return len >= 0 && (size_t)len == strlen(name) && memcmp(former, name, (size_t)len) == 0;
}

/* False with errno. */
static bool point(int sets, const char *link, const char *name)
{
    static const char tmp[] = "link.tmp";
    const char *from = tmp;
    (void)unlinkat(sets, tmp, 0);
    if (is_former(sets, name)) /* the way back needs no room on the disk */
        from = former_name;
    else if (symlinkat(name, sets, tmp) != 0)
        return false;
    return renameat(sets, from, sets, link) == 0 && fsync(sets) == 0;
}

bool eocs_set_keep(const char *folder, const struct eocs_set *set, const struct eocs_set *former,
                   struct err *err)
{
    const char *back = name_of(former);
    int sets = open_sets(folder, true);
    if (sets < 0)
        return fail_write(folder, err);
    /* Killed anywhere, both links name whole sets: the way back is laid before it may be needed,
     * and goes when it is not needed any more. */
    bool done = (back[0] == '\0' || point(sets, former_name, back)) &&
                point(sets, current_name, name_of(set)) &&
                (back[0] != '\0' || unlinkat(sets, former_name, 0) == 0 || errno == ENOENT);
    if (!done)
        (void)fail_write("the links to the rules in force", err);
    else
        remove_others(sets, name_of(set), back);
    (void)close(sets);
    return done;
}

static bool parse_name(const char *name, char ret_sha256[EOCS_HASH_BYTES])
{
    if (strspn(name, "0123456789abcdef") != EOCS_HASH_BYTES - 1 || name[EOCS_HASH_BYTES - 1] != '-')
        return false;
    memcpy(ret_sha256, name, EOCS_HASH_BYTES - 1);
    ret_sha256[EOCS_HASH_BYTES - 1] = '\0';
    return true;
}

static size_t count_rule_files(int sets, const char *name)
{
    int fd = openat(sets, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    size_t n = 0;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return 0;
    }
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled; as above */
    while ((entry = readdir(dir)) != NULL)
        n += is_rule_file(entry->d_name) ? 1 : 0;
    (void)closedir(dir);
    return n;
}

static void read_link(const char *folder, const char *link, struct eocs_set *ret_set)
{
    char name[NAME_CHARS];
    *ret_set = (struct eocs_set){0};
    int sets = open_sets(folder, false);
    if (sets < 0)
        return;
    ssize_t len = readlinkat(sets, link, name, sizeof(name) - 1);
    if (len > 0) {
        name[len] = '\0';
        int n = snprintf(ret_set->path, sizeof(ret_set->path), "%s/%s/%s", folder, sets_name, name);
        if (n < 0 || (size_t)n >= sizeof(ret_set->path) || !parse_name(name, ret_set->sha256) ||
            faccessat(sets, name, F_OK, 0) != 0)
            *ret_set = (struct eocs_set){0};
        else
            ret_set->n_files = count_rule_files(sets, name);
    }
    (void)close(sets);
    if (ret_set->path[0] != '\0')
        ret_set->signed_at = eocs_state_signed(folder, ret_set->sha256);
}

void eocs_set_read(const char *folder, struct eocs_set *ret_current, struct eocs_set *ret_former)
{
    read_link(folder, current_name, ret_current);
    read_link(folder, former_name, ret_former);
}
