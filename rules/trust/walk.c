/* The walk along the chain of roots. */
#include "walk.h"

#include "stopgap/banned.h"

static bool check_place(const struct root *old, const struct root *next, bool allow_test_root,
                        struct err *err)
{
    if (next->version != old->version + 1)
        return err_set(err, ERR_TRUST, "E_ROOT_ROLLBACK",
                       "the root after version %llu says that it is version %llu; none may be "
                       "left out or come twice",
                       (unsigned long long)old->version, (unsigned long long)next->version);
    if (strcmp(next->previous, old->hash) != 0)
        return err_set(err, ERR_TRUST, "E_ROOT_PREVIOUS",
                       "root %llu follows another root %llu than ours: two histories were signed, "
                       "or this is a forgery; ask the publisher",
                       (unsigned long long)next->version, (unsigned long long)old->version);
    if (next->epoch < old->epoch)
        return err_set(err, ERR_TRUST, "E_ROOT_EPOCH",
                       "root %llu goes back from epoch %llu to %llu",
                       (unsigned long long)next->version, (unsigned long long)old->epoch,
                       (unsigned long long)next->epoch);
    return !next->is_test || old->is_test || allow_test_root ||
           err_set(err, ERR_TRUST, "E_ROOT_TEST",
                   "root %llu says 'usage test' and is refused in production",
                   (unsigned long long)next->version);
}

void walk_count(const struct root *judge, const struct root *next, const struct ustar *archive,
                struct signature_tally *ret_tally)
{
    char prefix[ROOT_NAME_SIZE];
    store_format_root(prefix, "root", next->version, ".sig/");
    const struct signature_request request = {
        .role = ROLE_ROOT, .message = buf_slice(&next->text), .archive = archive, .prefix = prefix};
    signature_count(judge, &request, ret_tally);
    signature_apply_time(judge, next->created, ret_tally);
}

static bool check_threshold(const struct root *judge, const struct root *next,
                            const struct ustar *archive, struct err *err)
{
    struct signature_tally tally;
    walk_count(judge, next, archive, &tally);
    if (tally.good >= tally.needed)
        return true;
    if (tally.good + tally.unusable >= tally.needed)
        return err_set(err, ERR_TRUST, "E_ENGINE_TOO_OLD_CRYPTO",
                       "root %llu is signed in an algorithm that this build cannot check (%s); "
                       "this does not mean forgery; upgrade the program",
                       (unsigned long long)next->version, tally.unusable_word);
    char counts[400];
    signature_describe(&tally, counts, sizeof(counts));
    return err_set(err, ERR_TRUST, judge == next ? "E_ROOT_NEW_THRESHOLD" : "E_ROOT_OLD_THRESHOLD",
                   "root %llu has not enough valid signatures by the root keys of version %llu: %s",
                   (unsigned long long)next->version, (unsigned long long)judge->version, counts);
}

struct root *walk_step(const struct root *old, struct slice text, const struct ustar *archive,
                       bool allow_test_root, struct err *err)
{
    struct root *next = root_parse(text, err);
    if (next == NULL)
        return NULL;
    if (check_place(old, next, allow_test_root, err) && check_threshold(old, next, archive, err) &&
        check_threshold(next, next, archive, err))
        return next;
    root_free(next);
    return NULL;
}

static const struct ustar_member *find_next(const struct trust_store *store,
                                            const struct ustar *archive)
{
    char name[ROOT_NAME_SIZE];
    store_format_root(name, "root", store->root->version + 1, "");
    return ustar_find(archive, name);
}

static bool may_pulse(const struct root *root, const char *id)
{
    const struct root_key *key = root_find_key(root, id);
    return key != NULL && !key->is_revoked && (key->roles & (1u << ROLE_PULSE)) != 0;
}

/* A key that was taken away may have signed pulses of days to come. */
static bool loses_pulse_key(const struct root *old, const struct root *next)
{
    for (size_t i = 0; i < old->n_keys; i++)
        if (may_pulse(old, old->keys[i].id) && !may_pulse(next, old->keys[i].id))
            return true;
    return false;
}

/* Each root is on disk before the next one is looked at; the state follows at the end. */
static bool take_steps(struct trust_store *store, const struct ustar *archive, struct err *err)
{
    const struct ustar_member *member;
    /* Where the way began belongs to it: a bundle made of the stored roots is whole. */
    if (store->root->version > store->state.root_version &&
        !store_save_root(store, store->root, NULL, err))
        return false;
    for (int step = 0; step < LIMIT_ROOT_STEPS && (member = find_next(store, archive)) != NULL;
         step++) {
        struct root *next =
            walk_step(store->root, member->data, archive, store->allow_test_root, err);
        if (next == NULL)
            return false;
        if (!store_save_root(store, next, archive, err)) {
            root_free(next);
            return false;
        }
        if (loses_pulse_key(store->root, next))
            store->state.pulse_time = 0;
        store_take_root(store, next);
    }
    return true;
}

bool walk_archive(struct trust_store *store, const struct ustar *archive, struct err *err)
{
    if (find_next(store, archive) == NULL)
        return true;
    if (!store_lock(store, err))
        return false;
    uint64_t version = store->root->version;
    bool done = take_steps(store, archive, err);
    if (store->root->version != version && !store_commit_root(store, done ? err : NULL))
        done = false;
    store_unlock(store);
    return done;
}
