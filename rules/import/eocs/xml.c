/* Parsing and walking; the walk uses no recursion, its input is hostile. */
#include "xml.h"

#include <libxml/parser.h>

#include "eocs_limits.h"
#include "stopgap/eocs.h"

#include "stopgap/banned.h"

static void on_libxml_error(void *context, const xmlError *error)
{
    (void)context; /* the last error is asked for; nothing goes to standard error */
    (void)error;
}

/* Also needed where other libraries work on the tree: their complaints are per thread. */
static void silence(void)
{
    xmlSetStructuredErrorFunc(NULL, (xmlStructuredErrorFunc)on_libxml_error);
}

static bool check_bytes(struct slice bytes, struct err *err)
{
    if (bytes.len == 0 || bytes.len > EOCS_MAX_BYTES)
        return eocs_fail(err, "E_EOCS_SIZE",
                         "the document has %zu bytes, 1 to %d are allowed; this is not the feed",
                         bytes.len, EOCS_MAX_BYTES);
    if (memchr(bytes.ptr, '\0', bytes.len) != NULL)
        return eocs_fail(err, "E_EOCS_XML", "the document holds a NUL byte; fetch it again");
    if (memmem(bytes.ptr, bytes.len, "<!DOCTYPE", 9) != NULL)
        return eocs_fail(err, "E_EOCS_DTD",
                         "the document has a document type, which the feed never has; refused "
                         "before its signature is looked at");
    return true;
}

xmlDoc *xml_parse(struct slice bytes, struct err *err)
{
    if (!check_bytes(bytes, err))
        return NULL;
    silence();
    xmlParserCtxt *parser = xmlNewParserCtxt();
    if (parser == NULL) {
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
        return NULL;
    }
    /* The encoding is given and a declared one ignored: no other one can hide a "<!DOCTYPE" from
     * the search above, or make the C library open its table of encodings. */
    xmlDoc *doc = xmlCtxtReadMemory(parser, bytes.ptr, (int)bytes.len, NULL, "UTF-8",
                                    XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_NOERROR |
                                        XML_PARSE_NOWARNING);
    if (doc == NULL) {
        int line = parser->lastError.line;
        (void)eocs_fail(err, "E_EOCS_XML",
                        "line %d is not well-formed XML; the file is damaged or no XML at all",
                        line);
    } else if (doc->intSubset != NULL || doc->extSubset != NULL) {
        (void)eocs_fail(err, "E_EOCS_DTD", "the document has a document type; refused");
        xmlFreeDoc(doc);
        doc = NULL;
    }
    xmlFreeParserCtxt(parser);
    return doc;
}

static bool check_node(const xmlNode *node, struct err *err)
{
    if (node->type == XML_COMMENT_NODE)
        return eocs_fail(err, "E_EOCS_COMMENT",
                         "line %ld: a comment, which the signature does not cover; refused",
                         xmlGetLineNo(node));
    if (node->type == XML_PI_NODE)
        return eocs_fail(err, "E_EOCS_PI",
                         "line %ld: a processing instruction, which the feed never has; refused",
                         xmlGetLineNo(node));
    if (node->type != XML_ELEMENT_NODE && node->type != XML_TEXT_NODE &&
        node->type != XML_CDATA_SECTION_NODE)
        return eocs_fail(err, "E_EOCS_ENTITY", "line %ld: an entity reference; refused",
                         xmlGetLineNo(node));
    return true;
}

bool xml_check_tree(const xmlDoc *doc, struct err *err)
{
    const xmlNode *node = doc->children;
    unsigned depth = 1;
    for (size_t n = 1; node != NULL; n++) {
        if (!check_node(node, err))
            return false;
        if (n > EOCS_MAX_NODES)
            return eocs_fail(err, "E_EOCS_NODES", "more than %d nodes; this is not the feed",
                             EOCS_MAX_NODES);
        if (depth > EOCS_MAX_DEPTH)
            return eocs_fail(err, "E_EOCS_DEPTH", "nested deeper than %d; this is not the feed",
                             EOCS_MAX_DEPTH);
        if (node->type == XML_ELEMENT_NODE && node->children != NULL) {
            node = node->children;
            depth++;
            continue;
        }
        while (node != NULL && node->next == NULL && depth > 1) {
            node = node->parent;
            depth--;
        }
        node = node != NULL ? node->next : NULL;
    }
    return true;
}

static xmlNode *element_from(xmlNode *node)
{
    while (node != NULL && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

xmlNode *xml_first(const xmlNode *parent)
{
    return element_from(parent->children);
}

xmlNode *xml_next(const xmlNode *node)
{
    return element_from(node->next);
}

size_t xml_count(const xmlNode *parent)
{
    size_t n = 0;
    for (const xmlNode *node = xml_first(parent); node != NULL; node = xml_next(node))
        n++;
    return n;
}

static bool is_text(const xmlChar *a, const char *b)
{
    return xmlStrcmp(a, BAD_CAST b) == 0;
}

bool xml_is(const xmlNode *node, const char *name, const char *space)
{
    if (node == NULL || node->type != XML_ELEMENT_NODE || !is_text(node->name, name))
        return false;
    return space == NULL ? node->ns == NULL : node->ns != NULL && is_text(node->ns->href, space);
}

static bool is_text_node(const xmlNode *node)
{
    return node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
}

bool xml_has_blanks_only(const xmlNode *parent)
{
    for (const xmlNode *node = parent->children; node != NULL; node = node->next)
        if (is_text_node(node) &&
            node->content[strspn((const char *)node->content, " \t\r\n")] != '\0')
            return false;
    return true;
}

static const char *join(struct arena *arena, const xmlNode *first)
{
    size_t len = 0;
    for (const xmlNode *node = first; node != NULL; node = node->next)
        if (is_text_node(node))
            len += strlen((const char *)node->content);
    char *text = arena_alloc(arena, len + 1);
    if (text == NULL)
        return NULL;
    char *end = text;
    for (const xmlNode *node = first; node != NULL; node = node->next) {
        if (!is_text_node(node))
            continue;
        size_t part = strlen((const char *)node->content);
        memcpy(end, node->content, part);
        end += part;
    }
    *end = '\0';
    return text;
}

const char *xml_text(struct arena *arena, const xmlNode *node)
{
    return join(arena, node->children);
}

static const xmlAttr *find_attribute(const xmlNode *node, const char *name)
{
    const xmlAttr *attr = node->properties;
    while (attr != NULL && (attr->ns != NULL || !is_text(attr->name, name)))
        attr = attr->next;
    return attr;
}

const char *xml_attribute(struct arena *arena, const xmlNode *node, const char *name)
{
    const xmlAttr *attr = find_attribute(node, name);
    return attr != NULL ? join(arena, attr->children) : "";
}

bool xml_has_attribute(const xmlNode *node, const char *name)
{
    return find_attribute(node, name) != NULL;
}

size_t xml_n_attributes(const xmlNode *node)
{
    size_t n = 0;
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next)
        n++;
    return n;
}

const char *xml_markup(struct arena *arena, const xmlNode *node)
{
    xmlBuffer *out = xmlBufferCreate();
    if (out == NULL)
        return NULL;
    bool done = true;
    for (xmlNode *child = node->children; child != NULL && done; child = child->next)
        done = xmlNodeDump(out, node->doc, child, 0, 0) >= 0;
    struct slice copy = slice_make(NULL, 0);
    if (done)
        copy = arena_copy(arena, slice_make((const char *)xmlBufferContent(out),
                                            (size_t)xmlBufferLength(out) + 1));
    xmlBufferFree(out);
    return copy.ptr;
}
