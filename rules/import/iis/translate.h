/* Rules of IIS as tests of the rule language, before they are written down. */
#pragma once

#include "import/iis/rewrite.h"

enum test_kind {
    TEST_REGEX = 0, /* regex on an iis_input or a response header */
    TEST_VALUES,    /* one of values: an iis_input, or the status */
    TEST_PRESENT,   /* the response header is there */
    TEST_DIFFERS,   /* the response header is missing, or is not values[0] */
};

struct test {
    enum test_kind kind;
    const char *input; /* of iis_input; name of a response header; "" for the status */
    const char *regex;
    const char **values;
    size_t n_values;
    bool is_negated;
    bool is_sensitive;
    bool fits_empty; /* the regex matches "", which is what a missing header is to IIS */
};

/* Tests of one side; all groups of a rule must hold. */
struct group {
    bool is_any;
    bool is_response;
    struct test *tests;
    size_t n;
};

enum { MAX_GROUPS = 8 };

struct translated {
    const struct rewrite_rule *rule;
    struct group groups[MAX_GROUPS];
    size_t n_groups;
    bool is_never;       /* cannot match */
    const char *problem; /* its conditions cannot be said; NULL: they can */
    unsigned problem_line;

    const char *action_problem;        /* its conditions can be said, but not what it does */
    const char *action;                /* the YAML of the action */
    const char *note;                  /* what to know; NULL for nothing */
    const struct translated **shields; /* rules that, where they match, end the evaluation first */
    size_t n_shields;
};

/* The conditions of a rule. Sets problem, or groups and is_never. */
void translate_conditions(const struct rewrite_file *file, const struct rewrite_rule *rule,
                          struct translated *ret_translated);

/* One condition more. Returns the problem, or NULL. is_response of the group follows from it. */
const char *translate_test(const struct rewrite_file *file, enum rewrite_syntax syntax,
                           const struct rewrite_condition *condition, struct test *ret_test,
                           bool *ret_is_response, int *ret_constant);

/* What the rule does: action or action_problem; an outbound rule gets its header test, too. */
void translate_action(const struct rewrite_file *file, struct translated *translated);
void translate_outbound(const struct rewrite_file *file, struct translated *translated);

/* Which rules come to be evaluated only where earlier ones do not end it. */
void translate_order(const struct rewrite_file *file, struct translated *list, size_t n);

/* A new group at the end; NULL with a problem set when there are too many or memory is out. */
struct group *translated_add_group(const struct rewrite_file *file, struct translated *translated,
                                   size_t n_tests);
void translated_problem(struct translated *translated, unsigned line, const char *text);
