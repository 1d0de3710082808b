/* What the inputs of conditions refer to. */
#pragma once

#include "import/iis/rewrite.h"

/* Only printable ASCII, which stands in a rule file as it is? */
bool input_is_plain(const char *text);

/* The header that a server variable stands for, without its HTTP_ or RESPONSE_: "X_BACKEND" names
 * "X-BACKEND". NULL: no field can have this name, or memory is out. */
const char *input_header_name(struct arena *arena, struct slice variable);

/* Does text name {variable}, alone or as the argument of a function? Case is ignored. */
bool input_names(const char *text, const char *variable);

/* Does it hold the path in the form that http.sys makes, which is in lower case here? */
bool input_is_folded(const char *text);

/* Is it decoded, so that it may hold line ends? */
bool input_is_decoded(const char *text);

/* May there be more than one reading of it (see rules/view/iis.h)? */
bool input_is_ambiguous(const char *text);

/* Can a rule that looks at it be misled by an earlier rule that changes the address? */
bool input_is_address(const char *text);

/* Replace {R:n} and {C:n} where they stand for a whole input, so that only variables remain.
 *
 * before  the condition before, NULL for the first
 *
 * Returns the input, "{R}" for the path that the rule's pattern sees, or NULL with *ret_reason. */
const char *input_resolve(const struct rewrite_file *file, const struct rewrite_rule *rule,
                          const struct rewrite_condition *before, const char *text,
                          const char **ret_reason);

/* The map of "{Map:key}" with *ret_key its key; NULL for another input. */
const struct rewrite_map *input_map(const struct rewrite_file *file, const char *text,
                                    const char **ret_key);

/* NULL when the engine knows the input, else why not. */
const char *input_problem(const struct rewrite_file *file, const char *text);
