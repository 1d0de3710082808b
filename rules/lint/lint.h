/* What is wrong with rule files: those that do not load, and those that load and still do not do
 * what their author thinks, are dear, or say too little. */
#pragma once

#include "stopgap/ruleset.h"

enum lint_severity {
    LINT_WARNING = 0,
    LINT_ERROR, /* the rule does not load, does not work, or may not be published */
};

struct lint_finding {
    enum lint_severity severity;
    char code[32];      /* stable word: "must_pass_few", or the loader's, such as "E_COMPILE" */
    const char *remedy; /* empty where text says it; static */
    char *file;
    unsigned line; /* from 1; 0: the file as a whole */
    char *rule_id; /* empty where it is not known */
    char *text;
};

/* All zero is an empty one. */
struct lint_report {
    struct lint_finding *items; /* in the order of files and lines */
    size_t n;
    size_t capacity;
    size_t n_errors;
    size_t n_rules; /* that could be read */
};

/* Look at all rules of source.
 *
 * is_part  the rules are not a whole set: what they say about other rules is not judged
 *
 * False with err when a source cannot be opened or memory is out; what is wrong with rules is no
 * error but a finding. Blocks for as long as loading the set takes. */
MUST_USE bool lint_run(const struct rules_source *source, bool is_part,
                       struct lint_report *ret_report, struct err *err);
void lint_report_done(struct lint_report *report);
