/* A borrowed run of bytes: pointer and length, passed by value, never NUL-terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_USE __attribute__((warn_unused_result))

struct slice {
    const char *ptr;
    size_t len;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){.ptr = (literal), .len = sizeof(literal) - 1})

/* The same as an initialiser of static data. */
#define SLICE_INIT(literal)                                                                        \
    {                                                                                              \
        .ptr = (literal), .len = sizeof(literal) - 1                                               \
    }

/* printf pair: printf("%.*s", SLICE_ARG(s)). */
#define SLICE_FMT "%.*s"
#define SLICE_ARG(s) ((int)((s).len > INT32_MAX ? INT32_MAX : (s).len)), ((s).ptr ? (s).ptr : "")

static inline struct slice slice_make(const char *ptr, size_t len)
{
    return (struct slice){.ptr = ptr, .len = len};
}

/* A slice of a NUL-terminated string; NULL gives the empty slice. */
static inline struct slice slice_str(const char *text)
{
    return (struct slice){.ptr = text, .len = text != NULL ? strlen(text) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII only, independent of the locale. */
static inline char ascii_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* One to eight bytes as a number, the same for the same bytes and length. */
static inline uint64_t bytes_load(const char *at, size_t len)
{
    uint64_t word = 0;
    uint32_t half[2] = {0, 0};
    if (len == sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        return word;
    }
    if (len >= sizeof(half[0])) { /* the halves overlap */
        memcpy(&half[0], at, sizeof(half[0]));
        memcpy(&half[1], at + len - sizeof(half[1]), sizeof(half[1]));
        return (uint64_t)half[1] << 32 | half[0];
    }
    return (uint64_t)(unsigned char)at[0] << 16 | (uint64_t)(unsigned char)at[len / 2] << 8 |
           (unsigned char)at[len - 1];
}

/* Whether eight bytes equal eight others but for the case of ASCII letters. */
static inline bool bytes_equal_nocase(uint64_t left, uint64_t right)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t lower = left | ones * 0x20;
    uint64_t low = lower & ones * 0x7f;
    uint64_t from_a = low + ones * (0x80 - 'a'); /* bit 7 of each byte that is not below 'a' */
    uint64_t after_z = low + ones * (0x7f - 'z');
    uint64_t letters = from_a & ~after_z & ~lower & ones * 0x80;
    return ((left ^ right) & ~(letters >> 2)) == 0;
}

/* The rest of slice_equal_nocase, for texts of one length. */
static inline bool slice_same_nocase(struct slice a, struct slice b)
{
    const size_t step = sizeof(uint64_t);
    if (a.len <= step)
        return a.len == 0 || bytes_equal_nocase(bytes_load(a.ptr, a.len), bytes_load(b.ptr, b.len));
    for (size_t at = 0; at + step < a.len; at += step)
        if (!bytes_equal_nocase(bytes_load(a.ptr + at, step), bytes_load(b.ptr + at, step)))
            return false;
    return bytes_equal_nocase(bytes_load(a.ptr + a.len - step, step),
                              bytes_load(b.ptr + b.len - step, step));
}

/* Always inlined, for most texts are told apart by their lengths. */
__attribute__((always_inline)) static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
    return a.len == b.len && slice_same_nocase(a, b);
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool slice_starts_with_nocase(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_equal_nocase(slice_make(s.ptr, prefix.len), prefix);
}

static inline bool slice_ends_with_nocase(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len &&
           slice_equal_nocase(slice_make(s.ptr + s.len - suffix.len, suffix.len), suffix);
}

/* The part from offset on; an offset beyond the end gives the empty slice. */
static inline struct slice slice_from(struct slice s, size_t offset)
{
    return offset >= s.len ? slice_make(s.ptr + s.len, 0)
                           : slice_make(s.ptr + offset, s.len - offset);
}

/* The first len bytes, or all of it. */
static inline struct slice slice_head(struct slice s, size_t len)
{
    return slice_make(s.ptr, len < s.len ? len : s.len);
}

/* Position of the first byte c, or SIZE_MAX. */
static inline size_t slice_find(struct slice s, char c)
{
    const char *hit = s.len != 0 ? memchr(s.ptr, c, s.len) : NULL;
    return hit != NULL ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

/* Without leading and trailing SP and HTAB (the OWS of RFC 9110 5.6.3). */
static inline struct slice slice_trim(struct slice s)
{
    while (s.len != 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len != 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Cut the next element of a list off *rest: elements are separated by sep and trimmed.
 * Returns false when nothing is left. Empty elements are returned, too. */
static inline bool slice_next(struct slice *rest, char sep, struct slice *ret_element)
{
    if (rest->ptr == NULL)
        return false;
    size_t at = slice_find(*rest, sep);
    if (at == SIZE_MAX) {
        *ret_element = slice_trim(*rest);
        *rest = slice_make(NULL, 0);
    } else {
        *ret_element = slice_trim(slice_head(*rest, at));
        *rest = slice_from(*rest, at + 1);
    }
    return true;
}

/* Decimal digits only, no sign, no blank. Returns false on anything else and on overflow. */
static inline bool slice_to_u64(struct slice s, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}
