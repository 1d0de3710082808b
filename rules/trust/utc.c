/* Strict RFC 3339 times in UTC, without fractions. */
#include "utc.h"

#include <stdio.h>
#include <time.h>

#include "stopgap/banned.h"

#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* Does word look like the pattern, where 0 stands for a digit? */
static bool has_shape(struct slice word, const char *pattern)
{
    if (word.len != strlen(pattern))
        return false;
    for (size_t i = 0; i < word.len; i++) {
        bool is_digit = word.ptr[i] >= '0' && word.ptr[i] <= '9';
        if (pattern[i] == '0' ? !is_digit : word.ptr[i] != pattern[i])
            return false;
    }
    return true;
}

static int read_digits(struct slice word, size_t from, size_t n)
{
    int value = 0;
    for (size_t i = from; i < from + n; i++)
        value = value * 10 + (word.ptr[i] - '0');
    return value;
}

/* timegm normalises 30 February; the round trip refuses what had to be normalised. */
static bool to_seconds(const struct tm *fields, int64_t *ret_seconds)
{
    struct tm copy = *fields;
    time_t seconds = timegm(&copy);
    if (fields->tm_year < 70 || copy.tm_mon != fields->tm_mon || copy.tm_mday != fields->tm_mday ||
        copy.tm_hour != fields->tm_hour || copy.tm_min != fields->tm_min ||
        copy.tm_sec != fields->tm_sec)
        return false;
    *ret_seconds = seconds;
    return true;
}

static struct tm read_date(struct slice word)
{
    return (struct tm){.tm_year = read_digits(word, 0, 4) - 1900,
                       .tm_mon = read_digits(word, 5, 2) - 1,
                       .tm_mday = read_digits(word, 8, 2)};
}

bool utc_parse_time(struct slice word, int64_t *ret_seconds)
{
    if (!has_shape(word, "0000-00-00T00:00:00Z"))
        return false;
    struct tm fields = read_date(word);
    fields.tm_hour = read_digits(word, 11, 2);
    fields.tm_min = read_digits(word, 14, 2);
    fields.tm_sec = read_digits(word, 17, 2);
    return to_seconds(&fields, ret_seconds);
}

bool utc_parse_date(struct slice word, int64_t *ret_seconds)
{
    if (!has_shape(word, "0000-00-00"))
        return false;
    struct tm fields = read_date(word);
    return to_seconds(&fields, ret_seconds);
}

static struct tm clamp(int64_t seconds)
{
    if (seconds < 0)
        seconds = 0;
    if (seconds > LAST_SECOND)
        seconds = LAST_SECOND;
    time_t when = (time_t)seconds;
    struct tm fields = {.tm_mday = 1};
    (void)gmtime_r(&when, &fields); /* cannot fail for these years */
    return fields;
}

void utc_format_time(int64_t seconds, char out[UTC_TIME_CHARS + 1])
{
    struct tm fields = clamp(seconds);
    (void)strftime(out, UTC_TIME_CHARS + 1, "%Y-%m-%dT%H:%M:%SZ", &fields);
}

void utc_format_date(int64_t seconds, char out[UTC_DATE_CHARS + 1])
{
    struct tm fields = clamp(seconds);
    (void)strftime(out, UTC_DATE_CHARS + 1, "%Y-%m-%d", &fields);
}
