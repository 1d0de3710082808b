/* What an operator forces: a pin on an older set, a floor that is forgotten. */
#include "stopgap/trust.h"

#include "store.h"
#include "utc.h"

#include "stopgap/banned.h"

/* ---- pins */

/* The set of this name and serial in the highest epoch; NULL: none is kept. */
static const struct state_set *find_serial(const struct state *state, const char *name,
                                           uint64_t serial)
{
    const struct state_set *found = NULL;
    for (size_t i = 0; i < state->n_sets; i++) {
        const struct state_set *set = &state->sets[i];
        if (strcmp(set->set.name, name) == 0 && set->set.serial == serial &&
            (found == NULL || set->set.epoch > found->set.epoch))
            found = set;
    }
    return found;
}

static bool fail_unknown(const struct state *state, const struct trust_pin *pin, struct err *err)
{
    char kept[300] = "";
    size_t len = 0;
    for (size_t i = 0; i < state->n_sets && len < sizeof(kept) - 32; i++)
        if (strcmp(state->sets[i].set.name, pin->name) == 0)
            len += (size_t)snprintf(kept + len, sizeof(kept) - len, "%s%llu", len != 0 ? ", " : "",
                                    (unsigned long long)state->sets[i].set.serial);
    return err_set(err, ERR_USAGE, "E_PIN_UNKNOWN", "%s %llu is not kept here; of this name %s",
                   pin->name, (unsigned long long)pin->serial, len != 0 ? kept : "there is none");
}

static bool check_pin(const struct trust_store *store, const struct trust_pin *pin, struct err *err)
{
    int64_t longest = store_now(store) + (int64_t)TRUST_PIN_MAX_DAYS * UTC_DAY_SECONDS;
    if (!trust_reason_is_good(pin->reason))
        return err_set(err, ERR_USAGE, "E_PIN_REASON",
                       "a reason is needed: one line of at most %d printable ASCII characters",
                       TRUST_REASON_BYTES - 1);
    return (pin->until > store_now(store) && pin->until <= longest + UTC_DAY_SECONDS) ||
           err_set(err, ERR_USAGE, "E_PIN_UNTIL", "a pin holds for 1 to %d days",
                   TRUST_PIN_MAX_DAYS);
}

bool trust_pin(struct trust_store *store, struct trust_pin *pin, struct err *err)
{
    struct state *next = store_change(store, err);
    bool done = false;
    if (next == NULL)
        return false;
    const struct state_set *set = find_serial(next, pin->name, pin->serial);
    if (set == NULL) {
        (void)fail_unknown(next, pin, err);
        goto out;
    }
    pin->is_lab = set->set.is_lab;
    pin->epoch = set->set.epoch;
    pin->since = store_now(store);
    if (!check_pin(store, pin, err))
        goto out;
    const struct trust_pin *known = store_find_pin(next, pin->name, pin->is_lab);
    size_t index = known != NULL ? (size_t)(known - next->pins) : next->n_pins;
    if (index == STATE_MAX_PINS) {
        (void)err_set(err, ERR_LIMIT, "E_STATE_FULL", "%d names are pinned already",
                      STATE_MAX_PINS);
        goto out;
    }
    next->n_pins += known == NULL;
    next->pins[index] = *pin;
    done = store_commit(store, err);
out:
    store_unlock(store);
    return done;
}

/* Remove the pins of a name, or those that are over (name NULL). */
static size_t remove_pins(const struct trust_store *store, struct state *next, const char *name)
{
    size_t n = 0;
    for (size_t i = next->n_pins; i-- > 0;) {
        const struct trust_pin *pin = &next->pins[i];
        /* A clock that went back must not make a pin last for years. */
        bool is_over =
            pin->until <= store_now(store) || pin->since > store_now(store) + UTC_DAY_SECONDS;
        if (name != NULL ? strcmp(pin->name, name) != 0 : !is_over)
            continue;
        next->pins[i] = next->pins[--next->n_pins];
        n++;
    }
    return n;
}

bool trust_unpin(struct trust_store *store, const char *name, struct err *err)
{
    struct state *next = store_change(store, err);
    if (next == NULL)
        return false;
    bool done = remove_pins(store, next, name) != 0
                    ? store_commit(store, err)
                    : err_set(err, ERR_USAGE, "E_PIN_UNKNOWN", "%s is not pinned", name);
    store_unlock(store);
    return done;
}

bool trust_end_pins(struct trust_store *store, size_t *ret_n, struct err *err)
{
    struct state *next = store_change(store, err);
    if (next == NULL)
        return false;
    *ret_n = remove_pins(store, next, NULL);
    bool done = *ret_n == 0 || store_commit(store, err);
    store_unlock(store);
    return done;
}

/* ---- floors */

bool trust_reset_floor(struct trust_store *store, const char *name, struct err *err)
{
    struct state *next = store_change(store, err);
    if (next == NULL)
        return false;
    size_t n = 0;
    for (size_t i = next->n_floors; i-- > 0;)
        if (strcmp(next->floors[i].name, name) == 0) {
            next->floors[i] = next->floors[--next->n_floors];
            n++;
        }
    for (size_t i = next->n_failed; i-- > 0;)
        if (strcmp(next->failed[i].name, name) == 0) {
            next->failed[i] = next->failed[--next->n_failed];
            n++;
        }
    bool done = n != 0 ? store_commit(store, err)
                       : err_set(err, ERR_USAGE, "E_FLOOR_UNKNOWN",
                                 "nothing of the name %s was ever accepted here", name);
    store_unlock(store);
    return done;
}
