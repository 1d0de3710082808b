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

/* ---- boundaries */

static void add_boundary(struct body_type *type, struct slice boundary)
{
    bool is_there = boundary.len == 0 || type->n_boundaries == BODY_MAX_BOUNDARIES;
    for (size_t i = 0; i < type->n_boundaries && !is_there; i++)
        is_there = slice_equal(type->boundaries[i], boundary);
    if (!is_there)
        type->boundaries[type->n_boundaries++] = boundary;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t find_any(struct slice text, const char *stops)
{
    size_t at = 0;
    while (at < text.len && (text.ptr[at] == '\0' || strchr(stops, text.ptr[at]) == NULL))
        at++;
    return at;
}

/* What stands behind the "=". ASP.NET ends a value without quotation marks at a blank or a comma
 * and takes the blanks off one with; RFC 9110 ends it at a semicolon. */
static void add_values(struct body_type *type, struct slice text)
{
    if (text.len != 0 && text.ptr[0] == '"') {
        text = slice_from(text, 1);
        text = slice_head(text, slice_find(text, '"'));
        add_boundary(type, text);
        add_boundary(type, slice_trim(text));
        return;
    }
    add_boundary(type, slice_head(text, find_any(text, " \t,;")));
    add_boundary(type, slice_head(text, find_any(text, " ,")));
    add_boundary(type, slice_trim(slice_head(text, find_any(text, ";"))));
}

/* Wherever it stands: ASP.NET looks for the word behind a semicolon, a comma or a blank, in all
 * fields of the name, which IIS has joined. */
static void find_boundaries(struct slice value, struct body_type *type)
{
    static const struct slice word = SLICE_INIT("boundary");
    for (size_t at = 0; at + word.len < value.len; at++) {
        struct slice rest = slice_from(value, at + word.len);
        bool is_word = at == 0 || is_blank(value.ptr[at - 1]) || value.ptr[at - 1] == ';' ||
                       value.ptr[at - 1] == ',';
        if (!is_word || !slice_starts_with_nocase(slice_from(value, at), word))
            continue;
        while (rest.len != 0 && is_blank(rest.ptr[0]))
            rest = slice_from(rest, 1);
        if (rest.len != 0 && rest.ptr[0] == '=')
            add_values(type, slice_trim(slice_from(rest, 1)));
    }
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
        ret_type->is_multipart = ret_type->is_multipart || contains(type, SLICE("multipart/"));
        find_boundaries(value, ret_type);
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

/* With each boundary that a server may take. Which of them has parts is known behind it: one
 * without is no anomaly as long as another one has. */
static void read_parts(const struct body_type *type, struct slice text, bool is_utf8, bool is_cut,
                       struct body_values *values)
{
    struct part_context context = {values, is_utf8};
    uint32_t before = values->anomalies;
    uint32_t found = 0;
    size_t n_found = 0;
    for (size_t i = 0; type->is_multipart && i < type->n_boundaries; i++) {
        values->anomalies = before;
        bool has_parts =
            multipart_read(text, type->boundaries[i], is_cut, values, on_part, &context);
        if (has_parts || n_found == 0)
            found = (has_parts && n_found == 0 ? 0 : found) | values->anomalies;
        n_found += has_parts;
    }
    values->anomalies = before | found;
    if (n_found > 1)
        values->anomalies |= BODY_MULTIPART_LOOSE;
    if (type->is_multipart && type->n_boundaries == 0)
        values->anomalies |= BODY_MULTIPART_INVALID;
    struct slice guess = multipart_guess_boundary(text);
    if (n_found == 0 && guess.len != 0)
        (void)multipart_read(text, guess, is_cut, values, on_part, &context);
}

void body_read(const struct body_type *type, struct slice text, bool is_utf8, bool is_cut,
               struct body_values *values)
{
    if (text.len == 0 || values->kinds == 0)
        return;
    read_parts(type, text, is_utf8, is_cut, values);
    read_document(type, text, is_utf8, is_cut, values);
}
