/* UTF-16 to UTF-8. */
#include "body/text.h"

#include "view/decode.h"

#include "stopgap/banned.h"

enum order { ORDER_NONE = 0, ORDER_LITTLE, ORDER_BIG };

static bool is_start(unsigned char byte)
{
    return byte != 0 && strchr(" \t\r\n<{[\"'-", byte) != NULL;
}

static enum order order_of(struct slice text, size_t *ret_start)
{
    *ret_start = 0;
    if (text.len < 2)
        return ORDER_NONE;
    unsigned char first = (unsigned char)text.ptr[0];
    unsigned char second = (unsigned char)text.ptr[1];
    bool has_mark = (first == 0xFF && second == 0xFE) || (first == 0xFE && second == 0xFF);
    if (has_mark)
        *ret_start = 2;
    if (has_mark)
        return first == 0xFF ? ORDER_LITTLE : ORDER_BIG;
    if (is_start(first) && second == 0)
        return ORDER_LITTLE;
    return first == 0 && is_start(second) ? ORDER_BIG : ORDER_NONE;
}

static uint32_t unit_at(struct slice text, size_t at, enum order order)
{
    uint32_t first = (unsigned char)text.ptr[at];
    uint32_t second = (unsigned char)text.ptr[at + 1];
    return order == ORDER_LITTLE ? second << 8 | first : first << 8 | second;
}

bool body_text_utf8(struct slice text, struct arena *arena, struct slice *ret_text)
{
    enum { REPLACEMENT = 0xFFFD };
    size_t at;
    enum order order = order_of(text, &at);
    *ret_text = slice_from(text, slice_starts_with(text, SLICE("\xEF\xBB\xBF")) ? 3 : 0);
    if (order == ORDER_NONE)
        return true;
    char *out = arena_alloc(arena, text.len / 2 * 3 + 1); /* three bytes for each unit */
    if (out == NULL)
        return false;
    size_t len = 0;
    while (text.len - at >= 2) {
        uint32_t point = unit_at(text, at, order);
        at += 2;
        if (point >= 0xD800 && point < 0xDC00 && text.len - at >= 2) {
            uint32_t low = unit_at(text, at, order);
            bool is_pair = low >= 0xDC00 && low < 0xE000;
            at += is_pair ? 2 : 0;
            point = is_pair ? 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00) : REPLACEMENT;
        } else if (point >= 0xD800 && point < 0xE000) {
            point = REPLACEMENT;
        }
        len += decode_put_utf8(out + len, point);
    }
    *ret_text = slice_make(out, len);
    return true;
}
