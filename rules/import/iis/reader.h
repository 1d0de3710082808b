/* One rule, map or precondition out of its element. Private to the reading of files. */
#pragma once

#include "import/iis/document.h"
#include "import/iis/rewrite.h"

struct rewrite_rule *reader_rule(struct rewrite_file *file, const xmlNode *node, bool is_outbound);
void reader_map(struct rewrite_file *file, const xmlNode *node, struct rewrite_map *ret_map);
void reader_precondition(struct rewrite_file *file, const xmlNode *node,
                         struct rewrite_precondition *ret_precondition);

/* A copy of an attribute's value; fallback when it is not there. */
const char *reader_attribute(const struct rewrite_file *file, const xmlNode *node, const char *name,
                             const char *fallback);
unsigned reader_line(const xmlNode *node);
