/* The rewrite rules of a configuration, as they stand there. All texts live in the import's
 * arena. */
#pragma once

#include "import/iis/iis_limits.h"
#include "stopgap/arena.h"
#include "stopgap/iis.h"

enum rewrite_syntax {
    SYNTAX_ECMASCRIPT = 0,
    SYNTAX_WILDCARD,
    SYNTAX_EXACT,
};

enum rewrite_action {
    REWRITE_NONE = 0,
    REWRITE_REWRITE,
    REWRITE_REDIRECT,
    REWRITE_RESPONSE,
    REWRITE_ABORT,
};

struct rewrite_condition {
    const char *input;
    const char *pattern;
    bool is_negated;
    bool is_sensitive;
    unsigned line;
};

struct rewrite_conditions {
    bool is_any; /* MatchAny */
    bool tracks; /* trackAllCaptures */
    enum rewrite_syntax syntax;
    struct rewrite_condition *items;
    size_t n;
};

struct rewrite_rule {
    const char *name; /* printable ASCII */
    unsigned line;
    bool is_outbound;
    bool is_global;
    bool is_enabled;
    bool is_removed; /* by a <clear/> or <remove> at its own place */
    bool stops;      /* stopProcessing */
    enum rewrite_syntax syntax;
    unsigned level;                 /* 0: server; 1: site; more: a place below */
    const char *base;               /* path of that place without the last "/": "" or "/owa" */
    struct rewrite_condition match; /* input: the server variable of an outbound rule */
    struct rewrite_conditions conditions;
    const char *precondition; /* NULL without */
    enum rewrite_action action;
    unsigned status;
    const char *value; /* url of Redirect and Rewrite, value of an outbound Rewrite */
    const char **sets; /* server variables that an inbound rule sets */
    size_t n_sets;
    const char **cuts; /* places below that have removed it */
    size_t n_cuts;
    const char *problem; /* why it cannot be read; NULL: it can */
    unsigned problem_line;
};

struct rewrite_map {
    const char *name;
    const char *fallback; /* defaultValue */
    bool is_sensitive;
    const char **keys;
    const char **values;
    size_t n;
};

struct rewrite_precondition {
    const char *name;
    struct rewrite_conditions conditions;
    const char *problem;
    unsigned line;
};

struct rewrite_file {
    struct arena *arena;
    const struct iis_options *options;
    struct rewrite_rule **rules; /* in the order of evaluation, inbound before outbound */
    size_t n_rules;
    struct rewrite_map *maps;
    size_t n_maps;
    struct rewrite_precondition *preconditions;
    size_t n_preconditions;
};

/* Read every rule of the file that belongs to the site. False with err. */
MUST_USE bool rewrite_read(struct slice xml, struct rewrite_file *file, struct err *err);

/* printf into the arena; "out of memory" when there is none. */
__attribute__((format(printf, 2, 3))) const char *rewrite_text(struct arena *arena,
                                                               const char *format, ...);

/* The first problem of a rule counts. */
void rewrite_problem(struct rewrite_rule *rule, unsigned line, const char *text);
