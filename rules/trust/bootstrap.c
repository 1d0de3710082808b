/* Out-of-band start of a state folder. */
#include "bootstrap.h"

#include <fcntl.h>

#include "stopgap/banned.h"

static bool check_hash(const struct root *root, struct slice sha256, struct err *err)
{
    if (slice_equal_nocase(sha256, slice_str(root->hash)))
        return true;
    return err_set(err, ERR_TRUST, "E_ROOT_HASH",
                   "this file has the SHA-256 %s, which is not the one given; nothing was changed. "
                   "Get the file again, and ask the publisher for the hash by another way",
                   root->hash);
}

/* What a root may follow: nothing, itself, or the one before it. */
static bool check_place(const struct root *root, const struct root *here,
                        enum bootstrap_result *ret_result, struct err *err)
{
    unsigned long long have = here->version;
    *ret_result = BOOTSTRAP_SAME;
    if (strcmp(root->hash, here->hash) == 0)
        return true;
    *ret_result = BOOTSTRAP_NEXT;
    if (root->version < here->version)
        return err_set(err, ERR_TRUST, "E_ROOT_ROLLBACK",
                       "the state folder has followed to root %llu already and does not go back",
                       have);
    if (root->version == here->version)
        return err_set(err, ERR_TRUST, "E_ROOT_FORK",
                       "the state folder holds another root %llu; to change to another publisher "
                       "give an empty state folder",
                       have);
    if (root->version == here->version + 1 && strcmp(root->previous, here->hash) == 0 &&
        root->epoch >= here->epoch)
        return true;
    return err_set(err, ERR_TRUST, "E_ROOT_PREVIOUS",
                   "root %llu does not follow root %llu, which the state folder holds: import a "
                   "bundle that carries the chain, or give an empty state folder",
                   (unsigned long long)root->version, have);
}

/* The root in the state folder, if any. False with err when the folder cannot be used. */
static bool look(const struct trust_options *options, const struct root *root,
                 enum bootstrap_result *ret_result, struct err *err)
{
    struct trust_options without = *options;
    struct err why = {0};
    without.root_path = NULL;
    struct trust_store *here = trust_open(&without, &why);
    *ret_result = BOOTSTRAP_NEW;
    bool done = true;
    if (here != NULL)
        done = check_place(root, here->root, ret_result, err);
    else if (strcmp(why.code, "E_ROOT_NONE") != 0) {
        done = false;
        if (err != NULL)
            *err = why;
    }
    trust_close(here);
    return done;
}

bool trust_bootstrap(const struct trust_options *options, struct slice sha256,
                     enum bootstrap_result *ret_result, struct err *err)
{
    struct trust_store *store = NULL;
    struct root *root = root_read(AT_FDCWD, options->root_path, err);
    bool done =
        root != NULL && check_hash(root, sha256, err) && look(options, root, ret_result, err);
    if (done)
        store = trust_open(options, err);
    done = store != NULL && store_lock(store, err);
    if (done) {
        /* Another process may have walked on since we looked. */
        done = strcmp(store->root->hash, root->hash) == 0
                   ? store_commit_root(store, err)
                   : err_set(err, ERR_TRUST, "E_ROOT_ROLLBACK",
                             "another program changed the state folder at this moment; try again");
        store_unlock(store);
    }
    if (!done && err != NULL && err->file[0] == '\0')
        (void)err_at(err, options->root_path, 0, 0);
    trust_close(store);
    root_free(root);
    return done;
}
