/* The compiled form of a rule set; for the files of this folder only.
 *
 * Every fact that a scan or a look-up can establish is a bit: bits 0..31 are the target's
 * anomalies, one says that a body follows, the rest are patterns. A rule has a guard, a set of bits
 * of which one must be set before the rule can be true; the index leads from bits to rules. So a
 * request without hits costs the scan and a look at empty words, however many rules there are. */
#pragma once

#include "body/values.h"
#include "engine/engine.h"
#include "engine/exact.h"
#include "engine/regex_text.h"
#include "engine/starts.h"
#include "view/iis.h"
#include "view/view.h"

#include <hs.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    BIT_HAS_BODY = 32,      /* after the anomalies, see view_anomaly */
    BIT_FIRST_PATTERN = 64, /* a word of its own for what is no pattern */
    MAX_PARTS = 4,          /* patterns of one regex; each further lookahead only confirms */
    MAX_GUARD = 512,        /* bits of one guard; a rule that needs more is always evaluated */
    INTEREST_WORDS = 64,
    BODY_MEMORY_BYTES = 1024 * 1024, /* a usual body, values, all readers; more is malloc's */
};

_Static_assert(FIELD_COUNT <= 32, "sets of fields are kept as bits");
_Static_assert((int)FIELD_MULTIPART - (int)FIELD_JSON_KEY == (int)BODY_MULTIPART,
               "the fields stand in the order of the kinds");

/* One expression of a database, a text that is looked up, or (text NULL) a fact that neither
 * finds. */
struct pattern {
    const char *text;
    unsigned flags;
    unsigned needs;               /* NEED_..., without NEED_LINE */
    enum exact_kind exact;        /* EXACT_NONE: scanned for */
    enum start_kind start;        /* not START_NONE: looked up by how a value begins */
    const struct slice *literals; /* EXACT, start: one of them */
    size_t n_literals;
    size_t n_whole;    /* start: that many of them, the last, are whole values */
    unsigned score;    /* how rare a hit is: bytes of literal text */
    bool is_body;      /* belongs to the database for bodies */
    bool is_used;      /* asked for by a guard or a test */
    uint32_t bit;      /* 0 for a pattern that is not used */
    size_t rule_index; /* the first rule that brought it, for messages */
};

/* An input of IIS that rules name; each is computed once a request. */
struct iis_slot {
    struct slice text;
    const struct iis_input *input;
    size_t index;
    struct iis_slot *next;
};

/* A node of a compiled condition tree; lives in the set's arena. */
struct cond {
    const struct node *node;
    struct cond *children;
    size_t n_children;
    struct slice name;
    struct slice *literals;
    size_t n_literals;
    struct net_prefix *networks;
    size_t n_networks;
    pcre2_code *code;
    bool is_jit;                             /* code was compiled to machine code */
    struct cond *next_with_code;             /* of the whole set, to free them */
    struct pattern *patterns[MAX_PARTS + 2]; /* all must have hit before the test can be true */
    size_t n_patterns;
    struct pattern *name_pattern; /* hits when a field of that name is there */
    struct pattern *excluded;     /* hits when a negated test is not true; NULL: not known so */
    const struct iis_slot *slot;  /* iis_input tests */
    uint32_t anomalies;           /* anomaly tests: bits of which one must be set */
};

struct compiled_rule {
    const struct rule *rule;
    struct cond *when;
    struct cond *when_response; /* NULL without */
    struct pattern **guard;
    size_t n_guard;       /* 0: evaluated for every request */
    unsigned guard_score; /* bytes of text that a request must have to wake the rule */
    uint32_t *needed;     /* bits without one of which the rule is not true, */
    size_t n_needed;
    uint32_t *refused; /* and with one of which it is not */
    size_t n_refused;
    struct rule_info info;
    struct slice first_cve;
    bool is_response;
    uint32_t body_fields; /* bits: fields of the body that it tests */
};

/* Which values of a body must be shown to the scan. */
struct interest {
    bool all_values;
    uint32_t names[INTEREST_WORDS]; /* by length and first letter; errs on the side of "yes" */
};

/* A row of the operator's modes. */
struct compiled_mode {
    enum rules_mode mode;
    unsigned rank;     /* 3: rule and directory, 2: rule, 1: directory */
    uint64_t *rules;   /* bitmap */
    struct slice vdir; /* lower case; empty: everywhere */
};

struct compiled_exclusion {
    uint64_t *rules;   /* bitmap */
    struct slice path; /* lower case, without a slash at its end; empty: any */
    struct slice *methods;
    size_t n_methods;
    struct net_prefix *networks;
    size_t n_networks;
    struct slice label;
    int64_t until_unix;
};

struct ruleset {
    size_t n_references; /* atomic */
    struct rule_list source;
    struct origins *origins;
    struct origins *candidate; /* NULL: no rule is on trial */
    struct compiled_rule *rules;
    size_t n_rules;
    const struct compiled_rule **by_id; /* the rules in the order of their ids */

    hs_database_t *head_database; /* NULL without patterns */
    hs_database_t *body_database;
    hs_scratch_t *scratch; /* never used, only cloned */
    size_t n_bits;
    uint32_t *index_offsets; /* [n_bits + 1] into index_rules */
    uint32_t *index_rules;
    uint64_t *unguarded; /* bitmap of rules */

    /* What the scan must see: NEED_... of the patterns about each field. With NEED_LINE, all values
     * of the field; without it, those whose names are in the tables. */
    unsigned needs[FIELD_COUNT];
    struct exact_table exact[EXACT_KIND_COUNT];
    struct start_table starts[START_KIND_COUNT];
    bool decodes_headers; /* all of them, not only those in the tables */
    bool decodes_cookies;
    struct iis_slot *inputs; /* newest first */
    size_t n_inputs;
    struct interest body_names[BODY_KIND_COUNT]; /* of values in JSON, XML, multipart */

    struct arena memory; /* conditions, patterns, index */
    void *first_chunk;
    struct cond *codes;
    pcre2_match_context *match_context;
    struct ruleset_stats stats;
    char *name;
    char *hash;
    struct mitigation_info *mitigations; /* texts in memory */
    size_t n_mitigations;
    struct compiled_mode *modes; /* these two in memory */
    size_t n_modes;
    struct compiled_exclusion *exclusions;
    size_t n_exclusions;
    int64_t (*now_unix)(void); /* set where there is an exclusion */
    char **warnings;
    size_t n_warnings;
};

struct memo_entry;

struct lease {
    struct ruleset *set;
    hs_scratch_t *scratch;
    pcre2_match_data *match_data;
    pcre2_match_context *match_context;
    pcre2_jit_stack *jit_stack;
    struct memo_entry *memo; /* NULL: no rule asks for one */
    size_t n_holders;
    void *body_memory; /* BODY_MEMORY_BYTES for the inspection of one body; NULL: no rule asks */
    uint64_t *hits;    /* [n_rules], written by the worker only */
    struct lease_trace *trace; /* NULL: none */
};

/* A name that a test of rules gives, and what the test does with its value. */
struct named_use {
    enum exact_kind kind;
    struct slice name;
    unsigned flags; /* EXACT_... */
};

/* What a pattern table collects while rules are compiled. */
struct pattern_table {
    struct arena *memory;
    const char *cache; /* folder of compiled databases; NULL: none */
    void *tree;        /* of <search.h> */
    struct pattern **items;
    size_t n;
    size_t capacity;
    size_t rule_index;       /* the rule that is being compiled */
    struct named_use *names; /* of all tests */
    size_t n_names;
    size_t name_capacity;
    struct pattern facts[BIT_FIRST_PATTERN]; /* anomalies and BIT_HAS_BODY */
};

static inline size_t words_for(size_t n_bits)
{
    return (n_bits + 63) / 64;
}

static inline void bit_set(uint64_t *bits, size_t bit)
{
    bits[bit / 64] |= (uint64_t)1 << (bit % 64);
}

static inline bool bit_is_set(const uint64_t *bits, size_t bit)
{
    return (bits[bit / 64] >> (bit % 64) & 1) != 0;
}

static inline uint32_t *interest_word(struct interest *interest, struct slice name)
{
    return &interest->names[name.len % INTEREST_WORDS];
}

static inline uint32_t interest_mask(struct slice name)
{
    return name.len != 0 ? (uint32_t)1 << ((unsigned char)name.ptr[0] & 31) : 1;
}

/* Letters differ from their other case in a bit that the mask ignores. */
static inline bool interest_has(const struct interest *interest, struct slice name)
{
    return (interest->names[name.len % INTEREST_WORDS] & interest_mask(name)) != 0;
}
