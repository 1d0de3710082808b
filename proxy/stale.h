/* Has nobody looked after the rules for long? Pure.
 *
 * Being stale never takes a rule away. It only makes stricter, and only where the operator said so:
 * rules with `activation: stale` are in force then. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known; times in seconds since 1970, 0: none. */
struct stale_facts {
    int64_t now;
    int64_t after_s;  /* so long a sign of life counts */
    int64_t released; /* when this program was made, with the rules in it */
    int64_t created;  /* when the newest of the signed sets in force was made */
    int64_t eocs;     /* the last verified contact with Microsoft's feed */
    int64_t pulse;    /* when the newest pulse of the feed of signed sets was made */
    int64_t expires;  /* the earliest date of the signed sets in force */
    int64_t run_s;    /* without a contact with the rules' own feed, by a clock that nobody sets */
};

enum stale_sign {
    STALE_SIGN_NONE = 0,
    STALE_SIGN_PROGRAM,
    STALE_SIGN_SET,
    STALE_SIGN_EOCS,
    STALE_SIGN_PULSE
};

struct stale_view {
    bool is_stale;
    bool is_expired;      /* a set says so itself */
    bool is_by_run_time;  /* the clock says less: it stands still or went back */
    enum stale_sign sign; /* the newest one */
    int64_t age_s;        /* of it */
};

void stale_judge(const struct stale_facts *facts, struct stale_view *ret_view);
/* Why, in one line: "the newest sign of care is 20 days old (the program); stale from 14 days on".
 */
void stale_describe(const struct stale_facts *facts, const struct stale_view *view, char *out,
                    size_t size);
