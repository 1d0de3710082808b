/* The field lines of a head, each read in one pass: a token, ":", a value without control bytes,
 * CRLF. Nothing is folded, nothing ends in a bare LF, and no name is missing or odd; each of these
 * is read in two ways somewhere. */
#include "http/strict.h"

#include "http/bytes.h"

#include "stopgap/banned.h"

enum { RAW_FIRST_ROOM = 48 }; /* fields that clients and servers send, with some to spare */

/* Room for one more field, in the arena: its memory goes with the transaction. */
static bool raw_make_room(struct http_parser *parser)
{
    unsigned room = parser->raw_room != 0 ? parser->raw_room * 2 : RAW_FIRST_ROOM;
    struct raw_field *raw = arena_alloc(parser->arena, room * sizeof(*raw));
    if (raw == NULL)
        return http_refuse(parser, 503, END_NO_MEMORY, "no memory for the head") != PARSE_REFUSED;
    if (parser->n_raw != 0)
        memcpy(raw, parser->raw, parser->n_raw * sizeof(*raw));
    parser->raw = raw;
    parser->raw_room = room;
    return true;
}

static enum parse_result refuse_at(struct http_parser *parser, const char *at, const char *text)
{
    parser->suspect = at;
    return http_refuse(parser, 400, END_BAD_REQUEST, text);
}

/* What stands where a colon should: the name ends at `at`. */
static enum parse_result odd_name(struct http_parser *parser, const char *line, const char *at,
                                  const char *end)
{
    bool is_blank = *line == ' ' || *line == '\t';
    if (at == end)
        return PARSE_MORE;
    if (at != line || (!is_blank && *line != ':'))
        return refuse_at(parser, at, "malformed header field (RFC 9112 5)");
    if (is_blank && parser->n_raw != 0) /* it continues the line before (RFC 9112 5.2) */
        line = parser->base + parser->raw[parser->n_raw - 1].name;
    return refuse_at(parser, line, "folded, empty or malformed header field (RFC 9112 5)");
}

/* What stands where a line should end in CRLF. */
static enum parse_result odd_end(struct http_parser *parser, const char *at, const char *end)
{
    if (at == end || (*at == '\r' && at + 1 == end))
        return PARSE_MORE;
    if (*at == '\r' || *at == '\n')
        return refuse_at(parser, at, "a line does not end in CRLF (RFC 9112 2.2)");
    /* CVE-2024-27982's family: other parsers stop at NUL or take controls for blanks. */
    return refuse_at(parser, at, "control byte in a field value (RFC 9110 5.5)");
}

static bool is_crlf(const char *at, const char *end)
{
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static enum parse_result refuse_size(struct http_parser *parser, const char *name, bool is_long)
{
    parser->suspect = name;
    return http_refuse(parser, 431, END_HEAD_TOO_LARGE,
                       is_long ? "a field is too long (RFC 6585 5)"
                               : "too many fields (RFC 6585 5)");
}

/* value  with the blanks behind it */
static inline enum parse_result keep_field(struct http_parser *parser, struct slice name,
                                           struct slice value)
{
    const struct http_limits *limits = parser->limits;
    unsigned n = parser->n_raw;
    bool is_long = name.len + value.len > limits->field_bytes;
    if (is_long || n >= limits->fields)
        return refuse_size(parser, name.ptr, is_long);
    if (n == parser->raw_room && !raw_make_room(parser))
        return PARSE_REFUSED;
    while (value.len != 0 && is_blank(value.ptr[value.len - 1]))
        value.len--;
    enum known_field known = http_known_field(name);
    struct raw_field *raw = &parser->raw[n];
    raw->name = (unsigned)(name.ptr - parser->base);
    raw->name_len = (unsigned)name.len;
    raw->value = (unsigned)(value.ptr - parser->base);
    raw->value_len = (unsigned)value.len;
    raw->known = (unsigned char)known;
    if (known == KNOWN_TRANSFER_ENCODING)
        parser->has_transfer = true;
    parser->n_raw = n + 1;
    return PARSE_HEAD;
}

/* The empty line at `line`. */
static enum parse_result scan_end(struct http_parser *parser, const char *line, const char *end)
{
    if (!is_crlf(line, end))
        return odd_end(parser, line, end);
    parser->fed = (size_t)(line + 2 - parser->base);
    return PARSE_HEAD;
}

enum parse_result strict_scan_fields(struct http_parser *parser, struct slice bytes)
{
    const char *line = bytes.ptr + parser->fed;
    const char *end = bytes.ptr + bytes.len;
    while (line < end) {
        parser->fed = (size_t)(line - bytes.ptr);
        const char *colon = line + bytes_token_run(line, end);
        if (colon == line && (*line == '\r' || *line == '\n'))
            return scan_end(parser, line, end);
        if (colon == end || colon == line || *colon != ':')
            return odd_name(parser, line, colon, end);
        const char *value = colon + 1;
        while (value < end && is_blank(*value))
            value++;
        const char *line_end = value + bytes_text_run(value, end);
        if (!is_crlf(line_end, end))
            return odd_end(parser, line_end, end);
        enum parse_result result = keep_field(parser, slice_make(line, (size_t)(colon - line)),
                                              slice_make(value, (size_t)(line_end - value)));
        if (result != PARSE_HEAD)
            return result;
        line = line_end + 2;
    }
    parser->fed = (size_t)(line - bytes.ptr);
    return PARSE_MORE;
}
