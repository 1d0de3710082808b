/* The line in front of each chunk, RFC 9112 7.1: a size, and extensions that mean nothing behind
 * this hop. llhttp 8.1 refuses what is legal there ("5;a=b;c=d"), so it is shown the size and the
 * end of the line only; the extensions are checked here, byte by byte, and dropped. */
#pragma once

#include "stopgap/slice.h"

enum chunk_line {
    CHUNK_LINE_NONE = 0, /* not in such a line, or in the last bytes of one: llhttp's bytes */
    CHUNK_LINE_SIZE,     /* llhttp's, too, up to the extensions */
    CHUNK_LINE_BEFORE,   /* blanks; a ";" must come */
    CHUNK_LINE_NAME_START,
    CHUNK_LINE_NAME,
    CHUNK_LINE_NAME_END, /* blanks; a "=" or ";" must come */
    CHUNK_LINE_VALUE_START,
    CHUNK_LINE_TOKEN,
    CHUNK_LINE_QUOTED,
    CHUNK_LINE_ESCAPED,
    CHUNK_LINE_VALUE_END, /* behind the closing quote */
    CHUNK_LINE_BAD,
};

/* Bytes at the start of text that llhttp may see: up to the first byte of an extension, when *line
 * is CHUNK_LINE_SIZE. Moves *line on. */
size_t chunk_line_size(enum chunk_line *line, struct slice text);
/* Bytes at the start of text that belong to extensions. *line becomes CHUNK_LINE_NONE in front of
 * the CR that ends them, CHUNK_LINE_BAD at a byte that the grammar does not have. */
size_t chunk_line_extensions(enum chunk_line *line, struct slice text);
