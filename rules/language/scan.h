/* The first look at a rule file, before anything is loaded: is it YAML of the plain kind and of
 * bearable size, and where does each value stand. Private to this folder. */
#pragma once

#include "language_limits.h"
#include "report.h"

/* Where a value stands: its key, or the value itself in a list. */
struct place {
    uint64_t path; /* PLACE_ROOT with place_key and place_item applied on the way down */
    unsigned line;
    unsigned column;
};

struct places {
    struct place *items;
    size_t n;
    size_t capacity;
    char rule_id[LIMIT_RULE_ID_BYTES + 1]; /* for messages; empty while unknown */
};

/* Paths are hashes. Two paths with one hash would give a wrong line in a message, no more. */
#define PLACE_ROOT UINT64_C(0xcbf29ce484222325)

static inline uint64_t place_mix(uint64_t path, unsigned char byte)
{
    return (path ^ byte) * UINT64_C(0x100000001b3); /* FNV-1a */
}

static inline uint64_t place_key(uint64_t parent, const char *key)
{
    uint64_t path = place_mix(parent, '.');
    for (; *key != '\0'; key++)
        path = place_mix(path, (unsigned char)*key);
    return path;
}

static inline uint64_t place_item(uint64_t parent, size_t index)
{
    uint64_t path = place_mix(parent, '[');
    for (unsigned shift = 0; shift < 32; shift += 8)
        path = place_mix(path, (unsigned char)(index >> shift));
    return path;
}

/* Walk over text and remember the places.
 *
 * Refuses what a rule has no use for and an attacker may have: a second document, anchors,
 * aliases, tags, NUL bytes, deep nesting, very many values; also keys without a value.
 * report->places may be ret_places. Call places_done in any case. */
MUST_USE bool places_scan(struct slice text, const struct report *report,
                          struct places *ret_places);
void places_done(struct places *places);

/* The place of a path, of the last one when a key was given twice; NULL when there is none. */
const struct place *places_find(const struct places *places, uint64_t path);
