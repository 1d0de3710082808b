/* What must survive a restart.
 *
 *   stopgap-state 2
 *   root VERSION SHA256            absent before the first bundle
 *   signed-time TIME               the latest credible time that was signed
 *   ahead-time TIME                the latest one that our clock did not believe
 *   pulse-time TIME                when the newest pulse was made
 *   contact TIME SECONDS           the last verified contact, and the run time at it
 *   run-time SECONDS               how long the program ran, over all restarts
 *   lost TIME                      when the state before this one was lost
 *   floor NAME CHANNEL EPOCH SERIAL SHA256   of the manifest that was authenticated
 *   set NAME CHANNEL EPOCH SERIAL SHA256 SHA256 ORIGIN ROLES TRIES
 *                                  of its manifest and its file, which is in store/
 *   failed NAME CHANNEL EPOCH SERIAL CODE TIME
 *   approved NAME CHANNEL EPOCH SERIAL TIME
 *                                  an operator takes it, whatever rules it takes away
 *   pin NAME CHANNEL EPOCH SERIAL SINCE UNTIL UID REASON    the reason is base64
 *   sum SHA256                     of everything above
 *
 * CHANNEL is production or lab, ORIGIN file, feed or import; ROLES is "kept" or a list of
 * candidate, active, good and proved in this order. Version 1 had root, signed-time, floor and sum
 * alone.
 *
 * Files of the folder: state, state.prev (the commit before), roots/NNNNNNNNNN, store/SHA256.sgb.
 */
#pragma once

#include "encode.h"
#include "stopgap/err.h"
#include "stopgap/trust.h"

_Static_assert(sizeof(((struct trust_set *)0)->file) == HASH_SIZE &&
                   sizeof(((struct trust_set *)0)->name) == TEXT_NAME_MAX + 1,
               "the contract and the text grammar have one size");

enum {
    STATE_MAX_FLOORS = 64,       /* names an operator subscribes to; there are two or three */
    STATE_MAX_SETS = 192,        /* three of each name: in force, the one before, a candidate */
    STATE_MAX_FAILED = 64,       /* the last one of each name */
    STATE_MAX_APPROVED = 64,     /* the last one of each name */
    STATE_MAX_PINS = 16,         /* what one admin keeps in mind */
    STATE_MAX_BYTES = 128 * 1024 /* all of these at their longest take 98 KiB */
};

struct state_floor {
    char name[TEXT_NAME_MAX + 1];
    bool is_lab;
    uint64_t epoch, serial;
    char hash[HASH_SIZE]; /* of the manifest, which names every byte of the set */
};

struct state_set {
    struct trust_set set;
    enum trust_origin origin;
    bool is_candidate; /* the next one of its name */
    bool is_active;    /* in force */
    bool is_good;      /* the last known good one beside the set in force */
    bool is_proved;    /* it ran for TRUST_PROVE_S */
    unsigned tries;    /* begun without having been proved */
};

struct state_failed {
    char name[TEXT_NAME_MAX + 1];
    bool is_lab;
    uint64_t epoch, serial;
    char code[TRUST_CODE_BYTES];
    int64_t when;
};

/* A set that takes many rules away, and may. */
struct state_approved {
    char name[TEXT_NAME_MAX + 1];
    bool is_lab;
    uint64_t epoch, serial;
    int64_t when;
};

struct state {
    unsigned version;      /* of the file that was read */
    uint64_t root_version; /* 0: none */
    char root_hash[HASH_SIZE];
    int64_t signed_time; /* 0: none, as in all that follow */
    int64_t ahead_time;
    int64_t pulse_time;
    int64_t contact;
    uint64_t contact_run_s;
    uint64_t run_s;
    int64_t lost;
    struct state_floor floors[STATE_MAX_FLOORS];
    size_t n_floors;
    struct state_set sets[STATE_MAX_SETS];
    size_t n_sets;
    struct state_failed failed[STATE_MAX_FAILED];
    size_t n_failed;
    struct state_approved approved[STATE_MAX_APPROVED];
    size_t n_approved;
    struct trust_pin pins[STATE_MAX_PINS];
    size_t n_pins;
};

enum state_result {
    STATE_FAILED = 0, /* the folder cannot be read; err is set */
    STATE_EMPTY,      /* nothing was ever written here */
    STATE_GOOD,
    STATE_OLDER, /* state was lost, state.prev was good */
    STATE_LOST,  /* something was here and nothing of it can be believed */
};

/* folder is a file descriptor. ret_state is written unless STATE_FAILED. */
MUST_USE enum state_result state_load(int folder, struct state *ret_state, struct err *err);

/* Write the state; the one before is kept as state.prev when keep_previous. E_STATE_WRITE. */
MUST_USE bool state_save(int folder, const struct state *state, bool keep_previous,
                         struct err *err);

/* The text of the file. False: it is not whole, or not one that state_format makes. */
MUST_USE bool state_parse(struct slice text, struct state *ret_state);
/* False: no memory, or over STATE_MAX_BYTES. */
MUST_USE bool state_format(const struct state *state, struct buf *text);

/* NULL: this name was never seen. */
const struct state_floor *state_find(const struct state *state, struct slice name, bool is_lab);
