/* How far the trust in a root reaches: usable keys less the threshold, for today and for every day
 * on which that changes, so that an install says months before that it will be left behind.
 * Pure: no clock, no file, no crypto. */
#pragma once

#include "root.h"

enum margin_cause {
    MARGIN_NOW = 1,    /* the day that was asked about */
    MARGIN_FROM = 2,   /* a key comes into force */
    MARGIN_SUNSET = 4, /* a key is not used any more, as announced; its signatures still count */
    MARGIN_END = 8,    /* the day after a key's last: new signatures of it do not count */
    MARGIN_ENGINE = 16 /* programs as old as this one are left behind, as announced */
};

/* From, sunset and end of each key, the end of the engine, and now. */
enum { MARGIN_MAX_DAYS = 3 * LIMIT_KEYS_PER_ROOT + 2 };

struct margin_day {
    int64_t when;    /* from this instant on */
    unsigned causes; /* enum margin_cause */
    /* Usable keys less the threshold; 0 for a role that the root does not have. */
    int announced[ROLE_COUNT]; /* keys before their sunset: what the publisher will sign with */
    int possible[ROLE_COUNT];  /* keys before their end: what would still count */
};

struct margin_conditions {
    int64_t now;
    unsigned algorithms; /* bits 1 << enum key_algorithm: what works here, see key_probe */
    unsigned engine[3];  /* version of the program */
};

struct margin_calendar {
    struct margin_day days[MARGIN_MAX_DAYS]; /* ascending, one entry a day; days[0] is now */
    size_t n_days;
    /* From this instant on root or rules has a negative margin: as announced, and for good. The
     * instant may lie in the past; INT64_MAX: never, INT64_MIN: always was. */
    int64_t stranded_on, ended_on;
};

/* root  may be any root, also one that does not follow the rules below. */
void margin_compute(const struct root *root, const struct margin_conditions *conditions,
                    struct margin_calendar *ret_calendar);

/* The family rule: without all keys of any one algorithm, root and rules must still meet their
 * thresholds, because algorithms get retired. */
struct margin_family {
    enum role role;
    enum key_algorithm family;
    int margin; /* of the keys that are left; negative */
};
enum { MARGIN_MAX_FAMILIES = 2 * (KEY_ALGORITHMS - 1) };

/* What breaks the rule at conditions->now; returns how many entries were written. */
size_t margin_check_families(const struct root *root, const struct margin_conditions *conditions,
                             struct margin_family out[MARGIN_MAX_FAMILIES]);

/* Usable keys of the role less its threshold at conditions->now, by their end; 0 for a role that
 * the root does not have. */
int margin_now(const struct root *root, enum role role, const struct margin_conditions *conditions);
