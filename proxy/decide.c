/* Verdict in, decision out; pure. */
#include "decide.h"

#include "stopgap/banned.h"

struct decision decide(const struct verdict *verdict, enum fail_mode fail_mode)
{
    const char *passed = verdict->n_hits == 0   ? "pass"
                         : verdict->is_excluded ? "excluded"
                                                : "detect";
    if (verdict->action == VERDICT_NEED_BODY)
        return (struct decision){.kind = DECISION_WAIT_BODY, .word = passed};
    if (verdict->action == VERDICT_ABORT)
        return (struct decision){.kind = DECISION_ABORT, .reason = END_RULE_ABORT, .word = "abort"};
    if (verdict->action == VERDICT_BLOCK)
        return (struct decision){.kind = DECISION_ANSWER,
                                 .status = verdict->status,
                                 .reason = END_RULE_BLOCK,
                                 .word = "block"};
    /* In detect mode nothing the rules do may change a byte, not even their failure. */
    if (verdict->mode == RULES_BLOCK && verdict->scan_failed && fail_mode == FAIL_CLOSED)
        return (struct decision){
            .kind = DECISION_ANSWER, .status = 503, .reason = END_MATCHER_FAULT, .word = "fault"};
    return (struct decision){.kind = DECISION_FORWARD, .word = passed};
}
