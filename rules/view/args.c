/* Names and values out of queries, forms and Cookie fields, as ASP.NET takes them apart. */
#include "args.h"

#include "decode.h"

#include "stopgap/limits.h"

#include "stopgap/banned.h"

/* ---- queries and forms */

/* Position of the first separator in text, or its length. */
static size_t find_separator(struct slice text, enum args_split split)
{
    size_t end = slice_find(text, '&');
    if (end == SIZE_MAX)
        end = text.len;
    if (split == SPLIT_AMPERSAND)
        return end;
    size_t question = slice_find(slice_head(text, end), '?');
    return question == SIZE_MAX ? end : question;
}

/* How often c is in text. Eight bytes at a time: a loop over bytes took a third of args_split. */
static size_t count_byte(struct slice text, char c)
{
    const uint64_t low_bits = 0x7F7F7F7F7F7F7F7Full;
    const uint64_t wanted = 0x0101010101010101ull * (unsigned char)c;
    size_t n = 0;
    for (; text.len >= sizeof(uint64_t); text = slice_from(text, sizeof(uint64_t))) {
        uint64_t word;
        memcpy(&word, text.ptr, sizeof(word));
        word ^= wanted;
        /* The top bit of each byte that is zero now, and of no other. */
        uint64_t hits = ~(((word & low_bits) + low_bits) | word | low_bits);
        n += (size_t)__builtin_popcountll(hits);
    }
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == c;
    return n;
}

static size_t count_elements(struct slice text, enum args_split split, size_t max)
{
    size_t n = 1 + count_byte(text, '&');
    if (split == SPLIT_QUESTION)
        n += count_byte(text, '?');
    return n < max ? n : max;
}

static struct named_value name_value(struct slice element)
{
    size_t equals = slice_find(element, '=');
    if (equals == SIZE_MAX)
        return (struct named_value){element, slice_from(element, element.len)};
    return (struct named_value){slice_head(element, equals), slice_from(element, equals + 1)};
}

bool args_split(struct slice text, enum args_split split, size_t max, struct arena *arena,
                struct arg_list *ret_list)
{
    *ret_list = (struct arg_list){0};
    if (text.len == 0)
        return true;
    max = count_elements(text, split, max);
    struct named_value *items = arena_alloc(arena, max * sizeof(*items));
    if (items == NULL)
        return false;
    ret_list->items = items;
    while (text.len != 0) {
        size_t end = find_separator(text, split);
        struct slice element = slice_head(text, end);
        text = slice_from(text, end + 1);
        if (element.len == 0)
            continue;
        if (ret_list->n == max) {
            /* Empty elements cannot bring us here before the limit: each was counted. */
            ret_list->is_truncated = true;
            break;
        }
        items[ret_list->n++] = name_value(element);
    }
    return true;
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
    return field->name.len == 6 && slice_equal_nocase(field->name, SLICE("Cookie"));
}

/* ASP.NET trims a cookie with .NET's idea of white space, in which NBSP and NEL count: either
 * could hide a name from a rule. */
static struct slice trim_front(struct slice text)
{
    while (text.len != 0) {
        unsigned char first = (unsigned char)text.ptr[0];
        bool is_utf8 = first == 0xC2 && text.len > 1 &&
                       ((unsigned char)text.ptr[1] == 0xA0 || (unsigned char)text.ptr[1] == 0x85);
        bool is_blank = first == ' ' || (first >= '\t' && first <= '\r') || first == 0xA0 ||
                        first == 0x85 || is_utf8;
        if (!is_blank)
            break;
        text = slice_from(text, is_utf8 ? 2 : 1);
    }
    return text;
}

static size_t count_cookies(const struct request_head *head)
{
    size_t n = 0;
    for (size_t i = 0; i < head->n_fields; i++)
        if (is_cookie_field(&head->fields[i]))
            n += 1 + count_byte(head->fields[i].value, ';');
    return n < LIMIT_COOKIES ? n : LIMIT_COOKIES;
}

/* Add the cookies of one field; false when there are more than max. */
static bool add_cookies(struct slice rest, size_t max, struct named_value *items, size_t *n)
{
    struct slice element;
    while (slice_next(&rest, ';', &element)) {
        element = trim_front(element);
        if (element.len == 0)
            continue;
        if (*n == max)
            return false;
        struct named_value *cookie = &items[(*n)++];
        *cookie = name_value(element);
        cookie->name = slice_trim(cookie->name);
        cookie->value = slice_trim(cookie->value);
    }
    return true;
}

bool cookies_split(const struct request_head *head, struct arena *arena, struct arg_list *ret_list)
{
    *ret_list = (struct arg_list){0};
    size_t max = count_cookies(head);
    if (max == 0)
        return true;
    struct named_value *items = arena_alloc(arena, max * sizeof(*items));
    if (items == NULL)
        return false;
    ret_list->items = items;
    for (size_t i = 0; i < head->n_fields && !ret_list->is_truncated; i++)
        if (is_cookie_field(&head->fields[i]))
            ret_list->is_truncated = !add_cookies(head->fields[i].value, max, items, &ret_list->n);
    return true;
}
