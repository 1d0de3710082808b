/* What must survive a restart: the newest root, and how far each bundle name has come.
 *
 *   stopgap-state 1
 *   root VERSION SHA256            absent before the first bundle
 *   signed-time TIME               the latest credible time that was signed
 *   floor NAME production|lab EPOCH SERIAL SHA256   of the manifest that was authenticated
 *   sum SHA256                     of everything above
 *
 * Files of the folder: state, state.prev (the commit before), roots/NNNNNNNNNN. */
#pragma once

#include "encode.h"
#include "stopgap/err.h"

enum {
    STATE_MAX_FLOORS = 64,      /* names an operator subscribes to; there are two or three */
    STATE_MAX_BYTES = 64 * 1024 /* 64 floors of 200 bytes, five times over */
};

struct state_floor {
    char name[TEXT_NAME_MAX + 1];
    bool is_lab;
    uint64_t epoch, serial;
    char hash[HASH_SIZE]; /* of the manifest, which names every byte of the set */
};

struct state {
    uint64_t root_version; /* 0: none */
    char root_hash[HASH_SIZE];
    int64_t signed_time; /* 0: none */
    int64_t pulse_time;  /* when the newest pulse was made; 0: none */
    struct state_floor floors[STATE_MAX_FLOORS];
    size_t n_floors;
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

/* NULL: this name was never seen. */
const struct state_floor *state_find(const struct state *state, struct slice name, bool is_lab);
