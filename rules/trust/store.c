/* Opening the trust store, and the order of bundles. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "utc.h"

#include "stopgap/banned.h"

enum { FUTURE_DAYS = 2 }; /* a signed time further ahead of our clock is not believed */

int64_t store_now(const struct trust_store *store)
{
    return store->fixed_now != 0 ? store->fixed_now : (int64_t)time(NULL);
}

bool trust_state_was_lost(const struct trust_store *store)
{
    return store->was_lost;
}

/* ---- opening */

static int open_folder(const char *path, struct err *err)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        (void)err_set(err, ERR_IO, "E_STATE_OPEN", "cannot create the state folder: %s",
                      strerror(errno));
        (void)err_at(err, path, 0, 0);
        return -1;
    }
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        (void)err_set(err, ERR_IO, "E_STATE_OPEN", "cannot open the state folder: %s",
                      strerror(errno));
        (void)err_at(err, path, 0, 0);
    }
    return folder;
}

bool trust_was_used(const char *state_dir)
{
    static const char *const names[] = {"state", "state.prev", "roots"};
    int folder = state_dir != NULL ? open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder < 0)
        return state_dir != NULL && errno != ENOENT && errno != ENOTDIR;
    bool was_used = false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !was_used; i++)
        was_used = faccessat(folder, names[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
    (void)close(folder);
    return was_used;
}

/* The root that the state names; NULL when there is none or its file is not the one meant. */
static struct root *load_stored_root(struct trust_store *store)
{
    if (store->was_lost)
        return store_find_newest_root(store->folder);
    if (store->state.root_version == 0)
        return NULL;
    struct root *root = store_read_root(store->folder, store->state.root_version);
    if (root != NULL && strcmp(root->hash, store->state.root_hash) == 0)
        return root;
    root_free(root);
    store->was_lost = true;
    return NULL;
}

static bool load_state(struct trust_store *store, struct err *err)
{
    enum state_result result = state_load(store->folder, &store->state, err);
    store->was_lost = result == STATE_LOST;
    store->keep_previous = result == STATE_GOOD;
    return result != STATE_FAILED;
}

/* Two files for one version are two histories; which one is meant is for a person to say. */
static bool fail_fork(const struct root *anchor, struct err *err)
{
    return err_set(err, ERR_TRUST, "E_ROOT_FORK",
                   "this root %llu is not of the history that the state folder was made with; "
                   "give the right root, or another state folder",
                   (unsigned long long)anchor->version);
}

/* The root that is given may go on where the state folder stands, but not from elsewhere. */
static bool check_fork(const struct trust_store *store, const struct root *anchor, struct err *err)
{
    const struct state *state = &store->state;
    const char *ours = state->root_version == anchor->version       ? anchor->hash
                       : state->root_version + 1 == anchor->version ? anchor->previous
                                                                    : NULL;
    return state->root_version == 0 || ours == NULL || strcmp(state->root_hash, ours) == 0 ||
           fail_fork(anchor, err);
}

/* The newer one of the operator's root and the stored one. */
static bool choose_root(struct trust_store *store, struct root *anchor, struct root *stored,
                        struct err *err)
{
    if (anchor == NULL && stored == NULL)
        return err_set(err, ERR_TRUST, "E_ROOT_NONE",
                       "no root to check signatures with; name the publisher's root file");
    bool takes_stored = anchor == NULL || (stored != NULL && stored->version > anchor->version);
    store->root = takes_stored ? stored : anchor;
    char hash[HASH_SIZE];
    bool is_fork = takes_stored && anchor != NULL &&
                   store_find_hash(store, NULL, anchor->version, hash) &&
                   strcmp(hash, anchor->hash) != 0;
    if (is_fork)
        (void)fail_fork(anchor, err);
    root_free(takes_stored ? anchor : stored);
    if (is_fork)
        return false;
    if (store->root->is_test && !store->allow_test_root)
        return err_set(err, ERR_TRUST, "E_ROOT_TEST",
                       "the root says 'usage test' and is refused in production");
    return true;
}

static bool open_root(struct trust_store *store, const char *root_path, struct err *err)
{
    struct root *anchor = NULL;
    if (root_path != NULL) {
        anchor = root_read(AT_FDCWD, root_path, err);
        if (anchor == NULL)
            return false;
        if (!check_fork(store, anchor, err)) {
            root_free(anchor);
            return err_at(err, root_path, 0, 0);
        }
    }
    struct root *stored = store->folder >= 0 ? load_stored_root(store) : NULL;
    return choose_root(store, anchor, stored, err) || err_at(err, root_path, 0, 0);
}

/* The loss is written down, or it would be forgotten with the next start. */
static void begin_anew(struct trust_store *store)
{
    store->state.lost = store_now(store);
    store_rebuild(store);
    if (store_change(store, NULL) == NULL)
        return;
    if (!store_commit(store, NULL)) /* what cannot be written now is written later */
        store->keep_previous = false;
    store_unlock(store);
}

struct trust_store *trust_open(const struct trust_options *options, struct err *err)
{
    struct trust_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        (void)err_set(err, ERR_MEMORY, "E_STATE_OPEN", "no memory for the trust store");
        return NULL;
    }
    store->folder = -1;
    store->fixed_now = options->now;
    store->allow_test_root = options->allow_test_root;
    store->is_read_only = options->is_read_only;
    store->holds = options->holds;
    bool done = true;
    /* Who only looks makes no folder. */
    if (options->state_dir != NULL &&
        (!options->is_read_only || access(options->state_dir, F_OK) == 0)) {
        store->path = strdup(options->state_dir);
        store->folder = open_folder(options->state_dir, err);
        done = store->folder >= 0 && load_state(store, err);
        if (done && store->path == NULL)
            done = err_set(err, ERR_MEMORY, "E_STATE_OPEN", "no memory for the trust store");
    }
    if (done && open_root(store, options->root_path, err)) {
        if (store->was_lost)
            begin_anew(store);
        return store;
    }
    trust_close(store);
    return NULL;
}

void trust_close(struct trust_store *store)
{
    if (store == NULL)
        return;
    root_free(store->root);
    if (store->folder >= 0)
        (void)close(store->folder);
    free(store->path);
    free(store);
}

/* ---- order */

bool store_check_epoch(const struct trust_store *store, const struct manifest *manifest,
                       struct err *err)
{
    unsigned long long epoch = manifest->epoch;
    unsigned long long open_epoch = store->root->epoch;
    /* Epochs belong to the root: a stolen rules key must not be able to run ahead of them. */
    if (epoch > open_epoch)
        return err_set(err, ERR_TRUST, "E_EPOCH",
                       "the bundle is of epoch %llu, but root %llu opens epochs up to %llu only",
                       epoch, (unsigned long long)store->root->version, open_epoch);
    if (epoch < open_epoch)
        return err_set(err, ERR_TRUST, "E_ROLLBACK",
                       "the bundle is of epoch %llu, which root %llu closed; the epoch is %llu",
                       epoch, (unsigned long long)store->root->version, open_epoch);
    return true;
}

static bool judge_order(const struct trust_store *store, const struct manifest *manifest,
                        const struct state_floor *floor, struct err *err)
{
    unsigned long long epoch = manifest->epoch;
    unsigned long long serial = manifest->serial;
    if (!store_check_epoch(store, manifest, err))
        return false;
    if (floor != NULL &&
        (epoch < floor->epoch || (epoch == floor->epoch && serial < floor->serial)))
        return err_set(err, ERR_TRUST, "E_ROLLBACK",
                       SLICE_FMT " %llu.%llu is older than %llu.%llu, which was seen here before",
                       SLICE_ARG(manifest->name), epoch, serial, (unsigned long long)floor->epoch,
                       (unsigned long long)floor->serial);
    return true;
}

static bool is_same_place(const struct manifest *manifest, const struct state_floor *floor)
{
    return floor != NULL && manifest->epoch == floor->epoch && manifest->serial == floor->serial;
}

/* ---- changes */

/* The root goes first: a state never names a root that is not there. */
bool store_commit(struct trust_store *store, struct err *err)
{
    struct state *next = &store->next;
    if (store->folder >= 0 && !store->is_read_only) {
        if (store->root->version > next->root_version) {
            if (!store_save_root(store, store->root, NULL, err))
                return false;
            next->root_version = store->root->version;
            memcpy(next->root_hash, store->root->hash, sizeof(next->root_hash));
        }
        if (!state_save(store->folder, next, store->keep_previous, err))
            return false;
        store->keep_previous = true;
    }
    store->state = *next;
    return true;
}

struct state *store_change(struct trust_store *store, struct err *err)
{
    if (!store_lock(store, err))
        return NULL;
    store->next = store->state;
    return &store->next;
}

void store_take_root(struct trust_store *store, struct root *root)
{
    root_free(store->root);
    store->root = root;
}

bool store_commit_root(struct trust_store *store, struct err *err)
{
    store->next = store->state;
    return store_commit(store, err);
}

/* Another process may have raised floors or walked to a newer root since we read them. What we
 * hold in memory stays when the files are gone or damaged: it is the better knowledge. */
static bool refresh(struct trust_store *store, struct err *err)
{
    struct state *state = &store->next;
    enum state_result result = state_load(store->folder, state, err);
    if (result == STATE_GOOD)
        store->state = *state;
    store->keep_previous = result == STATE_GOOD;
    if (result != STATE_GOOD || state->root_version <= store->root->version)
        return result != STATE_FAILED;
    struct root *root = store_read_root(store->folder, state->root_version);
    if (root != NULL && strcmp(root->hash, state->root_hash) == 0)
        store_take_root(store, root);
    else
        root_free(root);
    return true;
}

bool store_lock(struct trust_store *store, struct err *err)
{
    if (store->folder < 0 || store->is_read_only)
        return true;
    if (flock(store->folder, LOCK_EX) != 0)
        return err_set(err, ERR_IO, "E_STATE_LOCK", "cannot lock the state folder: %s",
                       strerror(errno));
    if (refresh(store, err))
        return true;
    store_unlock(store);
    return false;
}

void store_unlock(struct trust_store *store)
{
    if (store->folder >= 0)
        (void)flock(store->folder, LOCK_UN);
}

bool store_knows(const struct trust_store *store, const char *manifest_hash, bool is_kept)
{
    const struct state *state = &store->state;
    for (size_t i = 0; i < state->n_floors; i++)
        if (strcmp(state->floors[i].hash, manifest_hash) == 0)
            return true;
    for (size_t i = 0; i < state->n_sets; i++)
        if ((is_kept || state->sets[i].is_active) &&
            strcmp(state->sets[i].set.manifest, manifest_hash) == 0)
            return true;
    return false;
}

static bool has_active(const struct state *state, const struct state_floor *floor)
{
    for (size_t i = 0; i < state->n_sets; i++)
        if (state->sets[i].is_active && state->sets[i].set.is_lab == floor->is_lab &&
            strcmp(state->sets[i].set.name, floor->name) == 0)
            return true;
    return false;
}

bool store_had_in_force(const struct trust_store *store, const char *manifest_hash)
{
    const struct state *state = &store->state;
    for (size_t i = 0; i < state->n_sets; i++) {
        const struct state_set *set = &state->sets[i];
        if (strcmp(set->set.manifest, manifest_hash) == 0)
            return set->is_active || set->is_good || set->is_proved || !set->is_candidate;
    }
    for (size_t i = 0; i < state->n_floors; i++)
        if (strcmp(state->floors[i].hash, manifest_hash) == 0)
            return !has_active(state, &state->floors[i]); /* another one is: this never was */
    return false;
}

/* A time far ahead of our clock may be a mistake; believed, it would age everything for good. */
bool store_is_credible(const struct trust_store *store, int64_t created)
{
    return created <= store_now(store) + (int64_t)FUTURE_DAYS * UTC_DAY_SECONDS;
}

static void note_signed_time(const struct trust_store *store, struct state *next, int64_t created)
{
    if (!store_is_credible(store, created)) {
        if (created > next->ahead_time)
            next->ahead_time = created;
    } else if (created > next->signed_time) {
        next->signed_time = created;
    }
    if (next->ahead_time != 0 &&
        store_is_credible(store, next->ahead_time)) { /* the clock was set right */
        if (next->ahead_time > next->signed_time)
            next->signed_time = next->ahead_time;
        next->ahead_time = 0;
    }
}

static bool raise_floor(struct trust_store *store, const struct manifest *manifest,
                        const char *manifest_hash, struct err *err)
{
    struct state *next = &store->next;
    const struct state_floor *known = state_find(next, manifest->name, manifest->is_lab);
    size_t index = known != NULL ? (size_t)(known - next->floors) : next->n_floors;
    if (index == STATE_MAX_FLOORS)
        return err_set(err, ERR_LIMIT, "E_STATE_FULL", "more than %d names of bundles",
                       STATE_MAX_FLOORS);
    struct state_floor *floor = &next->floors[index];
    *floor = (struct state_floor){
        .is_lab = manifest->is_lab, .epoch = manifest->epoch, .serial = manifest->serial};
    memcpy(floor->name, manifest->name.ptr, manifest->name.len);
    memcpy(floor->hash, manifest_hash, TEXT_HASH_CHARS);
    if (known == NULL)
        next->n_floors++;
    note_signed_time(store, next, manifest->created);
    return store_commit(store, err);
}

bool store_admit(struct trust_store *store, const struct manifest *manifest,
                 const char *manifest_hash, struct err *err)
{
    bool done = false;
    if (store_change(store, err) == NULL)
        return false;
    const struct state_floor *floor = state_find(&store->state, manifest->name, manifest->is_lab);
    if (!judge_order(store, manifest, floor, err))
        goto out;
    if (!is_same_place(manifest, floor))
        done = raise_floor(store, manifest, manifest_hash, err);
    else if (strcmp(floor->hash, manifest_hash) == 0)
        done = true;
    else
        (void)err_set(err, ERR_TRUST, "E_SERIAL_REUSED",
                      "another " SLICE_FMT " %llu.%llu with other content was signed before; ask "
                      "the publisher, one of the two may be forged",
                      SLICE_ARG(manifest->name), (unsigned long long)manifest->epoch,
                      (unsigned long long)manifest->serial);
out:
    store_unlock(store);
    return done;
}
