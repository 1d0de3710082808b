/* Latencies, 64 steps per power of two: a percentile is at most 1.6 % above the true one. */
#pragma once

#include <stdint.h>

enum {
    HISTOGRAM_STEPS = 64,
    HISTOGRAM_POWERS = 42, /* 64 ns << 41: more than a day */
    HISTOGRAM_SIZE = HISTOGRAM_STEPS * HISTOGRAM_POWERS,
};

struct histogram {
    uint64_t counts[HISTOGRAM_SIZE];
    uint64_t n;
    uint64_t max_ns;
};

void histogram_add(struct histogram *histogram, uint64_t ns);

/* The value that `share` (0..1) of all are at or below, in ns; 0 when there are none. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);
