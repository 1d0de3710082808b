/* A tree of bytes. The nodes stand level by level, the children of one node side by side. */
#include "engine/starts.h"

#include <stdlib.h>

#include "stopgap/banned.h"

static int compare_entries(const void *a, const void *b)
{
    const struct start_entry *left = a;
    const struct start_entry *right = b;
    size_t common = left->text.len < right->text.len ? left->text.len : right->text.len;
    int order = common != 0 ? memcmp(left->text.ptr, right->text.ptr, common) : 0;
    if (order != 0)
        return order;
    if (left->text.len != right->text.len)
        return left->text.len < right->text.len ? -1 : 1;
    return (int)left->is_whole - (int)right->is_whole;
}

/* A node that is not filled in yet has the range of its entries where its bits will be. */
static struct start_node waiting_node(size_t first, size_t end)
{
    return (struct start_node){.first_bit = (uint32_t)first, .end_bit = (uint32_t)end};
}

/* Fill in a node whose text is the first `depth` bytes of its entries. Returns how many nodes there
 * are with its children. */
static size_t fill_node(struct start_table *table, struct start_node *node, size_t depth,
                        const struct start_entry *entries, size_t n_nodes)
{
    size_t i = node->first_bit;
    size_t end = node->end_bit;
    while (i < end && entries[i].text.len == depth && !entries[i].is_whole)
        i++;
    node->first_whole = (uint32_t)i;
    while (i < end && entries[i].text.len == depth)
        i++;
    node->end_bit = (uint32_t)i;
    node->first_child = (uint32_t)n_nodes;
    while (i < end) {
        size_t first = i;
        char byte = entries[first].text.ptr[depth];
        while (i < end && entries[i].text.ptr[depth] == byte)
            i++;
        table->bytes[n_nodes] = (unsigned char)byte;
        table->nodes[n_nodes++] = waiting_node(first, i);
    }
    node->n_children = (uint32_t)(n_nodes - node->first_child);
    return n_nodes;
}

bool starts_build(struct start_table *table, struct start_entry *entries, size_t n,
                  struct arena *memory)
{
    *table = (struct start_table){.nodes = NULL};
    if (n == 0)
        return true;
    size_t most = 1;
    for (size_t i = 0; i < n; i++)
        most += entries[i].text.len;
    table->nodes = arena_alloc(memory, most * sizeof(*table->nodes));
    table->bytes = arena_alloc(memory, most);
    table->bits = arena_alloc(memory, n * sizeof(*table->bits));
    if (table->nodes == NULL || table->bytes == NULL || table->bits == NULL)
        return false;
    qsort(entries, n, sizeof(*entries), compare_entries);
    for (size_t i = 0; i < n; i++)
        table->bits[i] = entries[i].bit;
    table->nodes[0] = waiting_node(0, n);
    size_t n_nodes = 1;
    size_t level_end = 1;
    for (size_t i = 0, depth = 0; i < n_nodes; i++) {
        if (i == level_end) {
            depth++;
            level_end = n_nodes;
        }
        n_nodes = fill_node(table, &table->nodes[i], depth, entries, n_nodes);
    }
    return true;
}

static void set_bits(const struct start_table *table, uint32_t from, uint32_t end, uint64_t *bits)
{
    for (uint32_t i = from; i < end; i++)
        bits[table->bits[i] / 64] |= (uint64_t)1 << (table->bits[i] % 64);
}

void starts_find(const struct start_table *table, struct slice text, uint64_t *bits)
{
    const struct start_node *node = table->nodes;
    for (size_t at = 0; node != NULL; at++) {
        bool is_end = at == text.len || (at + 1 == text.len && text.ptr[at] == '\n');
        set_bits(table, node->first_bit, is_end ? node->end_bit : node->first_whole, bits);
        if (at == text.len)
            return;
        unsigned char byte = (unsigned char)ascii_lower(text.ptr[at]);
        uint32_t child = node->first_child;
        uint32_t end = child + node->n_children;
        while (child < end && table->bytes[child] != byte)
            child++;
        node = child < end ? &table->nodes[child] : NULL;
    }
}

void starts_find_bytes(const struct start_table *table, struct slice text, uint64_t *bits)
{
    if (table->nodes == NULL)
        return;
    uint32_t first = table->nodes[0].first_child;
    for (uint32_t child = first; child < first + table->nodes[0].n_children; child++)
        if (slice_find(text, (char)table->bytes[child]) != SIZE_MAX)
            set_bits(table, table->nodes[child].first_bit, table->nodes[child].end_bit, bits);
}
