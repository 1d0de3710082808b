/* Lines of the status page, of JSON that another process wrote. Private to proxy/admin. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Text of another process on somebody's terminal: no control byte gets through. */
static inline void put_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        /* C2 80 to C2 9F are the C1 controls, which some terminals obey. */
        bool is_c1 = c == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0;
        if (is_c1)
            text++;
        (void)fputc(c < 0x20 || c == 0x7f || is_c1 ? '?' : c, out);
    }
}

static inline const char *get_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static inline long long get_number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static inline void put_time(FILE *out, long long unix_s)
{
    char text[32] = "?";
    struct tm tm;
    time_t when = (time_t)unix_s;
    if (gmtime_r(&when, &tm) != NULL)
        (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
    (void)fputs(text, out);
}

static inline void put_row(FILE *out, const char *label, const char *text)
{
    (void)fprintf(out, "%-14s", label);
    put_text(out, text);
    (void)fputc('\n', out);
}

static inline void put_time_row(FILE *out, const char *label, long long unix_s)
{
    (void)fprintf(out, "%-14s", label);
    put_time(out, unix_s);
    (void)fputc('\n', out);
}
