/* What the readers of request bodies find: names and values, in the order of the body.
 *
 * A reader is a pure function over a window of the body. It never refuses anything: what cannot
 * be read sets a word of enum body_anomaly, and what was seen before stays. */
#pragma once

#include "stopgap/arena.h"
#include "stopgap/verdict.h"

enum body_kind {
    BODY_JSON_KEY = 0,       /* names of all object members */
    BODY_JSON,               /* values; name: the member they belong to */
    BODY_XML_ELEMENT,        /* local names of elements */
    BODY_XML_ATTRIBUTE,      /* local names of attributes */
    BODY_XML_TEXT,           /* text right below an element; name: its local name */
    BODY_XML_ATTR,           /* values of attributes; name: the local name */
    BODY_XML_BASE64,         /* bytes that such a text stands for; then its fragments, joined */
    BODY_MULTIPART_NAME,     /* names of parts */
    BODY_MULTIPART_FILENAME, /* file names of parts */
    BODY_MULTIPART,          /* contents of parts; name: the part's name */
    BODY_KIND_COUNT,
};

enum { BODY_ALL_KINDS = (1 << BODY_KIND_COUNT) - 1 }; /* as bits */

/* What is odd about a body; each can be refused by a rule of its own. */
enum body_anomaly {
    BODY_JSON_INVALID = 1u << 0,      /* said to be JSON, or begins like it, and cannot be read */
    BODY_XML_INVALID = 1u << 1,       /* the same for XML; it is read on behind the error */
    BODY_XML_DTD = 1u << 2,           /* a document type: entities are not expanded */
    BODY_MULTIPART_INVALID = 1u << 3, /* no delimiter, no end of a part's head, no closing */
    BODY_MULTIPART_LOOSE = 1u << 4,   /* a form that readers take apart in different ways */
    BODY_ENCODING_UNKNOWN = 1u << 5,  /* a Content-Encoding that is not looked into */
    BODY_ENCODING_INVALID = 1u << 6,  /* cannot be decompressed, or only its beginning */
    BODY_ENCODING_BOMB = 1u << 7,     /* expands more than LIMIT_INFLATE_RATIO times */
    BODY_TOO_MANY_VALUES = 1u << 8,   /* over LIMIT_BODY_VALUES; the rest is not shown */
    BODY_CHARSET_ODD = 1u << 9,       /* a charset that no client of Exchange uses */
};

/* "json_invalid", ... for one bit; NULL for an unknown one. */
const char *body_anomaly_name(uint32_t bit);
/* The bit of a name, 0 when there is none. */
uint32_t body_anomaly_bit(struct slice name);

struct body_value {
    enum body_kind kind;
    struct slice name;              /* empty where the kind has none */
    struct slice value[VIEW_COUNT]; /* RAW: unescaped as its format says; then percent-decoded */
};

enum { BODY_CHUNK_VALUES = 64 };

struct body_chunk {
    struct body_chunk *next;
    size_t n;
    struct body_value values[BODY_CHUNK_VALUES];
};

struct body_values {
    struct arena *arena;
    uint32_t kinds; /* bits: what the caller wants to see */
    /* Of the kinds that have names, which names, and of the kinds that are names, which values;
     * NULL: all of them. May say yes too often. */
    bool (*wants_name)(const void *ctx, enum body_kind kind, struct slice name);
    const void *ctx;
    struct body_chunk *first;
    struct body_chunk *last;
    size_t n;
    uint32_t anomalies;
    bool is_same[VIEW_COUNT]; /* no value differs from its view before */
    bool is_out_of_memory;
    /* Of xml_read and json_read, for the next document of the same body. */
    void *xml_memory;
    void *json_memory;
};

void body_values_init(struct body_values *values, struct arena *arena, uint32_t kinds);

/* Is it a kind whose values are names themselves, of JSON members, elements or attributes? */
bool body_kind_is_name(enum body_kind kind);

/* Whether a value of this kind and name would be kept; where the kind is a name, one of that value.
 */
bool body_values_want(const struct body_values *values, enum body_kind kind, struct slice name);

/* Keep a value. name and value are borrowed. False: there is no room for more, so stop. */
MUST_USE bool body_values_add(struct body_values *values, enum body_kind kind, struct slice name,
                              struct slice value);

/* A copy in the arena; ptr is NULL, and the list is out of memory, where there is none. */
struct slice body_values_copy(struct body_values *values, struct slice bytes);
