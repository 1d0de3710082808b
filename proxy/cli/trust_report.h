/* What `stopgap root` and `stopgap trust` print about a root. */
#pragma once

#include <jansson.h>

#include "trust/chain.h"
#include "trust/review.h"

/* Conditions of this very program; now in seconds since 1970, 0: the clock. */
struct margin_conditions report_conditions(int64_t now);

/* Facts, keys, mirrors. */
void report_root(FILE *to, const struct root *root, const struct margin_conditions *conditions);

/* "- line" and "+ line" for what differs; old may be NULL. */
void report_diff(FILE *to, const struct root *old, const struct root *next);

/* A line for each day on which a margin changes. */
void report_margins(FILE *to, const struct root *root, const struct margin_conditions *conditions);

/* One line for each breach of the family rule, or one that says that there is none. */
void report_families(FILE *to, const struct root *root, const struct margin_conditions *conditions);

/* One line for each finding: "note: ", "warning: ", "refused: ". */
void report_review(FILE *to, const struct review *review);

/* "signed 2/2 by root 1, 1/2 by itself": what is there and what is missing. */
void report_signatures(FILE *to, const struct chain *chain, const struct root *root);

/* A line for each root of the chain, and one for the draft. */
void report_chain(FILE *to, const struct chain *chain);

/* root, thresholds, keys, mirrors, margins, families, stranded_on, ended_on. */
json_t *report_root_json(const struct root *root, const struct margin_conditions *conditions);
json_t *report_chain_json(const struct chain *chain);
