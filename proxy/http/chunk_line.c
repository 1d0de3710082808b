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

enum byte_class {
    BYTE_OTHER = 0, /* a control byte */
    BYTE_BLANK,
    BYTE_SEMICOLON,
    BYTE_EQUALS,
    BYTE_QUOTE,
    BYTE_BACKSLASH,
    BYTE_CR,
    BYTE_TOKEN,
    BYTE_TEXT, /* what else may stand in quotes */
    BYTE_CLASS_COUNT,
};

static enum byte_class class_of(char c)
{
    switch (c) {
    case ' ':
    case '\t':
        return BYTE_BLANK;
    case ';':
        return BYTE_SEMICOLON;
    case '=':
        return BYTE_EQUALS;
    case '"':
        return BYTE_QUOTE;
    case '\\':
        return BYTE_BACKSLASH;
    case '\r':
        return BYTE_CR;
    default:
        break;
    }
    struct slice byte = slice_make(&c, 1);
    if (bytes_are_token(byte))
        return BYTE_TOKEN;
    return bytes_are_text(byte) ? BYTE_TEXT : BYTE_OTHER;
}

/* Where a byte leads; what is not listed is not in the grammar. The CR stands in next_state. */
static const unsigned char next_states[CHUNK_LINE_BAD][BYTE_CLASS_COUNT] = {
    [CHUNK_LINE_BEFORE] =
        {[BYTE_BLANK] = CHUNK_LINE_BEFORE, [BYTE_SEMICOLON] = CHUNK_LINE_NAME_START},
    [CHUNK_LINE_NAME_START] =
        {[BYTE_BLANK] = CHUNK_LINE_NAME_START, [BYTE_TOKEN] = CHUNK_LINE_NAME},
    [CHUNK_LINE_NAME] = {[BYTE_TOKEN] = CHUNK_LINE_NAME,
                         [BYTE_BLANK] = CHUNK_LINE_NAME_END,
                         [BYTE_EQUALS] = CHUNK_LINE_VALUE_START,
                         [BYTE_SEMICOLON] = CHUNK_LINE_NAME_START},
    [CHUNK_LINE_NAME_END] = {[BYTE_BLANK] = CHUNK_LINE_NAME_END,
                             [BYTE_EQUALS] = CHUNK_LINE_VALUE_START,
                             [BYTE_SEMICOLON] = CHUNK_LINE_NAME_START},
    [CHUNK_LINE_VALUE_START] = {[BYTE_BLANK] = CHUNK_LINE_VALUE_START,
                                [BYTE_TOKEN] = CHUNK_LINE_TOKEN,
                                [BYTE_QUOTE] = CHUNK_LINE_QUOTED},
    [CHUNK_LINE_TOKEN] = {[BYTE_TOKEN] = CHUNK_LINE_TOKEN,
                          [BYTE_BLANK] = CHUNK_LINE_BEFORE,
                          [BYTE_SEMICOLON] = CHUNK_LINE_NAME_START},
    [CHUNK_LINE_QUOTED] = {[BYTE_BLANK] = CHUNK_LINE_QUOTED,
                           [BYTE_SEMICOLON] = CHUNK_LINE_QUOTED,
                           [BYTE_EQUALS] = CHUNK_LINE_QUOTED,
                           [BYTE_TOKEN] = CHUNK_LINE_QUOTED,
                           [BYTE_TEXT] = CHUNK_LINE_QUOTED,
                           [BYTE_BACKSLASH] = CHUNK_LINE_ESCAPED,
                           [BYTE_QUOTE] = CHUNK_LINE_VALUE_END},
    [CHUNK_LINE_ESCAPED] = {[BYTE_BLANK] = CHUNK_LINE_QUOTED,
                            [BYTE_SEMICOLON] = CHUNK_LINE_QUOTED,
                            [BYTE_EQUALS] = CHUNK_LINE_QUOTED,
                            [BYTE_TOKEN] = CHUNK_LINE_QUOTED,
                            [BYTE_TEXT] = CHUNK_LINE_QUOTED,
                            [BYTE_BACKSLASH] = CHUNK_LINE_QUOTED,
                            [BYTE_QUOTE] = CHUNK_LINE_QUOTED},
    [CHUNK_LINE_VALUE_END] =
        {[BYTE_BLANK] = CHUNK_LINE_BEFORE, [BYTE_SEMICOLON] = CHUNK_LINE_NAME_START},
};

static enum chunk_line next_state(enum chunk_line line, char c)
{
    enum byte_class class = class_of(c);
    bool may_end =
        line == CHUNK_LINE_NAME || line == CHUNK_LINE_TOKEN || line == CHUNK_LINE_VALUE_END;
    if (class == BYTE_CR)
        return may_end ? CHUNK_LINE_NONE : CHUNK_LINE_BAD;
    unsigned char next = next_states[line][class];
    return next != 0 ? (enum chunk_line)next : CHUNK_LINE_BAD;
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
