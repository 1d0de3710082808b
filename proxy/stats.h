/* Counters of one worker: plain integers that only the worker writes. Control sums them; a reader
 * on another thread may see a value that is a moment old. */
#pragma once

#include "reason.h"

#include <stddef.h>
#include <stdint.h>

/* X(field, metric name without prefix and suffix, help) */
#define WORKER_COUNTERS(X)                                                                         \
    X(connections, "connections_total", "Client connections accepted")                             \
    X(connections_refused, "connections_refused_total", "Client connections over a limit")         \
    X(accept_pauses, "accept_pauses_total",                                                        \
      "Rests of a listener for lack of descriptors or memory")                                     \
    X(requests, "requests_total", "Requests that ended, whatever the end")                         \
    X(requests_blocked, "requests_blocked_total", "Requests stopped by a rule")                    \
    X(requests_detected, "requests_detected_total", "Requests a rule in detect mode matched")      \
    X(requests_excluded, "requests_excluded_total", "Requests an exclusion let pass a rule")       \
    X(requests_refused, "requests_refused_total", "Requests refused as malformed or over a limit") \
    X(responses_edited, "responses_edited_total", "Responses whose head a mitigation changed")     \
    X(authenticated, "authenticated_requests_total",                                               \
      "Requests with credentials that Exchange answered well")                                     \
    X(would_stop, "trial_stops_total", "Of these, those that rules on trial would have stopped")   \
    X(blocked_known, "known_clients_blocked_total",                                                \
      "Blocked requests of connections that had such a request before")                            \
    X(server_errors, "upstream_errors_total", "Responses of Exchange with 500 or above")           \
    X(upstream_connections, "upstream_connections_total", "Connections made to the upstream")      \
    X(upstream_failures, "upstream_failures_total", "Requests that ended with 502 or 504")         \
    X(upstream_reopened, "upstream_reopened_total", "Stale idle upstream connections re-opened")   \
    X(passed_through, "pass_through_connections_total",                                            \
      "Connections passed through by their TLS name, not inspected")                               \
    X(client_bytes_in, "client_bytes_received_total", "Bytes read from clients")                   \
    X(client_bytes_out, "client_bytes_sent_total", "Bytes of response bodies sent to clients")     \
    X(tls_handshakes, "tls_handshakes_total", "TLS handshakes with clients")                       \
    X(tls_resumed, "tls_resumed_total", "Of these, resumed sessions")                              \
    X(matcher_faults, "matcher_faults_total", "Inspections that failed")                           \
    X(inspected_bytes, "inspected_body_bytes_total", "Bytes of request bodies shown to rules")     \
    X(log_lines_dropped, "log_lines_dropped_total", "Log lines lost because the disk is slow")

/* Durations of inspections: buckets of a quarter of an octave, the first ones of a microsecond. */
enum { INSPECT_BUCKETS = 64 };

struct worker_stats {
#define X(field, name, help) uint64_t field;
    WORKER_COUNTERS(X)
#undef X
    uint64_t inspected[INSPECT_BUCKETS]; /* requests by the time that their inspection took */
    uint64_t ended[END_REASON_COUNT];    /* transactions and connections by reason */
    uint64_t connections_open;           /* a gauge */
};

/* The counters by number, for who shows all of them. */
struct worker_counter {
    const char *field, *name, *help;
    size_t offset; /* in struct worker_stats */
};
#define X(field, name, help) COUNTER_##field,
enum { WORKER_COUNTERS(X) WORKER_COUNTERS_N };
#undef X
extern const struct worker_counter worker_counters[WORKER_COUNTERS_N];
uint64_t worker_counter_value(const struct worker_stats *stats, size_t index);

/* For the worker: a plain add whose store cannot be seen half done from another thread. */
static inline void counter_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* The bucket of a duration: 4..7 us have one each, 8..15 us four of two, ... */
static inline unsigned inspect_bucket(uint64_t us)
{
    if (us < 4)
        return (unsigned)us;
    unsigned exponent = 63 - (unsigned)__builtin_clzll(us);
    unsigned bucket = (exponent - 1) * 4 + (unsigned)(us >> (exponent - 2) & 3);
    return bucket < INSPECT_BUCKETS ? bucket : INSPECT_BUCKETS - 1;
}

/* The shortest duration of a bucket, in us. */
static inline uint64_t inspect_bucket_us(unsigned bucket)
{
    if (bucket < 4)
        return bucket;
    unsigned exponent = bucket / 4 + 1;
    return (uint64_t)(4 + bucket % 4) << (exponent - 2);
}

void worker_stats_add(struct worker_stats *sum, const struct worker_stats *part);
