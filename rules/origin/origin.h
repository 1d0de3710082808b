/* The rule files that a set is made of, beside those compiled into the program: read and verified
 * once, then parsed, judged in another process and kept with the set from the same bytes. */
#pragma once

#include "stopgap/buf.h"
#include "stopgap/trust.h"

enum origin_kind {
    ORIGIN_BUNDLE = 0, /* signed */
    ORIGIN_EOCS,       /* made of Microsoft's feed */
    ORIGIN_DIRECTORY,  /* unsigned, for tools */
    ORIGIN_KIND_COUNT,
};

struct origin_file {
    char *place; /* for messages */
    char *text;  /* ended by a NUL that does not count */
    size_t len;
};

/* One bundle, feed or folder. */
struct origin {
    enum origin_kind kind;
    char *source;            /* what its rules are marked with: the bundle's name */
    char *label;             /* in the set's name: "core@1.5" */
    char *hash;              /* SHA-256 in hex of what was read; "" for a folder */
    bool is_tried;           /* it came by itself: its new rules only detect at first */
    bool is_critical;        /* the publisher says that it is urgent */
    bool is_marked;          /* see bundle_is_marked */
    int64_t expires_unix;    /* 0: never */
    int64_t created_unix;    /* 0: not known */
    uint64_t max_cost;       /* what its publisher says that it costs; 0: nothing is said */
    struct trust_set bundle; /* which one; stays in this process */
    struct origin_file *files;
    size_t n_files;
};

/* Counted; not changed any more once a second owner has it. */
struct origins {
    size_t n_references; /* atomic */
    struct origin *items;
    size_t n;
};

/* With one reference. NULL: no memory. */
struct origins *origins_new(void);
struct origins *origins_ref(struct origins *origins); /* NULL is allowed */
void origins_unref(struct origins *origins);          /* NULL is allowed */

/* A new one at the end; texts are copied. Good until the next is added. NULL: no memory. */
struct origin *origins_add(struct origins *origins, const struct origin *like);
/* False: no memory. */
MUST_USE bool origin_add_file(struct origin *origin, const char *place, struct slice text);
/* Add a copy of `from` with its files. False: no memory. */
MUST_USE bool origins_add_copy(struct origins *origins, const struct origin *from);

/* The origin of this kind and source, NULL: none. origins may be NULL. */
const struct origin *origins_find(const struct origins *origins, enum origin_kind kind,
                                  const char *source);

/* As bytes for another process of this program, and back; see wire.h. False: no memory. */
MUST_USE bool origins_write(const struct origins *origins, struct buf *to);
/* NULL: no memory, or bytes that origins_write did not write. Takes what it read off `from`. */
struct origins *origins_read(struct slice *from);
