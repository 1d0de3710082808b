/* From the bytes of rules to a set: parse, the operator's changes, compile, self-test. */
#pragma once

#include "origin/origin.h"
#include "stopgap/ruleset.h"

/* Borrowed for the call; origins are kept with the set. */
struct build_request {
    bool use_builtin;
    struct origins *origins;
    struct origins *before; /* in force: new rules are on trial beside these; NULL: none are */
    const struct rules_changes *changes;    /* NULL: none */
    const struct mitigation_policy *policy; /* NULL: every mitigation applies */
    const char *cache;                      /* see rules_source */
    bool is_stale;                          /* the same */
    bool is_judged;                         /* the samples were tried elsewhere */
};

/* With one reference; NULL with err, see rules_load. */
struct ruleset *rules_build(const struct build_request *request, struct err *err);
