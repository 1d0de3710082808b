/* Counting signatures against the thresholds of a root.
 *
 * The count goes over the keys of the root, never over the signatures found, so one key cannot
 * count twice however often its signature is copied. */
#pragma once

#include "root.h"
#include "ustar.h"

struct signature_request {
    enum role role;
    struct slice message;        /* the bytes that were signed */
    const struct ustar *archive; /* where the signatures are */
    const char *prefix;          /* a signature's member is PREFIX plus key id: "sig/" */
};

struct signature_tally {
    unsigned needed;
    unsigned good;        /* keys whose signature counts */
    unsigned bad;         /* a signature is there and does not fit */
    unsigned unusable;    /* a signature is there, but this build cannot check its algorithm */
    unsigned revoked;     /* a signature by a revoked key is there */
    unsigned out_of_time; /* fits, but the key was not in force then; see signature_apply_time */
    unsigned strangers;   /* signatures by keys without this role, or that the root does not list */
    uint32_t good_keys;   /* bit i: keys[i] of the root counts */
    char unusable_word[32]; /* an algorithm that cannot be checked */
};
_Static_assert(LIMIT_KEYS_PER_ROOT <= 32, "good_keys has one bit a key");

void signature_count(const struct root *root, const struct signature_request *request,
                     struct signature_tally *ret_tally);

/* Take out the keys that were not in force when the object was created. */
void signature_apply_time(const struct root *root, int64_t created, struct signature_tally *tally);

/* "1/2 (1 bad, 1 of a revoked key)" */
void signature_describe(const struct signature_tally *tally, char *out, size_t size);
