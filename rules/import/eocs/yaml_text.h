/* Rule files, written by libyaml so that no text of a stranger can change their structure. */
#pragma once

#include "stopgap/buf.h"

#include <yaml.h>

struct yaml_text {
    yaml_emitter_t emitter;
    bool is_failed; /* once set, nothing more is written */
};

/* out is kept until yaml_text_end. */
void yaml_text_begin(struct yaml_text *yaml, struct buf *out);
/* False: no memory, or the text got too large. Frees the emitter in any case. */
MUST_USE bool yaml_text_end(struct yaml_text *yaml);

void yaml_open_map(struct yaml_text *yaml, bool on_one_line);
void yaml_close_map(struct yaml_text *yaml);
void yaml_open_list(struct yaml_text *yaml, bool on_one_line);
void yaml_close_list(struct yaml_text *yaml);
/* A plain word: a key, a number, true. */
void yaml_word(struct yaml_text *yaml, const char *word);
/* Any text, quoted. */
void yaml_quoted(struct yaml_text *yaml, struct slice text);
void yaml_pair(struct yaml_text *yaml, const char *key, const char *text);
