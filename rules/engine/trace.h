/* What checking requests costs, stage by stage and rule by rule: for `stopgap rules cost`.
 *
 * A lease without a trace pays a look at one pointer for each scan, each rule that wakes and each
 * value that is compared; a request that wakes no rule pays two. */
#pragma once

#include "engine/private.h"

#include <time.h>

static inline uint64_t trace_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The beginning of an interval; 0 without a trace. */
static inline uint64_t trace_begin(const struct lease *lease)
{
    return lease->trace != NULL ? trace_clock_ns() : 0;
}

/* Its end: the time since, less what reading the clock takes, is added to *sum. */
static inline uint64_t trace_end(struct lease_trace *trace, uint64_t begun, uint64_t *sum)
{
    uint64_t spent = trace_clock_ns() - begun;
    uint64_t own = spent > trace->clock_ns ? spent - trace->clock_ns : 0;
    *sum += own;
    trace->overhead_ns += 2 * trace->clock_ns;
    return own;
}
