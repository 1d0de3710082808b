/* Margins of a root over its calendar. */
#include "margin.h"

#include <stdlib.h>

#include "utc.h"

#include "stopgap/banned.h"

struct event {
    int64_t when;
    unsigned cause;
};

struct events {
    struct event items[MARGIN_MAX_DAYS];
    size_t n;
    int64_t engine_end; /* INT64_MAX: this program is not announced to be left behind */
};

/* The first instant on which a signature made then does not count any more. */
static int64_t end_of(const struct root_key *key)
{
    return key->end + UTC_DAY_SECONDS;
}

/* Lines "engine-sunset VERSION DATE": from DATE on VERSION is the oldest that is thought of. */
static int64_t find_engine_end(const struct root *root, const unsigned engine[3])
{
    int64_t first = INT64_MAX;
    struct slice rest = buf_slice(&root->text);
    struct slice line;
    while (slice_next(&rest, '\n', &line)) {
        struct slice word;
        struct slice version_word;
        struct slice date_word;
        unsigned version[3];
        int64_t date;
        if (!slice_next(&line, ' ', &word) || !slice_equal(word, SLICE("engine-sunset")) ||
            !slice_next(&line, ' ', &version_word) || !slice_next(&line, ' ', &date_word) ||
            !text_version(version_word, version) || !utc_parse_date(date_word, &date))
            continue;
        if (text_version_compare(engine, version) < 0 && date < first)
            first = date;
    }
    return first;
}

static void add_event(struct events *events, int64_t when, unsigned cause)
{
    events->items[events->n++] = (struct event){when, cause};
}

static int compare_events(const void *a, const void *b)
{
    int64_t left = ((const struct event *)a)->when;
    int64_t right = ((const struct event *)b)->when;
    return left < right ? -1 : left > right;
}

/* Everything that ever changes a margin, in order of time. */
static void collect(const struct root *root, const struct margin_conditions *conditions,
                    struct events *events)
{
    *events = (struct events){.engine_end = find_engine_end(root, conditions->engine)};
    add_event(events, conditions->now, MARGIN_NOW);
    for (size_t i = 0; i < root->n_keys; i++) {
        const struct root_key *key = &root->keys[i];
        if (key->is_revoked)
            continue;
        add_event(events, key->from, MARGIN_FROM);
        add_event(events, key->sunset, MARGIN_SUNSET);
        add_event(events, end_of(key), MARGIN_END);
    }
    if (events->engine_end != INT64_MAX)
        add_event(events, events->engine_end, MARGIN_ENGINE);
    qsort(events->items, events->n, sizeof(events->items[0]), compare_events);
}

static bool is_usable(const struct root_key *key, enum role role, unsigned algorithms)
{
    return (key->roles & (1u << role)) != 0 && !key->is_revoked && key->pkey != NULL &&
           (algorithms & (1u << key->algorithm)) != 0;
}

static int count(const struct root *root, enum role role, unsigned algorithms, int64_t when,
                 bool until_sunset)
{
    int n = 0;
    for (size_t i = 0; i < root->n_keys; i++) {
        const struct root_key *key = &root->keys[i];
        int64_t last = until_sunset ? key->sunset : end_of(key);
        if (is_usable(key, role, algorithms) && when >= key->from && when < last)
            n++;
    }
    return n - (int)root->thresholds[role];
}

static void fill_day(const struct root *root, const struct margin_conditions *conditions,
                     const struct events *events, struct margin_day *day)
{
    /* A program that is left behind may be unable to read what comes; no key helps it then. */
    unsigned algorithms = day->when < events->engine_end ? conditions->algorithms : 0;
    for (int role = 0; role < ROLE_COUNT; role++) {
        bool exists = root->thresholds[role] != 0;
        enum role at = (enum role)role;
        day->announced[role] = exists ? count(root, at, algorithms, day->when, true) : 0;
        day->possible[role] = exists ? count(root, at, algorithms, day->when, false) : 0;
    }
}

/* A missing pulse key costs freshness only, so it strands nobody. */
static bool is_short(const int margins[ROLE_COUNT])
{
    return margins[ROLE_ROOT] < 0 || margins[ROLE_RULES] < 0;
}

/* Where the first shortage that is not over before now begins. */
static void note_shortage(bool is_short_now, const struct margin_day *day, bool is_past,
                          int64_t *begin)
{
    if (is_short_now && *begin == INT64_MAX)
        *begin = day->when;
    else if (!is_short_now && is_past)
        *begin = INT64_MAX;
}

void margin_compute(const struct root *root, const struct margin_conditions *conditions,
                    struct margin_calendar *ret_calendar)
{
    struct events events;
    collect(root, conditions, &events);
    struct margin_calendar calendar = {.stranded_on = INT64_MAX, .ended_on = INT64_MAX};
    struct margin_day before = {.when = INT64_MIN};
    fill_day(root, conditions, &events, &before);
    note_shortage(is_short(before.announced), &before, true, &calendar.stranded_on);
    note_shortage(is_short(before.possible), &before, true, &calendar.ended_on);
    for (size_t i = 0; i < events.n;) {
        struct margin_day day = {.when = events.items[i].when};
        for (; i < events.n && events.items[i].when == day.when; i++)
            day.causes |= events.items[i].cause;
        fill_day(root, conditions, &events, &day);
        bool is_past = day.when <= conditions->now;
        note_shortage(is_short(day.announced), &day, is_past, &calendar.stranded_on);
        note_shortage(is_short(day.possible), &day, is_past, &calendar.ended_on);
        if (day.when >= conditions->now)
            calendar.days[calendar.n_days++] = day;
    }
    *ret_calendar = calendar;
}

int margin_now(const struct root *root, enum role role, const struct margin_conditions *conditions)
{
    bool is_left_behind = conditions->now >= find_engine_end(root, conditions->engine);
    if (root->thresholds[role] == 0)
        return 0;
    return count(root, role, is_left_behind ? 0 : conditions->algorithms, conditions->now, false);
}

size_t margin_check_families(const struct root *root, const struct margin_conditions *conditions,
                             struct margin_family out[MARGIN_MAX_FAMILIES])
{
    size_t n = 0;
    for (int role = ROLE_ROOT; role <= ROLE_RULES; role++)
        for (int family = KEY_ED25519; family < KEY_ALGORITHMS; family++) {
            struct margin_conditions without = *conditions;
            without.algorithms &= ~(1u << family);
            int margin = margin_now(root, (enum role)role, &without);
            if (margin < 0)
                out[n++] =
                    (struct margin_family){(enum role)role, (enum key_algorithm)family, margin};
        }
    return n;
}
