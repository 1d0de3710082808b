/* Decompression by zlib, with the arena's memory. */
#include "body/inflate.h"

#define ZLIB_CONST /* its input is not written to */
#include <zlib.h>

#include "stopgap/limits.h"
#include "stopgap/request.h"

#include "stopgap/banned.h"

enum {
    WINDOW_BITS = 15, /* the largest that both formats have */
    GZIP = 16,        /* zlib: expect the header of gzip */
};

/* ---- which coding */

static enum body_coding coding_of(struct slice word)
{
    if (slice_equal_nocase(word, SLICE("gzip")) || slice_equal_nocase(word, SLICE("x-gzip")))
        return CODING_GZIP;
    if (slice_equal_nocase(word, SLICE("deflate")))
        return CODING_DEFLATE;
    bool is_none = word.len == 0 || slice_equal_nocase(word, SLICE("identity"));
    return is_none ? CODING_NONE : CODING_UNKNOWN;
}

enum body_coding body_coding(const struct request_head *head)
{
    enum body_coding coding = CODING_NONE;
    for (size_t i = 0; i < head->n_fields; i++) {
        struct slice rest = head->fields[i].value;
        struct slice word;
        if (!slice_equal_nocase(head->fields[i].name, SLICE("Content-Encoding")))
            continue;
        while (slice_next(&rest, ',', &word)) {
            enum body_coding next = coding_of(word);
            if (next != CODING_NONE)
                coding = coding == CODING_NONE ? next : CODING_UNKNOWN;
        }
    }
    return coding;
}

/* ---- decompression */

static void *memory_new(void *arena, unsigned n, unsigned size)
{
    return arena_alloc(arena, (size_t)n * size);
}

static void memory_free(void *arena, void *ptr)
{
    (void)arena;
    (void)ptr;
}

static bool has_zlib_header(struct slice packed)
{
    if (packed.len < 2)
        return false;
    unsigned first = (unsigned char)packed.ptr[0];
    unsigned second = (unsigned char)packed.ptr[1];
    return (first & 15) == Z_DEFLATED && (first << 8 | second) % 31 == 0; /* RFC 1950 2.2 */
}

static int window_bits(struct slice packed, enum body_coding coding)
{
    if (coding == CODING_GZIP)
        return WINDOW_BITS + GZIP;
    return has_zlib_header(packed) ? WINDOW_BITS : -WINDOW_BITS;
}

/* What the end of decompression means. */
static uint32_t judge(const z_stream *stream, int result, size_t n_out, bool is_cut,
                      bool *ret_is_cut)
{
    bool is_full = n_out == LIMIT_BODY_WINDOW;
    *ret_is_cut = false;
    if (result == Z_STREAM_END)
        return stream->avail_in != 0 ? BODY_ENCODING_INVALID : 0;
    bool is_starved = (result == Z_OK || result == Z_BUF_ERROR) && (is_full || is_cut);
    *ret_is_cut = is_starved;
    return is_starved ? 0 : BODY_ENCODING_INVALID;
}

bool body_inflate(struct slice packed, enum body_coding coding, bool is_cut, struct arena *arena,
                  struct body_inflated *ret_out)
{
    z_stream stream = {.zalloc = memory_new, .zfree = memory_free, .opaque = arena};
    char *out = arena_alloc(arena, LIMIT_BODY_WINDOW);
    if (out == NULL || inflateInit2(&stream, window_bits(packed, coding)) != Z_OK)
        return false;
    stream.next_in = (const Bytef *)packed.ptr;
    stream.avail_in = (uInt)packed.len;
    stream.next_out = (Bytef *)out;
    stream.avail_out = LIMIT_BODY_WINDOW;
    int result;
    do {
        result = inflate(&stream, Z_NO_FLUSH);
        /* gzip files may follow each other (RFC 1952 2.2). */
    } while (result == Z_STREAM_END && coding == CODING_GZIP && stream.avail_in > 1 &&
             stream.avail_out != 0 && stream.next_in[0] == 0x1f && inflateReset(&stream) == Z_OK);
    size_t n_in = packed.len - stream.avail_in;
    size_t n_out = LIMIT_BODY_WINDOW - stream.avail_out;
    (void)inflateEnd(&stream);
    ret_out->text = slice_make(out, n_out);
    ret_out->anomalies = judge(&stream, result, n_out, is_cut, &ret_out->is_cut);
    if (n_out == LIMIT_BODY_WINDOW && n_out > n_in * LIMIT_INFLATE_RATIO)
        ret_out->anomalies |= BODY_ENCODING_BOMB;
    return result != Z_MEM_ERROR;
}
