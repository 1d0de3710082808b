/* Root files: which keys exist, what they may sign, how many must agree.
 *
 *   stopgap-root 1
 *   version N                      1..2^63-1
 *   epoch N
 *   usage production|test
 *   created TIME
 *   expires TIME                   a state, never a refusal
 *   previous SHA256                of root N-1; absent in version 1
 *   threshold ROLE N               root and rules, pulse when there is one
 *   key ID ALGORITHM ROLE[,ROLE] FROM SUNSET END BASE64
 *   revoked ID DATE REASON
 *   withdraw NAME EPOCH SERIAL
 *   engine-sunset VERSION DATE
 *   eocs-sign-anchor BASE64, eocs-ts-anchor BASE64, eocs-deny SHA256
 *   mirror URL
 *   announce DATE TEXT-ID
 *
 * The grammar is frozen: what is new goes into other files that this version ignores. */
#pragma once

#include "key.h"

enum role { ROLE_ROOT = 0, ROLE_RULES, ROLE_PULSE, ROLE_COUNT };

struct root_key {
    char id[HASH_SIZE];
    enum key_algorithm algorithm;
    struct slice algorithm_word; /* as written; of interest when the algorithm is unknown */
    unsigned roles;              /* bit 1 << role */
    int64_t from, sunset, end;   /* first instants of the days; end is the last day that counts */
    bool is_revoked;
    EVP_PKEY *pkey; /* NULL: this build or this process cannot use it */
};

struct root {
    struct buf text;
    char hash[HASH_SIZE];
    uint64_t version, epoch;
    bool is_test;
    int64_t created, expires;
    char previous[HASH_SIZE];        /* empty in version 1 */
    unsigned thresholds[ROLE_COUNT]; /* 0: the role does not exist */
    struct root_key keys[LIMIT_KEYS_PER_ROOT];
    size_t n_keys;
};

/* Parse a root file; text is copied. Signatures are not looked at. NULL with err: E_ROOT_SIZE,
 * _SYNTAX, _UNKNOWN_FIELD, _KEYID, _KEYSHAPE, _DUPKEY. */
struct root *root_parse(struct slice text, struct err *err);
struct root *root_read(int directory, const char *path, struct err *err);
void root_free(struct root *root); /* NULL is allowed */

/* NULL: no key of this id. */
const struct root_key *root_find_key(const struct root *root, const char *id);

bool root_is_withdrawn(const struct root *root, struct slice name, uint64_t epoch, uint64_t serial);

/* The place of a field in the grammar's order; SIZE_MAX: there is no such field. */
size_t root_find_field(struct slice word);
size_t root_n_fields(void);

const char *role_word(enum role role);
/* "root,rules" to bits; 0 when a word is unknown or comes twice. */
unsigned role_parse_list(struct slice words);
