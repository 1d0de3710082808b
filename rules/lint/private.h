/* Private to this folder. */
#pragma once

#include "engine/engine.h"
#include "language/rule.h"
#include "lint/lint.h"

/* In the order of the table in report.c. */
enum lint_code {
    LINT_ALLOW_UNKNOWN = 0,
    LINT_ALLOW_UNUSED,
    LINT_MUST_PASS_FEW,
    LINT_NO_REFERENCE,
    LINT_NO_CVE,
    LINT_CVE_UNLISTED,
    LINT_NO_BUILDS,
    LINT_BUILDS_INVERTED,
    LINT_BUILDS_OVERLAP,
    LINT_BUILD_UNKNOWN,
    LINT_SIDE_EFFECTS_EMPTY,
    LINT_DUPLICATE_ID,
    LINT_DUPLICATE_WHEN,
    LINT_SUPERSEDED_UNKNOWN,
    LINT_SUPERSEDED_IDLE,
    LINT_SUPERSEDED_ENFORCED,
    LINT_NEVER_TRUE,
    LINT_ALWAYS_TRUE,
    LINT_DEAD_PART,
    LINT_TOO_GENERAL,
    LINT_UNANCHORED,
    LINT_UNANCHORED_NOT,
    LINT_NESTED_REPEAT,
    LINT_UNBOUNDED_REPEAT,
    LINT_LARGE_REPEAT,
    LINT_NO_LITERAL,
    LINT_UNGUARDED,
    LINT_WEAK_GUARD,
    LINT_ENCODED_OPERAND,
    LINT_RAW_ONLY,
    LINT_UNDECODED_INPUT,
    LINT_CASE_SENSITIVE,
    LINT_CODE_COUNT,
};

_Static_assert(LINT_CODE_COUNT <= 64, "sets of codes are kept as bits");

/* A rule that could be read. */
struct lint_rule {
    struct rule *rule;
    uint64_t allowed; /* codes that a comment in the file switches off */
    uint64_t used;    /* of them, those that came up */
    unsigned allow_lines[LINT_CODE_COUNT];
    uint64_t hash;   /* of its condition */
    bool is_refused; /* not part of the compiled set */
};

struct lint {
    struct lint_report *report;
    struct lint_rule *rules;
    size_t n_rules;
    size_t capacity;
    bool is_part;
    struct err *err;
    bool is_failed; /* err is set */
};

/* A finding about a rule, unless its file allows that. */
__attribute__((format(printf, 5, 6))) void lint_add(struct lint *lint, struct lint_rule *item,
                                                    unsigned line, enum lint_code code,
                                                    const char *format, ...);
/* What the loader says. */
void lint_add_err(struct lint *lint, const char *rule_id, const struct err *err);
void lint_report_sort(struct lint_report *report);

/* Lines such as "# lint: allow no_builds, it is about what comes after the hole". */
void lint_read_allowed(struct lint *lint, struct lint_rule *item, struct slice text);
void lint_check_allowed(struct lint *lint, struct lint_rule *item);

void lint_check_texts(struct lint *lint, struct lint_rule *item); /* texts.c */
void lint_check_tests(struct lint *lint, struct lint_rule *item); /* test.c */
void lint_check_logic(struct lint *lint, struct lint_rule *item); /* logic.c */

/* set.c */
void lint_check_set(struct lint *lint);
/* Compile what can be compiled; the set owns these rules, the others are marked as refused.
 * NULL when there is no set. */
struct ruleset *lint_compile(struct lint *lint);
/* What wakes the rules, and their samples. */
void lint_check_engine(struct lint *lint, struct ruleset *set);

/* Whether an operator's operand fits one value; false for a regex that does not compile. */
bool lint_test_fits(const struct node *node, struct slice value);
