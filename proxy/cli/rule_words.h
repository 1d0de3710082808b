/* Conditions and samples in words, for people. */
#pragma once

#include "language/rule.h"
#include "stopgap/buf.h"

/* One line for each node, indented by two blanks a level; without control characters. */
MUST_USE bool rule_words_tree(struct buf *out, const struct node *node, unsigned indent);

/* "GET /owa/ with Cookie: a=b and a body of 12 bytes", one line. */
MUST_USE bool rule_words_sample(struct buf *out, const struct sample *sample);

/* "block 403", "append_header Content-Security-Policy: ...". */
MUST_USE bool rule_words_action(struct buf *out, const struct rule *rule);

/* "Exchange 2016 CU23 Jun26SU" of the build that text is, or NULL. */
const char *rule_words_build(const char *text);
