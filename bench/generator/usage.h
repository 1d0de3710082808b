/* What processes and the machine have used so far. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { USAGE_MAX_PIDS = 80 }; /* of one kind; a proxy has at most 64 workers */

struct usage_pids {
    pid_t pids[USAGE_MAX_PIDS];
    size_t n;
};

/* Monotonic. */
uint64_t usage_now_ns(void);

/* CPU time of all threads of these processes, of those that have ended, too: the counter that
 * /proc/PID/task/TID/schedstat shows, brought up to date for threads that are running just now.
 * A process that is gone adds nothing. */
uint64_t usage_cpu_ns(const struct usage_pids *pids);

/* What all cores did, whoever asked for it, and what the host took from us. */
uint64_t usage_machine_ns(void);

/* "12,13" behind what is there. False: no list of process ids, or too long. */
bool usage_parse_pids(const char *text, struct usage_pids *pids);
