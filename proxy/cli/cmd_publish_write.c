/* Writing the folder of a feed: each file is renamed into its place, the pulse last. */
#include "cli/cmd_publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "trust/file.h"

#include "stopgap/banned.h"

static const char code[] = "E_PUBLISH_WRITE";

static bool make_folder(const struct publish *publish, const char *name, struct err *err)
{
    char path[4096];
    if (!publish_path(publish, name, path, sizeof(path), err))
        return false;
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return true;
    (void)err_set(err, ERR_IO, code, "cannot create the folder: %s", strerror(errno));
    return err_at(err, path, 0, 0);
}

/* Nothing to do when it is there with these bytes. ret_differs: it is there with others; then
 * nothing is written. */
static bool put(const struct publish *publish, const char *name, struct slice bytes,
                bool *ret_differs, struct err *err)
{
    static const struct file_codes codes = {.read = "E_PUBLISH_WRITE", .size = "E_PUBLISH_WRITE"};
    char path[4096];
    struct buf there;
    if (!publish_path(publish, name, path, sizeof(path), err))
        return false;
    buf_init(&there, LIMIT_BUNDLE_BYTES);
    bool is_there = file_read(AT_FDCWD, path, &codes, &there, NULL);
    bool is_same = is_there && slice_equal(buf_slice(&there), bytes);
    buf_done(&there);
    if (ret_differs != NULL) {
        *ret_differs = is_there && !is_same;
        if (*ret_differs)
            return true;
    }
    return is_same || file_replace(AT_FDCWD, path, bytes, code, err);
}

/* root/NNNNNNNNNN and root/NNNNNNNNNN.sig/ID are for people and openssl. */
static bool write_member(const struct publish *publish, const struct ustar_member *member,
                         struct err *err)
{
    bool differs = false;
    const char *slash = strchr(member->name + strlen("root/"), '/');
    if (slash != NULL) {
        char folder[USTAR_NAME_MAX + 1];
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - member->name), member->name);
        if (!make_folder(publish, folder, err))
            return false;
        /* ECDSA signs otherwise each time. */
        return put(publish, member->name, member->data, NULL, err);
    }
    if (!put(publish, member->name, member->data, &differs, err))
        return false;
    return !differs ||
           err_set(err, ERR_TRUST, "E_ROOT_FORK",
                   "%s is published with another text: two histories of roots would split the "
                   "installs for good",
                   member->name);
}

/* The file that installs fetch: one root with its signatures. */
static bool write_file(const struct publish *publish, const struct root *root, struct err *err)
{
    char prefix[64];
    char name[80];
    struct buf out;
    buf_init(&out, LIMIT_ROOT_FILE_BYTES);
    (void)snprintf(prefix, sizeof(prefix), "root/%010llu", (unsigned long long)root->version);
    (void)snprintf(name, sizeof(name), "%s.tar", prefix);
    bool done = true;
    for (size_t i = 0; done && i < publish->chain.view.n_members; i++) {
        const struct ustar_member *member = &publish->chain.view.members[i];
        if (strncmp(member->name, prefix, strlen(prefix)) == 0)
            done = ustar_append(&out, member->name, member->data);
    }
    done = (done && ustar_finish(&out)) ||
           err_set(err, ERR_LIMIT, code, "root %llu has too many signatures",
                   (unsigned long long)root->version);
    done = done && put(publish, name, buf_slice(&out), NULL, err);
    buf_done(&out);
    return done;
}

static bool is_draft(const struct publish *publish, const struct ustar_member *member)
{
    char prefix[64];
    const struct root *draft = publish->chain.draft;
    if (draft == NULL)
        return false;
    (void)snprintf(prefix, sizeof(prefix), "root/%010llu", (unsigned long long)draft->version);
    return strncmp(member->name, prefix, strlen(prefix)) == 0;
}

static bool write_roots(const struct publish *publish, struct err *err)
{
    bool done = true;
    /* When the chain is read from here, its texts are here; signatures may have come since. */
    for (size_t i = 0; done && publish->roots != NULL && i < publish->chain.view.n_members; i++)
        if (!is_draft(publish, &publish->chain.view.members[i]))
            done = write_member(publish, &publish->chain.view.members[i], err);
    for (size_t i = 0; done && i < publish->chain.n_roots; i++)
        done = write_file(publish, publish->chain.roots[i], err);
    return done;
}

static bool write_bundles(const struct publish *publish, struct err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < publish->n_items; i++) {
        char name[128];
        (void)snprintf(name, sizeof(name), "bundles/%s.sgb", publish->items[i].entry.sha256);
        done = put(publish, name, buf_slice(&publish->items[i].bytes), NULL, err);
    }
    return done;
}

bool publish_write(const struct publish *publish, struct err *err)
{
    if (mkdir(publish->folder, 0755) != 0 && errno != EEXIST) {
        (void)err_set(err, ERR_IO, code, "cannot create the folder: %s", strerror(errno));
        return err_at(err, publish->folder, 0, 0);
    }
    return make_folder(publish, "root", err) && make_folder(publish, "bundles", err) &&
           write_roots(publish, err) && write_bundles(publish, err) &&
           put(publish, "pulse", buf_slice(&publish->pulse_bytes), NULL, err);
}
