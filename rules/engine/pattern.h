/* Texts for Hyperscan: from operands to expressions, merged, checked, compiled. */
#pragma once

#include "engine/private.h"
#include "engine/regex_start.h"

void pattern_table_init(struct pattern_table *table, struct arena *memory);
void pattern_table_done(struct pattern_table *table);

/* The expression that hits where a line is like literal: OP_EQUALS, OP_STARTS_WITH, ...
 * NULL when the literal is empty (nothing to look for) or memory is out. */
struct pattern *pattern_add_literals(struct pattern_table *table, const struct slice *literals,
                                     size_t n, enum operator_id op, bool is_body);

/* The same for a text that equals one of the literals, which are looked up instead of scanned for.
 * literals is kept. */
struct pattern *pattern_add_exact(struct pattern_table *table, enum exact_kind kind,
                                  const struct slice *literals, size_t n);

/* The same for a value that begins with one of the starts, or is it.
 * NULL where there are none or memory is out. */
struct pattern *pattern_add_starts(struct pattern_table *table, enum start_kind kind,
                                   const struct regex_starts *starts);

/* Whether the scan looks for it: it is in no table. */
bool pattern_is_scanned(const struct pattern *pattern);

/* Note that a test looks at the value with this name, which is kept. False: no memory. */
MUST_USE bool pattern_add_name(struct pattern_table *table, enum exact_kind kind, struct slice name,
                               unsigned flags);

/* The expressions that all hit where regex does, at most MAX_PARTS + 2; none when Hyperscan can
 * only find the empty string in it.
 *
 * False with err->text (no place) when the engine cannot take the regex. */
MUST_USE bool pattern_add_regex(struct pattern_table *table, const struct cond *cond, bool is_body,
                                struct pattern **ret_parts, size_t *ret_n, struct err *err);

/* Number the used patterns and compile both databases, the scratch and the tables of set. */
MUST_USE bool pattern_compile(struct pattern_table *table, struct ruleset *set, struct err *err);
