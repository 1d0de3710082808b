/* Hash tables over texts whose case does not count: the entries of a bucket stand together. */
#include "engine/exact.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum { MIN_BUCKETS = 8 };

/* Texts that differ in the case of letters only have one hash. */
static uint32_t hash_text(struct slice text)
{
    const uint64_t no_case = UINT64_C(0x2020202020202020);
    const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
    const size_t step = sizeof(uint64_t);
    uint64_t hash = text.len * factor;
    for (; text.len > step; text = slice_from(text, step))
        hash = (hash ^ (bytes_load(text.ptr, step) | no_case)) * factor;
    if (text.len != 0)
        hash = (hash ^ (bytes_load(text.ptr, text.len) | no_case)) * factor;
    return (uint32_t)(hash >> 32);
}

static int compare_texts(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    for (size_t i = 0; i < a.len; i++) {
        int difference = ascii_lower(a.ptr[i]) - ascii_lower(b.ptr[i]);
        if (difference != 0)
            return difference;
    }
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    const struct exact_entry *left = a;
    const struct exact_entry *right = b;
    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    int order = compare_texts(left->text, right->text);
    if (order != 0)
        return order;
    return left->bit < right->bit ? -1 : left->bit > right->bit ? 1 : 0;
}

/* Entries that say the same become one. Returns how many are left. */
static size_t merge(struct exact_entry *entries, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept != 0 && compare_entries(&entries[kept - 1], &entries[i]) == 0)
            entries[kept - 1].flags |= entries[i].flags;
        else
            entries[kept++] = entries[i];
    }
    return kept;
}

/* A counting sort by bucket: how many entries each has, where they begin, then the entries. */
static void fill(struct exact_table *table, const struct exact_entry *entries, size_t n)
{
    uint32_t *offsets = table->offsets;
    for (size_t i = 0; i < n; i++)
        offsets[(entries[i].hash & table->mask) + 2]++;
    for (size_t bucket = 2; bucket <= (size_t)table->mask + 2; bucket++)
        offsets[bucket] += offsets[bucket - 1];
    for (size_t i = 0; i < n; i++)
        table->entries[offsets[(entries[i].hash & table->mask) + 1]++] = entries[i];
}

bool exact_build(struct exact_table *table, struct exact_entry *entries, size_t n,
                 struct arena *memory)
{
    memset(table, 0, sizeof(*table));
    if (n == 0)
        return true;
    for (size_t i = 0; i < n; i++) {
        struct slice text = entries[i].text;
        entries[i].hash = hash_text(text);
        table->shapes[text.len % EXACT_SHAPES] |= exact_shape(text);
    }
    qsort(entries, n, sizeof(*entries), compare_entries);
    n = merge(entries, n);
    for (size_t i = 1; i < n; i++)
        entries[i].is_same = entries[i].hash == entries[i - 1].hash &&
                             compare_texts(entries[i].text, entries[i - 1].text) == 0;
    size_t n_buckets = MIN_BUCKETS;
    while (n_buckets < 2 * n)
        n_buckets *= 2;
    table->mask = (uint32_t)n_buckets - 1;
    table->offsets = arena_alloc(memory, (n_buckets + 2) * sizeof(*table->offsets));
    table->entries = arena_alloc(memory, n * sizeof(*table->entries));
    if (table->offsets == NULL || table->entries == NULL)
        return false;
    memset(table->offsets, 0, (n_buckets + 2) * sizeof(*table->offsets));
    fill(table, entries, n);
    return true;
}

unsigned exact_look_up(const struct exact_table *table, struct slice text, uint64_t *bits)
{
    unsigned flags = 0;
    uint32_t hash = hash_text(text);
    const uint32_t *bucket = &table->offsets[hash & table->mask];
    const struct exact_entry *end = &table->entries[bucket[1]];
    bool is_hit = false;
    for (const struct exact_entry *entry = &table->entries[bucket[0]]; entry < end; entry++) {
        if (!entry->is_same)
            is_hit = entry->hash == hash && slice_equal_nocase(entry->text, text);
        if (!is_hit)
            continue;
        flags |= entry->flags;
        if (bits != NULL && entry->bit != 0)
            bits[entry->bit / 64] |= (uint64_t)1 << (entry->bit % 64);
    }
    return flags;
}
