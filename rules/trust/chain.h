/* A folder of roots, as the publisher keeps it and as it lies in a state folder:
 *
 *   NNNNNNNNNN          a root that is in force, or was
 *   NNNNNNNNNN.sig/ID   its signatures, raw
 *   NNNNNNNNNN.draft    the one that comes next, until enough signatures are there
 */
#pragma once

#include "bundle_write.h"
#include "signature.h"

enum chain_kind {
    CHAIN_PUBLISHER = 0, /* every root of it follows from the one before */
    /* Of an install, which may have been started anew by hand: begins where that was last done. */
    CHAIN_KEPT
};

struct chain {
    const char *folder; /* borrowed */
    enum chain_kind kind;
    struct draft members; /* root/NNNNNNNNNN and root/NNNNNNNNNN.sig/ID, as in a bundle */
    struct ustar view;    /* of the members */
    struct root **roots;  /* ascending, without a gap */
    size_t n_roots;
    struct root *draft; /* NULL: none */
};

/* Read the folder and check that each root follows from the one before. A folder that is not there
 * is an empty chain. False with err: E_ROOT_CHAIN, E_ROOT_READ, those of walk_step. */
MUST_USE bool chain_read(const char *folder, enum chain_kind kind, struct chain *ret_chain,
                         struct err *err);
void chain_done(struct chain *chain);

/* The last root; NULL: there is none. */
const struct root *chain_newest(const struct chain *chain);
/* The root before this version; NULL: it is not here. */
const struct root *chain_before(const struct chain *chain, uint64_t version);

/* How the signatures on a root of the chain, or on its draft, count by the root before it and by
 * itself. Where there is none before it, ret_old needs nothing. */
void chain_count(const struct chain *chain, const struct root *root,
                 struct signature_tally *ret_old, struct signature_tally *ret_own);
bool chain_is_signed(const struct chain *chain, const struct root *root);
/* Number of signature files, whether they fit or not. */
size_t chain_n_signatures(const struct chain *chain, uint64_t version);

/* Write the next root as a draft; the folder is made when it is not there. E_ROOT_WRITE. */
MUST_USE bool chain_put_draft(const char *folder, uint64_t version, struct slice text,
                              struct err *err);
MUST_USE bool chain_put_signature(const char *folder, uint64_t version, const char *id,
                                  struct slice signature, struct err *err);
/* Give the draft its final name, which must be free. */
MUST_USE bool chain_finish(const char *folder, uint64_t version, struct err *err);

/* Write the roots and their signatures, without the draft, into a folder that holds no roots. */
MUST_USE bool chain_export(const struct chain *chain, const char *folder, struct err *err);
