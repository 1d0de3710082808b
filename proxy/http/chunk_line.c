/* chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), RFC 9112 7.1.1. */
#include "http/chunk_line.h"

#include "http/bytes.h"

#include "stopgap/banned.h"

size_t chunk_line_size(enum chunk_line *line, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ';' || c == ' ' || c == '\t') {
            *line = CHUNK_LINE_BEFORE;
            return i;
        }
        if (c == '\r' || c == '\n') {
            *line = CHUNK_LINE_NONE;
            return i;
        }
    }
    return text.len;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_token_byte(char c)
{
    return bytes_are_token(slice_make(&c, 1), &c + 1);
}

/* Behind a name or a value: the end of the line, the next extension, or a blank. */
static enum chunk_line after_part(char c, enum chunk_line blank)
{
    if (is_blank(c))
        return blank;
    if (c == ';')
        return CHUNK_LINE_NAME_START;
    return c == '\r' ? CHUNK_LINE_NONE : CHUNK_LINE_BAD;
}

static enum chunk_line next_state(enum chunk_line line, char c)
{
    bool is_token = is_token_byte(c);
    bool is_text = bytes_count_control(slice_make(&c, 1)) == 0;
    switch (line) {
    case CHUNK_LINE_BEFORE:
        return is_blank(c) ? line : c == ';' ? CHUNK_LINE_NAME_START : CHUNK_LINE_BAD;
    case CHUNK_LINE_NAME_START:
        return is_blank(c) ? line : is_token ? CHUNK_LINE_NAME : CHUNK_LINE_BAD;
    case CHUNK_LINE_NAME:
        if (is_token || c == '=')
            return is_token ? line : CHUNK_LINE_VALUE_START;
        return after_part(c, CHUNK_LINE_NAME_END);
    case CHUNK_LINE_NAME_END:
        if (c == '=')
            return CHUNK_LINE_VALUE_START;
        return c == '\r' ? CHUNK_LINE_BAD : after_part(c, line);
    case CHUNK_LINE_VALUE_START:
        if (is_blank(c))
            return line;
        return is_token ? CHUNK_LINE_TOKEN : c == '"' ? CHUNK_LINE_QUOTED : CHUNK_LINE_BAD;
    case CHUNK_LINE_TOKEN:
        return is_token ? line : after_part(c, CHUNK_LINE_BEFORE);
    case CHUNK_LINE_QUOTED:
        if (c == '"' || c == '\\')
            return c == '"' ? CHUNK_LINE_VALUE_END : CHUNK_LINE_ESCAPED;
        return is_text ? line : CHUNK_LINE_BAD;
    case CHUNK_LINE_ESCAPED:
        return is_text ? CHUNK_LINE_QUOTED : CHUNK_LINE_BAD;
    case CHUNK_LINE_VALUE_END:
        return after_part(c, CHUNK_LINE_BEFORE);
    case CHUNK_LINE_NONE:
    case CHUNK_LINE_SIZE:
    case CHUNK_LINE_BAD:
        break;
    }
    return CHUNK_LINE_BAD;
}

size_t chunk_line_extensions(enum chunk_line *line, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        *line = next_state(*line, text.ptr[i]);
        if (*line == CHUNK_LINE_NONE || *line == CHUNK_LINE_BAD)
            return i;
    }
    return text.len;
}
