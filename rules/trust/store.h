/* The trust store: the root in force and the state. Private to rules/trust. */
#pragma once

#include "manifest.h"
#include "root.h"
#include "state.h"
#include "stopgap/bundle.h"
#include "ustar.h"

struct trust_store {
    struct root *root;
    struct state state;
    struct state next;  /* the state that a change makes of it, see store_change */
    char *path;         /* of the folder; NULL: in memory only */
    int folder;         /* of the state files; -1: in memory only */
    bool keep_previous; /* the file "state" is good and may become state.prev */
    bool was_lost;
    bool allow_test_root;
    bool is_read_only; /* what changes is in memory only */
    bool holds;        /* as in struct trust_options */
    int64_t fixed_now; /* 0: the system clock */
};

int64_t store_now(const struct trust_store *store);
/* May something have been signed then, by our clock? */
bool store_is_credible(const struct trust_store *store, int64_t created);

/* Was this very manifest authenticated here before? Then its order is judged. It is the newest of
 * its name, or the one in force; of those that the state folder keeps (is_kept: it was read from
 * there) any. */
bool store_knows(const struct trust_store *store, const char *manifest_hash, bool is_kept);

/* Of one that is known: was it in force, as against one that waits or is on trial? Keys that end or
 * are revoked later do not take back what was in force under them, but nothing new comes of them.
 * Where no set of a name is in force, what was authenticated counts. */
bool store_had_in_force(const struct trust_store *store, const char *manifest_hash);

/* Is the epoch the one that the root in force has open? E_EPOCH, E_ROLLBACK. */
MUST_USE bool store_check_epoch(const struct trust_store *store, const struct manifest *manifest,
                                struct err *err);

/* Take the lock of the state folder and read what another process may have changed: floors, and a
 * root that it walked to. Nothing to do in memory. False with err: E_STATE_*; nothing is locked. */
MUST_USE bool store_lock(struct trust_store *store, struct err *err);
void store_unlock(struct trust_store *store);

/* The way of every change: lock, take this copy of the state and change it, commit, unlock. Commit
 * writes to the disk first; when that fails the state in memory stays as it was. NULL with err:
 * nothing is locked. */
struct state *store_change(struct trust_store *store, struct err *err);
MUST_USE bool store_commit(struct trust_store *store, struct err *err);

/* Keep one root of the chain, and those of its signatures in archive (NULL: none are at hand) that
 * belong to its keys or to the root in force. The file of the root goes last: where it is, all is.
 */
MUST_USE bool store_save_root(const struct trust_store *store, const struct root *root,
                              const struct ustar *archive, struct err *err);

/* Make root the one in force; owned. store_commit_root then writes that down. */
void store_take_root(struct trust_store *store, struct root *root);
MUST_USE bool store_commit_root(struct trust_store *store, struct err *err);

/* Path of a kept bundle within the state folder: store/SHA256.sgb. */
enum { STORE_KEPT_SIZE = 80 };
void store_format_kept(char out[STORE_KEPT_SIZE], const char *file_hash);

/* Keep the bytes of a bundle, fsynced; nothing to do when they are there. E_STATE_WRITE. */
MUST_USE bool store_keep(struct trust_store *store, const char *file_hash, struct slice bytes,
                         struct err *err);
bool store_has_kept(const struct trust_store *store, const char *file_hash);

const struct trust_pin *store_find_pin(const struct state *state, const char *name, bool is_lab);
/* Does it wait for an operator, see trust_hold? */
bool store_is_held(const struct state *state, const struct trust_set *set);
/* After the state was lost: take up the newest sets that the folder still keeps. */
void store_rebuild(struct trust_store *store);

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
