/* What the files of `stopgap verify` share. */
#pragma once

#include "http/parse.h"

#include "stopgap/buf.h"
#include "stopgap/err.h"
#include "stopgap/ruleset.h"

#include <openssl/ssl.h>

enum {
    VERIFY_MAX_PROBES = 5000,        /* the shipped set has 200 */
    VERIFY_MAX_SECONDS = 15 * 60,    /* of a whole run */
    VERIFY_MAX_UNREACHABLE = 3,      /* in a row; then the rest will not do better */
    VERIFY_ANSWER_BYTES = 64 * 1024, /* of an answer; ours have 512 */
    VERIFY_HOST_BYTES = 300,         /* a name of 255 and a port */
};

/* ---- verify_dial.c: one request to a listener, one answer */

struct verify_peer {
    const char *host; /* in the URL: SNI, name of the certificate, Host */
    uint16_t port;
    const char *address; /* where to connect instead; NULL: host */
    SSL_CTX *context;    /* NULL: without TLS */
    unsigned timeout_s;  /* of one probe */
};

struct verify_answer {
    bool is_connected; /* the connection was made */
    bool is_timeout;
    struct buf bytes;
    struct buf body; /* the beginning of it */
    struct arena arena;
    void *memory;
    struct http_parser parser; /* head is good where has_head */
    bool has_head;
    char error[200]; /* why nothing came, for people */
};

/* Send request, read the answer; blocks for timeout_s at most. verify_answer_done is to be called
 * in any case. False: no memory. */
MUST_USE bool verify_ask(const struct verify_peer *peer, struct slice request, bool is_head,
                         struct verify_answer *ret_answer);
void verify_answer_done(struct verify_answer *answer);
/* Is it an answer that stopgap gives itself: a refusal with an incident? Answers to HEAD have no
 * body and are known by their fields. */
bool verify_is_own(const struct verify_answer *answer, bool is_head);

/* ---- verify_probe.c: what is sent, and what it must lead to */

enum probe_kind {
    PROBE_BLOCK = 0, /* the set says that it is stopped */
    PROBE_REPORT,    /* only rules that report see it */
    PROBE_EDIT,      /* a response rule; the answer shows it, or not */
    PROBE_NONE,      /* not sent: see reason */
};

struct verify_probe {
    size_t rule; /* index in the set */
    enum probe_kind kind;
    const char *reason; /* why it is not sent */
    struct buf request;
    bool is_head;
    bool is_abort;   /* it ends without an answer */
    unsigned status; /* of the block; 0: the parser refuses it */
};

/* Build the probe of one sample and ask the set what must come of it. False with err: no memory. */
MUST_USE bool verify_probe_make(struct verify_probe *probe, struct lease *lease, size_t rule,
                                size_t sample, const char *host, struct err *err);
void verify_probe_done(struct verify_probe *probe);

enum probe_outcome {
    OUTCOME_STOPPED = 0,
    OUTCOME_PASSED,
    OUTCOME_EDITED,
    OUTCOME_UNREACHABLE,
};
enum probe_outcome verify_judge(const struct verify_probe *probe, const struct ruleset *set,
                                const struct verify_answer *answer);

/* ---- verify_table.c: from outcomes to states */

struct verify_rule {
    size_t n_wanted; /* probes that must be stopped, and were sent */
    size_t n_stopped;
    size_t n_passed;   /* of n_wanted */
    size_t n_reported; /* probes of PROBE_REPORT that were sent */
    size_t n_edited;
    size_t n_unreachable;
    size_t n_not_sent;
    uint64_t hits_before, hits_after; /* of --admin */
    bool has_hits;
    const char *reason; /* why some were not sent */
    const char
        *absence; /* state of its mitigation, where --admin says it is not in force; else NULL */
};

struct verify_table {
    const struct ruleset *set;
    struct verify_rule *rules; /* of each rule of the set */
    const char *url;
    bool has_admin;
};

/* Print the table. Returns the exit code of the verb. */
int verify_table_print(const struct verify_table *table, bool as_json, FILE *out);
/* Read the hits of every rule from a running program's admin listener. False with err. */
MUST_USE bool verify_read_hits(struct verify_table *table, const char *admin_url, bool is_after,
                               struct err *err);
