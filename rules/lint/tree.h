/* Comparing condition trees. Private to this folder. */
#pragma once

#include "language/rule.h"

/* The same for trees that lint_same_tree calls equal. NULL is allowed. */
uint64_t lint_hash_tree(const struct node *node);
