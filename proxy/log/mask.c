/* Finds secrets by the names that stand before them.
 *
 * The text is walked once from one byte of syntax to the next; only where a value begins, the
 * name before it is read: percent-decoded as often as it was encoded, and folded to lower case.
 * Its last eight bytes stand in one integer, in which the words are recognised; a name is secret
 * when one of the words is part of it. Doubt is decided for masking. */
#include "log/mask.h"

#include "stopgap/limits.h"

#include <stdio.h>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

#include "stopgap/banned.h"

/* What a byte does to a text; the kind of text decides which of them count. */
enum {
    CLASS_SPLIT = 1,          /* the name begins behind it */
    CLASS_SPLIT_EXCERPT = 2,  /* the same, in headers, JSON and XML */
    CLASS_ASSIGN = 4,         /* the value begins behind it */
    CLASS_ASSIGN_EXCERPT = 8, /* the same, in headers, JSON and XML */
    CLASS_BLANK = 16,         /* after the name of an authentication scheme */
    CLASS_PERCENT = 32,

    MASK_IN_TARGET = CLASS_SPLIT | CLASS_ASSIGN | CLASS_PERCENT,
    MASK_IN_EXCERPT = MASK_IN_TARGET | CLASS_SPLIT_EXCERPT | CLASS_ASSIGN_EXCERPT | CLASS_BLANK,
};

static const unsigned char classes[256] = {
    ['?'] = CLASS_SPLIT,          ['&'] = CLASS_SPLIT,          [';'] = CLASS_SPLIT,
    ['/'] = CLASS_SPLIT,          ['#'] = CLASS_SPLIT,          [','] = CLASS_SPLIT_EXCERPT,
    ['{'] = CLASS_SPLIT_EXCERPT,  ['<'] = CLASS_SPLIT_EXCERPT,  ['\r'] = CLASS_SPLIT_EXCERPT,
    ['\n'] = CLASS_SPLIT_EXCERPT, ['\0'] = CLASS_SPLIT_EXCERPT, ['='] = CLASS_ASSIGN,
    [':'] = CLASS_ASSIGN_EXCERPT, ['>'] = CLASS_ASSIGN_EXCERPT, [' '] = CLASS_BLANK,
    ['+'] = CLASS_BLANK, /* in forms */
    ['%'] = CLASS_PERCENT,
};

enum { SCHEME_SPAN = 64 }; /* "negotiate ", each byte encoded twice */

struct output {
    char *ptr;
    size_t max;
    size_t len;
    size_t missing; /* bytes that did not fit */
};

static void output_add(struct output *out, struct slice bytes)
{
    size_t n = bytes.len < out->max - out->len ? bytes.len : out->max - out->len;
    if (n != 0)
        memcpy(out->ptr + out->len, bytes.ptr, n);
    out->len += n;
    out->missing += bytes.len - n;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte at *pos, decoded up to LIMIT_DECODE_ROUNDS times ("%2541" is "A"), in lower case. */
static char next_folded(struct slice text, size_t *pos)
{
    size_t at = *pos;
    char c = text.ptr[at++];
    for (int round = 0; c == '%' && round < LIMIT_DECODE_ROUNDS && text.len - at >= 2; round++) {
        int high = hex_value(text.ptr[at]);
        int low = hex_value(text.ptr[at + 1]);
        if (high < 0 || low < 0)
            break;
        c = (char)(high << 4 | low);
        at += 2;
    }
    *pos = at;
    return ascii_lower(c);
}

/* Does tail end in this word of one to eight letters? This is asked for each byte of a name, and a
 * word that is constant costs one comparison. */
static inline bool ends_in(uint64_t tail, struct slice word)
{
    uint64_t number = 0;
    for (size_t i = 0; i < word.len; i++)
        number = number << 8 | (unsigned char)word.ptr[i];
    return (tail ^ number) << (64 - 8 * word.len) == 0;
}

static bool ends_in_secret_word(uint64_t tail)
{
    switch (tail & 0xff) {
    case 's':
        return ends_in(tail, SLICE("pass"));
    case 'd':
        return ends_in(tail, SLICE("pwd")) || ends_in(tail, SLICE("sid"));
    case 'n':
        return ends_in(tail, SLICE("token"));
    case 't':
        return ends_in(tail, SLICE("secret")) || ends_in(tail, SLICE("rps-cat"));
    case 'h':
        return ends_in(tail, SLICE("auth"));
    case 'a':
        return ends_in(tail, SLICE("cadata"));
    case 'y':
        return ends_in(tail, SLICE("key"));
    case 'e':
        return ends_in(tail, SLICE("cookie"));
    default:
        return false;
    }
}

static bool name_is_secret(struct slice name)
{
    uint64_t tail = 0;
    for (size_t pos = 0; pos < name.len;) {
        char c = ascii_lower(name.ptr[pos]);
        if (c == '%')
            c = next_folded(name, &pos);
        else
            pos++;
        tail = tail << 8 | (unsigned char)c;
        if (ends_in_secret_word(tail))
            return true;
    }
    return false;
}

/* Does the text, which ends before a blank, end in the name of an authentication scheme? */
static bool ends_in_scheme(struct slice text)
{
    uint64_t tail = 0;
    for (size_t pos = text.len > SCHEME_SPAN ? text.len - SCHEME_SPAN : 0; pos < text.len;)
        tail = tail << 8 | (unsigned char)next_folded(text, &pos);
    return ends_in(tail, SLICE("basic")) || ends_in(tail, SLICE("bearer")) ||
           ends_in(tail, SLICE("ntlm")) || ends_in(tail, SLICE("egotiate"));
}

static unsigned class_of(char c)
{
    return classes[(unsigned char)c];
}

#ifdef __SSE4_2__

/* The first byte of a target at pos or behind it that means something, in steps of sixteen; where
 * the rest begins when it is not in them. The lower half of a byte picks a set of upper halves. */
static size_t skip_plain(struct slice text, size_t pos)
{
    const __m128i lower = _mm_setr_epi8(0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 2, 0, 2, 0, 3);
    const __m128i upper = _mm_setr_epi8(0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m128i half = _mm_set1_epi8(0x0f);
    for (; text.len - pos >= 16; pos += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text.ptr + pos));
        __m128i sets = _mm_shuffle_epi8(lower, _mm_and_si128(bytes, half));
        __m128i set = _mm_shuffle_epi8(upper, _mm_and_si128(_mm_srli_epi16(bytes, 4), half));
        __m128i none = _mm_cmpeq_epi8(_mm_and_si128(sets, set), _mm_setzero_si128());
        unsigned found = (unsigned)_mm_movemask_epi8(none) ^ 0xffff;
        if (found != 0)
            return pos + (size_t)__builtin_ctz(found);
    }
    return pos;
}

#else

static size_t skip_plain(struct slice text, size_t pos)
{
    (void)text;
    return pos;
}

#endif

static size_t find_syntax(struct slice text, size_t pos, unsigned syntax)
{
    if (syntax == MASK_IN_TARGET)
        pos = skip_plain(text, pos);
    while (pos < text.len && (class_of(text.ptr[pos]) & syntax) == 0)
        pos++;
    return pos;
}

/* Where the value ends that begins at pos. An encoded "&" belongs to the value. */
static size_t value_end(struct slice text, size_t pos, unsigned syntax, char assignment)
{
    if (syntax == MASK_IN_TARGET) {
        size_t len = slice_find(slice_from(text, pos), '&');
        return len == SIZE_MAX ? text.len : pos + len;
    }
    for (; pos < text.len; pos++) {
        char c = text.ptr[pos];
        if (c == '&' && assignment != ':')
            break;
        if (c == '\r' || c == '\n' || (c == '<' && assignment == '>'))
            break;
        /* After a scheme's name comes one token. */
        if ((class_of(assignment) & CLASS_BLANK) != 0 &&
            (c == ' ' || c == '"' || c == ',' || c == '\t'))
            break;
    }
    return pos;
}

/* Copy text to out without the values of secret names. */
static void mask_values(struct slice text, unsigned syntax, struct output *out)
{
    size_t copied = 0;
    size_t name = 0; /* where it begins */
    for (size_t pos = 0; pos < text.len;) {
        pos = find_syntax(text, pos, syntax);
        if (pos == text.len)
            break;
        size_t at = pos;
        char c = text.ptr[pos];
        if (c == '%')
            c = next_folded(text, &pos);
        else
            pos++;
        unsigned class = class_of(c) & syntax;
        struct slice before = slice_make(text.ptr + name, at - name);
        bool is_value = false;
        if ((class & (CLASS_ASSIGN | CLASS_ASSIGN_EXCERPT)) != 0)
            is_value = name_is_secret(before);
        else if ((class & CLASS_BLANK) != 0)
            is_value = ends_in_scheme(before);
        if (class != 0 && (class & (CLASS_BLANK | CLASS_PERCENT)) == 0)
            name = pos;
        size_t end = is_value ? value_end(text, pos, syntax, c) : pos;
        if (end == pos)
            continue;
        output_add(out, slice_make(text.ptr + copied, pos - copied));
        output_add(out, SLICE("***"));
        copied = pos = name = end;
    }
    output_add(out, slice_make(text.ptr + copied, text.len - copied));
}

/* Length of the "user:password" in "http://user:password@host/", and where it begins. */
static size_t find_user(struct slice target, size_t *ret_start)
{
    if (target.len == 0 || target.ptr[0] == '/')
        return 0;
    size_t start = 0;
    size_t colon = slice_find(target, ':');
    if (colon != SIZE_MAX && slice_starts_with(slice_from(target, colon + 1), SLICE("//")))
        start = colon + 3;
    size_t at = SIZE_MAX;
    for (size_t i = start; i < target.len; i++) {
        if (target.ptr[i] == '/' || target.ptr[i] == '?' || target.ptr[i] == '#')
            break;
        if (target.ptr[i] == '@')
            at = i;
    }
    *ret_start = start;
    return at == SIZE_MAX ? 0 : at - start;
}

struct slice mask_target(struct slice target, char *out)
{
    size_t start = 0;
    size_t user = find_user(target, &start);
    bool has_values = slice_find(target, '=') != SIZE_MAX || slice_find(target, '%') != SIZE_MAX;
    if (user == 0 && !has_values && target.len <= MASK_TARGET_BYTES)
        return target;
    struct output output = {.ptr = out, .max = MASK_TARGET_BYTES};
    if (user != 0) {
        output_add(&output, slice_head(target, start));
        output_add(&output, SLICE("***"));
        target = slice_from(target, start + user);
    }
    mask_values(target, MASK_IN_TARGET, &output);
    if (output.missing != 0) {
        int n = snprintf(out + output.len, MASK_MARK_BYTES, "...[+%zu]", output.missing);
        output.len += n > 0 ? (size_t)n : 0;
    }
    return slice_make(out, output.len);
}

struct slice mask_excerpt(struct slice excerpt, char *out, size_t size)
{
    struct output output = {.ptr = out, .max = size};
    mask_values(excerpt, MASK_IN_EXCERPT, &output);
    return slice_make(out, output.len);
}
