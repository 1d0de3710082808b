/* An IIS URL Rewrite rule as the feed may carry it: read strictly, nothing is skipped silently. */
#pragma once

#include "xml.h"

#include "import/iis/rewrite.h"

struct iis_test {
    const char *input; /* "{UrlDecode:{REQUEST_URI}}"; "" for the url of a match */
    const char *pattern;
    bool is_negated;
    bool is_sensitive;
};

struct iis_tests {
    enum rewrite_syntax syntax;
    bool is_any; /* MatchAny */
    struct iis_test *items;
    size_t n;
};

struct iis_rule {
    const char *name;
    enum rewrite_syntax syntax;
    bool is_outbound;
    bool stops;            /* stopProcessing */
    struct iis_test match; /* of an outbound rule: input is the server variable */
    struct iis_tests conditions;
    struct iis_tests preconditions;
    const char *action; /* "AbortRequest", "CustomResponse", "Rewrite", ... */
    unsigned status;    /* of CustomResponse */
    const char *value;  /* of an outbound Rewrite */
};

struct iis_rules {
    struct iis_rule *items;
    size_t n;
    const char *problem; /* why it could not be read whole; else NULL */
};

/* Read every rule below the elements under parent: rewrite, rules, globalRules, outboundRules or
 * rule. False: something is not understood, ret_rules->problem says what. */
MUST_USE bool iis_rules_read(struct arena *arena, const xmlNode *parent,
                             struct iis_rules *ret_rules);
