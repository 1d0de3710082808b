/* Requests that prove a plan: some that it matches, some of every day that it must not. */
#pragma once

#include "plan.h"

#include "stopgap/buf.h"

enum {
    PROOF_MAX_BYTES = 1000, /* of one field; ordinary ones are shorter */
    PROOF_VARIANTS = 4,     /* alternatives of a pattern that are tried */
    PROOF_MAX_HEADERS = 8,
    PROOF_MAX_REQUESTS = 12
};

struct proof_header {
    const char *name;
    struct buf value;
};

struct proof_request {
    char method[32];
    struct buf target; /* not percent-encoded */
    struct proof_header headers[PROOF_MAX_HEADERS];
    size_t n_headers;
    struct proof_header response[PROOF_MAX_HEADERS];
    size_t n_response;
};

struct proof {
    struct proof_request must_block[PROOF_VARIANTS];
    size_t n_must_block;
    struct proof_request must_pass[PROOF_MAX_REQUESTS];
    size_t n_must_pass;
};

/* Returns NULL, or why the plan cannot be proved. ret_proof is to be freed in either case. */
const char *proof_make(struct arena *arena, const struct plan *plan, struct proof *ret_proof);
void proof_done(struct proof *proof);
