/* Two JSON-lines logs, access and decisions, written without blocking a worker.
 *
 * A worker formats records into its own log_buffer (no lock); once per loop turn it hands filled
 * chunks to the writer thread. When the writer cannot keep up, lines are dropped and counted.
 * Secrets never get here: the writer masks what is_secret says, and no record has room for an
 * Authorization or Cookie value. */
#pragma once

#include "reason.h"

#include "stopgap/err.h"
#include "stopgap/request.h"
#include "stopgap/verdict.h"

struct log_writer; /* the thread and the files; one in the program */
struct log_buffer; /* one a worker */

/* access, decisions  path, "-" for standard output, NULL for none; may be the same */
struct log_writer *log_writer_start(const char *access, const char *decisions, struct err *err);
void log_writer_reopen(struct log_writer *writer); /* USR1; any thread */
/* Write what is queued, wait for the thread, close. All buffers must have been freed. */
void log_writer_stop(struct log_writer *writer);

struct log_buffer *log_buffer_new(struct log_writer *writer);
void log_buffer_free(struct log_buffer *buffer); /* hands over what is left */
/* Hand filled chunks over; call once per loop turn when something was logged. Cheap when empty. */
void log_buffer_flush(struct log_buffer *buffer);
/* Lines dropped so far because the writer was behind. */
uint64_t log_buffer_dropped(const struct log_buffer *buffer);

/* Both times are in microseconds: wall is since 1970, the rest are durations. */
struct access_record {
    uint64_t wall_us;
    uint64_t connection_id;
    uint64_t request_number; /* on its connection, from 1; 0: all of a connection passed through */
    struct net_address client;
    uint16_t client_port;
    struct slice listener; /* "https://0.0.0.0:443" */
    struct slice upstream; /* "https://exch01:443"; empty when none was used */
    struct slice method;
    struct slice host;
    struct slice target; /* shortened to 2 KiB; query values of password-like names masked */
    struct slice vdir;
    unsigned http_minor;
    unsigned status;              /* sent to the client; 0: none */
    unsigned upstream_status;     /* 0: none */
    uint64_t bytes_in, bytes_out; /* body bytes from and to the client */
    uint64_t head_us;             /* first byte of the head to its last */
    uint64_t inspect_us;          /* rules */
    uint64_t connect_us;          /* to the upstream; 0 when the connection was there */
    uint64_t response_us;         /* request forwarded to first byte of the response */
    uint64_t total_us;
    enum end_reason reason;
    struct slice detail;      /* of the reason, such as the upstream's TLS error; may be empty */
    struct slice ruleset;     /* name of the set that judged; empty without inspection */
    struct slice rule_id;     /* the deciding rule; empty when none matched */
    struct slice excluded_by; /* label of the exclusion that let it pass that rule */
    struct slice incident_id; /* empty when none was given out */
    struct slice decision;    /* "pass", "block", "abort", "detect", "excluded" */
};
void access_log_write(struct log_buffer *buffer, const struct access_record *record);

/* One object per request that any rule matched. */
struct decision_record {
    uint64_t wall_us;
    uint64_t connection_id;
    uint64_t request_number;
    struct net_address client;
    struct slice incident_id;
    struct slice decision; /* "block", "abort", "detect", "excluded" */
    struct slice method;
    struct slice host;
    struct slice target;
    struct slice vdir;
    struct slice ruleset;
    unsigned status;
    const struct rule_hit *hits;
    size_t n_hits;
    bool hits_truncated;
};
void decision_log_write(struct log_buffer *buffer, const struct decision_record *record);

/* The program's own messages (start, reload, errors): logfmt to standard error, one line each,
 * level=info|warn|error. Any thread. */
__attribute__((format(printf, 3, 4))) void log_event(const char *level, const char *event,
                                                     const char *format, ...);

/* JSON string escaping into out, quotes not included; bytes above 0x7e and controls as \u00XX
 * (bytes are taken as Latin-1). Stops before max bytes are exceeded. Returns bytes written. */
size_t log_escape_json(struct slice text, char *out, size_t max);
/* "192.0.2.1" or "2001:db8::1"; an IPv4-mapped address is written as IPv4. */
size_t net_address_format(const struct net_address *address, char *out, size_t size);
