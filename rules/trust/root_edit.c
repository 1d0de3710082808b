/* Editing the lines of a root. */
#include "root_edit.h"

#include "utc.h"

#include "stopgap/banned.h"

static struct slice first_word(struct slice line)
{
    return slice_head(line, slice_find(line, ' '));
}

static bool begins_with(struct slice line, struct slice words)
{
    return slice_starts_with(line, words) && (line.len == words.len || line.ptr[words.len] == ' ');
}

/* Cut the next line off *rest; it lies in the text, with its line feed behind it. */
static bool next_line(struct slice *rest, struct slice *ret_line)
{
    if (rest->len == 0)
        return false;
    size_t at = slice_find(*rest, '\n');
    *ret_line = slice_head(*rest, at);
    *rest = slice_from(*rest, at == SIZE_MAX ? rest->len : at + 1);
    return true;
}

/* Where a line of this field goes: before the first line of a later one. */
static size_t find_place(const struct buf *text, size_t field)
{
    struct slice rest = buf_slice(text);
    struct slice line;
    while (next_line(&rest, &line)) {
        size_t other = root_find_field(first_word(line));
        if (other != SIZE_MAX && other > field)
            return (size_t)(line.ptr - text->ptr);
    }
    return text->len;
}

bool root_edit_add(struct buf *text, const char *line)
{
    size_t len = strlen(line);
    size_t field = root_find_field(first_word(slice_str(line)));
    if (field == SIZE_MAX || !buf_reserve(text, len + 1))
        return false;
    size_t at = find_place(text, field);
    memmove(text->ptr + at + len + 1, text->ptr + at, text->len - at);
    memcpy(text->ptr + at, line, len);
    text->ptr[at + len] = '\n';
    text->len += len + 1;
    return true;
}

size_t root_edit_drop(struct buf *text, const char *words)
{
    size_t n = 0;
    size_t kept = 0;
    struct slice rest = buf_slice(text);
    struct slice line;
    while (next_line(&rest, &line)) {
        if (begins_with(line, slice_str(words))) {
            n++;
            continue;
        }
        size_t len = line.len + (line.ptr + line.len < text->ptr + text->len);
        memmove(text->ptr + kept, line.ptr, len);
        kept += len;
    }
    text->len = kept;
    return n;
}

bool root_edit_set(struct buf *text, const char *words, const char *line)
{
    (void)root_edit_drop(text, words);
    return root_edit_add(text, line);
}

static bool find_line(struct slice text, struct slice words, struct slice *ret_line)
{
    while (next_line(&text, ret_line))
        if (begins_with(*ret_line, words))
            return true;
    return false;
}

bool root_edit_dates(struct buf *text, const char *id, int64_t sunset, int64_t end)
{
    char words[TEXT_HASH_CHARS + 8];
    char sunset_date[UTC_DATE_CHARS + 1];
    char end_date[UTC_DATE_CHARS + 1];
    struct slice line;
    (void)snprintf(words, sizeof(words), "key %s", id);
    if (!find_line(buf_slice(text), slice_str(words), &line))
        return false;
    utc_format_date(sunset, sunset_date);
    utc_format_date(end, end_date);
    /* "key ID ALGORITHM ROLES FROM SUNSET END BASE64"; the dates have one length. */
    char *at = text->ptr + (line.ptr - text->ptr);
    size_t left = line.len;
    for (int word = 0; word < 5; word++) {
        size_t space = slice_find(slice_make(at, left), ' ');
        if (space == SIZE_MAX)
            return false;
        at += space + 1;
        left -= space + 1;
    }
    if (left < 2 * ((size_t)UTC_DATE_CHARS + 1))
        return false;
    memcpy(at, sunset_date, UTC_DATE_CHARS);
    memcpy(at + UTC_DATE_CHARS + 1, end_date, UTC_DATE_CHARS);
    return true;
}

static bool has_line(struct slice text, struct slice wanted)
{
    struct slice line;
    while (next_line(&text, &line))
        if (slice_equal(line, wanted))
            return true;
    return false;
}

static void compare_field(struct slice from, struct slice to, size_t field, bool is_new,
                          root_edit_line_cb on_line, void *ctx)
{
    struct slice line;
    struct slice rest = from;
    while (next_line(&rest, &line))
        if (root_find_field(first_word(line)) == field && !has_line(to, line))
            on_line(ctx, is_new, line);
}

void root_edit_compare(struct slice old, struct slice next, root_edit_line_cb on_line, void *ctx)
{
    for (size_t field = 0; field < root_n_fields(); field++) {
        compare_field(old, next, field, false, on_line, ctx);
        compare_field(next, old, field, true, on_line, ctx);
    }
}
