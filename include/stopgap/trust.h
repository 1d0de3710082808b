/* What an installation remembers of its rule sets over restarts, and how far its trust reaches.
 *
 * Of each name the state folder keeps the set in force, the last known good one, a candidate and a
 * pinned one, as STATE_DIR/store/SHA256.sgb. Every call takes the lock of the folder, reads what
 * another process changed, and has written before it returns, so several stores of one folder may
 * be used side by side, each by one thread at a time. Calls wait for the disk: off the event loops.
 * A store without a folder keeps nothing; the calls are true then and do nothing.
 *
 * Nothing here switches a rule off because of a date. */
#pragma once

#include "stopgap/bundle.h"

enum {
    TRUST_NAME_BYTES = 64,    /* with the NUL, as all of these */
    TRUST_DAMAGE_BYTES = 600, /* an error and half a sentence */
    TRUST_HASH_BYTES = 65,    /* SHA-256 in hex */
    TRUST_CODE_BYTES = 32,    /* "E_CRASHLOOP" */
    TRUST_REASON_BYTES = 201  /* one line for whoever asks later */
};

/* Why a set counts as good: it ran that long. A program that a set kills has died before. */
#define TRUST_PROVE_S 120
/* Deaths with a set that was never proved before the last known good one comes back. */
#define TRUST_MAX_TRIES 2
#define TRUST_PIN_DAYS 7 /* a weekend and the days to find out why */
#define TRUST_PIN_MAX_DAYS 90

/* Where a bundle came from: what is named by the configuration is loaded from there, all else
 * from the state folder. */
enum trust_origin { TRUST_FROM_FILE = 0, TRUST_FROM_FEED, TRUST_FROM_IMPORT, TRUST_ORIGIN_COUNT };

/* One rule set: what the signed manifest and the file say. */
struct trust_set {
    char name[TRUST_NAME_BYTES];
    bool is_lab;
    uint64_t epoch, serial;
    char manifest[TRUST_HASH_BYTES]; /* of the signed bytes */
    char file[TRUST_HASH_BYTES];     /* of the whole bundle */
};

/* The set that an open bundle is. */
void trust_set_of(const struct bundle *bundle, struct trust_set *ret_set);

/* ---- kept bundles */

/* Keep the bytes of an accepted bundle, on disk before anything names them. One that came by feed
 * or import becomes the candidate of its name, unless it is in force already; of one from a file
 * the state says nothing before trust_begin. False with err E_STATE_WRITE, E_STATE_FULL. */
MUST_USE bool trust_keep_bundle(struct trust_store *store, const struct bundle *bundle,
                                enum trust_origin origin, struct err *err);

enum trust_choice {
    /* For each name that came by feed or import: the pinned set, else the candidate, else the set
     * in force. What a normal load takes beside the configured files. */
    TRUST_NEWEST = 0,
    /* For every name that was in force, configured ones, too: that very set. For a start at which
     * the configured files do not load. */
    TRUST_IN_FORCE,
    /* The same with the last known good set where there is one. */
    TRUST_LAST_GOOD,
};

/* Paths of kept bundles, each name once; owned. For one that the root in force withdrew stands the
 * next best of its name that is kept, or nothing. */
struct trust_paths {
    char **items;
    size_t n;
};
MUST_USE bool trust_find_paths(struct trust_store *store, enum trust_choice choice,
                               struct trust_paths *ret_paths, struct err *err);
void trust_paths_done(struct trust_paths *paths);

/* Has the publisher taken this set back, by the root in force here? */
MUST_USE bool trust_is_withdrawn(const struct trust_store *store, const struct trust_set *set);

/* The path of the kept set to which the operator pinned this bundle's name, when it is another
 * one; false: none. */
MUST_USE bool trust_find_pinned(struct trust_store *store, const struct bundle *bundle, char *out,
                                size_t size);

/* Is this the path of a kept bundle, as trust_find_paths gives it? */
bool trust_is_kept(const struct trust_store *store, const char *path);

/* Remove kept bundles that the state does not name, when they are an hour old. */
void trust_prune(struct trust_store *store);

/* ---- going live */

/* The program starts: count this try of every set that is not proved. A set that was tried
 * TRUST_MAX_TRIES times is failed with E_CRASHLOOP, and the last known good one is in force.
 *
 * ret_fallen  the first set that was given up; name "": none */
MUST_USE bool trust_start(struct trust_store *store, struct trust_set *ret_fallen, struct err *err);

/* These sets, and no others, are about to be in force; call it before the switch. Each must have
 * been kept. What was in force and proved becomes the last known good of its name. Writes nothing
 * when nothing changed. False with err: E_STATE_WRITE, and the switch should not be made. */
MUST_USE bool trust_begin(struct trust_store *store, const struct trust_set *sets, size_t n,
                          struct err *err);

/* These are about to be tried on live traffic beside the sets in force: what kills the program then
 * is known as its cause, too. Each must have been kept. Writes nothing when nothing changed. */
MUST_USE bool trust_try(struct trust_store *store, const struct trust_set *sets, size_t n,
                        struct err *err);

/* The sets in force ran for TRUST_PROVE_S: they are good. Those on trial have not killed. */
MUST_USE bool trust_prove(struct trust_store *store, struct err *err);

/* The program ends as it should: a try that was under way is no death. */
MUST_USE bool trust_end(struct trust_store *store, struct err *err);

/* This set was refused or given up; it is no candidate any more and is not tried again by itself.
 *
 * code  E_COMPILE, E_CANARY, E_WATCHDOG, ...; with E_CRASHLOOP bundle_open refuses it, too */
MUST_USE bool trust_fail(struct trust_store *store, const struct trust_set *set, const char *code,
                         struct err *err);

/* What a set is held back for that takes many rules of the one before it away. */
#define TRUST_HELD_CODE "E_REMOVES"
/* Hold this set back until an operator approves it: it stays the candidate of its name, and is not
 * loaded in the place of the one in force. */
MUST_USE bool trust_hold(struct trust_store *store, const struct trust_set *set, struct err *err);
/* Is it held back, and not pinned? */
bool trust_is_held(const struct trust_store *store, const struct trust_set *set);
/* May this set take rules of `before` away without notice? It may when an operator or the holders
 * of the root said so, and when it was in force before. */
bool trust_may_remove(const struct trust_store *store, const struct trust_set *set,
                      const struct trust_set *before);
/* The operator takes the set of this name and serial that is held back. E_APPROVE_UNKNOWN: there is
 * none. */
MUST_USE bool trust_approve(struct trust_store *store, const char *name, uint64_t serial,
                            struct err *err);

/* Is a load refused for what is in a set? Not for a full disk, lack of memory, an old program. */
bool trust_is_about_content(const struct err *why);
/* A load was refused with why: when that names the file of a candidate and is about its content,
 * the candidate fails with this code, and the result is true. */
bool trust_fail_candidate(struct trust_store *store, const struct err *why);

/* The code with which this set failed here, "" when it did not. Borrowed until the next call. */
const char *trust_failed_code(const struct trust_store *store, const struct trust_set *set);

/* ---- time */

/* A verified contact with the publisher: a pulse that was checked, made at pulse_created. Without
 * a pulse (0) a newer bundle is one. */
MUST_USE bool trust_note_contact(struct trust_store *store, int64_t pulse_created, struct err *err);

/* The program ran for seconds more, by a clock that nobody sets. */
MUST_USE bool trust_note_run(struct trust_store *store, uint64_t seconds, struct err *err);

/* ---- what an operator forces */

struct trust_pin {
    char name[TRUST_NAME_BYTES];
    bool is_lab;
    uint64_t epoch, serial;
    int64_t since, until;
    uint32_t uid;
    char reason[TRUST_REASON_BYTES]; /* printable ASCII, not empty */
};

/* One line of printable ASCII that fits, not empty. */
MUST_USE bool trust_reason_is_good(const char *reason);

/* Pin a name to a set that is kept, until pin->until; since is set to now, epoch and is_lab to
 * those of the set. Floors stay. False with err: E_PIN_UNKNOWN names what is kept, E_PIN_UNTIL,
 * E_PIN_REASON. */
MUST_USE bool trust_pin(struct trust_store *store, struct trust_pin *pin, struct err *err);
/* False with err E_PIN_UNKNOWN: it is not pinned. */
MUST_USE bool trust_unpin(struct trust_store *store, const char *name, struct err *err);
/* Remove pins that are over; *ret_n tells how many. */
MUST_USE bool trust_end_pins(struct trust_store *store, size_t *ret_n, struct err *err);
/* Forget how far a name has come, and what of it failed: for disasters. E_FLOOR_UNKNOWN. */
MUST_USE bool trust_reset_floor(struct trust_store *store, const char *name, struct err *err);

/* ---- standing */

/* How fresh the rules of the publisher are. None of these ever switches a rule off. */
enum trust_freshness {
    TRUST_BUILTIN = 0, /* no publisher: only what is in the program; nothing can be late */
    TRUST_FRESH,
    TRUST_AGING,     /* no sign of the publisher for 3 days */
    TRUST_STALE,     /* for 14 days, or a set is beyond its expires date */
    TRUST_ABANDONED, /* for 180 days, or 180 days beyond that date */
    TRUST_FRESHNESS_COUNT
};

/* What else is the case; any number of these at once. */
enum trust_mark {
    TRUST_MARK_NO_RULES = 0, /* nothing could be loaded */
    TRUST_MARK_DAMAGED,      /* root file or state folder could not be used when it started */
    TRUST_MARK_STATE_LOST,   /* the state was damaged; protection against old sets began anew */
    TRUST_MARK_ENDED,        /* nothing new can be accepted: the root or its keys have ended */
    TRUST_MARK_STRANDED,     /* this will be the case on a known date, unless a newer root comes */
    TRUST_MARK_ROOT_EXPIRED,
    TRUST_MARK_CLOCK,  /* the clock of this machine is wrong */
    TRUST_MARK_BEHIND, /* a genuine newer set is not in force */
    TRUST_MARK_PINNED,
    TRUST_MARK_COUNT
};

/* Does this folder hold, or may it hold, what an earlier run remembers? False: it is absent, no
 * folder, or nothing of a trust store is in it. state_dir NULL is false. */
MUST_USE bool trust_was_used(const char *state_dir);

/* What is known; all times in seconds since 1970, 0: none. */
struct trust_facts {
    int64_t now;            /* of the local clock */
    int64_t released;       /* when this program was made */
    int64_t signed_time;    /* the highest that was signed and believed */
    int64_t ahead_time;     /* the highest that was signed and too far ahead to be believed */
    int64_t pulse;          /* when the newest pulse was made */
    int64_t contact;        /* the last verified contact */
    uint64_t run_s;         /* how long the program ran, over all restarts */
    uint64_t contact_run_s; /* run_s at that contact */
    int64_t expires;        /* the earliest of the sets in force */
    uint64_t root_version;  /* of the root in force; 0: none */
    int64_t root_expires;
    int64_t ended;     /* from when on no successor of the root can be accepted */
    int64_t stranded;  /* from when on sets or roots cannot be verified; not after ended */
    int64_t lost;      /* when the state was lost */
    bool has_feed;     /* pulses are expected */
    bool has_bundles;  /* signed sets are in force, or should be */
    bool has_no_rules; /* nothing could be loaded */
    bool is_behind, is_pinned;
    char damage[TRUST_DAMAGE_BYTES]; /* what could not be used, why, and what is done; "": none */
};

struct trust_standing {
    enum trust_freshness freshness;
    unsigned marks;      /* bits 1 << enum trust_mark */
    int64_t since;       /* the sign of the publisher that freshness counts from; 0: none */
    int64_t age_s;       /* since then, by the clock or by run time, whichever is longer */
    bool is_by_run_time; /* the clock says less than the run time: it stands still or went back */
    int64_t days_left;   /* to facts.stranded; 0 on the last day and after it */
};

/* What the store knows of them, after reading what another process wrote. has_feed says whether the
 * root has keys for pulses. The caller knows whether anybody asks for them, expires, has_no_rules,
 * and by how much run_s has grown. */
MUST_USE bool trust_collect(struct trust_store *store, struct trust_facts *ret_facts,
                            struct err *err);

/* When this program was made; 0: not known. */
int64_t trust_released(void);

/* Pure: the same facts give the same standing. */
void trust_judge(const struct trust_facts *facts, struct trust_standing *ret_standing);

/* "BUILTIN", "FRESH", "AGING", "STALE", "ABANDONED". */
const char *trust_freshness_word(enum trust_freshness freshness);
/* "NO_RULES", "TRUST_DAMAGED", "STATE_LOST", "TRUST_ENDED", "STRANDED_SOON", "ROOT_EXPIRED",
 * "CLOCK_SUSPECT", "BEHIND", "PINNED". */
const char *trust_mark_word(enum trust_mark mark);
/* What is the case and what to do, for a person: whole sentences without the word above. */
void trust_describe_freshness(const struct trust_facts *facts,
                              const struct trust_standing *standing, char *out, size_t size);
void trust_describe_mark(const struct trust_facts *facts, const struct trust_standing *standing,
                         enum trust_mark mark, char *out, size_t size);

/* How far one name has come; serial 0: there is none of the kind. */
struct trust_name {
    char name[TRUST_NAME_BYTES];
    bool is_lab;
    uint64_t floor[2]; /* epoch and serial, as all of these */
    uint64_t active[2], good[2], candidate[2], failed[2];
    bool is_proved; /* the active one */
    char failed_code[TRUST_CODE_BYTES];
    struct trust_pin pin; /* serial 0: none */
};
enum { TRUST_MAX_NAMES = 64 };
/* At most max of them; returns how many. As of the last call that read the state. */
size_t trust_names(const struct trust_store *store, struct trust_name *ret_names, size_t max);
