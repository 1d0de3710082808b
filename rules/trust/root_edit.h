/* A root's text under the publisher's hands: lines go in and out, in the order of the grammar.
 * What results is parsed by whoever writes it down. */
#pragma once

#include "bundle_write.h"

/* Put a line (without its line feed) behind the last of its field. False: no room, or the first
 * word is no field of a root. */
MUST_USE bool root_edit_add(struct buf *text, const char *line);

/* Take out every line that begins with these whole words; returns how many. */
size_t root_edit_drop(struct buf *text, const char *words);

/* Take out the lines that begin with these words, then put one in. */
MUST_USE bool root_edit_set(struct buf *text, const char *words, const char *line);

/* Give a key other dates. False: no key of this id, or no room. */
MUST_USE bool root_edit_dates(struct buf *text, const char *id, int64_t sunset, int64_t end);

/* Each line that only one of the two texts has, in the order of the grammar: what is gone, then
 * what came, for each field. */
typedef void (*root_edit_line_cb)(void *ctx, bool is_new, struct slice line);
void root_edit_compare(struct slice old, struct slice next, root_edit_line_cb on_line, void *ctx);
