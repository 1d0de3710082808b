/* Names and values out of queries, forms and Cookie fields, as ASP.NET takes them apart. */
#include "args.h"

#include "decode.h"
#include "split.h"

#include "stopgap/limits.h"

#include "stopgap/banned.h"

/* ---- queries and forms */

bool args_split(struct slice text, enum args_split split, size_t max, struct arena *arena,
                struct arg_list *ret_list)
{
    const struct split cut = {.separator = '&', .other = split == SPLIT_QUESTION ? '?' : '&'};
    struct split_list list = {.max = max};
    bool is_split = split_pairs(text, &cut, arena, &list);
    *ret_list = (struct arg_list){list.items, list.n, list.is_truncated};
    return is_split;
}

/* Decodes the parts of one text in order; parts without an escape or "+" stay where they are. */
struct part_decoder {
    struct slice text;
    size_t next; /* position of the next escape or "+" not before the last part */
    char *out;
};

static struct slice decode_part(struct part_decoder *decoder, struct slice part)
{
    struct slice text = decoder->text;
    size_t start = (size_t)(part.ptr - text.ptr);
    if (decoder->next < start)
        decoder->next = start;
    while (decoder->next < text.len && text.ptr[decoder->next] != '%' &&
           text.ptr[decoder->next] != '+')
        decoder->next++;
    if (decoder->next >= start + part.len)
        return part;
    uint32_t ignored = 0;
    size_t len = decode_escapes(part, decoder->out, PLUS_IS_BLANK, &ignored);
    struct slice decoded = slice_make(decoder->out, len);
    decoder->out += len;
    return decoded;
}

bool args_decode(struct slice text, const struct arg_list *raw, struct arena *arena,
                 struct arg_list *ret_list)
{
    struct named_value *items = arena_alloc(arena, raw->n * sizeof(*items));
    struct part_decoder decoder = {.text = text, .out = arena_alloc(arena, text.len)};
    if (items == NULL || decoder.out == NULL)
        return false;
    for (size_t i = 0; i < raw->n; i++) {
        items[i].name = decode_part(&decoder, raw->items[i].name);
        items[i].value = decode_part(&decoder, raw->items[i].value);
    }
    *ret_list = (struct arg_list){items, raw->n, raw->is_truncated};
    return true;
}

bool args_stable(struct slice text, size_t max, struct arena *arena, struct arg_list *ret_list)
{
    struct slice decoded;
    return decode_until_stable(text, PLUS_IS_BLANK, arena, &decoded) &&
           args_split(decoded, SPLIT_QUESTION, max, arena, ret_list);
}

bool args_equal(const struct arg_list *a, const struct arg_list *b)
{
    if (a->n != b->n)
        return false;
    if (a->items == b->items)
        return true;
    for (size_t i = 0; i < a->n; i++)
        if (!slice_equal(a->items[i].name, b->items[i].name) ||
            !slice_equal(a->items[i].value, b->items[i].value))
            return false;
    return true;
}

/* ---- cookies */

static bool is_cookie_field(const struct header_field *field)
{
    return field->name.len == 6 && ascii_lower(field->name.ptr[0]) == 'c' &&
           slice_equal_nocase(field->name, SLICE("Cookie"));
}

bool cookies_split(const struct request_head *head, struct arena *arena, struct arg_list *ret_list)
{
    struct split_list list = {.max = LIMIT_COOKIES};
    bool is_split = true;
    for (size_t i = 0; i < head->n_fields && is_split && !list.is_truncated; i++)
        if (is_cookie_field(&head->fields[i]))
            is_split = split_cookies(head->fields[i].value, arena, &list);
    *ret_list = (struct arg_list){list.items, list.n, list.is_truncated};
    return is_split;
}
