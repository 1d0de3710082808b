/* The whole table of decisions: what the rules say, in which mode, and with which fail mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decide.h"

#include <string.h>

enum { CLOSED = 1, OPEN = 2, EITHER = 3 };

static const struct {
    const char *name;
    struct verdict verdict;
    unsigned fail_modes;
    struct decision block;  /* the directory is in RULES_BLOCK */
    struct decision detect; /* in RULES_DETECT */
} rows[] = {
    {"nothing found", {.action = VERDICT_PASS}, EITHER, {.word = "pass"}, {.word = "pass"}},
    {"a rule that only detects",
     {.action = VERDICT_PASS, .n_hits = 1},
     EITHER,
     {.word = "detect"},
     {.word = "detect"}},
    {"the body is needed",
     {.action = VERDICT_NEED_BODY},
     EITHER,
     {.kind = DECISION_WAIT_BODY, .word = "pass"},
     {.kind = DECISION_WAIT_BODY, .word = "pass"}},
    {"blocked, in detect mode because modes say so of the rule",
     {.action = VERDICT_BLOCK, .status = 404, .n_hits = 2},
     EITHER,
     {.kind = DECISION_ANSWER, .status = 404, .reason = END_RULE_BLOCK, .word = "block"},
     {.kind = DECISION_ANSWER, .status = 404, .reason = END_RULE_BLOCK, .word = "block"}},
    {"aborted",
     {.action = VERDICT_ABORT, .n_hits = 1},
     EITHER,
     {.kind = DECISION_ABORT, .reason = END_RULE_ABORT, .word = "abort"},
     {.kind = DECISION_ABORT, .reason = END_RULE_ABORT, .word = "abort"}},
    {"the matcher failed, closed",
     {.action = VERDICT_PASS, .scan_failed = true},
     CLOSED,
     {.kind = DECISION_ANSWER, .status = 503, .reason = END_MATCHER_FAULT, .word = "fault"},
     {.word = "pass"}},
    {"the matcher failed, open",
     {.action = VERDICT_PASS, .scan_failed = true},
     OPEN,
     {.word = "pass"},
     {.word = "pass"}},
    {"blocked before the matcher failed",
     {.action = VERDICT_BLOCK, .status = 403, .scan_failed = true, .n_hits = 1},
     EITHER,
     {.kind = DECISION_ANSWER, .status = 403, .reason = END_RULE_BLOCK, .word = "block"},
     {.kind = DECISION_ANSWER, .status = 403, .reason = END_RULE_BLOCK, .word = "block"}},
    {"an exclusion holds for all that matched",
     {.action = VERDICT_PASS, .n_hits = 1, .is_excluded = true},
     EITHER,
     {.word = "excluded"},
     {.word = "excluded"}},
    {"an edit of the response changes nothing here",
     {.action = VERDICT_PASS, .edits_response = true},
     EITHER,
     {.word = "pass"},
     {.word = "pass"}},
};

static void check(size_t i, enum rules_mode mode, enum fail_mode fail_mode)
{
    struct verdict verdict = rows[i].verdict;
    verdict.mode = mode;
    struct decision got = decide(&verdict, fail_mode);
    const struct decision *expected = mode == RULES_BLOCK ? &rows[i].block : &rows[i].detect;
    if (got.kind != expected->kind || got.status != expected->status ||
        got.reason != expected->reason || strcmp(got.word, expected->word) != 0)
        fail_msg("%s, mode %d, fail mode %d: got kind %d, status %u, reason %d, \"%s\"",
                 rows[i].name, (int)mode, (int)fail_mode, (int)got.kind, got.status,
                 (int)got.reason, got.word);
}

static void test_every_verdict_has_its_decision_in_every_mode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((rows[i].fail_modes & CLOSED) != 0) {
            check(i, RULES_BLOCK, FAIL_CLOSED);
            check(i, RULES_DETECT, FAIL_CLOSED);
        }
        if ((rows[i].fail_modes & OPEN) != 0) {
            check(i, RULES_BLOCK, FAIL_OPEN);
            check(i, RULES_DETECT, FAIL_OPEN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_verdict_has_its_decision_in_every_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
