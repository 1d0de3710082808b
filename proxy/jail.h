/* Sets of rules are judged in a process of their own: a set that crashes the compiler, or takes all
 * memory or time, ends that process and is refused; this one goes on.
 *
 * The process is this program again, started anew, so it has no socket, key or secret of ours. It
 * gets the rules as bytes on its standard input, limits itself before it reads them (memory, CPU,
 * size and number of files, no core, no network, no other program), and answers on its standard
 * output. What it compiled is left in the cache of compiled databases. */
#pragma once

#include <stdatomic.h>

#include "stopgap/ruleset.h"

/* A verb that is not in the help. */
#define JAIL_VERB "judge-rules"

/* For rules_source.judge. Waits up to minutes; on no event loop.
 *
 * ctx  an atomic_bool: true ends it soon; NULL: nothing does */
bool jail_judge(void *ctx, struct slice request, struct rules_judgement *ret, struct err *err);

/* For tools: load what source names as the proxy would, with a judgement, and forget it.
 * False with err: why the proxy would refuse it. source->judge, its ctx and judgement are set
 * here. */
MUST_USE bool jail_try(struct rules_source source, struct rules_judgement *ret, struct err *err);

/* The process that judges: returns its exit status. */
int jail_main(void);

/* Its exit status when it could not limit itself, and judged nothing. */
enum { JAIL_EXIT_UNLIMITED = 3 };
