/* One entry for each hash; a newer value takes its place. */
#include "engine/memo.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    MEMO_ENTRIES = 256,   /* clients that are busy at the same time on one worker; 80 KiB */
    MIN_VALUE_BYTES = 32, /* PCRE2 reads less in the time of a look-up */
    MAX_VALUE_BYTES = 256,
};

struct memo_entry {
    const struct cond *cond; /* NULL: empty */
    size_t len;
    struct match match;
    enum truth truth;
    char value[MAX_VALUE_BYTES];
};

bool memo_wants(const struct cond *cond)
{
    enum field_id field = cond->node->field;
    return cond->node->op == OP_REGEX && (field == FIELD_COOKIE || field == FIELD_HEADER);
}

struct memo_entry *memo_new(void)
{
    return calloc(MEMO_ENTRIES, sizeof(struct memo_entry));
}

void memo_free(struct memo_entry *memo)
{
    free(memo);
}

void memo_clear(struct memo_entry *memo)
{
    for (size_t i = 0; memo != NULL && i < MEMO_ENTRIES; i++)
        memo[i].cond = NULL;
}

static size_t place_of(const struct cond *cond, struct slice value)
{
    const size_t step = sizeof(uint64_t);
    const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t hash = (uint64_t)(uintptr_t)cond ^ value.len;
    for (struct slice rest = value; rest.len >= step; rest = slice_from(rest, step))
        hash = (hash ^ bytes_load(rest.ptr, step)) * factor;
    hash = (hash ^ bytes_load(value.ptr + value.len - step, step)) * factor;
    return (size_t)(hash >> 32) % MEMO_ENTRIES;
}

enum truth memo_find(struct memo_entry *memo, const struct cond *cond, struct slice value,
                     struct match *ret_match, struct memo_entry **ret_place)
{
    *ret_place = NULL;
    if (memo == NULL || value.len < MIN_VALUE_BYTES || value.len > MAX_VALUE_BYTES ||
        !memo_wants(cond))
        return TRUTH_UNKNOWN;
    struct memo_entry *entry = &memo[place_of(cond, value)];
    if (entry->cond == cond && slice_equal(slice_make(entry->value, entry->len), value)) {
        *ret_match = entry->match;
        return entry->truth;
    }
    *ret_place = entry;
    return TRUTH_UNKNOWN;
}

void memo_keep(struct memo_entry *place, const struct cond *cond, struct slice value,
               enum truth truth, const struct match *match)
{
    if (place == NULL || truth == TRUTH_UNKNOWN)
        return;
    place->cond = cond;
    place->len = value.len;
    place->match = *match;
    place->truth = truth;
    memcpy(place->value, value.ptr, value.len);
}
