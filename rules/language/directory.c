/* A folder of rule files, read in an order that does not depend on the machine. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stopgap/buf.h"

#include "convert.h"

#include "stopgap/banned.h"

/* Paths of the files found. */
struct paths {
    char **items;
    size_t n;
};

static bool fail(struct err *err, enum err_kind kind, const char *file, const char *text)
{
    static const struct places none = {0};
    struct report report = {.file = file, .places = &none, .err = err};
    return report_at(&report, kind, 0, 0, "%s", text);
}

static bool fail_io(struct err *err, const char *file, int error)
{
    static const struct places none = {0};
    struct report report = {.file = file, .places = &none, .err = err};
    return report_at(&report, ERR_IO, 0, 0, "cannot be read: %s; check the path and its rights",
                     strerror(error));
}

/* Anything but a folder may have such a name: a device or a FIFO is refused when it is opened. */
static bool is_rule_file(const FTSENT *entry)
{
    static const char suffix[] = ".yaml";
    size_t len = entry->fts_namelen;
    bool is_file =
        entry->fts_info == FTS_F || entry->fts_info == FTS_SL || entry->fts_info == FTS_DEFAULT;
    return is_file && len >= sizeof(suffix) &&
           strcmp(entry->fts_name + len - (sizeof(suffix) - 1), suffix) == 0;
}

/* Left out without a word, such a file would be a rule that nobody misses. */
static bool is_misnamed(const FTSENT *entry)
{
    struct slice name = slice_make(entry->fts_name, entry->fts_namelen);
    return slice_ends_with_nocase(name, SLICE(".yml")) ||
           slice_ends_with_nocase(name, SLICE(".yaml"));
}

static bool add_path(struct paths *paths, const char *path, struct err *err)
{
    if (paths->n == LIMIT_RULES)
        return fail(err, ERR_LIMIT, path, "more rule files in one folder than a set may have");
    char *copy = strdup(path);
    char **items = realloc(paths->items, (paths->n + 1) * sizeof(char *));
    if (items != NULL)
        paths->items = items;
    if (copy == NULL || items == NULL) {
        free(copy);
        return fail(err, ERR_MEMORY, path, "out of memory");
    }
    paths->items[paths->n++] = copy;
    return true;
}

/* One entry of the walk. Links to files are followed, as configuration managers set them; links to
 * folders are not, as they could form a circle. */
static bool visit(FTS *walk, FTSENT *entry, struct paths *paths, struct err *err)
{
    if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR || entry->fts_info == FTS_NS)
        return fail_io(err, entry->fts_path, entry->fts_errno);
    if (entry->fts_level > 0 && entry->fts_name[0] == '.') {
        (void)fts_set(walk, entry, FTS_SKIP);
        return true;
    }
    if (entry->fts_info == FTS_D && entry->fts_level > LIMIT_FOLDER_DEPTH)
        return fail(err, ERR_LIMIT, entry->fts_path, "folders are nested too deep; flatten them");
    bool is_named = entry->fts_level == 0 && entry->fts_info == FTS_F;
    if (!is_named && !is_rule_file(entry))
        return entry->fts_info != FTS_F || !is_misnamed(entry) ||
               fail(err, ERR_SYNTAX, entry->fts_path,
                    "names of rule files end in .yaml; rename it, or take it out of the folder");
    return add_path(paths, entry->fts_path, err);
}

static bool find_files(const char *path, struct paths *paths, struct err *err)
{
    char *root = strdup(path);
    char *const roots[] = {root, NULL};
    FTS *walk =
        root != NULL ? fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL) : NULL;
    bool is_good = walk != NULL || fail_io(err, path, errno);
    while (is_good) {
        errno = 0;
        FTSENT *entry = fts_read(walk);
        if (entry == NULL) {
            is_good = errno == 0 || fail_io(err, path, errno);
            break;
        }
        is_good = visit(walk, entry, paths, err);
    }
    if (walk != NULL)
        (void)fts_close(walk);
    free(root);
    return is_good;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The whole file, or one byte more than a rule may have. */
static bool read_file(const char *path, struct buf *buf, struct err *err)
{
    struct stat st;
    /* Without O_NONBLOCK a FIFO with the name of a rule would hold the program up for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_io(err, path, errno);
    bool is_good = true;
    if (fstat(fd, &st) != 0)
        is_good = fail_io(err, path, errno);
    else if (!S_ISREG(st.st_mode))
        is_good = fail(err, ERR_IO, path, "is not a regular file; rename or remove it");
    while (is_good && buf->len < buf->max) {
        if (!buf_reserve(buf, 1)) {
            is_good = fail(err, ERR_MEMORY, path, "out of memory");
            break;
        }
        ssize_t n = read(fd, buf->ptr + buf->len, buf->capacity - buf->len);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            is_good = fail_io(err, path, errno);
        if (n > 0)
            buf->len += (size_t)n;
    }
    (void)close(fd);
    return is_good;
}

static bool visit_file(const char *path, rules_file_cb each, void *ctx, struct err *err)
{
    struct buf buf;
    buf_init(&buf, LIMIT_RULE_FILE_BYTES + 1);
    bool is_good = read_file(path, &buf, err) && each(ctx, path, buf_slice(&buf), err);
    buf_done(&buf);
    return is_good;
}

bool rules_each_file(const char *path, rules_file_cb each, void *ctx, struct err *err)
{
    struct paths paths = {0};
    bool is_good = find_files(path, &paths, err);
    if (is_good && paths.n != 0)
        qsort(paths.items, paths.n, sizeof(paths.items[0]), compare_paths);
    for (size_t i = 0; is_good && i < paths.n; i++)
        is_good = visit_file(paths.items[i], each, ctx, err);
    for (size_t i = 0; i < paths.n; i++)
        free(paths.items[i]);
    free(paths.items);
    return is_good;
}

struct target {
    const char *source;
    struct rule_list *list;
};

static bool parse_file(void *ctx, const char *path, struct slice text, struct err *err)
{
    const struct target *target = ctx;
    return rules_parse(text, target->source, path, target->list, err);
}

bool rules_parse_directory(const char *path, const char *source, struct rule_list *list,
                           struct err *err)
{
    struct target target = {.source = source, .list = list};
    size_t n_before = list->n;
    bool is_good = rules_each_file(path, parse_file, &target, err);
    /* Half a folder is no rule set. */
    while (!is_good && list->n > n_before)
        rule_free(list->items[--list->n]);
    return is_good;
}
