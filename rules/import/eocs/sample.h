/* Texts that a pattern matches, for the samples that prove a rule. */
#pragma once

#include "stopgap/buf.h"

enum { SAMPLE_MAX_BYTES = 1000, SAMPLE_VARIANTS = 4 };

/* The variant'th text that the regular expression may match: alternatives are taken in turn. It
 * must still be tried. False: the pattern has parts that this does not know. */
MUST_USE bool sample_of_regex(const char *regex, unsigned variant, struct buf *ret_text);

/* Whether PCRE2 finds pattern in text. False also when the pattern cannot be compiled. */
bool sample_matches(const char *pattern, bool is_sensitive, struct slice text);
