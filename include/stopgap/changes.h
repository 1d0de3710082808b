/* What an operator changes about a rule set: modes, exclusions, options.
 *
 * Wherever a rule is named, the id of its mitigation does as well, and that of the mitigation's
 * family: M1 stands for each rule of M1.1. Pure data; borrowed for the call that takes it. */
#pragma once

#include "stopgap/request.h"

enum rules_mode {                  /* the strictest first */
                  RULES_BLOCK = 0, /* rules do what they say */
                  RULES_DETECT,    /* rules only report; no byte of the traffic changes */
                  RULES_OFF,       /* no inspection */
};

/* A mode for some rules, somewhere. Of several rows the one that says most counts: rule and
 * directory before rule before directory; of equal ones the last. */
struct mode_row {
    const char *rule; /* NULL: every rule */
    const char *vdir; /* first segment of the path; NULL: everywhere */
    enum rules_mode mode;
};

/* Requests that rules let pass. What is not given restricts nothing. */
struct exclusion {
    const char *rule;           /* "*": every rule */
    const char *path;           /* "/owa/x" holds for it and all below; NULL */
    const char *const *methods; /* exact */
    size_t n_methods;
    const struct net_prefix *networks; /* of the client */
    size_t n_networks;
    const char *label;  /* for the logs */
    int64_t until_unix; /* from this second on it is not active; 0: no end */
};

struct rules_changes {
    const struct mode_row *modes;
    size_t n_modes;
    const struct exclusion *exclusions;
    size_t n_exclusions;
    const char *const *enabled; /* rules that are switched on, whose `activation` is not always */
    size_t n_enabled;
    bool takes_all;            /* every rule is on: for tools that list and prove them */
    int64_t (*now_unix)(void); /* judges until_unix; NULL: the system's clock */
};

/* Can this stand as exclusion.path? Canonical, so that it can equal what the rules see. */
bool exclusion_path_is_good(const char *path);
/* A day, which is the last one, or a time such as "2027-01-31T18:00:00Z", to until_unix. */
MUST_USE bool exclusion_until_parse(struct slice text, int64_t *ret_unix);
