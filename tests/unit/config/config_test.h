/* What tests of whole configurations share: setting keys, and the printed form read again. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config_internal.h"

#include <stdlib.h>

struct report {
    char text[16 * 1024];
    size_t len;
    unsigned n;
};

static inline void on_error(void *ctx, const struct err *err)
{
    struct report *report = ctx;
    char line[1400];
    err_format(err, line, sizeof(line));
    int n = snprintf(report->text + report->len, sizeof(report->text) - report->len, "%s\n", line);
    assert_true(n > 0 && (size_t)n < sizeof(report->text) - report->len);
    report->len += (size_t)n;
    report->n++;
}

static inline void set(struct config *config, const char *path, const char *value)
{
    struct err err = {0};
    bool is_good = config_set(config, path, value, &err);
    if (!is_good)
        print_error("%s: %s: %s\n", path, value, err.text);
    assert_true(is_good);
}

/* What config_print writes, as a text that the caller frees. */
static inline char *print_text(const struct config *config)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_true(config_print(config, out));
    assert_int_equal(fclose(out), 0);
    return text;
}

static inline void check_round_trip(const struct config *config)
{
    struct report report = {0};
    struct config again;
    char *text = print_text(config);
    config_init(&again);
    bool is_good = config_read_text(&again, "printed", slice_str(text), on_error, &report);
    print_message("%s", report.text);
    assert_true(is_good);
    char *text_again = print_text(&again);
    assert_string_equal(text, text_again);
    free(text);
    free(text_again);
    config_done(&again);
}
