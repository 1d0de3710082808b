/* Contacts, run time, and the facts that a standing is judged from. */
#include "stopgap/trust.h"

#include "margin.h"
#include "store.h"
#include "utc.h"

#include "stopgap/banned.h"

/* ---- noting */

bool trust_note_contact(struct trust_store *store, int64_t pulse_created, struct err *err)
{
    struct state *next = store_change(store, err);
    if (next == NULL)
        return false;
    next->contact = store_now(store) > 0 ? store_now(store) : 1;
    next->contact_run_s = next->run_s;
    /* With a stolen key a pulse can be of any day; remembered, it would shut out the true ones. */
    if (pulse_created > next->pulse_time && store_is_credible(store, pulse_created))
        next->pulse_time = pulse_created;
    bool done = store_commit(store, err);
    store_unlock(store);
    return done;
}

bool trust_note_run(struct trust_store *store, uint64_t seconds, struct err *err)
{
    if (store->folder < 0 || seconds == 0)
        return true;
    struct state *next = store_change(store, err);
    if (next == NULL)
        return false;
    bool fits = seconds <= TEXT_NUMBER_MAX - next->run_s;
    next->run_s = fits ? next->run_s + seconds : TEXT_NUMBER_MAX;
    bool done = store_commit(store, err);
    store_unlock(store);
    return done;
}

/* ---- collecting */

/* 0: never; what always was began in 1970. */
static int64_t fact_time(int64_t when)
{
    if (when == INT64_MAX)
        return 0;
    return when > 0 ? when : 1;
}

static void collect_root(const struct trust_store *store, struct trust_facts *facts)
{
    struct margin_conditions conditions = {.now = facts->now, .algorithms = key_probe()};
    struct margin_calendar calendar;
    if (!text_version(SLICE(STOPGAP_VERSION), conditions.engine))
        return;
    margin_compute(store->root, &conditions, &calendar);
    facts->root_version = store->root->version;
    facts->root_expires = store->root->expires;
    facts->ended = fact_time(calendar.ended_on);
    facts->stranded = fact_time(calendar.stranded_on);
    facts->has_feed = store->root->thresholds[ROLE_PULSE] != 0;
}

static bool is_newer(const uint64_t a[2], const uint64_t b[2])
{
    return a[0] > b[0] || (a[0] == b[0] && a[1] > b[1]);
}

/* A candidate waits for its turn; one that is held waits for a person, who has to hear of it. */
static bool has_candidate(const struct trust_name *name)
{
    bool is_held = strcmp(name->failed_code, TRUST_HELD_CODE) == 0 &&
                   memcmp(name->failed, name->candidate, sizeof(name->failed)) == 0;
    return name->candidate[1] != 0 && !is_held;
}

static void collect_sets(const struct trust_store *store, struct trust_facts *facts)
{
    struct trust_name names[TRUST_MAX_NAMES];
    size_t n = trust_names(store, names, TRUST_MAX_NAMES);
    for (size_t i = 0; i < n; i++) {
        facts->has_bundles |= names[i].active[1] != 0;
        facts->is_pinned |= names[i].pin.serial != 0;
        facts->is_behind |= names[i].active[1] != 0 && names[i].pin.serial == 0 &&
                            !has_candidate(&names[i]) && is_newer(names[i].floor, names[i].active);
    }
}

int64_t trust_released(void)
{
    int64_t released = 0;
    return utc_parse_date(SLICE(STOPGAP_RELEASED), &released) ? released : 0;
}

bool trust_collect(struct trust_store *store, struct trust_facts *ret_facts, struct err *err)
{
    if (!store_lock(store, err))
        return false;
    const struct state *state = &store->state;
    struct trust_facts facts = {.now = store_now(store),
                                .signed_time = state->signed_time,
                                .ahead_time = state->ahead_time,
                                .pulse = state->pulse_time,
                                .contact = state->contact,
                                .run_s = state->run_s,
                                .contact_run_s = state->contact_run_s,
                                .lost = state->lost};
    facts.released = trust_released();
    collect_root(store, &facts);
    collect_sets(store, &facts);
    store_unlock(store);
    *ret_facts = facts;
    return true;
}

/* ---- names */

static struct trust_name *name_entry(struct trust_name *names, size_t *n, size_t max,
                                     const char *name, bool is_lab)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(names[i].name, name) == 0 && names[i].is_lab == is_lab)
            return &names[i];
    if (*n == max)
        return NULL;
    struct trust_name *entry = &names[(*n)++];
    *entry = (struct trust_name){.is_lab = is_lab};
    (void)snprintf(entry->name, sizeof(entry->name), "%s", name);
    return entry;
}

static void put_place(uint64_t place[2], uint64_t epoch, uint64_t serial)
{
    place[0] = epoch;
    place[1] = serial;
}

static void put_set(struct trust_name *entry, const struct state_set *set)
{
    if (set->is_active) {
        put_place(entry->active, set->set.epoch, set->set.serial);
        entry->is_proved = set->is_proved;
    }
    if (set->is_good)
        put_place(entry->good, set->set.epoch, set->set.serial);
    if (set->is_candidate)
        put_place(entry->candidate, set->set.epoch, set->set.serial);
}

size_t trust_names(const struct trust_store *store, struct trust_name *ret_names, size_t max)
{
    const struct state *state = &store->state;
    struct trust_name *entry;
    size_t n = 0;
    for (size_t i = 0; i < state->n_floors; i++) {
        const struct state_floor *floor = &state->floors[i];
        if ((entry = name_entry(ret_names, &n, max, floor->name, floor->is_lab)) != NULL)
            put_place(entry->floor, floor->epoch, floor->serial);
    }
    for (size_t i = 0; i < state->n_sets; i++) {
        const struct state_set *set = &state->sets[i];
        if ((entry = name_entry(ret_names, &n, max, set->set.name, set->set.is_lab)) != NULL)
            put_set(entry, set);
    }
    for (size_t i = 0; i < state->n_failed; i++) {
        const struct state_failed *failed = &state->failed[i];
        if ((entry = name_entry(ret_names, &n, max, failed->name, failed->is_lab)) == NULL)
            continue;
        put_place(entry->failed, failed->epoch, failed->serial);
        memcpy(entry->failed_code, failed->code, sizeof(entry->failed_code));
    }
    for (size_t i = 0; i < state->n_pins; i++) {
        const struct trust_pin *pin = &state->pins[i];
        if ((entry = name_entry(ret_names, &n, max, pin->name, pin->is_lab)) != NULL)
            entry->pin = *pin;
    }
    return n;
}
