/* XML of a configuration file: parsed without network, document types and entities, bounded. */
#pragma once

#include "stopgap/err.h"
#include "stopgap/slice.h"

#include <libxml/tree.h>

/* NULL with E_IIS_LIMIT, E_IIS_DTD or E_IIS_XML. The caller frees it with xmlFreeDoc. */
xmlDoc *config_parse(struct slice bytes, const char *file, struct err *err);

/* The first child element, and the next element beside node; NULL without. */
xmlNode *config_first(const xmlNode *node);
xmlNode *config_next(const xmlNode *node);

/* By local name: real files have a namespace or not. */
bool config_is(const xmlNode *node, const char *name);
