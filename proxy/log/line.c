/* Text, numbers and time for log lines, without printf: this runs once per request. */
#include "log/line.h"

#include "log/log.h"

#include <time.h>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

#include "stopgap/banned.h"

#define EVERY_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

static size_t count_digits(uint64_t value)
{
    size_t n = 1;
    for (; value >= 10000; value /= 10000)
        n += 4;
    return n + (value >= 10) + (value >= 100) + (value >= 1000);
}

void line_digits(struct line *line, uint64_t value)
{
    char *at = line->next + count_digits(value);
    line->next = at;
    assert(line->next <= line->end);
    while (value >= 100) {
        at -= 2;
        memcpy(at, digit_pairs + (value % 100) * 2, 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(at - 2, digit_pairs + value * 2, 2);
    else
        at[-1] = (char)('0' + value);
}

static void put_pair(char *out, unsigned value)
{
    memcpy(out, digit_pairs + (size_t)(value % 100) * 2, 2);
}

static void clock_set(struct line_clock *clock, uint64_t second)
{
    static const uint64_t last = UINT64_C(253402300799); /* the end of the year 9999 */
    time_t when = (time_t)(second < last ? second : last);
    struct tm tm = {0};
    (void)gmtime_r(&when, &tm);
    unsigned year = (unsigned)tm.tm_year + 1900;
    memcpy(clock->text, "0000-00-00T00:00:00.", sizeof(clock->text));
    put_pair(clock->text, year / 100);
    put_pair(clock->text + 2, year % 100);
    put_pair(clock->text + 5, (unsigned)tm.tm_mon + 1);
    put_pair(clock->text + 8, (unsigned)tm.tm_mday);
    put_pair(clock->text + 11, (unsigned)tm.tm_hour);
    put_pair(clock->text + 14, (unsigned)tm.tm_min);
    put_pair(clock->text + 17, (unsigned)tm.tm_sec);
    clock->second = second;
    clock->is_set = true;
}

void line_time(struct line *line, struct line_clock *clock, uint64_t wall_us)
{
    uint64_t second = wall_us / 1000000;
    unsigned micros = (unsigned)(wall_us % 1000000);
    if (!clock->is_set || clock->second != second)
        clock_set(clock, second);
    char fraction[7];
    put_pair(fraction, micros / 10000);
    put_pair(fraction + 2, micros / 100 % 100);
    put_pair(fraction + 4, micros % 100);
    fraction[6] = 'Z';
    line_bytes(line, slice_make(clock->text, sizeof(clock->text)));
    line_bytes(line, slice_make(fraction, sizeof(fraction)));
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

/* Non-zero when one of eight bytes must be escaped: in each term bit 7 says so for one kind, and
 * carries only run out of bytes that count already. */
static inline uint64_t special_bytes(uint64_t word)
{
    uint64_t high_or_del = word | (word + EVERY_BYTE(0x01));
    uint64_t below_space = word - EVERY_BYTE(0x20);
    uint64_t quote = (word ^ EVERY_BYTE('"')) - EVERY_BYTE(0x01);
    uint64_t backslash = (word ^ EVERY_BYTE('\\')) - EVERY_BYTE(0x01);
    return (high_or_del | below_space | quote | backslash) & EVERY_BYTE(0x80);
}

static inline uint64_t load_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    return word;
}

/* How many bytes at the front need no escape. Nearly all texts of a log need none at all. */
static size_t plain_run(const char *text, size_t len)
{
    size_t run = 0;
    while (len - run >= sizeof(uint64_t) && special_bytes(load_word(text + run)) == 0)
        run += sizeof(uint64_t);
    /* The rest is looked at in one step, too: together with bytes that are known to be plain. */
    if (run != 0 && len - run < sizeof(uint64_t) &&
        special_bytes(load_word(text + len - sizeof(uint64_t))) == 0)
        return len;
    while (run < len && is_plain((unsigned char)text[run]))
        run++;
    return run;
}

#ifdef __SSE4_2__

/* Copy sixteen bytes; true when one of them must be escaped. Compared as signed numbers, so that
 * bytes above 0x7f are below the blank. */
static bool copy_sixteen(char *out, const char *text)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)text);
    __m128i plain = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x1f));
    __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                 _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    marks = _mm_or_si128(marks, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
    _mm_storeu_si128((__m128i *)(void *)out, bytes);
    return _mm_movemask_epi8(_mm_andnot_si128(marks, plain)) != 0xffff;
}

#else

static bool copy_sixteen(char *out, const char *text)
{
    memcpy(out, text, 16);
    return (special_bytes(load_word(text)) | special_bytes(load_word(text + 8))) != 0;
}

#endif

/* Copy text when no byte of it must be escaped; what is in out counts for nothing else. Parts that
 * overlap are cheaper than a rest. */
static bool copy_plain(char *out, const char *text, size_t len)
{
    if (len >= 16) {
        bool is_special = copy_sixteen(out + len - 16, text + len - 16);
        for (size_t at = 0; at + 16 < len && !is_special; at += 16)
            is_special = copy_sixteen(out + at, text + at);
        return !is_special;
    }
    if (len >= 4) {
        uint64_t word = bytes_load(text, len < 8 ? len : 8);
        uint64_t last = len < 8 ? word : load_word(text + len - 8);
        memcpy(out, text, 4);
        memcpy(out + len - 4, text + len - 4, 4);
        if (len > 8) {
            memcpy(out + 4, text + 4, 4);
            memcpy(out + len - 8, text + len - 8, 4);
        }
        return (special_bytes(word) | special_bytes(last)) == 0;
    }
    for (size_t at = 0; at < len; at++) {
        out[at] = text[at];
        if (!is_plain((unsigned char)text[at]))
            return false;
    }
    return true;
}

static size_t escape_byte(unsigned char c, char out[6])
{
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    }
    out[0] = '\\';
    out[1] = 'u';
    out[2] = '0';
    out[3] = '0';
    out[4] = hex[c >> 4];
    out[5] = hex[c & 15];
    return 6;
}

size_t line_escape(struct slice text, char *out, size_t max, size_t *ret_used)
{
    size_t used = 0;
    size_t len = 0;
    while (used < text.len && len < max) {
        size_t wanted = text.len - used < max - len ? text.len - used : max - len;
        size_t run = plain_run(text.ptr + used, wanted);
        memcpy(out + len, text.ptr + used, run);
        used += run;
        len += run;
        if (run == wanted)
            continue;
        char escaped[6];
        size_t n = escape_byte((unsigned char)text.ptr[used], escaped);
        if (n > max - len)
            break;
        memcpy(out + len, escaped, n);
        len += n;
        used++;
    }
    *ret_used = used;
    return len;
}

size_t log_escape_json(struct slice text, char *out, size_t max)
{
    size_t used;
    return line_escape(text, out, max, &used);
}

void line_quoted(struct line *line, struct slice text, size_t max)
{
    static const size_t mark = sizeof(LINE_CUT_MARK) - 1;
    assert((size_t)(line->end - line->next) >= max + 2);
    *line->next++ = '"';
    if (text.len <= max - mark && copy_plain(line->next, text.ptr, text.len)) {
        line->next += text.len;
        *line->next++ = '"';
        return;
    }
    size_t used;
    line->next += line_escape(text, line->next, max - mark, &used);
    if (used < text.len)
        line_bytes(line, SLICE(LINE_CUT_MARK));
    *line->next++ = '"';
}
