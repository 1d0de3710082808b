/* XML of strangers: parsed without network, entities and document types, then looked at. */
#pragma once

#include "stopgap/arena.h"
#include "stopgap/err.h"

#include <libxml/tree.h>

/* Returns false, as err_set does; the kind is ERR_TRUST. */
#define eocs_fail(err, code, ...) err_set((err), ERR_TRUST, (code), __VA_ARGS__)

/* Bytes to a tree: at most EOCS_MAX_BYTES of UTF-8 XML 1.0. NULL with E_EOCS_SIZE, _DTD, _XML. */
xmlDoc *xml_parse(struct slice bytes, struct err *err);
/* Only elements, texts and attributes, and not too many. E_EOCS_COMMENT, _PI, _ENTITY, _DEPTH,
 * _NODES. */
MUST_USE bool xml_check_tree(const xmlDoc *doc, struct err *err);

/* The first element below parent, the element after node; NULL: there is none. */
xmlNode *xml_first(const xmlNode *parent);
xmlNode *xml_next(const xmlNode *node);
size_t xml_count(const xmlNode *parent);
/* space NULL: in no namespace. */
bool xml_is(const xmlNode *node, const char *name, const char *space);
/* No text but blanks stands between the elements of parent. */
bool xml_has_blanks_only(const xmlNode *parent);
/* A copy of the text directly below node, of an attribute, or of the markup below node; "" when
 * there is none, NULL: no memory. */
const char *xml_text(struct arena *arena, const xmlNode *node);
const char *xml_attribute(struct arena *arena, const xmlNode *node, const char *name);
const char *xml_markup(struct arena *arena, const xmlNode *node);
bool xml_has_attribute(const xmlNode *node, const char *name);
size_t xml_n_attributes(const xmlNode *node);
