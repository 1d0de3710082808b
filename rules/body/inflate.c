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

struct inflation {
    z_stream stream;
    enum body_coding coding;
    int result; /* of the last step */
};

static bool inflation_init(struct inflation *inflation, struct slice packed,
                           enum body_coding coding, struct arena *arena)
{
    int bits = coding == CODING_DEFLATE_RAW ? -WINDOW_BITS : WINDOW_BITS;
    *inflation = (struct inflation){
        .stream = {.zalloc = memory_new, .zfree = memory_free, .opaque = arena},
        .coding = coding,
    };
    if (inflateInit2(&inflation->stream, coding == CODING_GZIP ? bits + GZIP : bits) != Z_OK)
        return false;
    inflation->stream.next_in = (const Bytef *)packed.ptr;
    inflation->stream.avail_in = (uInt)packed.len;
    return true;
}

/* gzip files may follow each other (RFC 1952 2.2). */
static bool next_file(struct inflation *inflation)
{
    z_stream *stream = &inflation->stream;
    return inflation->result == Z_STREAM_END && inflation->coding == CODING_GZIP &&
           stream->avail_in != 0 && stream->next_in[0] == 0x1f && inflateReset(stream) == Z_OK;
}

/* Returns how many bytes came; fewer than there is room for: no more will come. */
static size_t inflate_more(struct inflation *inflation, char *out, size_t room)
{
    z_stream *stream = &inflation->stream;
    stream->next_out = (Bytef *)out;
    stream->avail_out = (uInt)room;
    do {
        inflation->result = inflate(stream, Z_NO_FLUSH);
        if (next_file(inflation))
            inflation->result = Z_OK;
    } while (inflation->result == Z_OK && stream->avail_out != 0);
    return room - stream->avail_out;
}

static bool is_too_much(const struct inflation *inflation, size_t n_in, size_t n_out)
{
    return n_out >= LIMIT_BODY_WINDOW &&
           n_out / LIMIT_INFLATE_RATIO > n_in - inflation->stream.avail_in;
}

/* A bomb may stand behind the window: go on to the end of what came in, or until its share is
 * exceeded whatever follows. Returns how many bytes came. */
static size_t skip_rest(struct inflation *inflation, size_t n_in)
{
    char skipped[8192];
    size_t n_out = 0;
    size_t n = sizeof(skipped);
    while (inflation->result == Z_OK && n == sizeof(skipped) &&
           n_out <= n_in * LIMIT_INFLATE_RATIO) {
        n = inflate_more(inflation, skipped, sizeof(skipped));
        n_out += n;
    }
    return n_out;
}

bool body_inflate(struct slice packed, enum body_coding coding, bool is_cut, struct arena *arena,
                  struct body_inflated *ret_out)
{
    struct inflation inflation;
    char *out = arena_alloc(arena, LIMIT_BODY_WINDOW);
    if (out == NULL || !inflation_init(&inflation, packed, coding, arena))
        return false;
    size_t n_out = inflate_more(&inflation, out, LIMIT_BODY_WINDOW);
    bool is_bomb = is_too_much(&inflation, packed.len, n_out);
    size_t n_skipped = is_bomb ? 0 : skip_rest(&inflation, packed.len);
    is_bomb = is_bomb || is_too_much(&inflation, packed.len, n_out + n_skipped);
    bool is_end = inflation.result == Z_STREAM_END;
    bool is_starved = inflation.result == Z_OK || inflation.result == Z_BUF_ERROR;
    bool is_valid = is_end ? inflation.stream.avail_in == 0 : is_starved && (is_cut || is_bomb);
    (void)inflateEnd(&inflation.stream);
    /* Behind a gzip file that ends with the window another one may follow. */
    bool goes_on = is_valid && (!is_end || (is_cut && coding == CODING_GZIP));
    *ret_out = (struct body_inflated){
        .text = slice_make(out, n_out),
        .is_cut = n_skipped != 0 || goes_on,
        .anomalies =
            (is_valid ? 0 : BODY_ENCODING_INVALID) | (is_bomb ? (uint32_t)BODY_ENCODING_BOMB : 0),
    };
    return inflation.result != Z_MEM_ERROR;
}
