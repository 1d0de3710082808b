/* The deployment manifest (ClickOnce) of the eDiscovery export tool below /ecp. */
#include "stopgap/builds.h"

#include <libxml/parser.h>

#include "stopgap/banned.h"

enum { MAX_BYTES = 256 * 1024 }; /* real ones have 10 KiB */

static const char space[] = "urn:schemas-microsoft-com:asm.v1";
static const char tool[] = "microsoft.exchange.ediscovery.exporttool.application";

static bool is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && node->ns != NULL &&
           strcmp((const char *)node->ns->href, space) == 0 &&
           strcmp((const char *)node->name, name) == 0;
}

/* The identity of the whole deployment stands right below the root; its parts have others. */
static xmlNode *find_identity(const xmlDoc *doc)
{
    xmlNode *root = xmlDocGetRootElement(doc);
    if (root == NULL || !is_element(root, "assembly"))
        return NULL;
    for (xmlNode *node = root->children; node != NULL; node = node->next)
        if (is_element(node, "assemblyIdentity"))
            return node;
    return NULL;
}

static bool read_identity(xmlNode *identity, struct build *ret_build)
{
    xmlChar *name = xmlGetNoNsProp(identity, (const xmlChar *)"name");
    xmlChar *version = xmlGetNoNsProp(identity, (const xmlChar *)"version");
    bool is_good = name != NULL && version != NULL &&
                   slice_equal_nocase(slice_str((const char *)name), slice_str(tool)) &&
                   build_parse(slice_str((const char *)version), ret_build);
    xmlFree(name);
    xmlFree(version);
    return is_good;
}

bool build_from_manifest(struct slice xml, struct build *ret_build)
{
    /* Without a document type there are no entities that could grow or lead elsewhere. */
    if (xml.len == 0 || xml.len > MAX_BYTES || memmem(xml.ptr, xml.len, "<!DOCTYPE", 9) != NULL)
        return false;
    xmlParserCtxt *parser = xmlNewParserCtxt();
    if (parser == NULL)
        return false;
    xmlDoc *doc = xmlCtxtReadMemory(parser, xml.ptr, (int)xml.len, NULL, NULL,
                                    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlNode *identity = doc != NULL && doc->intSubset == NULL ? find_identity(doc) : NULL;
    bool is_good = identity != NULL && read_identity(identity, ret_build);
    xmlFreeDoc(doc);
    xmlFreeParserCtxt(parser);
    return is_good;
}
