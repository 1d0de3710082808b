/* The parts of a judgement, for its tests. */
#pragma once

#include "judge/corpus.h"

/* No rule of the set stops a usual request. False with err: E_SELFTEST. */
MUST_USE bool judge_usual(struct ruleset *set, const struct corpus *usual, struct err *err);

/* Compare the set with the shipped rules; see rules_judgement. False with err: E_COST when it costs
 * more than max_cost (0: any cost), or E_MEMORY. */
MUST_USE bool judge_cost(struct ruleset *shipped, struct ruleset *set, uint64_t max_cost,
                         struct rules_judgement *judgement, struct err *err);
