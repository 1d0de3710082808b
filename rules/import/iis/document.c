/* libxml2 with its doors shut. */
#include "import/iis/document.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>

#include "import/iis/iis_limits.h"

#include "stopgap/banned.h"

struct guard {
    size_t n_nodes;
    size_t depth;
    bool has_doctype;
    bool is_too_large;
};

static void on_doctype(void *context, const xmlChar *name, const xmlChar *external,
                       const xmlChar *system)
{
    xmlParserCtxt *parser = context;
    struct guard *guard = parser->_private;
    (void)name;
    (void)external;
    (void)system;
    guard->has_doctype = true;
    xmlStopParser(parser);
}

/* libxml2 wants it so.
 * NOLINTNEXTLINE(readability-function-size) */
static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_namespaces, const xmlChar **namespaces, int n_attributes,
                     int n_defaulted, const xmlChar **attributes)
{
    xmlParserCtxt *parser = context;
    struct guard *guard = parser->_private;
    guard->n_nodes += 1 + (size_t)n_attributes;
    guard->depth++;
    if (guard->n_nodes > IIS_XML_NODES || guard->depth > IIS_XML_DEPTH) {
        guard->is_too_large = true;
        xmlStopParser(parser);
        return;
    }
    xmlSAX2StartElementNs(context, name, prefix, uri, n_namespaces, namespaces, n_attributes,
                          n_defaulted, attributes);
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    xmlParserCtxt *parser = context;
    struct guard *guard = parser->_private;
    guard->depth--;
    xmlSAX2EndElementNs(context, name, prefix, uri);
}

static bool fail_parse(const xmlParserCtxt *parser, const struct guard *guard, const char *file,
                       struct err *err)
{
    const xmlError *error = &parser->lastError;
    unsigned line = error->line > 0 ? (unsigned)error->line : 0;
    char message[160] = "";
    if (guard->has_doctype) {
        (void)err_set(err, ERR_SYNTAX, "E_IIS_DTD",
                      "the file has a document type, which no configuration of IIS has; take "
                      "the <!DOCTYPE> out");
    } else if (guard->is_too_large) {
        (void)err_set(err, ERR_LIMIT, "E_IIS_LIMIT",
                      "more than %d elements and attributes, or nested deeper than %d; take the "
                      "sections out that have no rewrite rules",
                      IIS_XML_NODES, IIS_XML_DEPTH);
    } else {
        (void)snprintf(message, sizeof(message), "%s",
                       error->message != NULL ? error->message : "it has no element");
        for (char *c = message; *c != '\0'; c++)
            if (*c < ' ' || *c > '~')
                *c = ' ';
        (void)err_set(err, ERR_SYNTAX, "E_IIS_XML", "not well-formed XML: %s", message);
    }
    return err_at(err, file, line, 0);
}

xmlDoc *config_parse(struct slice bytes, const char *file, struct err *err)
{
    if (bytes.len == 0 || bytes.len > IIS_XML_BYTES) {
        (void)err_set(err, ERR_LIMIT, "E_IIS_LIMIT", "the file has %zu bytes; 1 to %d can be read",
                      bytes.len, IIS_XML_BYTES);
        (void)err_at(err, file, 0, 0);
        return NULL;
    }
    struct guard guard = {0};
    xmlParserCtxt *parser = xmlNewParserCtxt();
    if (parser == NULL) {
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
        return NULL;
    }
    parser->_private = &guard;
    parser->sax->internalSubset = on_doctype;
    parser->sax->startElementNs = on_start;
    parser->sax->endElementNs = on_end;
    xmlDoc *doc = xmlCtxtReadMemory(parser, bytes.ptr, (int)bytes.len, NULL, NULL,
                                    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                        XML_PARSE_BIG_LINES);
    bool is_good = doc != NULL && xmlDocGetRootElement(doc) != NULL && !guard.has_doctype &&
                   !guard.is_too_large && parser->wellFormed != 0;
    if (!is_good) {
        (void)fail_parse(parser, &guard, file, err);
        xmlFreeDoc(doc);
        doc = NULL;
    }
    xmlFreeParserCtxt(parser);
    return doc;
}

static xmlNode *element_from(xmlNode *node)
{
    while (node != NULL && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

xmlNode *config_first(const xmlNode *node)
{
    return element_from(node->children);
}

xmlNode *config_next(const xmlNode *node)
{
    return element_from(node->next);
}

bool config_is(const xmlNode *node, const char *name)
{
    return strcmp((const char *)node->name, name) == 0;
}
