/* The manifest: the bytes that are signed, and the only list of what belongs to a bundle.
 *
 *   stopgap-manifest 1
 *   min-engine VERSION
 *   name NAME
 *   channel production|lab
 *   epoch N
 *   serial N                       1..2^63-1, order only
 *   created TIME
 *   stable-after TIME              optional
 *   expires TIME                   a state, never a refusal
 *   root VERSION SHA256            the root that the publisher signed under
 *   supersedes SERIAL              optional
 *   urgency normal|critical        optional
 *   max-cost N                     optional
 *   feature WORD                   0..32 times
 *   file SHA256 SIZE NAME          every member below rules/ and tests/, ascending
 *   x-ANYTHING free text           ignored, anywhere after line 2 */
#pragma once

#include "stopgap/err.h"
#include "stopgap/slice.h"

enum { MANIFEST_MAX_FEATURES = 32 }; /* words, one for each optional part of the rule language */

struct manifest_file {
    struct slice hash;
    size_t size;
    struct slice name;
};

/* The slices point into the text that was parsed. */
struct manifest {
    struct slice min_engine;
    struct slice name;
    bool is_lab;
    uint64_t epoch, serial;
    int64_t created;
    int64_t stable_after; /* created when the line is absent */
    int64_t expires;
    uint64_t root_version;
    struct slice root_hash;
    uint64_t supersedes; /* 0: absent */
    bool is_critical;
    uint64_t max_cost; /* 0: absent */
    struct slice features[MANIFEST_MAX_FEATURES];
    size_t n_features;
    struct manifest_file *files;
    size_t n_files;
};

/* False with err: E_MANIFEST_SYNTAX, E_MANIFEST_FIELD, E_ENGINE_TOO_OLD. The last one comes
 * before anything after line 2 is read, so that a bundle for a newer program always says so. */
MUST_USE bool manifest_parse(struct slice text, struct manifest *ret_manifest, struct err *err);
void manifest_done(struct manifest *manifest);
