/* Each class once byte by byte, and once in steps of sixteen with SSE4.2, which main.c makes sure
 * of. The steps read inside the text only. */
#include "http/bytes.h"

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

#include "stopgap/banned.h"

enum { STEP = 16 };

/* ---- byte by byte */

/* tchar, RFC 9110 5.6.2: bit (c >> 4) of entry (c & 15), for c below 0x80 */
static const unsigned char token_nibbles[STEP] = {0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc,
                                                  0xf8, 0xf8, 0xf4, 0x54, 0xd0, 0x54, 0xf4, 0x70};

static bool is_token_byte(unsigned char c)
{
    return c < 0x80 && (token_nibbles[c & 15] >> (c >> 4) & 1) != 0;
}

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static bool is_target_byte(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '#';
}

/* ---- in steps */

#ifdef __SSE4_2__

static __m128i load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* HTAB, too: it is rare. */
static unsigned control_bits(__m128i bytes)
{
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, del));
}

/* Compared as signed numbers, so that bytes above 0x7f are below the blank. */
static unsigned target_bits(__m128i bytes)
{
    __m128i above = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(' '));
    __m128i hash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return (unsigned)_mm_movemask_epi8(_mm_andnot_si128(_mm_or_si128(hash, del), above));
}

/* The lower half of a byte picks a set of upper halves, the upper half one of its bits. A shuffle
 * gives 0 for a byte above 0x7f, so none of those is a tchar. */
static unsigned token_bits(__m128i bytes)
{
    const __m128i upper_bit =
        _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, (char)0x80, 0, 0, 0, 0, 0, 0, 0, 0);
    __m128i upper = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
    __m128i sets = _mm_shuffle_epi8(load((const char *)token_nibbles), bytes);
    __m128i bit = _mm_shuffle_epi8(upper_bit, upper);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_and_si128(sets, bit), bit)) &
           (unsigned)_mm_movemask_epi8(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(-1)));
}

#endif

/* ---- both: steps while there are sixteen bytes, then byte by byte */

size_t bytes_token_run(const char *at, const char *end)
{
    const char *from = at;
#ifdef __SSE4_2__
    for (; end - at >= STEP; at += STEP) {
        unsigned others = token_bits(load(at)) ^ 0xffff;
        if (others != 0)
            return (size_t)(at - from) + (size_t)__builtin_ctz(others);
    }
#endif
    while (at < end && is_token_byte((unsigned char)*at))
        at++;
    return (size_t)(at - from);
}

size_t bytes_text_run(const char *at, const char *end)
{
    const char *from = at;
#ifdef __SSE4_2__
    while (end - at >= STEP) {
        unsigned controls = control_bits(load(at));
        at += controls != 0 ? __builtin_ctz(controls) : STEP;
        if (controls != 0 && *at++ != '\t')
            return (size_t)(at - 1 - from);
    }
#endif
    while (at < end && !is_control((unsigned char)*at))
        at++;
    return (size_t)(at - from);
}

size_t bytes_target_run(const char *at, const char *end)
{
    const char *from = at;
#ifdef __SSE4_2__
    for (; end - at >= STEP; at += STEP) {
        unsigned others = target_bits(load(at)) ^ 0xffff;
        if (others != 0)
            return (size_t)(at - from) + (size_t)__builtin_ctz(others);
    }
#endif
    while (at < end && is_target_byte((unsigned char)*at))
        at++;
    return (size_t)(at - from);
}
