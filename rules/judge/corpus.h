/* Requests in the program by which every candidate is judged: what clients of Exchange send, which
 * nothing may stop, and what costs a matcher most. */
#pragma once

#include "cost/cost.h"

enum {
    CORPUS_CLIENT = 7,   /* last byte of the address that the requests come from: 192.0.2.7 */
    CORPUS_FIELDS = 100, /* of one request, as many as the proxy lets in */
};

/* Requests with their memory; free with corpus_done. */
struct corpus {
    struct cost_request *requests;
    size_t n;
    struct arena memory;
    void *first_chunk;
};

/* One of the usual requests, as a text: what an error calls it, and its parts. */
struct usual_request {
    const char *name;
    const char *line;   /* "POST /ews/exchange.asmx" */
    const char *fields; /* "Name: value\n" each; Host stands in front of them */
    struct slice body;
};
extern const struct usual_request usual_requests[];
extern const size_t n_usual_requests;

/* False: no memory. */
MUST_USE bool corpus_init(struct corpus *corpus);
void corpus_done(struct corpus *corpus);

/* Add the usual requests, in the order of usual_requests. */
MUST_USE bool corpus_add_usual(struct corpus *corpus);
/* Add the longest targets, fields and bodies that get through, full of what rules look for. */
MUST_USE bool corpus_add_worst(struct corpus *corpus);
/* Add requests that the set's own rules must block, as large as a client can make them: at most a
 * few dozen, of rules all over the set. */
MUST_USE bool corpus_add_samples(struct corpus *corpus, const struct ruleset *set);
