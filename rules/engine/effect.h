/* What a match may do, after the operator's modes and exclusions. Private to this folder and
 * to rules/load.c. */
#pragma once

#include "engine/engine.h"

struct inspection;

/* RULES_BLOCK: the rule does what it says; RULES_DETECT: it reports; RULES_OFF: it is as if it
 * were not there. For this request. */
enum rules_mode effect_of_rule(const struct inspection *inspection, uint32_t rule_index);
/* The mode of the request's directory. */
enum rules_mode effect_of_vdir(const struct inspection *inspection);
/* Label of the exclusion that lets this request pass the rule; empty without one. Lives as long as
 * the set. */
struct slice effect_excluded_by(const struct inspection *inspection, uint32_t rule_index);
