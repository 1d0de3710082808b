/* What a reader of bodies found, as text: "json Email=a|xml_text Url=b|". */
#pragma once

#include "body/values.h"
#include "stopgap/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BODY_TEST_BYTES = 64 * 1024 };

struct body_test {
    struct arena arena;
    struct body_values values;
    char *memory;
    char text[4096];
};

static inline void body_test_init(struct body_test *test)
{
    test->memory = malloc(BODY_TEST_BYTES);
    assert_non_null(test->memory);
    arena_init(&test->arena, test->memory, BODY_TEST_BYTES, LIMIT_BODY_MEMORY_BYTES);
    body_values_init(&test->values, &test->arena, BODY_ALL_KINDS);
}

static inline void body_test_done(struct body_test *test)
{
    arena_done(&test->arena);
    free(test->memory);
}

static inline const char *body_test_kind(enum body_kind kind)
{
    static const char *const names[BODY_KIND_COUNT] = {"key",      "json", "element", "attribute",
                                                       "text",     "attr", "base64",  "name",
                                                       "filename", "part"};
    return names[kind];
}

/* Everything that was found, in order. */
static inline const char *body_test_text(struct body_test *test)
{
    size_t len = 0;
    test->text[0] = '\0';
    for (const struct body_chunk *chunk = test->values.first; chunk != NULL; chunk = chunk->next)
        for (size_t i = 0; i < chunk->n && len < sizeof(test->text); i++) {
            const struct body_value *value = &chunk->values[i];
            len += (size_t)snprintf(test->text + len, sizeof(test->text) - len,
                                    "%s%s" SLICE_FMT "=" SLICE_FMT "|", body_test_kind(value->kind),
                                    value->name.len != 0 ? " " : "", SLICE_ARG(value->name),
                                    SLICE_ARG(value->value[VIEW_RAW]));
        }
    return test->text;
}

/* Whether `whole` has a value of the same kind and name that begins as this one. */
static inline bool body_test_has_start(const struct body_values *whole,
                                       const struct body_value *wanted)
{
    for (const struct body_chunk *chunk = whole->first; chunk != NULL; chunk = chunk->next)
        for (size_t i = 0; i < chunk->n; i++) {
            const struct body_value *value = &chunk->values[i];
            if (value->kind == wanted->kind && slice_starts_with(value->name, wanted->name) &&
                slice_starts_with(value->value[VIEW_RAW], wanted->value[VIEW_RAW]))
                return true;
        }
    return false;
}

/* A reader, as the tests call it. */
typedef void body_test_reader(struct slice text, bool is_cut, struct body_values *values);

/* Cut text at every byte: each value that is seen then is the beginning of one of the whole. The
 * copy ends where the text ends, so that a sanitizer sees a byte read behind it. */
static inline void body_test_cut_everywhere(struct slice text, body_test_reader *read)
{
    struct body_test whole;
    body_test_init(&whole);
    read(text, false, &whole.values);
    for (size_t len = 0; len < text.len; len++) {
        struct body_test part;
        char *copy = malloc(len != 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, text.ptr, len);
        body_test_init(&part);
        read(slice_make(copy, len), true, &part.values);
        for (const struct body_chunk *chunk = part.values.first; chunk != NULL; chunk = chunk->next)
            for (size_t i = 0; i < chunk->n; i++)
                if (!body_test_has_start(&whole.values, &chunk->values[i]))
                    fail_msg("cut at %zu: %s is not in the whole: %s", len, body_test_text(&part),
                             body_test_text(&whole));
        assert_true(part.values.n <= whole.values.n);
        body_test_done(&part);
        free(copy);
    }
    body_test_done(&whole);
}
