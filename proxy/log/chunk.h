/* What passes from a worker's log_buffer to the writer thread. Private to proxy/log. */
#pragma once

#include "log/line.h"
#include "log/log.h"

#include <sys/queue.h>

enum log_kind { LOG_ACCESS = 0, LOG_DECISIONS, LOG_KIND_COUNT };

enum {
    LOG_CHUNK_BYTES = 64 * 1024, /* one write: some 200 access lines, and four of the longest */
    LOG_SPARE_CHUNKS = 4,        /* a worker fills two while two are written */
    /* Each log has its half of the queue, so that a full disk under one does not cost the other
     * its lines. */
    LOG_QUEUE_BYTES = LIMIT_LOG_QUEUE_BYTES / LOG_KIND_COUNT,
};

/* What worker and writer share of one buffer. */
struct log_account {
    /* Memory that is out in chunks; the worker adds, the writer takes off. */
    _Atomic size_t outstanding[LOG_KIND_COUNT];
    /* Written chunks for the worker's next needs: spares the page faults of fresh memory. */
    struct log_chunk *_Atomic spares[LOG_SPARE_CHUNKS];
    SLIST_ENTRY(log_account) link;
};

/* Whole lines in one piece of memory. */
struct log_chunk {
    STAILQ_ENTRY(log_chunk) link;
    struct log_account *account; /* belongs to the writer, lives as long as it */
    unsigned sink;               /* 0..LOG_KIND_COUNT-1 */
    size_t n_lines;
    size_t len;
    size_t written; /* of these; the writer's */
    char bytes[LOG_CHUNK_BYTES];
};
STAILQ_HEAD(log_chunk_list, log_chunk);

/* An account for one more buffer; NULL: no memory. */
struct log_account *log_writer_account(struct log_writer *writer);
/* Which sink a kind goes to; both can go to one. False: this log is not written. */
bool log_writer_sink(const struct log_writer *writer, enum log_kind kind, unsigned *ret_sink);
/* Take all chunks of the list, in order, and wake the thread. */
void log_writer_push(struct log_writer *writer, struct log_chunk_list *list);

/* Gives a chunk back to its account, which keeps some; NULL is allowed. */
void log_chunk_free(struct log_chunk *chunk);

/* Room for one line of LIMIT_LOG_LINE_BYTES with its end of line. False: this log is not written,
 * or the line was dropped and counted. */
MUST_USE bool log_line_begin(struct log_buffer *buffer, enum log_kind kind, struct line *ret_line);
void log_line_end(struct log_buffer *buffer, enum log_kind kind, const struct line *line);
struct line_clock *log_line_clock(struct log_buffer *buffer);
