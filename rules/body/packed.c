/* base64 without strictness, and the fragments inside. */
#include "body/packed.h"

#include "stopgap/banned.h"

/* MS-PSRP 2.2.4: object id (8), fragment id (8), start and end (1), length of what follows (4). */
enum { FRAGMENT_HEAD = 21, LENGTH_AT = 17 };
/* No server takes objects so large, and the bytes of a text make a larger number. */
enum { MAX_FRAGMENT_BYTES = 0x20000000 };

/* 0 to 63, or 64 for another character. */
static unsigned digit_of(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = memchr(alphabet, c, sizeof(alphabet) - 1);
    return at != NULL ? (unsigned)(at - alphabet) : 64;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool packed_decode(struct slice text, struct arena *arena, struct slice *ret_bytes)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    unsigned n_bits = 0;
    uint32_t bits = 0;
    if (out == NULL)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (is_blank(text.ptr[i]))
            continue;
        unsigned digit = digit_of(text.ptr[i]);
        if (digit > 63)
            break;
        bits = bits << 6 | digit;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        out[len++] = (char)(bits >> n_bits & 0xff);
    }
    *ret_bytes = slice_make(out, len);
    return true;
}

static uint32_t big_endian(const char *four)
{
    const unsigned char *byte = (const unsigned char *)four;
    return (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
}

/* Servers take every object id that is positive, an object may begin with any fragment id, and of
 * the flags two bits count: none of them tells fragments from other bytes. */
static bool is_fragment(struct slice bytes)
{
    return bytes.len >= FRAGMENT_HEAD && big_endian(bytes.ptr) <= INT32_MAX &&
           big_endian(bytes.ptr + LENGTH_AT) < MAX_FRAGMENT_BYTES;
}

bool packed_join(struct slice bytes, struct arena *arena, struct slice *ret_joined)
{
    *ret_joined = slice_make(NULL, 0);
    if (!is_fragment(bytes))
        return true;
    char *out = arena_alloc(arena, bytes.len);
    size_t len = 0;
    if (out == NULL)
        return false;
    while (is_fragment(bytes)) {
        struct slice data = slice_from(bytes, FRAGMENT_HEAD);
        data = slice_head(data, big_endian(bytes.ptr + LENGTH_AT));
        if (data.len != 0)
            memcpy(out + len, data.ptr, data.len);
        len += data.len;
        bytes = slice_from(bytes, FRAGMENT_HEAD + data.len);
    }
    *ret_joined = slice_make(out, len);
    return true;
}
