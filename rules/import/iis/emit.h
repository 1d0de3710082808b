/* Rule files as text. */
#pragma once

#include "import/iis/translate.h"
#include "language/rule.h"
#include "stopgap/buf.h"

/* Everything of the file but its samples. False: it does not fit. */
MUST_USE bool emit_rule(const struct rewrite_file *file, const struct translated *translated,
                        const char *id, struct buf *out);

/* The samples, or (no must_block or no must_pass) what its author has to add. */
MUST_USE bool emit_samples(struct buf *out, const struct sample *must_block, size_t n_must_block,
                           const struct sample *must_pass, size_t n_must_pass);
