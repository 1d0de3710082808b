/* Why the rules say what they say of one request: every rule, every condition, in every view.
 *
 * The verdict comes from the checks that the proxy makes, and each condition is asked through the
 * same evaluation, so an explanation cannot disagree with the proxy. It is for people and takes
 * milliseconds: never on the path of a request. */
#pragma once

#include "stopgap/ruleset.h"

enum explain_result {
    EXPLAIN_NO = 0,
    EXPLAIN_YES,
    EXPLAIN_UNKNOWN, /* the body was not looked at, or a match reached its limit */
};

/* One value that a test looked at. */
struct explain_value {
    struct slice field;   /* "cookie X-BEResource" */
    struct slice excerpt; /* at most LIMIT_EXCERPT_BYTES of it, around the match */
    size_t excerpt_start; /* where the excerpt starts in the value */
    size_t value_len;
    size_t offset, len; /* of the match in the value; whole where the test has no place in it */
    bool is_secret;     /* must not be shown */
};

struct explain_view {
    enum explain_result result;
    size_t n_values;            /* tests: values that were there to look at; 0: there is none */
    struct explain_value value; /* tests: the one that made it true, else the first one */
};

/* A node of a rule's condition tree. Its children follow it, one deeper. */
struct explain_condition {
    unsigned depth; /* 0: the root */
    bool is_test;
    struct slice text; /* "all of", "any of", "none of", or the test as a rule file says it */
    struct explain_view views[VIEW_COUNT];
};

struct explain_rule {
    const struct rule_info *info;
    enum explain_result result; /* of the whole tree in any view */
    enum view_id view;          /* where it is true, else where most of its tests are */
    bool is_response;           /* edits the response; only what it asks of the request is here */
    unsigned status;            /* that a block answers with */
    const struct explain_condition *conditions;
    size_t n_conditions;
    size_t decisive; /* of conditions: why it is not true; meaningless after EXPLAIN_YES */
};

struct explanation {
    struct verdict verdict;
    bool is_body_seen;                /* false: the head decided, or no rule asked */
    bool has_view[VIEW_COUNT];        /* false: the same as the one before */
    struct slice path[VIEW_COUNT];    /* as the rules see it */
    const struct explain_rule *rules; /* in the order of the set */
    size_t n_rules;
};

/* Judge one whole request as the proxy does, and note why.
 *
 * lease  made by lease_new; the caller's alone. Its hits are counted as for any request
 * head   borrowed until the explanation is freed, with what it points to
 * body   without its transfer coding; borrowed for the call
 * mode   as for rules_check_head
 *
 * Returns an explanation that must go before the lease does, or NULL with err: no memory. */
MUST_USE struct explanation *rules_explain(struct lease *lease, const struct request_head *head,
                                           struct slice body, enum rules_mode mode,
                                           struct err *err);
void explanation_free(struct explanation *explanation); /* NULL is allowed */
