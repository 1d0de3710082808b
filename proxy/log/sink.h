/* One log file as the writer thread sees it: what waits for it, and how it is written. Private to
 * proxy/log; only the writer thread calls these once it runs. */
#pragma once

#include "log/chunk.h"

enum sink_state {
    SINK_IDLE = 0, /* nothing waits */
    SINK_BLOCKED,  /* a pipe or terminal takes no more; poll for POLLOUT */
    SINK_FAILED,   /* disk full and the like; try again later */
};

struct sink {
    const char *path; /* "-": standard output; borrowed from the writer */
    int fd;
    bool is_shared; /* standard output: others may hold it, so it stays in blocking mode */
    enum sink_state state;
    struct log_chunk_list pending;
};

MUST_USE bool sink_open(struct sink *sink, const char *path, struct err *err);
/* Write what waits, in order, as far as it goes without blocking. */
void sink_write(struct sink *sink);
/* Open the path again, which is another file after a rotation; keeps the old one on failure. */
void sink_reopen(struct sink *sink);
/* Lines that were never written are freed; returns how many there were. */
size_t sink_close(struct sink *sink);
