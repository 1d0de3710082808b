/* What one process asks another about a set, and what it is told: as bytes. */
#pragma once

#include "origin/origin.h"
#include "stopgap/ruleset.h"

enum {
    JUDGE_REQUEST_BYTES = 256 * 1024 * 1024, /* eight bundles of the largest size */
    JUDGE_REPLY_BYTES = 8 * 1024,            /* numbers and one struct err */
};

/* A request that was read; free it with judge_request_done. */
struct judge_request {
    bool use_builtin;
    bool is_stale;
    char *cache; /* NULL: none */
    uint64_t max_cost;
    struct rules_changes changes; /* without exclusions: those do not change what is compiled */
    struct mitigation_policy policy;
    struct origins *origins;
    struct origins *before; /* NULL: new rules are not on trial */
};

/* before  what is in force, beside which new rules are on trial; NULL: they are not */
MUST_USE bool judge_request_write(const struct rules_source *source, const struct origins *origins,
                                  const struct origins *before, struct buf *to);
/* False: no memory, or bytes that judge_request_write did not write. */
MUST_USE bool judge_request_read(struct slice from, struct judge_request *ret_request);
void judge_request_done(struct judge_request *request);

/* err  NULL: the set is good */
MUST_USE bool judge_reply_write(const struct rules_judgement *judgement, const struct err *err,
                                struct buf *to);
