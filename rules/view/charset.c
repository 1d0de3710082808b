/* Bytes of a decoded path to characters: UTF-8, else Windows-1252, and best-fit folding. */
#include "charset.h"

#include "decode.h"
#include "view.h"

#include "stopgap/banned.h"

enum { REPLACEMENT = 0xFFFD };

enum utf8_kind {
    UTF8_VALID = 0,
    UTF8_OVERLONG,
    UTF8_SURROGATE,
    UTF8_INVALID,
};

struct utf8_char {
    enum utf8_kind kind;
    size_t len;
    uint32_t point;
};

/* What Windows-1252 makes of 0x80..0x9F; the five unassigned bytes are C1 controls. */
static const uint16_t windows_1252[32] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
};

struct fold {
    uint16_t point;
    char ascii;
};

/* Characters that conversions to an ANSI code page or compatibility normalisation turn into one
 * that is special in a path. The full-width block is computed. Letters with accents are left
 * out: they are everyday names of people. Sorted by code point. */
static const struct fold folds[] = {
    {0x00A5, '\\'},                                                /* yen sign, code page 932 */
    {0x066A, '%'},  {0x2024, '.'},  {0x2044, '/'}, {0x20A9, '\\'}, /* won sign, code page 949 */
    {0x2215, '/'},  {0x2216, '\\'}, {0x2236, ':'}, {0x2571, '/'},  {0x29F5, '\\'}, {0x29F8, '/'},
    {0x29F9, '\\'}, {0x3000, ' '},  {0x3002, '.'}, {0xFE52, '.'},  {0xFE55, ':'},  {0xFE56, '?'},
    {0xFE68, '\\'}, {0xFE6A, '%'},  {0xFE6B, '@'}, {0xFF61, '.'},
};

static uint32_t fold_point(uint32_t point)
{
    if (point >= 0xFF01 && point <= 0xFF5E)
        return point - 0xFEE0;
    for (size_t i = 0; i < sizeof(folds) / sizeof(folds[0]) && folds[i].point <= point; i++)
        if (folds[i].point == point)
            return (uint32_t)(unsigned char)folds[i].ascii;
    return point;
}

/* Bytes of a form by its first byte; 1 for what cannot begin one. The forms of five and six
 * bytes left UTF-8 long ago, but old decoders still take them. */
static size_t utf8_length(unsigned char first)
{
    if (first < 0xC0)
        return 1;
    if (first < 0xE0)
        return 2;
    if (first < 0xF0)
        return 3;
    if (first < 0xF8)
        return 4;
    if (first < 0xFC)
        return 5;
    return first < 0xFE ? 6 : 1;
}

static enum utf8_kind utf8_judge(uint32_t point, size_t len)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000, 0x110000, 0x110000};
    if (point < smallest[len])
        return UTF8_OVERLONG;
    if (point > 0x10FFFF)
        return UTF8_INVALID;
    return point >= 0xD800 && point <= 0xDFFF ? UTF8_SURROGATE : UTF8_VALID;
}

/* The form that begins with the non-ASCII byte in[at]. */
static struct utf8_char utf8_read(struct slice in, size_t at)
{
    struct utf8_char invalid = {.kind = UTF8_INVALID, .len = 1};
    unsigned char first = (unsigned char)in.ptr[at];
    size_t len = utf8_length(first);
    if (len == 1 || len > in.len - at)
        return invalid;
    uint32_t point = first & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        unsigned char next = (unsigned char)in.ptr[at + i];
        if ((next & 0xC0) != 0x80)
            return invalid;
        point = point << 6 | (next & 0x3F);
    }
    struct utf8_char found = {.kind = utf8_judge(point, len), .len = len, .point = point};
    return found.kind == UTF8_INVALID ? invalid : found;
}

static uint32_t ansi_point(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte >= 0x80 && byte < 0xA0 ? windows_1252[byte - 0x80] : byte;
}

/* What the non-ASCII form at in[at] means in this mode. */
static struct utf8_char read_char(struct slice in, size_t at, enum charset_mode mode,
                                  uint32_t *ret_anomalies)
{
    struct utf8_char found = utf8_read(in, at);
    if (found.kind != UTF8_VALID)
        *ret_anomalies |= ANOMALY_INVALID_UTF8;
    if (found.kind == UTF8_OVERLONG || found.kind == UTF8_SURROGATE)
        *ret_anomalies |= ANOMALY_OVERLONG_UTF8;

    if (found.kind == UTF8_INVALID || (found.kind != UTF8_VALID && mode == CHARSET_STRICT)) {
        found.len = 1;
        found.point = ansi_point(in.ptr[at]);
    } else if (found.kind == UTF8_SURROGATE) {
        found.point = REPLACEMENT;
    }
    /* http.sys refuses C1 controls as it refuses the C0 ones. */
    if (found.kind == UTF8_VALID && found.point >= 0x80 && found.point < 0xA0)
        *ret_anomalies |= ANOMALY_ENCODED_CONTROL;
    if (mode == CHARSET_FOLD) {
        uint32_t folded = fold_point(found.point);
        if (folded != found.point)
            *ret_anomalies |= ANOMALY_BEST_FIT;
        found.point = folded;
    }
    return found;
}

bool charset_repair(char **text, size_t *len, enum charset_mode mode, struct arena *arena,
                    uint32_t *ret_anomalies)
{
    struct slice in = slice_make(*text, *len);
    size_t n_high = 0;
    for (size_t i = 0; i < in.len; i++)
        n_high += (unsigned char)in.ptr[i] >> 7;
    if (n_high == 0)
        return true;
    /* One byte of Windows-1252 becomes three at most. */
    char *out = arena_alloc(arena, in.len + 2 * n_high);
    if (out == NULL)
        return false;
    size_t written = 0;
    for (size_t read = 0; read < in.len;) {
        if ((unsigned char)in.ptr[read] < 0x80) {
            out[written++] = in.ptr[read++];
            continue;
        }
        struct utf8_char found = read_char(in, read, mode, ret_anomalies);
        written += decode_put_utf8(out + written, found.point);
        read += found.len;
    }
    if (!slice_equal(in, slice_make(out, written))) {
        *text = out;
        *len = written;
    }
    return true;
}
