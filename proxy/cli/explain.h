/* What the files of `stopgap explain` share. */
#pragma once

#include "cli/rule_paths.h"
#include "config/config.h"
#include "decide.h"
#include "http/parse.h"

#include "stopgap/buf.h"
#include "stopgap/explain.h"

#include <stdio.h>

enum {
    EXPLAIN_MAX_INPUT = 1024 * 1024, /* a head of 128 KiB, and more body than rules look at */
    EXPLAIN_MAX_NOTES = 8,
    EXPLAIN_MAX_ABSENT = 32, /* rules that one request matches; the others are not named */
};

/* One request as the proxy would read it. */
struct explain_request {
    struct buf raw; /* with CRLF line ends */
    struct buf body;
    struct http_limits limits;
    struct http_parser parser;
    struct arena arena;
    void *memory; /* of the arena */
    struct request_head head;
    bool is_refused;       /* see parser.refusal */
    size_t refused_offset; /* in raw */
    const char *notes[EXPLAIN_MAX_NOTES];
    size_t n_notes;
};

/* Read text (at most EXPLAIN_MAX_INPUT bytes) as a request. Lines that end in LF alone become CRLF
 * where no CRLF is in the head, and a head without its empty line gets one: people type requests.
 *
 * from_file  false: the text is ours, so nothing of that is done
 *
 * False with err: E_REQUEST_CUT (the head is not whole), no memory. explain_request_done is to be
 * called in any case. A refused request is no error. */
MUST_USE bool explain_request_read(struct explain_request *request, struct slice text,
                                   bool from_file, const struct config *config, struct err *err);
void explain_request_done(struct explain_request *request);

/* A rule that would match and is not in force. */
struct explain_absent_rule {
    const char *id; /* of set below */
    const char *why;
};
struct explain_absent {
    struct ruleset *set; /* every rule, options too; the caller unrefs it */
    struct explain_absent_rule rules[EXPLAIN_MAX_ABSENT];
    size_t n;
};

/* What comes out, for both ways of printing it. */
struct explain_result_view {
    const struct explain_request *request;
    const struct ruleset *set;
    const struct explanation *explanation; /* NULL: refused before the rules */
    const struct config *config;           /* its mode is the one that was explained */
    struct decision decision;
    bool is_off;    /* the configuration says mode off: the proxy would not have asked */
    bool is_exempt; /* a bare health check: the same */
    struct explain_absent absent;
    const char *rule; /* only this one, in full; NULL: the usual choice */
    bool shows_all;   /* every rule in full */
};

void explain_print_text(const struct explain_result_view *view, FILE *out);
/* False: it could not be written. */
bool explain_print_json(const struct explain_result_view *view, FILE *out);

/* Fill absent for the request of view. Without memory, or when the whole set does not load, it is
 * empty: what is in force was explained all the same. */
void explain_absent_find(struct explain_absent *absent, const struct rule_paths *paths,
                         bool has_config, const struct explain_result_view *view);
/* Why view->rule is not in force; NULL: there is no such rule. */
const char *explain_absent_why(const struct rule_paths *paths, bool has_config,
                               const struct explain_result_view *view);

/* Is the rule shown with all of its conditions? */
bool explain_is_full(const struct explain_result_view *view, const struct explain_rule *rule);
/* Bytes of a stranger without secrets and control bytes, in out: escaped as in the logs. Returns
 * false where masking changed something, so that no part may be shown beside it. */
bool explain_clean(struct slice bytes, bool is_secret, char *out, size_t size);
/* How to let through what rule `id` stops. */
void explain_print_remedy(const char *id, FILE *out);

/* `--incident`: what a log recorded of it. Returns the exit code. */
int explain_incident(const char *id, const char *log_path, bool as_json);
