/* Compiled databases in a folder, so that a start or a reload need not compile them again.
 *
 * A file is found under the SHA-256 of everything that makes the database: the expressions, the
 * library's version, the processor, this format. Its own SHA-256 is checked before a byte is used,
 * so what is damaged, cut or of another machine is compiled anew. Whoever may write the folder is
 * trusted as the state folder's owner is: the hash is against accidents. Off the event loops. */
#pragma once

#include "stopgap/err.h"

struct hs_database; /* of <hs.h> */

enum {
    CACHE_KEY_BYTES = 32,
    CACHE_FILES = 16, /* of each kind. Databases: two of each set: in force, the one before, a
                         candidate, and some tools' */
};

/* What hs_compile_multi is given. */
struct cache_input {
    const char *const *texts;
    const unsigned *flags;
    const unsigned *ids;
    unsigned n;
};

struct cache_key {
    unsigned char bytes[CACHE_KEY_BYTES];
};

/* False: no memory, or the processor is not known. */
MUST_USE bool cache_key_of(const struct cache_input *input, struct cache_key *ret_key);

/* The database that was stored under key; the caller frees it. NULL: none that is whole. */
struct hs_database *cache_load(const char *directory, const struct cache_key *key);

/* A set of rules that was found good is found again by the hash of everything that was judged. */
struct cache_part {
    const void *bytes;
    size_t n;
};
/* False: no memory. */
MUST_USE bool cache_key_of_parts(const struct cache_part *parts, size_t n,
                                 struct cache_key *ret_key);
bool cache_is_marked(const char *directory, const struct cache_key *key);
void cache_mark(const char *directory, const struct cache_key *key);

/* Keep a database, and forget those that were not used for the longest time. The folder is made
 * when it is missing. A folder that cannot be written to costs time only, so nothing is told. */
void cache_store(const char *directory, const struct cache_key *key,
                 const struct hs_database *database);
