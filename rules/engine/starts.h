/* How paths and targets begin: what rules say of it is found by one walk over the first bytes,
 * which costs less than a scan and depends little on how many rules there are. */
#pragma once

#include "engine/regex_text.h"

#include "stopgap/arena.h"

/* What begins; each has a table of its own. */
enum start_kind {
    START_NONE = 0,
    START_PATH,
    START_TARGET,
    START_BYTE, /* none: a byte anywhere in the path */
    START_KIND_COUNT,
};

/* A text, in lower case, and the bit to set where a value begins with it, or is it. */
struct start_entry {
    struct slice text;
    uint32_t bit;
    bool is_whole;
};

/* A text that entries share; its children are longer by a byte. */
struct start_node {
    uint32_t first_child; /* into nodes and bytes */
    uint32_t n_children;
    uint32_t first_bit;   /* into bits: those of a beginning, */
    uint32_t first_whole; /* then those of a whole value */
    uint32_t end_bit;
};

/* All-zero is an empty table. */
struct start_table {
    struct start_node *nodes; /* the first is the empty text */
    unsigned char *bytes;     /* [n nodes] the last byte of each */
    uint32_t *bits;
};

/* Make a table of n entries, which are sorted. memory holds it; the texts stay the caller's.
 * False: no memory. */
MUST_USE bool starts_build(struct start_table *table, struct start_entry *entries, size_t n,
                           struct arena *memory);

/* Set the bits of all entries that text begins with or is, without regard to case. A line feed at
 * the end of text does not count, as it does not for "$". */
void starts_find(const struct start_table *table, struct slice text, uint64_t *bits);

/* Set the bits of all entries, texts of one byte, that are in text. */
void starts_find_bytes(const struct start_table *table, struct slice text, uint64_t *bits);
