/* Sums the counters of the workers. */
#include "stats.h"

#include <string.h>

#include "stopgap/banned.h"

const struct worker_counter worker_counters[WORKER_COUNTERS_N] = {
#define X(field, name, help) {#field, name, help, offsetof(struct worker_stats, field)},
    WORKER_COUNTERS(X)
#undef X
};

uint64_t worker_counter_value(const struct worker_stats *stats, size_t index)
{
    uint64_t value;
    memcpy(&value, (const char *)stats + worker_counters[index].offset, sizeof(value));
    return value;
}

/* The worker writes its counters while we read them: one whole load each, so that the value is
 * old at worst, never torn. */
static uint64_t read_counter(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void worker_stats_add(struct worker_stats *sum, const struct worker_stats *part)
{
#define X(field, name, help) sum->field += read_counter(&part->field);
    WORKER_COUNTERS(X)
#undef X
    for (unsigned i = 0; i < INSPECT_BUCKETS; i++)
        sum->inspected[i] += read_counter(&part->inspected[i]);
    for (unsigned i = 0; i < END_REASON_COUNT; i++)
        sum->ended[i] += read_counter(&part->ended[i]);
    sum->connections_open += read_counter(&part->connections_open);
}
