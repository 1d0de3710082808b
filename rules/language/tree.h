/* Comparing condition trees: equal are those that say the same, whatever the order of branches and
 * listed values. */
#pragma once

#include "rule.h"

/* NULL is equal to NULL only. */
bool node_is_same(const struct node *a, const struct node *b);
/* The same for trees that are. */
uint64_t node_hash(const struct node *node);
