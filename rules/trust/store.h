/* The trust store: the root in force and the floors. Private to rules/trust. */
#pragma once

#include "manifest.h"
#include "root.h"
#include "state.h"
#include "stopgap/bundle.h"
#include "ustar.h"

struct trust_store {
    struct root *root;
    struct state state;
    int folder;         /* of the state files; -1: in memory only */
    bool keep_previous; /* the file "state" is good and may become state.prev */
    bool was_lost;
    bool allow_test_root;
    int64_t fixed_now; /* 0: the system clock */
};

int64_t store_now(const struct trust_store *store);

/* Was this very manifest authenticated here before, and nothing newer of its name since? Keys that
 * end or are revoked later do not take back what was accepted under them. */
bool store_knows(const struct trust_store *store, const char *manifest_hash);

/* Take the lock of the state folder and read what another process may have changed: floors, and a
 * root that it walked to. Nothing to do in memory. False with err: E_STATE_*; nothing is locked. */
MUST_USE bool store_lock(struct trust_store *store, struct err *err);
void store_unlock(struct trust_store *store);

/* Keep one root of the chain, and those of its signatures in archive (NULL: none are at hand) that
 * belong to its keys or to the root in force. The file of the root goes last: where it is, all is.
 */
MUST_USE bool store_save_root(const struct trust_store *store, const struct root *root,
                              const struct ustar *archive, struct err *err);

/* Make root the one in force; owned. store_commit_root then writes that down. */
void store_take_root(struct trust_store *store, struct root *root);
MUST_USE bool store_commit_root(struct trust_store *store, struct err *err);

/* What the state folder holds of one version, or the highest version in it; NULL: nothing that
 * can be parsed. */
struct root *store_read_root(int folder, uint64_t version);
struct root *store_find_newest_root(int folder);

/* The hash of an older version in the history of the root in force, from the archive or from what
 * is stored. False: not known. */
bool store_find_hash(const struct trust_store *store, const struct ustar *archive, uint64_t version,
                     char ret_hash[HASH_SIZE]);

/* FOLDER/NNNNNNNNNN and the suffix: in a bundle the folder is "root", in the state folder "roots".
 */
enum { ROOT_NAME_SIZE = 48 };
void store_format_root(char out[ROOT_NAME_SIZE], const char *folder, uint64_t version,
                       const char *suffix);

/* Step H: compare (epoch, serial) with the floor of the name and raise it, on disk first.
 *
 * manifest_hash  of the manifest's bytes, whose signatures were checked
 *
 * False with err: E_EPOCH, E_ROLLBACK, E_SERIAL_REUSED, E_STATE_*. The same manifest again is
 * true and writes nothing. */
MUST_USE bool store_admit(struct trust_store *store, const struct manifest *manifest,
                          const char *manifest_hash, struct err *err);
