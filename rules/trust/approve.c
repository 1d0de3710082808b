/* Sets that take many rules of the one before them away, and who may take them all the same. */
#include "stopgap/trust.h"

#include "store.h"

#include "stopgap/banned.h"

bool store_is_held(const struct state *state, const struct trust_set *set)
{
    const struct trust_pin *pin = store_find_pin(state, set->name, set->is_lab);
    if (pin != NULL && pin->epoch == set->epoch && pin->serial == set->serial)
        return false;
    for (size_t i = 0; i < state->n_failed; i++) {
        const struct state_failed *failed = &state->failed[i];
        if (strcmp(failed->name, set->name) == 0 && failed->is_lab == set->is_lab &&
            failed->epoch == set->epoch && failed->serial == set->serial)
            return strcmp(failed->code, TRUST_HELD_CODE) == 0;
    }
    return false;
}

bool trust_is_held(const struct trust_store *store, const struct trust_set *set)
{
    return store_is_held(&store->state, set);
}

static bool is_approved(const struct state *state, const struct trust_set *set)
{
    for (size_t i = 0; i < state->n_approved; i++) {
        const struct state_approved *approved = &state->approved[i];
        if (strcmp(approved->name, set->name) == 0 && approved->is_lab == set->is_lab)
            return approved->epoch == set->epoch && approved->serial == set->serial;
    }
    return false;
}

/* A pin is an operator's wish, and the set that comes back after it was in force before. */
static bool is_known(const struct state *state, const struct trust_set *set)
{
    const struct trust_pin *pin = store_find_pin(state, set->name, set->is_lab);
    if (pin != NULL && pin->epoch == set->epoch && pin->serial == set->serial)
        return true;
    for (size_t i = 0; i < state->n_sets; i++)
        if (strcmp(state->sets[i].set.manifest, set->manifest) == 0 && state->sets[i].is_proved)
            return true;
    return false;
}

bool trust_may_remove(const struct trust_store *store, const struct trust_set *set,
                      const struct trust_set *before)
{
    return set->epoch > before->epoch || is_approved(&store->state, set) ||
           is_known(&store->state, set) ||
           root_is_withdrawn(store->root, slice_str(before->name), before->epoch, before->serial);
}

/* Of the name; STATE_MAX_FAILED: none is held. */
static size_t find_held(const struct state *state, const char *name, uint64_t serial)
{
    for (size_t i = 0; i < state->n_failed; i++)
        if (strcmp(state->failed[i].name, name) == 0 && state->failed[i].serial == serial &&
            strcmp(state->failed[i].code, TRUST_HELD_CODE) == 0)
            return i;
    return STATE_MAX_FAILED;
}

/* The one that was named first goes when there is no room. */
static void note_approved(struct state *next, const struct state_approved *approved)
{
    size_t n = 0;
    for (size_t i = 0; i < next->n_approved; i++)
        if (strcmp(next->approved[i].name, approved->name) != 0 ||
            next->approved[i].is_lab != approved->is_lab)
            next->approved[n++] = next->approved[i];
    if (n == STATE_MAX_APPROVED)
        memmove(&next->approved[0], &next->approved[1], --n * sizeof(next->approved[0]));
    next->approved[n++] = *approved;
    next->n_approved = n;
}

bool trust_approve(struct trust_store *store, const char *name, uint64_t serial, struct err *err)
{
    struct state *next = store_change(store, err);
    if (next == NULL)
        return false;
    size_t index = find_held(next, name, serial);
    bool done = index != STATE_MAX_FAILED;
    if (done) {
        const struct state_failed *held = &next->failed[index];
        struct state_approved approved = {.is_lab = held->is_lab,
                                          .epoch = held->epoch,
                                          .serial = held->serial,
                                          .when = store_now(store)};
        memcpy(approved.name, held->name, sizeof(approved.name));
        next->failed[index] = next->failed[--next->n_failed];
        note_approved(next, &approved);
        done = store_commit(store, err);
    } else {
        (void)err_set(err, ERR_USAGE, "E_APPROVE_UNKNOWN",
                      "no %s with serial %llu is held back here; 'stopgap status' shows what is",
                      name, (unsigned long long)serial);
    }
    store_unlock(store);
    return done;
}
