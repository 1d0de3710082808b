/* Appends to one log line in place. Private to proxy/log.
 *
 * A line begins with room for LIMIT_LOG_LINE_BYTES; every text has its own maximum, and each kind
 * of record proves by a static assertion that its maxima fit together. So a line is never cut,
 * only the texts in it are, and the asserts here can only find our own mistakes. */
#pragma once

#include "proxy_limits.h"

#include "stopgap/slice.h"

#include <assert.h>

/* What a text that was cut ends in; part of its maximum. */
#define LINE_CUT_MARK "..."

enum { LINE_TIME_BYTES = 27, LINE_U64_BYTES = 20 };

struct line {
    char *next;
    char *end;
};

/* The date of the second that was formatted last; all-zero is valid. */
struct line_clock {
    uint64_t second;
    char text[20]; /* "2026-01-31T12:34:56." */
    bool is_set;
};

static inline void line_bytes(struct line *line, struct slice bytes)
{
    assert((size_t)(line->end - line->next) >= bytes.len);
    if (bytes.len != 0)
        memcpy(line->next, bytes.ptr, bytes.len);
    line->next += bytes.len;
}

void line_digits(struct line *line, uint64_t value);
/* A quoted JSON string, max bytes at most between the quotes. */
void line_quoted(struct line *line, struct slice text, size_t max);
/* RFC 3339 in UTC with microseconds, without quotes. */
void line_time(struct line *line, struct line_clock *clock, uint64_t wall_us);

/* key is everything before the value, such as ,"status": and a literal, so that the compiler
 * knows its length: half of the bytes of a line are keys. */
static inline void line_u64(struct line *line, struct slice key, uint64_t value)
{
    line_bytes(line, key);
    line_digits(line, value);
}

/* Nothing when text is empty. */
static inline void line_text(struct line *line, struct slice key, struct slice text, size_t max)
{
    if (text.len == 0)
        return;
    line_bytes(line, key);
    line_quoted(line, text, max);
}

/* As log_escape_json; ret_used says how many bytes of text were taken. */
size_t line_escape(struct slice text, char *out, size_t max, size_t *ret_used);
