/* The roots of a state folder: roots/NNNNNNNNNN, and their signatures in roots/NNNNNNNNNN.sig. */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#include "stopgap/banned.h"

void store_format_root(char out[ROOT_NAME_SIZE], const char *folder, uint64_t version,
                       const char *suffix)
{
    (void)snprintf(out, ROOT_NAME_SIZE, "%s/%010llu%s", folder, (unsigned long long)version,
                   suffix);
}

/* ---- writing */

static bool make_folder(int folder, const char *path, struct err *err)
{
    return mkdirat(folder, path, 0700) == 0 || errno == EEXIST ||
           err_set(err, ERR_IO, "E_STATE_WRITE", "cannot create the folder %s: %s", path,
                   strerror(errno));
}

static bool save_signatures(const struct trust_store *store, const struct root *root,
                            const struct ustar *archive, struct err *err)
{
    char prefix[ROOT_NAME_SIZE];
    store_format_root(prefix, "root", root->version, ".sig/");
    for (size_t i = 0; i < archive->n_members; i++) {
        const struct ustar_member *member = &archive->members[i];
        const char *id = member->name + strlen(prefix);
        if (strncmp(member->name, prefix, strlen(prefix)) != 0 ||
            (root_find_key(root, id) == NULL && root_find_key(store->root, id) == NULL))
            continue;
        char path[ROOT_NAME_SIZE + HASH_SIZE];
        store_format_root(path, "roots", root->version, ".sig/");
        (void)snprintf(path + strlen(path), HASH_SIZE, "%s", id);
        if (!file_replace(store->folder, path, member->data, "E_STATE_WRITE", err))
            return false;
    }
    return true;
}

bool store_save_root(const struct trust_store *store, const struct root *root,
                     const struct ustar *archive, struct err *err)
{
    char path[ROOT_NAME_SIZE];
    if (store->folder < 0 || store->is_read_only)
        return true;
    if (!make_folder(store->folder, "roots", err))
        return false;
    if (archive != NULL) {
        store_format_root(path, "roots", root->version, ".sig");
        if (!make_folder(store->folder, path, err) || !save_signatures(store, root, archive, err))
            return false;
    }
    store_format_root(path, "roots", root->version, "");
    if (file_replace(store->folder, path, buf_slice(&root->text), "E_STATE_WRITE", err))
        return true;
    /* If that was the first one: an empty folder would look like a state that was lost. */
    (void)unlinkat(store->folder, "roots", AT_REMOVEDIR);
    return false;
}

/* ---- reading */

struct root *store_read_root(int folder, uint64_t version)
{
    char path[ROOT_NAME_SIZE];
    store_format_root(path, "roots", version, "");
    return root_read(folder, path, NULL);
}

/* Ten digits; what a killed write left behind has another name. */
static bool is_root_name(const char *name)
{
    return strlen(name) == 10 && strspn(name, "0123456789") == 10;
}

/* The root with the highest number in roots/ that still parses: for a state that was lost. */
struct root *store_find_newest_root(int folder)
{
    int fd = openat(folder, "roots", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return NULL;
    }
    struct root *newest = NULL;
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled; glibc locks each stream, and readdir_r is deprecated */
    while ((entry = readdir(dir)) != NULL) {
        struct root *root = NULL;
        if (is_root_name(entry->d_name))
            root = root_read(dirfd(dir), entry->d_name, NULL);
        if (root != NULL && (newest == NULL || root->version > newest->version)) {
            root_free(newest);
            newest = root;
        } else {
            root_free(root);
        }
    }
    (void)closedir(dir);
    return newest;
}

/* The text of a version, when it has this hash: first what came with the bundle. */
static struct root *find_version(const struct trust_store *store, const struct ustar *archive,
                                 uint64_t version, const char *hash)
{
    char name[ROOT_NAME_SIZE];
    store_format_root(name, "root", version, "");
    const struct ustar_member *member = archive != NULL ? ustar_find(archive, name) : NULL;
    struct root *root = member != NULL ? root_parse(member->data, NULL) : NULL;
    if (root != NULL && strcmp(root->hash, hash) != 0) {
        root_free(root);
        root = NULL;
    }
    if (root == NULL && store->folder >= 0)
        root = store_read_root(store->folder, version);
    if (root != NULL && strcmp(root->hash, hash) == 0)
        return root;
    root_free(root);
    return NULL;
}

bool store_find_hash(const struct trust_store *store, const struct ustar *archive, uint64_t version,
                     char ret_hash[HASH_SIZE])
{
    const struct root *now = store->root;
    if (version > now->version || now->version - version > LIMIT_ROOT_STEPS)
        return false;
    memcpy(ret_hash, version == now->version ? now->hash : now->previous, HASH_SIZE);
    for (uint64_t at = now->version - 1; at > version && version < now->version; at--) {
        struct root *root = find_version(store, archive, at, ret_hash);
        if (root == NULL)
            return false;
        memcpy(ret_hash, root->previous, HASH_SIZE);
        root_free(root);
    }
    return true;
}
