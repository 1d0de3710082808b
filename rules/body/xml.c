/* XML by libxml2's SAX2 events, without a tree. */
#include "body/xml.h"

#include "body/packed.h"
#include "body/xml_heap.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "stopgap/limits.h"

#include "stopgap/banned.h"

/* An element that is open. */
struct element {
    struct slice name;
    size_t text_start; /* of its text in xml_reader.text */
    bool is_wanted;
    bool has_children;
};

/* The texts of open elements lie behind each other: the text of a child is cut off again when it
 * ends, so the text of its parent goes on where it was. */
struct xml_reader {
    struct body_values *values;
    const struct xml_heap *heap; /* of the parser */
    xmlParserCtxtPtr parser;
    struct element *open; /* [LIMIT_XML_DEPTH] */
    size_t depth;
    size_t n_deeper; /* elements that are open below those */
    char *text;      /* [LIMIT_BODY_WINDOW] */
    size_t text_len;
    bool is_stopped;
    bool has_unknown_encoding;
    bool has_element; /* the prolog, where a document type may stand, is over */
};

void xml_init(void)
{
    xml_heap_setup();
}

static void stop(struct xml_reader *reader)
{
    reader->is_stopped = true;
    xmlStopParser(reader->parser);
}

static struct slice name_of(const xmlChar *name)
{
    return slice_str((const char *)name);
}

/* libxml2's strings end with its parser. */
static bool add_copy(struct xml_reader *reader, enum body_kind kind, struct slice name,
                     struct slice value)
{
    struct body_values *values = reader->values;
    if (!body_values_want(values, kind, body_kind_is_name(kind) ? value : name))
        return true;
    struct slice own_name = name.len != 0 ? body_values_copy(values, name) : SLICE("");
    struct slice own_value = body_values_copy(values, value);
    return own_name.ptr != NULL && own_value.ptr != NULL &&
           body_values_add(values, kind, own_name, own_value);
}

/* ---- events */

/* libxml2 gives five pointers for each attribute: local name, prefix, namespace, value, end. */
static bool add_attributes(struct xml_reader *reader, int n, const xmlChar **attributes)
{
    for (int i = 0; i < n; i++, attributes += 5) {
        struct slice name = name_of(attributes[0]);
        struct slice value =
            slice_make((const char *)attributes[3], (size_t)(attributes[4] - attributes[3]));
        if (!add_copy(reader, BODY_XML_ATTRIBUTE, SLICE(""), name) ||
            !add_copy(reader, BODY_XML_ATTR, name, value))
            return false;
    }
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): libxml2 says what the parameters are */
static void on_start(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri,
                     int n_namespaces, const xmlChar **namespaces, int n_attributes,
                     int n_defaulted, const xmlChar **attributes)
{
    struct xml_reader *reader = ctx;
    struct slice name = name_of(local);
    (void)prefix;
    (void)uri;
    (void)n_namespaces;
    (void)namespaces;
    (void)n_defaulted;
    if (!reader->is_stopped && xml_heap_is_over(reader->heap))
        stop(reader);
    if (reader->is_stopped)
        return;
    reader->has_element = true;
    if (reader->depth != 0)
        reader->open[reader->depth - 1].has_children = true;
    if (reader->depth == LIMIT_XML_DEPTH) {
        reader->values->anomalies |= BODY_XML_INVALID; /* its text is not seen, all else is */
        reader->n_deeper++;
    } else {
        reader->open[reader->depth++] = (struct element){
            .name = name,
            .text_start = reader->text_len,
            .is_wanted = body_values_want(reader->values, BODY_XML_TEXT, name) ||
                         body_values_want(reader->values, BODY_XML_BASE64, name),
        };
    }
    if (!add_copy(reader, BODY_XML_ELEMENT, SLICE(""), name) ||
        !add_attributes(reader, n_attributes, attributes))
        stop(reader);
}

static void on_text(void *ctx, const xmlChar *bytes, int len)
{
    struct xml_reader *reader = ctx;
    struct slice text = slice_make((const char *)bytes, len > 0 ? (size_t)len : 0);
    if (reader->depth == 0 || reader->n_deeper != 0 || !reader->open[reader->depth - 1].is_wanted)
        return;
    text = slice_head(text, LIMIT_BODY_WINDOW - reader->text_len);
    if (text.len != 0)
        memcpy(reader->text + reader->text_len, text.ptr, text.len);
    reader->text_len += text.len;
}

static bool is_blank(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr(" \t\r\n", text.ptr[i]) == NULL || text.ptr[i] == '\0')
            return false;
    return true;
}

/* What text stands for as base64, whole and with its fragments joined. */
static bool add_packed(struct xml_reader *reader, struct slice name, struct slice text)
{
    struct body_values *values = reader->values;
    struct slice bytes;
    struct slice joined;
    if (!body_values_want(values, BODY_XML_BASE64, name))
        return true;
    if (!packed_decode(text, values->arena, &bytes) ||
        !packed_join(bytes, values->arena, &joined)) {
        values->is_out_of_memory = true;
        return false;
    }
    struct slice own_name = body_values_copy(values, name);
    return own_name.ptr != NULL &&
           (bytes.len == 0 || body_values_add(values, BODY_XML_BASE64, own_name, bytes)) &&
           (joined.len == 0 || body_values_add(values, BODY_XML_BASE64, own_name, joined));
}

static void close_element(struct xml_reader *reader, bool is_cut_off)
{
    const struct element *element = &reader->open[--reader->depth];
    struct slice text =
        slice_make(reader->text + element->text_start, reader->text_len - element->text_start);
    reader->text_len = element->text_start;
    bool is_layout = (element->has_children || is_cut_off) && is_blank(text);
    if (element->is_wanted && !is_layout &&
        (!add_copy(reader, BODY_XML_TEXT, element->name, text) ||
         !add_packed(reader, element->name, text)))
        stop(reader);
}

static void on_end(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
    struct xml_reader *reader = ctx;
    (void)local;
    (void)prefix;
    (void)uri;
    if (reader->n_deeper != 0)
        reader->n_deeper--;
    else if (reader->depth != 0 && !reader->is_stopped)
        close_element(reader, false);
}

static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *external,
                       const xmlChar *system)
{
    struct xml_reader *reader = ctx;
    (void)name;
    (void)external;
    (void)system;
    reader->values->anomalies |= BODY_XML_DTD;
}

/* Behind the declarations. libxml2 would add each declared default to each element and compare it
 * with all others: thousands of both take it many seconds. */
static void on_doctype_end(void *ctx, const xmlChar *name, const xmlChar *external,
                           const xmlChar *system)
{
    struct xml_reader *reader = ctx;
    (void)name;
    (void)external;
    (void)system;
    xmlHashFree(reader->parser->attsDefault, xmlHashDefaultDeallocator);
    reader->parser->attsDefault = NULL;
}

/* With handlers, libxml2 prints nothing. */
static void on_error(void *ctx, xmlErrorPtr error)
{
    struct xml_reader *reader = ctx;
    if (reader != NULL && error->code == XML_ERR_UNSUPPORTED_ENCODING)
        reader->has_unknown_encoding = true;
}

static void on_message(void *ctx, const char *format, ...)
{
    (void)ctx;
    (void)format;
}

/* What it says of a character that cannot be converted does not go to the parser's handler. */
static void silence_thread(void)
{
    xmlSetStructuredErrorFunc(NULL, on_error);
    xmlSetGenericErrorFunc(NULL, on_message);
}

/* ---- reading */

/* A form may carry many documents; they share this. */
struct xml_memory {
    struct element open[LIMIT_XML_DEPTH];
    char text[LIMIT_BODY_WINDOW];
    struct xml_heap heap;
};

static struct xml_memory *memory_of(struct body_values *values)
{
    if (values->xml_memory == NULL)
        values->xml_memory = arena_alloc(values->arena, sizeof(struct xml_memory));
    if (values->xml_memory == NULL)
        values->is_out_of_memory = true;
    return values->xml_memory;
}

static bool reader_init(struct xml_reader *reader, struct xml_memory *memory,
                        struct body_values *values)
{
    *reader = (struct xml_reader){.values = values, .heap = &memory->heap};
    xmlSAXHandler events = {
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text,
        .cdataBlock = on_text,
        .internalSubset = on_doctype,
        .externalSubset = on_doctype_end,
        .serror = on_error,
    };
    reader->open = memory->open;
    reader->text = memory->text;
    reader->parser = xmlCreatePushParserCtxt(&events, reader, NULL, 0, NULL);
    if (reader->parser == NULL)
        values->is_out_of_memory = true;
    return reader->parser != NULL;
}

/* A document that is cut inside a tag, without that tag: its name may be half of one. */
static struct slice without_open_tag(struct slice text)
{
    const char *open = memrchr(text.ptr, '<', text.len);
    if (open == NULL)
        return text;
    size_t at = (size_t)(open - text.ptr);
    struct slice tag = slice_from(text, at);
    if (slice_find(tag, '>') != SIZE_MAX)
        return text;
    if (!slice_starts_with(tag, SLICE("<![CDATA[")))
        return slice_head(text, at);
    while (text.ptr[text.len - 1] == ']') /* of the end that is missing */
        text.len--;
    return text;
}

/* Does a document type wait for its end? Up to its first ">" libxml2 has only looked at it. */
static bool is_in_type(const struct xml_reader *reader)
{
    static const char begin[] = "<!DOCTYPE";
    const xmlParserInput *input = reader->parser->input;
    if (reader->parser->instate == XML_PARSER_DTD)
        return true;
    return !reader->has_element && input != NULL && input->cur != NULL &&
           (size_t)(input->end - input->cur) >= sizeof(begin) - 1 &&
           memcmp(input->cur, begin, sizeof(begin) - 1) == 0;
}

/* libxml2 compares each name of an enumeration with all before it, so the price of a document type
 * grows with the square of its length: 64 KiB took 110 ms. The prolog is shown in pieces, and where
 * the document type does not end within one or two, nothing of it is parsed and nothing behind it
 * is seen: that is an anomaly, and no client of Exchange writes a document type at all. */
static void parse_text(struct xml_reader *reader, struct slice text)
{
    enum { PIECE = 4096 };
    size_t n_in_type = 0; /* pieces that began inside of it */
    while (text.len != 0 && !reader->is_stopped) {
        struct slice piece = slice_head(text, reader->has_element ? text.len : PIECE);
        n_in_type += is_in_type(reader);
        (void)xmlParseChunk(reader->parser, piece.ptr, (int)piece.len, 0);
        text = slice_from(text, piece.len);
        if (n_in_type != 0 && is_in_type(reader) && text.len != 0) {
            reader->values->anomalies |= BODY_XML_DTD | BODY_XML_INVALID;
            stop(reader);
        }
    }
}

/* Returns whether the document names an encoding that is not known here. */
static bool read_as(struct slice whole, bool ignores_encoding, bool is_cut,
                    struct body_values *values)
{
    struct xml_memory *memory = memory_of(values);
    struct slice text = is_cut ? without_open_tag(whole) : whole;
    struct xml_reader reader;
    if (memory == NULL)
        return false;
    xml_heap_enter(&memory->heap);
    if (!reader_init(&reader, memory, values)) {
        xml_heap_leave(&memory->heap);
        return false;
    }
    silence_thread();
    /* No entity is ever known here, so NOENT only resolves the five that every document has. */
    /* Servers that stop at an error have seen less than is shown here; the others as much. */
    /* What HUGE lifts is bounded by the window; without it libxml2 stops at a depth of 256. */
    (void)xmlCtxtUseOptions(reader.parser, XML_PARSE_NONET | XML_PARSE_RECOVER | XML_PARSE_NOENT |
                                               XML_PARSE_HUGE |
                                               (ignores_encoding ? XML_PARSE_IGNORE_ENC : 0));
    parse_text(&reader, text);
    /* What was cut off may be the begin of a document type. */
    if (!reader.has_element && slice_starts_with(slice_from(whole, text.len), SLICE("<!DOCTYPE")))
        values->anomalies |= BODY_XML_DTD;
    bool is_well_formed = reader.parser->wellFormed != 0;
    if (!reader.is_stopped && reader.parser->instate == XML_PARSER_CDATA_SECTION)
        (void)xmlParseChunk(reader.parser, "]]>", 3, 0); /* shows what it still holds */
    if (!reader.is_stopped)
        (void)xmlParseChunk(reader.parser, NULL, 0, 1);
    if (!is_cut)
        is_well_formed = is_well_formed && reader.parser->wellFormed != 0;
    if (!is_well_formed && !reader.is_stopped)
        values->anomalies |= BODY_XML_INVALID;
    while (reader.depth != 0 && !values->is_out_of_memory)
        close_element(&reader, true);
    /* libxml2 makes a document of its own for entities that are declared, SAX or not. */
    xmlFreeDoc(reader.parser->myDoc);
    reader.parser->myDoc = NULL;
    xmlFreeParserCtxt(reader.parser);
    if (xml_heap_is_over(&memory->heap))
        values->is_out_of_memory = true;
    xml_heap_leave(&memory->heap);
    return reader.has_unknown_encoding;
}

void xml_read(struct slice text, bool is_utf8, bool is_cut, struct body_values *values)
{
    /* A server may know it, and most encodings have the letters of ASCII. */
    if (read_as(text, is_utf8, is_cut, values) && !is_utf8 && !values->is_out_of_memory)
        (void)read_as(text, true, is_cut, values);
}
