/* What regexes said of long values that clients send again with each request: a browser's cookies
 * stay the same for minutes, while a careful pattern takes microseconds to read one. The answer is
 * found again by the whole value, so it is the one that PCRE2 would give. */
#pragma once

#include "engine/evaluate.h"

struct memo_entry;

/* Whether answers of cond, a regex, are worth keeping. */
bool memo_wants(const struct cond *cond);

/* An empty memo; NULL: no memory. */
struct memo_entry *memo_new(void);
void memo_free(struct memo_entry *memo);
/* Make it empty. */
void memo_clear(struct memo_entry *memo);

/* The answer for this value, or TRUTH_UNKNOWN; ret_match is filled as run_regex does. *ret_place is
 * where memo_keep puts the answer, NULL: it is not to be kept. */
enum truth memo_find(struct memo_entry *memo, const struct cond *cond, struct slice value,
                     struct match *ret_match, struct memo_entry **ret_place);
void memo_keep(struct memo_entry *place, const struct cond *cond, struct slice value,
               enum truth truth, const struct match *match);
