/* Traffic as lines of text: raw requests, and the Combined log format of web servers. */
#include "traffic/traffic.h"

#include "stopgap/banned.h"

/* Cut a line off the front, with CRLF or LF; false at the end. */
static bool next_line(struct slice *text, struct slice *ret_line)
{
    if (text->len == 0)
        return false;
    size_t end = slice_find(*text, '\n');
    *ret_line = slice_head(*text, end);
    *text = slice_from(*text, end == SIZE_MAX ? text->len : end + 1);
    if (ret_line->len != 0 && ret_line->ptr[ret_line->len - 1] == '\r')
        ret_line->len--;
    return true;
}

/* "METHOD TARGET HTTP/1.x" */
static bool split_request_line(struct slice line, struct traffic_parts *parts)
{
    size_t first = slice_find(line, ' ');
    struct slice rest = slice_from(line, first == SIZE_MAX ? line.len : first + 1);
    size_t second = slice_find(rest, ' ');
    parts->method = slice_head(line, first);
    parts->target = slice_head(rest, second);
    return parts->method.len != 0 && parts->target.len != 0 && second != SIZE_MAX &&
           slice_starts_with(slice_from(rest, second + 1), SLICE("HTTP/"));
}

/* ---- raw requests */

/* Up to the empty line; *ret_length is the Content-Length, 0 without. */
static void read_fields(struct slice *text, struct header_field fields[TRAFFIC_MAX_FIELDS],
                        size_t *ret_n, uint64_t *ret_length)
{
    struct slice line;
    *ret_n = 0;
    *ret_length = 0;
    while (next_line(text, &line) && line.len != 0) {
        size_t colon = slice_find(line, ':');
        if (colon == SIZE_MAX || *ret_n == TRAFFIC_MAX_FIELDS)
            continue;
        struct header_field field = {.name = slice_head(line, colon),
                                     .value = slice_trim(slice_from(line, colon + 1))};
        if (slice_equal_nocase(field.name, SLICE("Content-Length")) &&
            !slice_to_u64(field.value, ret_length))
            *ret_length = 0;
        fields[(*ret_n)++] = field;
    }
}

bool traffic_parse_raw(struct traffic *traffic, struct slice text, struct err *err)
{
    struct header_field fields[TRAFFIC_MAX_FIELDS];
    struct slice line;
    while (next_line(&text, &line)) {
        struct traffic_parts parts = {.fields = fields};
        uint64_t length;
        if (line.len == 0)
            continue; /* between requests */
        if (!split_request_line(line, &parts)) {
            traffic->n_skipped++;
            continue;
        }
        read_fields(&text, fields, &parts.n_fields, &length);
        parts.body = slice_head(text, length < text.len ? (size_t)length : text.len);
        text = slice_from(text, parts.body.len);
        if (!traffic_add(traffic, &parts, err))
            return false;
    }
    return true;
}

/* ---- the Combined log format */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The next "..." of line, with \" \\ and \xHH resolved in place of the memory that line is in a
 * copy of. False when there is none. */
static bool next_quoted(struct slice *line, char *out, struct slice *ret_text)
{
    size_t quote = slice_find(*line, '"');
    size_t n = 0;
    if (quote == SIZE_MAX)
        return false;
    struct slice rest = slice_from(*line, quote + 1);
    size_t at = 0;
    for (; at < rest.len && rest.ptr[at] != '"'; at++) {
        char c = rest.ptr[at];
        bool is_hex = c == '\\' && at + 3 < rest.len && rest.ptr[at + 1] == 'x' &&
                      hex_digit(rest.ptr[at + 2]) >= 0 && hex_digit(rest.ptr[at + 3]) >= 0;
        if (is_hex) {
            c = (char)(hex_digit(rest.ptr[at + 2]) * 16 + hex_digit(rest.ptr[at + 3]));
            at += 3;
        } else if (c == '\\' && at + 1 < rest.len) {
            c = rest.ptr[++at];
        }
        out[n++] = c;
    }
    bool is_closed = at < rest.len;
    *line = slice_from(rest, at + 1);
    *ret_text = slice_make(out, n);
    return is_closed;
}

static bool is_given(struct slice text)
{
    return text.len != 0 && !slice_equal(text, SLICE("-"));
}

/* False: the line is none. memory has room for the line. */
static bool read_combined(struct slice line, char *memory, struct header_field fields[2],
                          struct traffic_parts *parts)
{
    static const char *const names[] = {"Referer", "User-Agent"};
    struct slice text;
    if (!next_quoted(&line, memory, &text) || !split_request_line(text, parts))
        return false;
    parts->fields = fields;
    for (size_t i = 0; i < 2; i++) {
        memory += text.len;
        if (!next_quoted(&line, memory, &text))
            break;
        if (is_given(text))
            fields[parts->n_fields++] =
                (struct header_field){.name = slice_str(names[i]), .value = text};
    }
    return true;
}

bool traffic_parse_combined(struct traffic *traffic, struct slice text, struct err *err)
{
    struct buf memory;
    struct slice line;
    bool is_good = true;
    buf_init(&memory, TRAFFIC_MAX_FILE_BYTES);
    while (is_good && next_line(&text, &line)) {
        struct header_field fields[2];
        struct traffic_parts parts = {.n_fields = 0};
        memory.len = 0;
        if (line.len == 0)
            continue;
        if (!buf_reserve(&memory, line.len))
            is_good = err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
        else if (read_combined(line, memory.ptr, fields, &parts))
            is_good = traffic_add(traffic, &parts, err);
        else
            traffic->n_skipped++;
    }
    buf_done(&memory);
    return is_good;
}
