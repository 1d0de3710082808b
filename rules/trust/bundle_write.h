/* The publisher's side: making root files and bundles. Used by the command line and by tests. */
#pragma once

#include "manifest.h"
#include "root.h"
#include "ustar.h"

/* ---- bundles */

/* A bundle in the making: members in any order, owned. */
struct draft_member {
    char *name;
    struct buf data;
};

struct draft {
    struct draft_member *members;
    size_t n_members;
};

/* All-zero is an empty draft. */
void draft_done(struct draft *draft);

/* Copy a member in; one of the same name is replaced. False with err: E_BUNDLE_NAME, _COUNT,
 * _MEMBER_SIZE. */
MUST_USE bool draft_put(struct draft *draft, const char *name, struct slice data, struct err *err);
/* Copy all members of a container in. */
MUST_USE bool draft_put_all(struct draft *draft, const struct ustar *archive, struct err *err);
/* NULL: no such member. */
const struct draft_member *draft_find(const struct draft *draft, const char *name);

/* Write the member 0manifest from facts, whose files are taken from the draft's members below
 * rules/ and tests/. An all-zero optional field is left out. */
MUST_USE bool draft_put_manifest(struct draft *draft, const struct manifest *facts,
                                 struct err *err);

/* Sign the member MESSAGE_NAME; the signature becomes the member PREFIX plus key id. */
MUST_USE bool draft_sign(struct draft *draft, const char *message_name, const char *prefix,
                         EVP_PKEY *pkey, struct err *err);

/* Append the container's bytes to out and read them again with the reader's rules. */
MUST_USE bool draft_write(struct draft *draft, struct buf *out, struct err *err);

/* Sort the members and show them as a read container does, until the draft is changed. The array is
 * owned: ustar_done. */
MUST_USE bool draft_view(struct draft *draft, struct ustar *ret_view, struct err *err);

/* ---- roots */

struct root_draft_key {
    EVP_PKEY *pkey; /* borrowed; a public key will do */
    unsigned roles;
    int64_t from, sunset, end;
};

/* Append the line of a key, with its line feed. False with err: E_ROOT_KEYSHAPE, E_ROOT_SIZE. */
MUST_USE bool root_write_key(const struct root_draft_key *key, struct buf *out, struct err *err);
