/* Classes of bytes, sixteen at a time where the processor can: each byte of a head is looked at,
 * and one by one that was a fifth of all instructions of a request. The steps read inside the text
 * only. main.c makes sure that the processor has SSE4.2 where they were compiled in. */
#pragma once

#include "stopgap/slice.h"

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

enum { BYTES_STEP = 16 };

/* tchar, RFC 9110 5.6.2: bit (c >> 4) of entry (c & 15), for c below 0x80 */
extern const unsigned char bytes_token_nibbles[BYTES_STEP];

/* The functions below byte by byte. */
size_t bytes_token_rest(const char *at, const char *end);
size_t bytes_text_rest(const char *at, const char *end);
size_t bytes_target_rest(const char *at, const char *end);

#ifdef __SSE4_2__

static inline __m128i bytes_step(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* The lower half of a byte picks a set of upper halves, the upper half one of its bits. A shuffle
 * gives 0 for a byte above 0x7f, so none of those is a tchar. */
static inline unsigned bytes_no_token(__m128i bytes)
{
    const __m128i upper_bit =
        _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, (char)0x80, 0, 0, 0, 0, 0, 0, 0, 0);
    __m128i upper = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
    __m128i sets = _mm_shuffle_epi8(bytes_step((const char *)bytes_token_nibbles), bytes);
    __m128i bit = _mm_shuffle_epi8(upper_bit, upper);
    __m128i none = _mm_cmpeq_epi8(_mm_and_si128(sets, bit), _mm_setzero_si128());
    return (unsigned)_mm_movemask_epi8(none);
}

/* HTAB, too: it is rare. */
static inline unsigned bytes_control(__m128i bytes)
{
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, del));
}

/* Compared as signed numbers, so that bytes above 0x7f are below the blank. */
static inline unsigned bytes_no_target(__m128i bytes)
{
    __m128i above = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(' '));
    __m128i hash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return (unsigned)_mm_movemask_epi8(_mm_andnot_si128(_mm_or_si128(hash, del), above)) ^ 0xffff;
}

#endif

/* All of them look at the bytes from `at` up to `end` and say how many in front are of a class. */

/* Those of a token, RFC 9110 5.6.2. */
static inline size_t bytes_token_run(const char *at, const char *end)
{
    const char *from = at;
#ifdef __SSE4_2__
    for (; end - at >= BYTES_STEP; at += BYTES_STEP) {
        unsigned others = bytes_no_token(bytes_step(at));
        if (others != 0)
            return (size_t)(at - from) + (size_t)__builtin_ctz(others);
    }
#endif
    return (size_t)(at - from) + bytes_token_rest(at, end);
}

/* Those that may stand in a field value: all but controls other than HTAB, and DEL. */
static inline size_t bytes_text_run(const char *at, const char *end)
{
    const char *from = at;
#ifdef __SSE4_2__
    while (end - at >= BYTES_STEP) {
        unsigned controls = bytes_control(bytes_step(at));
        if (controls == 0) {
            at += BYTES_STEP;
            continue;
        }
        at += __builtin_ctz(controls);
        if (*at != '\t')
            return (size_t)(at - from);
        at++;
    }
#endif
    return (size_t)(at - from) + bytes_text_rest(at, end);
}

/* Those that may stand in a request target: no control, blank, "#", DEL, or byte above 0x7f. */
static inline size_t bytes_target_run(const char *at, const char *end)
{
    const char *from = at;
#ifdef __SSE4_2__
    for (; end - at >= BYTES_STEP; at += BYTES_STEP) {
        unsigned others = bytes_no_target(bytes_step(at));
        if (others != 0)
            return (size_t)(at - from) + (size_t)__builtin_ctz(others);
    }
#endif
    return (size_t)(at - from) + bytes_target_rest(at, end);
}

/* Is all of text a token, RFC 9110 5.6.2? An empty one is none. */
static inline bool bytes_are_token(struct slice text)
{
    return text.len != 0 && bytes_token_run(text.ptr, text.ptr + text.len) == text.len;
}

static inline bool bytes_are_text(struct slice text)
{
    return text.len == 0 || bytes_text_run(text.ptr, text.ptr + text.len) == text.len;
}

/* The same for a request target. An empty one is none. */
static inline bool bytes_are_target(struct slice text)
{
    return text.len != 0 && bytes_target_run(text.ptr, text.ptr + text.len) == text.len;
}
