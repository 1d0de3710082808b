/* Content types, and the look at the first character. */
#include "body/read.h"

#include "body/json.h"
#include "body/multipart.h"
#include "body/xml.h"
#include "stopgap/request.h"

#include "stopgap/banned.h"

enum {
    JSON_KINDS = 1u << BODY_JSON_KEY | 1u << BODY_JSON,
    XML_KINDS = 1u << BODY_XML_ELEMENT | 1u << BODY_XML_ATTRIBUTE | 1u << BODY_XML_TEXT |
                1u << BODY_XML_ATTR | 1u << BODY_XML_BASE64,
};

/* ---- types */

static bool contains(struct slice text, struct slice word)
{
    for (size_t at = 0; at + word.len <= text.len; at++)
        if (slice_starts_with_nocase(slice_from(text, at), word))
            return true;
    return false;
}

/* The value of a parameter of a field, without quotation marks; empty without. */
static struct slice parameter(struct slice value, struct slice name)
{
    struct slice rest = value;
    struct slice item;
    while (slice_next(&rest, ';', &item)) {
        size_t equals = slice_find(item, '=');
        if (equals == SIZE_MAX || !slice_equal_nocase(slice_trim(slice_head(item, equals)), name))
            continue;
        struct slice text = slice_trim(slice_from(item, equals + 1));
        if (text.len == 0 || text.ptr[0] != '"')
            return text;
        text = slice_from(text, 1);
        return slice_head(text, slice_find(text, '"'));
    }
    return slice_make(NULL, 0);
}

/* Charsets in which a body reads as it looks, and UTF-16, which is converted. */
static bool is_usual_charset(struct slice charset)
{
    static const char *const names[] = {"utf-8",      "us-ascii",     "ascii",  "utf8",
                                        "iso-8859-1", "windows-1252", "utf-16", "iso-8859-15"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_nocase(charset, slice_str(names[i])))
            return true;
    return charset.len == 0;
}

void body_type_read(const struct request_head *head, struct body_type *ret_type)
{
    *ret_type = (struct body_type){0};
    for (size_t i = 0; i < head->n_fields; i++) {
        struct slice value = head->fields[i].value;
        if (!slice_equal_nocase(head->fields[i].name, SLICE("Content-Type")))
            continue;
        struct slice type = slice_head(value, slice_find(value, ';'));
        ret_type->is_json = ret_type->is_json || contains(type, SLICE("json"));
        ret_type->is_xml = ret_type->is_xml || contains(type, SLICE("xml"));
        ret_type->is_odd_charset =
            ret_type->is_odd_charset || !is_usual_charset(parameter(value, SLICE("charset")));
        if (contains(type, SLICE("multipart/"))) {
            ret_type->is_multipart = true;
            ret_type->boundary = parameter(value, SLICE("boundary"));
        }
    }
}

/* ---- readers */

struct part_context {
    struct body_values *values;
    bool is_utf8;
};

static char first_character(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\0' || strchr(" \t\r\n", text.ptr[i]) == NULL)
            return text.ptr[i];
    return '\0';
}

/* Behind a byte order mark, and in two bytes a character, too. */
static bool looks_like_xml(struct slice text)
{
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        text = slice_from(text, 3);
    return first_character(text) == '<' || slice_starts_with(text, SLICE("\0<")) ||
           slice_starts_with(text, SLICE("\xff\xfe")) || slice_starts_with(text, SLICE("\xfe\xff"));
}

static void read_document(const struct body_type *type, struct slice text, bool is_utf8,
                          bool is_cut, struct body_values *values)
{
    char first = first_character(text);
    bool is_xml = type->is_xml || looks_like_xml(text);
    bool is_blank = first == '\0' && !is_xml; /* XML may be in an encoding with zeros */
    if (is_blank || values->is_out_of_memory)
        return;
    if ((values->kinds & JSON_KINDS) != 0 && (type->is_json || first == '{' || first == '['))
        json_read(text, is_cut, values);
    if ((values->kinds & XML_KINDS) != 0 && is_xml)
        xml_read(text, is_utf8, is_cut, values);
}

/* Uploads carry documents; what they say of their type is not asked. */
static void on_part(void *ctx, struct slice content, bool is_cut)
{
    struct part_context *context = ctx;
    static const struct body_type unknown;
    read_document(&unknown, content, context->is_utf8, is_cut, context->values);
}

void body_read(const struct body_type *type, struct slice text, bool is_utf8, bool is_cut,
               struct body_values *values)
{
    struct part_context context = {values, is_utf8};
    struct slice boundary = type->boundary;
    if (text.len == 0 || values->kinds == 0)
        return;
    if (boundary.len == 0)
        boundary = multipart_guess_boundary(text);
    if (type->is_multipart && type->boundary.len == 0)
        values->anomalies |= BODY_MULTIPART_INVALID;
    if (type->is_multipart || boundary.len != 0)
        multipart_read(text, boundary, is_cut, values, on_part, &context);
    read_document(type, text, is_utf8, is_cut, values);
}
