/* Which process has borrowed the listening sockets, and for how long that keeps others out. */
#pragma once

#include "stopgap/err.h"

#include <stdint.h>

/* All zero: nobody. */
struct successor {
    int pid;
    int watch; /* pidfd_open(2), so that a number that is given again is no mistake; -1: none */
    uint64_t until_ms;
};

/* The largest rule set allowed loads in less; who takes longer hangs. */
enum { SUCCESSOR_MS = 120 * 1000 };

/* pid asks for the sockets. False: another process has them, lives, and its time is not over. */
MUST_USE bool successor_begin(struct successor *successor, int pid, uint64_t now_ms);
/* It was the last to get them, and lives. */
bool successor_is(const struct successor *successor, int pid);
/* Somebody has them and lives. */
bool successor_is_alive(const struct successor *successor);
void successor_done(struct successor *successor);
