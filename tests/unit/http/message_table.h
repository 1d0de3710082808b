/* One loop for all tables of messages: the row, its expected line, and the same result however
 * the bytes are cut. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/message.h"

#define HOST "Host: mail.example.test\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST /t HTTP/1.1\r\n" HOST
#define OPTIONS "OPTIONS /t HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define GET_HOST GET HOST

struct message_row {
    const char *name;
    struct slice raw;
    const char *expected; /* as message_read writes it */
};

#define ROW(name, raw, expected)                                                                   \
    {                                                                                              \
        name, SLICE_INIT(raw), expected                                                            \
    }

static unsigned message_failures;

/* Tables go on behind a bad row, so that one run shows all of them. */
#define message_fail(...)                                                                          \
    do {                                                                                           \
        print_error(__VA_ARGS__);                                                                  \
        print_error("\n");                                                                         \
        message_failures++;                                                                        \
    } while (0)

/* The same message in other pieces must give the same result; a refusal may differ in its status,
 * because it may come before the whole line is there. */
static inline void message_check_cut(const char *name, const struct message_spec *whole,
                                     enum message_cut cut, uint64_t arg, struct slice expected)
{
    struct message_spec spec = *whole;
    struct message message;
    spec.cut = cut;
    spec.cut_arg = arg;
    message_read(&message, &spec);
    if (!slice_equal(buf_slice(&message.full), expected))
        message_fail("%s, cut %d at %llu: got \"%.*s\", uncut \"%.*s\"", name, (int)cut,
                     (unsigned long long)arg, SLICE_ARG(buf_slice(&message.full)),
                     SLICE_ARG(expected));
    message_done(&message);
}

static inline void message_check(const char *name, const struct message_spec *spec,
                                 const char *expected)
{
    struct message message;
    message_read(&message, spec);
    if (!slice_equal(buf_slice(&message.brief), slice_str(expected)))
        message_fail("%s: got \"%.*s\" (%s), expected \"%s\"", name,
                     SLICE_ARG(buf_slice(&message.brief)),
                     message.is_refused ? message.parser.refusal.text : "not refused", expected);
    if (message.is_refused &&
        (message.parser.refusal.text == NULL || message.parser.refusal.text[0] == '\0'))
        message_fail("%s: refused without a reason", name);
    struct slice full = buf_slice(&message.full);
    message_check_cut(name, spec, CUT_BYTES, 0, full);
    size_t step = spec->raw.len < 1024 ? 1 : spec->raw.len / 16;
    for (size_t at = 1; at < spec->raw.len; at += step)
        message_check_cut(name, spec, CUT_ONCE, at, full);
    for (uint64_t seed = 1; seed < 20; seed++)
        message_check_cut(name, spec, CUT_RANDOM, seed, full);
    message_done(&message);
}

static inline void message_check_rows(const struct message_row *rows, size_t n,
                                      const struct message_spec *model)
{
    for (size_t i = 0; i < n; i++) {
        struct message_spec spec = *model;
        spec.raw = rows[i].raw;
        message_check(rows[i].name, &spec, rows[i].expected);
    }
    assert_int_equal(message_failures, 0);
}

#define CHECK_ROWS(rows, ...)                                                                      \
    message_check_rows(rows, sizeof(rows) / sizeof((rows)[0]), &(struct message_spec){__VA_ARGS__})
