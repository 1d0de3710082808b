/* What rules compare as a whole (names, methods, virtual directories) is looked up in tables:
 * cheaper than showing it to the scan, and the tables say which values the scan needs to see. */
#pragma once

#include "stopgap/arena.h"

/* Where a text stands; each has a table of its own. */
enum exact_kind {
    EXACT_NONE = 0,
    EXACT_METHOD,
    EXACT_VDIR,
    EXACT_HEADER, /* the names of headers, cookies, arguments */
    EXACT_COOKIE,
    EXACT_ARG,
    EXACT_KIND_COUNT,
};

/* What rules do with the value that has a name. */
enum {
    EXACT_SCANS = 1,   /* a pattern is about it */
    EXACT_DECODES = 2, /* a test looks at it */
};

struct exact_entry {
    struct slice text;
    uint32_t hash;
    uint32_t bit;   /* to set where the text stands; 0: none */
    unsigned flags; /* of the value with this name */
    bool is_same;   /* the text is that of the entry before */
};

enum { EXACT_SHAPES = 64 };

/* All-zero is an empty table. */
struct exact_table {
    uint32_t shapes[EXACT_SHAPES]; /* lengths and outer letters that occur: nearly always enough */
    uint32_t *offsets;             /* [mask + 3] into entries */
    struct exact_entry *entries;
    uint32_t mask;
};

/* Letters differ from their other case in a bit that the shape ignores. */
static inline uint32_t exact_shape(struct slice text)
{
    if (text.len == 0)
        return 1;
    unsigned first = (unsigned char)text.ptr[0];
    unsigned last = (unsigned char)text.ptr[text.len - 1];
    return (uint32_t)1 << ((first + 7 * last) & 31);
}

/* Make a table of n entries, which are sorted and merged. memory holds what it needs; the texts
 * stay the caller's. False: no memory. */
MUST_USE bool exact_build(struct exact_table *table, struct exact_entry *entries, size_t n,
                          struct arena *memory);

/* False: the text is certainly not in the table. */
static inline bool exact_may_have(const struct exact_table *table, struct slice text)
{
    return (table->shapes[text.len % EXACT_SHAPES] & exact_shape(text)) != 0;
}

/* exact_find behind its first check. */
unsigned exact_look_up(const struct exact_table *table, struct slice text, uint64_t *bits);

/* The flags of a text, without regard to case; sets its bits where bits is not NULL. */
static inline unsigned exact_find(const struct exact_table *table, struct slice text,
                                  uint64_t *bits)
{
    return exact_may_have(table, text) ? exact_look_up(table, text, bits) : 0;
}
