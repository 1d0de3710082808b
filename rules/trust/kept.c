/* The bundles that the state folder keeps: store/SHA256.sgb. */
#include "stopgap/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "store.h"

#include "stopgap/banned.h"

#define FOLDER "store"
#define SUFFIX ".sgb"

enum {
    PRUNE_AGE_S = 3600, /* a load that has kept a bundle names it within seconds */
    REBUILD_MAX = 256,  /* kept bundles that are looked at after a loss */
};

/* ---- names */

void store_format_kept(char out[STORE_KEPT_SIZE], const char *file_hash)
{
    (void)snprintf(out, STORE_KEPT_SIZE, FOLDER "/%s" SUFFIX, file_hash);
}

/* The hash that FOLDER/HASH.sgb says; "" when it is no such name. */
static struct slice hash_of_name(struct slice name)
{
    struct slice hash = slice_head(name, TEXT_HASH_CHARS);
    bool is_kept = name.len == TEXT_HASH_CHARS + strlen(SUFFIX) && text_is_hash(hash) &&
                   slice_equal(slice_from(name, TEXT_HASH_CHARS), SLICE(SUFFIX));
    return is_kept ? hash : SLICE("");
}

bool trust_is_kept(const struct trust_store *store, const char *path)
{
    size_t len = store->path != NULL ? strlen(store->path) : 0;
    return len != 0 && strncmp(path, store->path, len) == 0 &&
           strncmp(path + len, "/" FOLDER "/", strlen("/" FOLDER "/")) == 0 &&
           hash_of_name(slice_str(path + len + strlen("/" FOLDER "/"))).len != 0;
}

/* ---- keeping */

/* A copy that the disk damaged is none. */
static bool is_there(const struct trust_store *store, const char *path, struct slice bytes)
{
    static const struct file_codes codes = {.read = "E_BUNDLE_READ", .size = "E_BUNDLE_SIZE"};
    struct buf kept;
    buf_init(&kept, bytes.len);
    bool is_same =
        file_read(store->folder, path, &codes, &kept, NULL) && slice_equal(buf_slice(&kept), bytes);
    buf_done(&kept);
    return is_same;
}

bool store_keep(struct trust_store *store, const char *file_hash, struct slice bytes,
                struct err *err)
{
    char path[STORE_KEPT_SIZE];
    store_format_kept(path, file_hash);
    if (store->folder < 0)
        return true;
    if (is_there(store, path, bytes)) {
        /* Young again, so that nobody prunes it before it is named. */
        (void)utimensat(store->folder, path, NULL, 0);
        return true;
    }
    if (mkdirat(store->folder, FOLDER, 0700) != 0 && errno != EEXIST)
        return err_set(err, ERR_IO, "E_STATE_WRITE", "cannot create the folder " FOLDER ": %s",
                       strerror(errno));
    return file_replace(store->folder, path, bytes, "E_STATE_WRITE", err);
}

bool store_has_kept(const struct trust_store *store, const char *file_hash)
{
    char path[STORE_KEPT_SIZE];
    store_format_kept(path, file_hash);
    return store->folder < 0 || faccessat(store->folder, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- paths to load */

static const struct state_set *find_role(const struct state *state, const struct state_set *of,
                                         bool (*has_role)(const struct state_set *set))
{
    for (size_t i = 0; i < state->n_sets; i++)
        if (strcmp(state->sets[i].set.name, of->set.name) == 0 &&
            state->sets[i].set.is_lab == of->set.is_lab && has_role(&state->sets[i]))
            return &state->sets[i];
    return NULL;
}

bool trust_is_withdrawn(const struct trust_store *store, const struct trust_set *set)
{
    return root_is_withdrawn(store->root, slice_str(set->name), set->epoch, set->serial);
}

static bool is_candidate(const struct state_set *set)
{
    return set->is_candidate;
}

static bool is_active(const struct state_set *set)
{
    return set->is_active;
}

static bool is_good(const struct state_set *set)
{
    return set->is_good;
}

static const struct state_set *find_pinned(const struct state *state, const struct state_set *of)
{
    const struct trust_pin *pin = store_find_pin(state, of->set.name, of->set.is_lab);
    for (size_t i = 0; pin != NULL && i < state->n_sets; i++) {
        const struct trust_set *set = &state->sets[i].set;
        if (strcmp(set->name, pin->name) == 0 && set->is_lab == pin->is_lab &&
            set->epoch == pin->epoch && set->serial == pin->serial)
            return &state->sets[i];
    }
    return NULL;
}

/* What is to be loaded for the name of this set; NULL: nothing. A set that was withdrawn is left
 * for the next best. */
static const struct state_set *choose(const struct trust_store *store, const struct state_set *of,
                                      enum trust_choice choice)
{
    const struct state *state = &store->state;
    const struct state_set *active = find_role(state, of, is_active);
    bool has_active = active != NULL && !trust_is_withdrawn(store, &active->set);
    const struct state_set *in_turn[] = {
        choice == TRUST_LAST_GOOD ? find_role(state, of, is_good) : find_pinned(state, of),
        choice == TRUST_NEWEST ? find_role(state, of, is_candidate) : NULL,
        active,
        find_role(state, of, is_good),
    };
    for (size_t i = 0; i < sizeof(in_turn) / sizeof(in_turn[0]); i++) {
        const struct state_set *set = in_turn[i];
        if (set != NULL && !trust_is_withdrawn(store, &set->set) &&
            (set == active || !has_active || !store_is_held(state, &set->set)))
            return set;
    }
    return NULL;
}

static bool is_wanted(const struct trust_store *store, const struct state_set *set,
                      enum trust_choice choice)
{
    if (choice != TRUST_NEWEST)
        return set->is_active;
    /* In the place of a withdrawn file stands what is kept of its name. */
    return (set->is_active && trust_is_withdrawn(store, &set->set)) ||
           (set->origin != TRUST_FROM_FILE && (set->is_active || set->is_candidate));
}

/* Each name once. */
static bool is_first(const struct trust_store *store, size_t index, enum trust_choice choice)
{
    const struct state *state = &store->state;
    const struct state_set *set = &state->sets[index];
    for (size_t i = 0; i < index; i++)
        if (is_wanted(store, &state->sets[i], choice) &&
            strcmp(state->sets[i].set.name, set->set.name) == 0 &&
            state->sets[i].set.is_lab == set->set.is_lab)
            return false;
    return is_wanted(store, set, choice);
}

bool trust_find_paths(struct trust_store *store, enum trust_choice choice,
                      struct trust_paths *ret_paths, struct err *err)
{
    struct trust_paths paths = {.n = 0};
    bool done = true;
    if (store->folder < 0) {
        *ret_paths = paths;
        return true;
    }
    if (!store_lock(store, err))
        return false;
    const struct state *state = &store->state;
    paths.items = calloc(state->n_sets + 1, sizeof(*paths.items));
    done = paths.items != NULL;
    for (size_t i = 0; done && i < state->n_sets; i++) {
        const struct state_set *set =
            is_first(store, i, choice) ? choose(store, &state->sets[i], choice) : NULL;
        if (set == NULL)
            continue;
        char kept[STORE_KEPT_SIZE];
        store_format_kept(kept, set->set.file);
        done = asprintf(&paths.items[paths.n], "%s/%s", store->path, kept) >= 0;
        paths.n += done;
    }
    store_unlock(store);
    if (!done) {
        trust_paths_done(&paths);
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for the rules");
    }
    *ret_paths = paths;
    return true;
}

void trust_paths_done(struct trust_paths *paths)
{
    for (size_t i = 0; i < paths->n; i++)
        free(paths->items[i]);
    free(paths->items);
    *paths = (struct trust_paths){.n = 0};
}

bool trust_find_pinned(struct trust_store *store, const struct bundle *bundle, char *out,
                       size_t size)
{
    struct state_set of = {.tries = 0};
    char kept[STORE_KEPT_SIZE];
    trust_set_of(bundle, &of.set);
    const struct state_set *pinned = find_pinned(&store->state, &of);
    if (pinned == NULL || trust_is_withdrawn(store, &pinned->set) ||
        strcmp(pinned->set.manifest, of.set.manifest) == 0)
        return false;
    store_format_kept(kept, pinned->set.file);
    int len = snprintf(out, size, "%s/%s", store->path, kept);
    return len > 0 && (size_t)len < size;
}

/* ---- cleaning up, and starting anew */

/* What is in the folder of kept bundles; free each of them and the list. -1: nothing. */
static int list_kept(const struct trust_store *store, struct dirent ***ret_entries)
{
    return store->folder >= 0 ? scandirat(store->folder, FOLDER, ret_entries, NULL, alphasort) : -1;
}

static void free_list(struct dirent **entries, int n)
{
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
}

static bool is_named(const struct state *state, struct slice hash)
{
    for (size_t i = 0; i < state->n_sets; i++)
        if (slice_equal(hash, slice_str(state->sets[i].set.file)))
            return true;
    return false;
}

/* Remove it, when it is an hour old. Files have the times of the system's clock, whatever the
 * store's is. */
static void prune(const struct trust_store *store, const char *name)
{
    char path[sizeof(FOLDER) + NAME_MAX + 2];
    struct stat st;
    (void)snprintf(path, sizeof(path), FOLDER "/%s", name);
    if (fstatat(store->folder, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
        llabs((long long)time(NULL) - (long long)st.st_mtime) >= PRUNE_AGE_S)
        (void)unlinkat(store->folder, path, 0);
}

void trust_prune(struct trust_store *store)
{
    struct dirent **entries;
    int n = list_kept(store, &entries);
    if (n < 0)
        return;
    bool is_locked = store_lock(store, NULL);
    for (int i = 0; is_locked && i < n; i++)
        if (!is_named(&store->state, hash_of_name(slice_str(entries[i]->d_name))))
            prune(store, entries[i]->d_name);
    if (is_locked)
        store_unlock(store);
    free_list(entries, n);
}

/* It was accepted once, and is accepted again by the root that is left: it was in force, or would
 * have been. Whether it came from a file or a feed is not known; a configured file goes first. */
static void take_up(struct trust_store *store, const struct bundle *bundle)
{
    struct state_set fresh = {.origin = TRUST_FROM_FEED, .is_active = true};
    struct state *next = store_change(store, NULL);
    if (next == NULL)
        return;
    trust_set_of(bundle, &fresh.set);
    for (size_t i = next->n_sets; i-- > 0;) /* an older one of its name */
        if (strcmp(next->sets[i].set.name, fresh.set.name) == 0 &&
            next->sets[i].set.is_lab == fresh.set.is_lab)
            next->sets[i] = next->sets[--next->n_sets];
    if (next->n_sets < STATE_MAX_SETS) {
        next->sets[next->n_sets++] = fresh;
        if (!store_commit(store, NULL)) /* what cannot be written now is found again */
            store->state = *next;
    }
    store_unlock(store);
}

void store_rebuild(struct trust_store *store)
{
    struct dirent **entries;
    int n = list_kept(store, &entries);
    if (n < 0)
        return;
    for (int i = 0; i < n && i < REBUILD_MAX; i++) {
        char path[4096];
        int len = snprintf(path, sizeof(path), "%s/" FOLDER "/%s", store->path, entries[i]->d_name);
        if (len < 0 || (size_t)len >= sizeof(path) || !trust_is_kept(store, path))
            continue;
        struct bundle *bundle = bundle_open(store, path, NULL);
        if (bundle != NULL)
            take_up(store, bundle);
        bundle_close(bundle);
    }
    free_list(entries, n);
}
