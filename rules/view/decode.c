/* URL escapes: %XX is one byte, %uXXXX one UTF-16 unit, as http.sys and ASP.NET take them. */
#include "decode.h"

#include "stopgap/limits.h"
#include "view.h"

#include "stopgap/banned.h"

enum { NOT_HEX = 0xFF, REPLACEMENT = 0xFFFD };

static unsigned hex_value(char c)
{
    unsigned digit = (unsigned)(unsigned char)c - '0';
    if (digit < 10)
        return digit;
    unsigned letter = ((unsigned)(unsigned char)c | 0x20u) - 'a';
    return letter < 6 ? letter + 10 : NOT_HEX;
}

/* n_digits hex digits at ptr, or UINT32_MAX. */
static uint32_t hex_number(const char *ptr, size_t n_digits)
{
    uint32_t number = 0;
    for (size_t i = 0; i < n_digits; i++) {
        unsigned digit = hex_value(ptr[i]);
        if (digit == NOT_HEX)
            return UINT32_MAX;
        number = number << 4 | digit;
    }
    return number;
}

size_t decode_read_escape(struct slice in, size_t at, uint32_t *ret_point)
{
    const char *ptr = in.ptr + at;
    size_t left = in.len - at;
    if (left < 3 || ptr[0] != '%')
        return 0;
    bool is_unit = ptr[1] == 'u' || ptr[1] == 'U';
    size_t len = is_unit ? 6 : 3;
    if (left < len)
        return 0;
    uint32_t point = is_unit ? hex_number(ptr + 2, 4) : hex_number(ptr + 1, 2);
    if (point == UINT32_MAX)
        return 0;
    *ret_point = point;
    return len;
}

size_t decode_put_utf8(char *out, uint32_t point)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

/* The code point of the UTF-16 unit at in[at]; *len grows when it takes a second unit. */
static uint32_t join_surrogates(struct slice in, size_t at, uint32_t unit, size_t *len)
{
    if (unit < 0xD800 || unit > 0xDFFF)
        return unit;
    uint32_t low = 0;
    size_t low_len = at + *len < in.len ? decode_read_escape(in, at + *len, &low) : 0;
    if (unit > 0xDBFF || low_len != 6 || low < 0xDC00 || low > 0xDFFF)
        return REPLACEMENT;
    *len += low_len;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

static uint32_t anomalies_of(uint32_t point, size_t len)
{
    uint32_t bits = len > 3 ? ANOMALY_PERCENT_U : 0;
    if (point == '/')
        bits |= ANOMALY_ENCODED_SLASH;
    if (point == '\\')
        bits |= ANOMALY_BACKSLASH;
    if (len > 3 && point == REPLACEMENT)
        bits |= ANOMALY_OVERLONG_UTF8;
    return bits;
}

/* Resolve the "%" at in[at], write what it means and return how much of in it took. */
static size_t decode_one(struct slice in, size_t at, char *out, size_t *ret_written,
                         uint32_t *ret_anomalies)
{
    uint32_t point;
    size_t len = decode_read_escape(in, at, &point);
    if (len == 0) {
        *ret_anomalies |= ANOMALY_BAD_ESCAPE;
        *out = '%';
        *ret_written = 1;
        return 1;
    }
    if (len == 3) {
        /* One byte, perhaps of a longer UTF-8 form: its neighbours are not known here. */
        *out = (char)point;
        *ret_written = 1;
    } else {
        point = join_surrogates(in, at, point, &len);
        *ret_written = decode_put_utf8(out, point);
    }
    *ret_anomalies |= anomalies_of(point, len);
    return len;
}

static void copy_run(const char *from, size_t len, char *to, enum decode_plus plus)
{
    if (to != from && len != 0)
        memmove(to, from, len);
    if (plus == PLUS_IS_PLUS || len == 0)
        return;
    char *end = to + len;
    for (char *hit = to; (hit = memchr(hit, '+', (size_t)(end - hit))) != NULL;)
        *hit = ' ';
}

size_t decode_escapes(struct slice in, char *out, enum decode_plus plus, uint32_t *ret_anomalies)
{
    size_t read = 0;
    size_t written = 0;
    while (read < in.len) {
        size_t run = slice_find(slice_from(in, read), '%');
        if (run == SIZE_MAX)
            run = in.len - read;
        copy_run(in.ptr + read, run, out + written, plus);
        read += run;
        written += run;
        if (read == in.len)
            break;
        size_t n;
        read += decode_one(in, read, out + written, &n, ret_anomalies);
        written += n;
    }
    return written;
}

bool decode_has_escape(struct slice in)
{
    uint32_t point;
    size_t at = 0;
    while (at < in.len) {
        size_t skip = slice_find(slice_from(in, at), '%');
        if (skip == SIZE_MAX)
            return false;
        if (decode_read_escape(in, at + skip, &point) != 0)
            return true;
        at += skip + 1;
    }
    return false;
}

bool decode_until_stable(struct slice in, enum decode_plus plus, struct arena *arena,
                         struct slice *ret_out)
{
    bool has_plus = plus == PLUS_IS_BLANK && slice_find(in, '+') != SIZE_MAX;
    if (!has_plus && !decode_has_escape(in)) {
        *ret_out = in;
        return true;
    }
    char *out = arena_alloc(arena, in.len);
    if (out == NULL)
        return false;
    uint32_t ignored = 0;
    size_t len = decode_escapes(in, out, plus, &ignored);
    size_t before = in.len;
    /* Every resolved escape shrinks the text, so an equal length means that nothing changed. */
    for (int round = 1; round < LIMIT_DECODE_ROUNDS && len != before; round++) {
        before = len;
        len = decode_escapes(slice_make(out, len), out, PLUS_IS_PLUS, &ignored);
    }
    *ret_out = slice_make(out, len);
    return true;
}
