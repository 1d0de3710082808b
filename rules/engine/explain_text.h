/* Conditions as text. */
#pragma once

#include "language/rule.h"
#include "stopgap/arena.h"

/* "all of", "any of", "none of", or "cookie X-BEResource not_regex '^a$'", in memory.
 * .ptr is NULL when memory is full. */
struct slice explain_text(const struct node *node, struct arena *memory);
