/* Reading and writing a folder of roots. */
#include "chain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "walk.h"

#include "stopgap/banned.h"

enum { VERSION_DIGITS = 10, CHAIN_PATH_SIZE = 4096 };

static const struct file_codes codes = {.read = "E_ROOT_READ", .size = "E_ROOT_SIZE"};

/* What a look at the names shows. */
struct listing {
    uint64_t first, last; /* 0: no root */
    uint64_t n;
    uint64_t draft; /* 0: no draft */
    unsigned n_drafts;
};

static bool format_path(char out[CHAIN_PATH_SIZE], const char *folder, uint64_t version,
                        const char *suffix, struct err *err)
{
    int len =
        snprintf(out, CHAIN_PATH_SIZE, "%s/%010llu%s", folder, (unsigned long long)version, suffix);
    return (len > 0 && len < CHAIN_PATH_SIZE) ||
           err_set(err, ERR_IO, "E_ROOT_WRITE", "the path is too long");
}

/* ---- reading */

static void note_name(struct listing *listing, const char *name)
{
    uint64_t version = 0;
    if (strspn(name, "0123456789") != VERSION_DIGITS ||
        !slice_to_u64(slice_make(name, VERSION_DIGITS), &version) || version == 0)
        return;
    if (strcmp(name + VERSION_DIGITS, ".draft") == 0) {
        listing->draft = version;
        listing->n_drafts++;
    } else if (name[VERSION_DIGITS] == '\0') {
        listing->n++;
        if (listing->first == 0 || version < listing->first)
            listing->first = version;
        if (version > listing->last)
            listing->last = version;
    }
}

static bool list_folder(const char *folder, struct listing *listing, struct err *err)
{
    DIR *dir = opendir(folder);
    if (dir == NULL && errno == ENOENT)
        return true;
    if (dir == NULL) {
        (void)err_set(err, ERR_IO, "E_ROOT_READ", "cannot read the folder of roots: %s%s",
                      strerror(errno),
                      errno == ENOTDIR ? "; give the folder, not a root in it" : "");
        return err_at(err, folder, 0, 0);
    }
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled; glibc locks each stream, and readdir_r is deprecated */
    while ((entry = readdir(dir)) != NULL)
        note_name(listing, entry->d_name);
    (void)closedir(dir);
    return true;
}

static bool check_listing(const struct listing *listing, struct err *err)
{
    if (listing->n != 0 && listing->n != listing->last - listing->first + 1)
        return err_set(err, ERR_TRUST, "E_ROOT_CHAIN",
                       "a root between %010llu and %010llu is missing; get it from a backup or "
                       "from any bundle that carries the chain",
                       (unsigned long long)listing->first, (unsigned long long)listing->last);
    if (listing->n > LIMIT_ROOT_STEPS)
        return err_set(err, ERR_LIMIT, "E_ROOT_CHAIN", "more than %d roots", LIMIT_ROOT_STEPS);
    bool is_next = listing->draft == (listing->n == 0 ? 1 : listing->last + 1);
    if (listing->n_drafts > 1 || (listing->n_drafts == 1 && !is_next))
        return err_set(err, ERR_TRUST, "E_ROOT_CHAIN",
                       "%010llu.draft is not the root after the last one, which is %010llu; move "
                       "it away",
                       (unsigned long long)listing->draft, (unsigned long long)listing->last);
    return true;
}

static bool add_file(struct chain *chain, const char *path, const char *member, size_t max,
                     struct err *err)
{
    struct buf bytes;
    buf_init(&bytes, max);
    bool done = file_read(AT_FDCWD, path, &codes, &bytes, err) &&
                draft_put(&chain->members, member, buf_slice(&bytes), err);
    buf_done(&bytes);
    return done;
}

/* Whatever lies in the folder under the name of a key; other names are of editors and such. */
static bool add_signatures(struct chain *chain, uint64_t version, struct err *err)
{
    char folder[CHAIN_PATH_SIZE];
    if (!format_path(folder, chain->folder, version, ".sig", err))
        return false;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return true; /* none are needed for the first one, and none are there for a new draft */
    bool done = true;
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled; glibc locks each stream, and readdir_r is deprecated */
    while (done && (entry = readdir(dir)) != NULL) {
        char path[CHAIN_PATH_SIZE + NAME_MAX + 2];
        char member[USTAR_NAME_MAX + 1];
        if (!text_is_hash(slice_str(entry->d_name)))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)snprintf(member, sizeof(member), "root/%010llu.sig/%.64s",
                       (unsigned long long)version, entry->d_name);
        done = add_file(chain, path, member, LIMIT_SIGNATURE_BYTES, err);
    }
    (void)closedir(dir);
    return done;
}

static bool add_root(struct chain *chain, uint64_t version, const char *suffix, struct err *err)
{
    char path[CHAIN_PATH_SIZE];
    char member[ROOT_NAME_SIZE];
    store_format_root(member, "root", version, "");
    return format_path(path, chain->folder, version, suffix, err) &&
           add_file(chain, path, member, LIMIT_ROOT_BYTES, err) &&
           add_signatures(chain, version, err);
}

/* An install keeps what it came by; what lies before a gap is of no use for walking. */
static void skip_to_gap(const struct chain *chain, struct listing *listing)
{
    uint64_t first = listing->last;
    for (; first > listing->first; first--) {
        char path[CHAIN_PATH_SIZE];
        if (!format_path(path, chain->folder, first - 1, "", NULL) || access(path, R_OK) != 0)
            break;
    }
    listing->n = listing->last - first + (listing->last != 0);
    listing->first = first;
    listing->draft = 0;
    listing->n_drafts = 0;
}

static bool read_members(struct chain *chain, const struct listing *listing, struct err *err)
{
    bool done = true;
    for (uint64_t i = 0; done && i < listing->n; i++)
        done = add_root(chain, listing->first + i, "", err);
    if (done && listing->draft != 0)
        done = add_root(chain, listing->draft, ".draft", err);
    return done && draft_view(&chain->members, &chain->view, err);
}

static struct slice find_text(const struct chain *chain, uint64_t version)
{
    char name[ROOT_NAME_SIZE];
    store_format_root(name, "root", version, "");
    const struct ustar_member *member = ustar_find(&chain->view, name);
    return member != NULL ? member->data : slice_make(NULL, 0);
}

/* A root is called by the number of its file. */
static bool check_name(const struct root *root, uint64_t version, struct err *err)
{
    return root->version == version ||
           err_set(err, ERR_TRUST, "E_ROOT_CHAIN", "this root says that it is version %llu",
                   (unsigned long long)root->version);
}

static void forget_roots(struct chain *chain)
{
    for (size_t i = 0; i < chain->n_roots; i++)
        root_free(chain->roots[i]);
    chain->n_roots = 0;
}

static bool parse_roots(struct chain *chain, const struct listing *listing, struct err *err)
{
    chain->roots = calloc(listing->n + 1, sizeof(chain->roots[0]));
    if (chain->roots == NULL)
        return err_set(err, ERR_MEMORY, "E_ROOT_READ", "no memory for the roots");
    for (uint64_t i = 0; i < listing->n; i++) {
        uint64_t version = listing->first + i;
        struct slice text = find_text(chain, version);
        const struct root *before = chain_newest(chain);
        struct root *root = before != NULL ? walk_step(before, text, &chain->view, true, err)
                                           : root_parse(text, err);
        if (root == NULL && chain->kind == CHAIN_KEPT) {
            forget_roots(chain);
            root = root_parse(text, err);
        }
        char path[CHAIN_PATH_SIZE];
        if (root != NULL)
            chain->roots[chain->n_roots++] = root;
        if ((root == NULL || !check_name(root, version, err)) &&
            format_path(path, chain->folder, version, "", err))
            return err_at(err, path, err != NULL ? err->line : 0, 0);
    }
    if (listing->draft == 0)
        return true;
    char path[CHAIN_PATH_SIZE];
    chain->draft = root_parse(find_text(chain, listing->draft), err);
    if ((chain->draft == NULL || !check_name(chain->draft, listing->draft, err)) &&
        format_path(path, chain->folder, listing->draft, ".draft", err))
        return err_at(err, path, err != NULL ? err->line : 0, 0);
    return true;
}

bool chain_read(const char *folder, enum chain_kind kind, struct chain *ret_chain, struct err *err)
{
    struct listing listing = {0};
    *ret_chain = (struct chain){.folder = folder, .kind = kind};
    if (list_folder(folder, &listing, err)) {
        if (kind == CHAIN_KEPT)
            skip_to_gap(ret_chain, &listing);
        if (!check_listing(&listing, err))
            (void)err_at(err, folder, 0, 0);
        else if (read_members(ret_chain, &listing, err) && parse_roots(ret_chain, &listing, err))
            return true;
    }
    chain_done(ret_chain);
    return false;
}

void chain_done(struct chain *chain)
{
    forget_roots(chain);
    free(chain->roots);
    root_free(chain->draft);
    ustar_done(&chain->view);
    draft_done(&chain->members);
    *chain = (struct chain){.folder = chain->folder};
}

const struct root *chain_newest(const struct chain *chain)
{
    return chain->n_roots != 0 ? chain->roots[chain->n_roots - 1] : NULL;
}

const struct root *chain_before(const struct chain *chain, uint64_t version)
{
    for (size_t i = 0; i < chain->n_roots; i++)
        if (chain->roots[i]->version + 1 == version)
            return chain->roots[i];
    return NULL;
}

/* ---- counting */

void chain_count(const struct chain *chain, const struct root *root,
                 struct signature_tally *ret_old, struct signature_tally *ret_own)
{
    const struct root *before = chain_before(chain, root->version);
    *ret_old = (struct signature_tally){0};
    if (before != NULL)
        walk_count(before, root, &chain->view, ret_old);
    walk_count(root, root, &chain->view, ret_own);
}

bool chain_is_signed(const struct chain *chain, const struct root *root)
{
    struct signature_tally old;
    struct signature_tally own;
    chain_count(chain, root, &old, &own);
    return old.good >= old.needed && own.good >= own.needed;
}

size_t chain_n_signatures(const struct chain *chain, uint64_t version)
{
    char prefix[ROOT_NAME_SIZE];
    size_t n = 0;
    store_format_root(prefix, "root", version, ".sig/");
    for (size_t i = 0; i < chain->view.n_members; i++)
        if (strncmp(chain->view.members[i].name, prefix, strlen(prefix)) == 0)
            n++;
    return n;
}

/* ---- writing */

static bool make_folder(const char *path, struct err *err)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return true;
    (void)err_set(err, ERR_IO, "E_ROOT_WRITE", "cannot create the folder: %s", strerror(errno));
    return err_at(err, path, 0, 0);
}

bool chain_put_draft(const char *folder, uint64_t version, struct slice text, struct err *err)
{
    char path[CHAIN_PATH_SIZE];
    return make_folder(folder, err) && format_path(path, folder, version, ".draft", err) &&
           file_replace(AT_FDCWD, path, text, "E_ROOT_WRITE", err);
}

bool chain_put_signature(const char *folder, uint64_t version, const char *id,
                         struct slice signature, struct err *err)
{
    char path[CHAIN_PATH_SIZE];
    char suffix[HASH_SIZE + 8];
    (void)snprintf(suffix, sizeof(suffix), ".sig/%.64s", id);
    return format_path(path, folder, version, ".sig", err) && make_folder(path, err) &&
           format_path(path, folder, version, suffix, err) &&
           file_replace(AT_FDCWD, path, signature, "E_ROOT_WRITE", err);
}

bool chain_finish(const char *folder, uint64_t version, struct err *err)
{
    char draft[CHAIN_PATH_SIZE];
    char path[CHAIN_PATH_SIZE];
    if (!format_path(draft, folder, version, ".draft", err) ||
        !format_path(path, folder, version, "", err))
        return false;
    /* A link fails where the name is taken, a rename would replace a signed root. */
    if (link(draft, path) == 0 && unlink(draft) == 0)
        return true;
    (void)err_set(err, ERR_IO, "E_ROOT_WRITE", "cannot give the draft its final name: %s",
                  strerror(errno));
    return err_at(err, path, 0, 0);
}

bool chain_export(const struct chain *chain, const char *folder, struct err *err)
{
    struct listing there = {0};
    if (!list_folder(folder, &there, err))
        return false;
    if (there.n != 0 || there.n_drafts != 0) {
        (void)err_set(err, ERR_USAGE, "E_ROOT_WRITE",
                      "there are roots in this folder already; roots are never overwritten, give "
                      "an empty folder");
        return err_at(err, folder, 0, 0);
    }
    bool done = make_folder(folder, err);
    for (size_t i = 0; done && chain->n_roots != 0 && i < chain->view.n_members; i++) {
        const struct ustar_member *member = &chain->view.members[i];
        const char *name = member->name + strlen("root/");
        const char *slash = strchr(name, '/');
        uint64_t version = 0;
        done = slice_to_u64(slice_make(name, VERSION_DIGITS), &version);
        if (!done || version < chain->roots[0]->version ||
            (chain->draft != NULL && version == chain->draft->version))
            continue;
        char path[CHAIN_PATH_SIZE];
        done = slash != NULL ? chain_put_signature(folder, version, slash + 1, member->data, err)
                             : format_path(path, folder, version, "", err) &&
                                   file_replace(AT_FDCWD, path, member->data, "E_ROOT_WRITE", err);
    }
    return done;
}
