/* Which sets are in force, which one is the last known good, and which ones failed. */
#include "stopgap/trust.h"

#include "store.h"
#include "utc.h"

#include "stopgap/banned.h"

/* ---- looking up */

static bool is_same_name(const struct trust_set *a, const struct trust_set *b)
{
    return strcmp(a->name, b->name) == 0 && a->is_lab == b->is_lab;
}

/* Another file of one manifest has more or other signatures: it is the same set. */
static bool is_same_set(const struct trust_set *a, const struct trust_set *b)
{
    return is_same_name(a, b) && strcmp(a->manifest, b->manifest) == 0;
}

static struct state_set *find_set(struct state *state, const struct trust_set *set)
{
    for (size_t i = 0; i < state->n_sets; i++)
        if (is_same_set(&state->sets[i].set, set))
            return &state->sets[i];
    return NULL;
}

static size_t find_failed(const struct state *state, const char *name, bool is_lab)
{
    for (size_t i = 0; i < state->n_failed; i++)
        if (strcmp(state->failed[i].name, name) == 0 && state->failed[i].is_lab == is_lab)
            return i;
    return state->n_failed;
}

const char *trust_failed_code(const struct trust_store *store, const struct trust_set *set)
{
    const struct state *state = &store->state;
    size_t index = find_failed(state, set->name, set->is_lab);
    bool has_failed = index < state->n_failed && state->failed[index].epoch == set->epoch &&
                      state->failed[index].serial == set->serial;
    return has_failed ? state->failed[index].code : "";
}

const struct trust_pin *store_find_pin(const struct state *state, const char *name, bool is_lab)
{
    for (size_t i = 0; i < state->n_pins; i++)
        if (strcmp(state->pins[i].name, name) == 0 && state->pins[i].is_lab == is_lab)
            return &state->pins[i];
    return NULL;
}

/* ---- changing */

static void note_failed(const struct trust_store *store, struct state *next,
                        const struct trust_set *set, const char *code)
{
    size_t index = find_failed(next, set->name, set->is_lab);
    if (index == STATE_MAX_FAILED) { /* the one that was named first goes */
        index--;
        memmove(&next->failed[0], &next->failed[1], index * sizeof(next->failed[0]));
    } else if (index == next->n_failed) {
        next->n_failed++;
    }
    struct state_failed *failed = &next->failed[index];
    *failed = (struct state_failed){.is_lab = set->is_lab,
                                    .epoch = set->epoch,
                                    .serial = set->serial,
                                    .when = store_now(store)};
    (void)snprintf(failed->name, sizeof(failed->name), "%s", set->name);
    (void)snprintf(failed->code, sizeof(failed->code), "%s", code);
}

static bool is_pinned(const struct state *state, const struct trust_set *set)
{
    const struct trust_pin *pin = store_find_pin(state, set->name, set->is_lab);
    return pin != NULL && pin->epoch == set->epoch && pin->serial == set->serial;
}

/* Forget the sets that have no role any more. */
static void drop_idle(struct state *next)
{
    size_t n = 0;
    for (size_t i = 0; i < next->n_sets; i++) {
        const struct state_set *set = &next->sets[i];
        if (set->is_candidate || set->is_active || set->is_good || is_pinned(next, &set->set))
            next->sets[n++] = *set;
    }
    next->n_sets = n;
}

/* The set of this name that is in force stops being so. */
static void retire(struct state *next, const struct trust_set *successor)
{
    struct state_set *old = NULL;
    for (size_t i = 0; i < next->n_sets; i++)
        if (is_same_name(&next->sets[i].set, successor) && next->sets[i].is_active)
            old = &next->sets[i];
    if (old == NULL || is_same_set(&old->set, successor))
        return;
    old->is_active = false;
    old->tries = 0;
    bool has_candidate = false;
    for (size_t i = 0; i < next->n_sets; i++)
        has_candidate |= is_same_name(&next->sets[i].set, successor) && next->sets[i].is_candidate;
    if (is_pinned(next, successor) && !has_candidate)
        old->is_candidate = true; /* when the pin ends it comes back */
    if (!old->is_proved)
        return;
    for (size_t i = 0; i < next->n_sets; i++)
        if (is_same_name(&next->sets[i].set, successor))
            next->sets[i].is_good = false;
    old->is_good = true;
}

static struct state_set *add_set(struct state *next, const struct trust_set *set, struct err *err)
{
    if (next->n_sets == STATE_MAX_SETS)
        drop_idle(next);
    if (next->n_sets == STATE_MAX_SETS) {
        (void)err_set(err, ERR_LIMIT, "E_STATE_FULL", "more than %d sets of rules are kept",
                      STATE_MAX_SETS);
        return NULL;
    }
    struct state_set *added = &next->sets[next->n_sets++];
    *added = (struct state_set){.set = *set};
    return added;
}

/* ---- candidates */

static bool name_candidate(struct trust_store *store, const struct trust_set *set,
                           enum trust_origin origin, struct err *err)
{
    struct state *next = store_change(store, err);
    bool done = false;
    if (next == NULL)
        return false;
    const struct state_set *known = find_set(next, set);
    if (known != NULL && (known->is_active || known->is_candidate)) {
        done = true;
        goto out;
    }
    for (size_t i = 0; i < next->n_sets; i++)
        if (is_same_name(&next->sets[i].set, set))
            next->sets[i].is_candidate = false;
    struct state_set *candidate = known != NULL ? find_set(next, set) : add_set(next, set, err);
    if (candidate == NULL)
        goto out;
    candidate->is_candidate = true;
    candidate->origin = origin;
    drop_idle(next);
    done = store_commit(store, err);
out:
    store_unlock(store);
    return done;
}

bool trust_keep_bundle(struct trust_store *store, const struct bundle *bundle,
                       enum trust_origin origin, struct err *err)
{
    struct trust_set set;
    trust_set_of(bundle, &set);
    if (store->folder < 0)
        return true;
    return store_keep(store, set.file, bundle_bytes(bundle), err) &&
           (origin == TRUST_FROM_FILE || name_candidate(store, &set, origin, err));
}

static bool note_verdict(struct trust_store *store, const struct trust_set *set, const char *code,
                         bool is_held, struct err *err)
{
    struct state *next = store_change(store, err);
    if (next == NULL)
        return false;
    note_failed(store, next, set, code);
    struct state_set *known = find_set(next, set);
    if (known != NULL && !is_held)
        known->is_candidate = false;
    drop_idle(next);
    bool done = store_commit(store, err);
    store_unlock(store);
    return done;
}

bool trust_fail(struct trust_store *store, const struct trust_set *set, const char *code,
                struct err *err)
{
    return note_verdict(store, set, code, false, err);
}

bool trust_hold(struct trust_store *store, const struct trust_set *set, struct err *err)
{
    return note_verdict(store, set, TRUST_HELD_CODE, true, err);
}

/* ---- going live */

/* Are these sets, and no others, in force already? */
static bool is_unchanged(struct state *state, const struct trust_set *sets, size_t n)
{
    size_t n_active = 0;
    for (size_t i = 0; i < state->n_sets; i++)
        n_active += state->sets[i].is_active;
    for (size_t i = 0; i < n; i++) {
        const struct state_set *known = find_set(state, &sets[i]);
        if (known == NULL || !known->is_active || known->is_candidate ||
            strcmp(known->set.file, sets[i].file) != 0)
            return false;
    }
    return n_active == n;
}

static bool take_force(struct trust_store *store, struct state *next, const struct trust_set *set,
                       struct err *err)
{
    if (!store_has_kept(store, set->file))
        return err_set(err, ERR_IO, "E_STATE_WRITE",
                       "%s %llu.%llu could not be kept in the state folder", set->name,
                       (unsigned long long)set->epoch, (unsigned long long)set->serial);
    retire(next, set);
    struct state_set *known = find_set(next, set);
    if (known == NULL)
        known = add_set(next, set, err);
    if (known == NULL)
        return false;
    if (!known->is_active && !known->is_proved)
        known->tries = 1;
    known->set = *set;
    known->is_active = true;
    known->is_candidate = false;
    return true;
}

static bool is_among(const struct trust_set *sets, size_t n, const struct trust_set *set)
{
    for (size_t i = 0; i < n; i++)
        if (is_same_set(&sets[i], set))
            return true;
    return false;
}

bool trust_begin(struct trust_store *store, const struct trust_set *sets, size_t n, struct err *err)
{
    if (store->folder < 0)
        return true;
    struct state *next = store_change(store, err);
    if (next == NULL)
        return false;
    bool done = true;
    if (is_unchanged(next, sets, n))
        goto out;
    for (size_t i = 0; done && i < n; i++)
        done = take_force(store, next, &sets[i], err);
    /* A name that is in no set was taken away by the operator, with all that was kept of it. */
    for (size_t i = 0; i < next->n_sets; i++) {
        struct state_set *set = &next->sets[i];
        bool has_successor = false;
        for (size_t k = 0; k < n; k++)
            has_successor |= is_same_name(&sets[k], &set->set);
        if (!has_successor)
            set->is_active = set->is_good = false;
        else if (!is_among(sets, n, &set->set))
            set->is_active = false;
    }
    drop_idle(next);
    done = done && store_commit(store, err);
out:
    store_unlock(store);
    return done;
}

static bool is_tried(const struct state_set *set)
{
    return set->is_candidate && set->tries != 0;
}

/* Note that a candidate is on trial; false: nothing changed. */
static bool try_one(struct state *next, const struct trust_set *set)
{
    struct state_set *known = find_set(next, set);
    if (known != NULL && (known->is_active || is_tried(known)))
        return false;
    if (known == NULL)
        known = add_set(next, set, NULL); /* without room it is tried all the same */
    if (known == NULL)
        return false;
    for (size_t i = 0; i < next->n_sets; i++)
        if (is_same_name(&next->sets[i].set, set))
            next->sets[i].is_candidate = false;
    known->is_candidate = true;
    known->tries = 1;
    return true;
}

bool trust_try(struct trust_store *store, const struct trust_set *sets, size_t n, struct err *err)
{
    bool is_change = false;
    if (store->folder < 0 || n == 0)
        return true;
    struct state *next = store_change(store, err);
    if (next == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        is_change |= store_has_kept(store, sets[i].file) && try_one(next, &sets[i]);
    drop_idle(next);
    bool done = !is_change || store_commit(store, err);
    store_unlock(store);
    return done;
}

/* Change every set in force that is not proved, and what is on trial; false: there is none. */
static bool settle(struct state *next, bool is_proved)
{
    bool is_change = false;
    for (size_t i = 0; i < next->n_sets; i++) {
        struct state_set *set = &next->sets[i];
        if (is_tried(set)) {
            set->tries = 0;
            is_change = true;
        }
        if (!set->is_active || set->is_proved || (!is_proved && set->tries == 0))
            continue;
        set->is_proved = is_proved;
        set->tries = 0;
        is_change = true;
    }
    return is_change;
}

static bool settle_all(struct trust_store *store, bool is_proved, struct err *err)
{
    if (store->folder < 0)
        return true;
    struct state *next = store_change(store, err);
    if (next == NULL)
        return false;
    bool done = !settle(next, is_proved) || store_commit(store, err);
    store_unlock(store);
    return done;
}

bool trust_prove(struct trust_store *store, struct err *err)
{
    return settle_all(store, true, err);
}

bool trust_end(struct trust_store *store, struct err *err)
{
    return settle_all(store, false, err);
}

/* ---- the start */

/* The program died with this set before it was proved, again. */
static void give_up(const struct trust_store *store, struct state *next, size_t index)
{
    const struct trust_set fallen = next->sets[index].set;
    bool was_active = next->sets[index].is_active;
    note_failed(store, next, &fallen, "E_CRASHLOOP");
    next->sets[index].is_active = next->sets[index].is_candidate = false;
    for (size_t i = 0; i < next->n_sets; i++) {
        struct state_set *set = &next->sets[i];
        if (!was_active || !is_same_name(&set->set, &fallen) || !set->is_good || i == index)
            continue;
        set->is_active = true;
        set->is_good = false;
    }
    next->sets[index].is_good = false;
    const struct trust_pin *pin = store_find_pin(next, fallen.name, fallen.is_lab);
    if (pin != NULL && is_pinned(next, &fallen)) /* a pin on what kills us helps nobody */
        next->pins[pin - next->pins] = next->pins[--next->n_pins];
}

bool trust_start(struct trust_store *store, struct trust_set *ret_fallen, struct err *err)
{
    *ret_fallen = (struct trust_set){.serial = 0};
    if (store->folder < 0)
        return true;
    struct state *next = store_change(store, err);
    bool is_change = false;
    if (next == NULL)
        return false;
    for (size_t i = 0; i < next->n_sets; i++) {
        struct state_set *set = &next->sets[i];
        if (!is_tried(set) && (!set->is_active || set->is_proved))
            continue;
        is_change = true;
        if (set->tries < TRUST_MAX_TRIES) {
            set->tries++;
            continue;
        }
        if (ret_fallen->name[0] == '\0')
            *ret_fallen = set->set;
        give_up(store, next, i);
    }
    drop_idle(next);
    bool done = !is_change || store_commit(store, err);
    store_unlock(store);
    return done;
}
