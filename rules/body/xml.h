/* Elements, attributes and texts of an XML document. */
#pragma once

#include "body/values.h"

/* Once, before threads read XML. May be called again. */
void xml_init(void);

/* Read a window of an XML document into values: BODY_XML_ELEMENT, BODY_XML_ATTRIBUTE,
 * BODY_XML_TEXT, BODY_XML_ATTR, BODY_XML_BASE64. Names are local names, whatever their namespace.
 *
 * The text of an element is what stands right below it, with character references resolved and
 * comments, sections and child elements taken out; white space alone beside child elements does
 * not count. Nothing is loaded, no entity is expanded and no declared attribute is added. Elements
 * that are open where the window ends show the text that was seen.
 *
 * text     borrowed
 * is_utf8  text was made UTF-8, whatever its declaration says
 * is_cut   the document goes on behind the window */
void xml_read(struct slice text, bool is_utf8, bool is_cut, struct body_values *values);
