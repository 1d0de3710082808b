/* Separators and "=" become bits of a number, sixteen bytes at a time where the processor can. */
#include "split.h"

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

#include "stopgap/banned.h"

enum {
    STEP = 16,
    BLOCK = 64,      /* as many marks as a number has bits */
    FIRST_ROOM = 24, /* arguments and cookies of most requests */
};

/* Which of the up to 64 bytes from `at` on are one of these. */
static uint64_t marks_slow(struct slice text, size_t at, char a, char b, char c)
{
    uint64_t marks = 0;
    for (size_t i = 0; i < BLOCK && at + i < text.len; i++) {
        char byte = text.ptr[at + i];
        marks |= (uint64_t)(byte == a || byte == b || byte == c) << i;
    }
    return marks;
}

#ifdef __SSE4_2__

static inline uint64_t marks_at(const char *at, __m128i a, __m128i b, __m128i c)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i hits = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, a), _mm_cmpeq_epi8(bytes, b)),
                                _mm_cmpeq_epi8(bytes, c));
    return (uint64_t)(unsigned)_mm_movemask_epi8(hits);
}

static inline uint64_t marks_of(struct slice text, size_t at, char a, char b, char c)
{
    if (text.len < STEP)
        return marks_slow(text, at, a, b, c);
    uint64_t marks = 0;
    size_t end = text.len - at < BLOCK ? text.len : at + BLOCK;
    for (size_t from = at; from < end; from += STEP) {
        /* The last step begins early and shows again what is known. */
        size_t here = end - from < STEP ? end - STEP : from;
        uint64_t found =
            marks_at(text.ptr + here, _mm_set1_epi8(a), _mm_set1_epi8(b), _mm_set1_epi8(c));
        marks |= here < at ? found >> (at - here) : found << (here - at);
    }
    return marks;
}

#else

static inline uint64_t marks_of(struct slice text, size_t at, char a, char b, char c)
{
    return marks_slow(text, at, a, b, c);
}

#endif

bool split_has_any(struct slice text, const char bytes[static 3])
{
    uint64_t marks = 0;
    for (size_t at = 0; at < text.len && marks == 0; at += BLOCK)
        marks = marks_of(text, at, bytes[0], bytes[1], bytes[2]);
    return marks != 0;
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

static bool make_room(struct split_list *list, struct arena *arena)
{
    size_t room = list->room != 0 ? list->room * 2 : FIRST_ROOM;
    struct named_value *items = arena_alloc(arena, room * sizeof(*items));
    if (items == NULL)
        return false;
    if (list->n != 0)
        memcpy(items, list->items, list->n * sizeof(*items));
    list->items = items;
    list->room = room;
    return true;
}

/* The element ends here. False: no memory. */
static inline bool element_end(const struct element *element, const char *end, bool is_cookie,
                               struct arena *arena, struct split_list *list)
{
    const char *start = element->start;
    if (is_cookie && start != end && *start == ' ')
        start++;
    if (is_cookie && start != end && *start <= ' ') /* or above 0x7f */
        start = trim_front(slice_make(start, (size_t)(end - start))).ptr;
    if (start == end)
        return true;
    if (list->n == list->max) {
        list->is_truncated = true;
        return true;
    }
    if (list->n == list->room && !make_room(list, arena))
        return false;
    const char *name_end = element->equals != NULL ? element->equals : end;
    const char *value = element->equals != NULL ? element->equals + 1 : end;
    struct named_value *item = &list->items[list->n++];
    item->name = slice_make(start, (size_t)(name_end - start));
    item->value = slice_make(value, (size_t)(end - value));
    if (is_cookie)
        trim_cookie(item);
    return true;
}

bool split_pairs(struct slice text, const struct split *split, struct arena *arena,
                 struct split_list *list)
{
    const char *end = text.ptr + text.len;
    struct element element = {.start = text.ptr};
    for (size_t at = 0; at < text.len && !list->is_truncated; at += BLOCK) {
        uint64_t marks = marks_of(text, at, '=', split->separator, split->other);
        for (; marks != 0; marks &= marks - 1) {
            const char *mark = text.ptr + at + __builtin_ctzll(marks);
            if (*mark == '=') {
                element.equals = element.equals != NULL ? element.equals : mark;
                continue;
            }
            if (!element_end(&element, mark, false, arena, list))
                return false;
            element = (struct element){.start = mark + 1};
        }
    }
    return element_end(&element, end, false, arena, list);
}

/* Values of cookies are long: two searches for each cost less than a look at every byte. */
bool split_cookies(struct slice text, struct arena *arena, struct split_list *list)
{
    const char *end = text.ptr + text.len;
    for (const char *start = text.ptr; start < end && !list->is_truncated;) {
        const char *semicolon = memchr(start, ';', (size_t)(end - start));
        const char *stop = semicolon != NULL ? semicolon : end;
        const struct element element = {.start = start,
                                        .equals = memchr(start, '=', (size_t)(stop - start))};
        if (!element_end(&element, stop, true, arena, list))
            return false;
        start = stop + 1;
    }
    return true;
}
