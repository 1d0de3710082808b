/* Separators and "=" become bits of a number, sixteen bytes at a time where the processor can. */
#include "split.h"

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

#include "stopgap/banned.h"

enum { STEP = 16 };

/* Which of the up to sixteen bytes from `at` on are one of these. */
static unsigned marks_slow(struct slice text, size_t at, char a, char b, char c)
{
    unsigned marks = 0;
    for (size_t i = 0; i < STEP && at + i < text.len; i++) {
        char byte = text.ptr[at + i];
        marks |= (unsigned)(byte == a || byte == b || byte == c) << i;
    }
    return marks;
}

static inline unsigned marks_of(struct slice text, size_t at, char a, char b, char c)
{
#ifdef __SSE4_2__
    if (text.len >= STEP) {
        /* The last step begins early and forgets what is known. */
        size_t from = text.len - at < STEP ? text.len - STEP : at;
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text.ptr + from));
        __m128i hits = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(a)),
                                                 _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b))),
                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
        return (unsigned)_mm_movemask_epi8(hits) >> (at - from);
    }
#endif
    return marks_slow(text, at, a, b, c);
}

bool split_has_any(struct slice text, const char bytes[static 3])
{
    unsigned marks = 0;
    for (size_t at = 0; at < text.len && marks == 0; at += STEP)
        marks = marks_of(text, at, bytes[0], bytes[1], bytes[2]);
    return marks != 0;
}

size_t split_count(struct slice text, const struct split *split)
{
    size_t n = 1;
    for (size_t at = 0; at < text.len; at += STEP)
        n += (size_t)__builtin_popcount(
            marks_of(text, at, split->separator, split->other, split->other));
    return n;
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

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* One cookie; nearly always a blank stands in front of it and nowhere else. */
static void trim_cookie(struct named_value *item)
{
    while (item->name.len != 0 && is_blank(item->name.ptr[item->name.len - 1]))
        item->name.len--;
    if (item->value.len != 0 &&
        (is_blank(item->value.ptr[0]) || is_blank(item->value.ptr[item->value.len - 1])))
        item->value = slice_trim(item->value);
}

/* Where one element begins and has its "=". */
struct element {
    const char *start;
    const char *equals; /* NULL: none */
};

/* The element ends here. False: there is no room for it. */
static inline bool element_end(const struct element *element, const char *end, bool is_cookie,
                               struct named_value *items, size_t max, size_t *n)
{
    const char *start = element->start;
    if (is_cookie && start != end && *start == ' ')
        start++;
    if (is_cookie && start != end && *start <= ' ') /* or above 0x7f */
        start = trim_front(slice_make(start, (size_t)(end - start))).ptr;
    if (start == end)
        return true;
    if (*n == max)
        return false;
    const char *name_end = element->equals != NULL ? element->equals : end;
    const char *value = element->equals != NULL ? element->equals + 1 : end;
    struct named_value *item = &items[(*n)++];
    item->name = slice_make(start, (size_t)(name_end - start));
    item->value = slice_make(value, (size_t)(end - value));
    if (is_cookie)
        trim_cookie(item);
    return true;
}

bool split_pairs(struct slice text, const struct split *split, struct named_value *items,
                 size_t max, size_t *n)
{
    const char *end = text.ptr + text.len;
    struct element element = {.start = text.ptr};
    for (size_t at = 0; at < text.len; at += STEP) {
        unsigned marks = marks_of(text, at, '=', split->separator, split->other);
        for (; marks != 0; marks &= marks - 1) {
            const char *mark = text.ptr + at + __builtin_ctz(marks);
            if (*mark == '=') {
                element.equals = element.equals != NULL ? element.equals : mark;
                continue;
            }
            if (!element_end(&element, mark, split->is_cookie, items, max, n))
                return false;
            element = (struct element){.start = mark + 1};
        }
    }
    return element_end(&element, end, split->is_cookie, items, max, n);
}
