/* The views of one request, in an arena of its own. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "view/view.h"

struct fixture {
    struct arena arena;
    struct request_views views;
    _Alignas(16) char memory[4096];
};

static inline void fixture_begin(struct fixture *fixture)
{
    arena_init(&fixture->arena, fixture->memory, sizeof(fixture->memory), LIMIT_ARENA_BYTES);
}

static inline void fixture_end(struct fixture *fixture)
{
    arena_done(&fixture->arena);
}

/* The views of a GET of target. End the fixture when done. */
static inline const struct request_views *fixture_target(struct fixture *fixture,
                                                         struct slice target)
{
    struct request_head head = {.method = SLICE("GET"), .target = target};
    fixture_begin(fixture);
    assert_true(views_build(&head, &fixture->arena, &fixture->views));
    return &fixture->views;
}

static inline bool is_text(const char *test, const char *what, struct slice got,
                           struct slice expected)
{
    if (slice_equal(got, expected))
        return true;
    print_error("%s: %s is \"" SLICE_FMT "\", expected \"" SLICE_FMT "\"\n", test, what,
                SLICE_ARG(got), SLICE_ARG(expected));
    return false;
}

/* "name=value|name=value", for comparison with a table. */
static inline struct slice list_text(const struct named_value *items, size_t n, char *out,
                                     size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        int written =
            snprintf(out + len, size - len, "%s" SLICE_FMT "=" SLICE_FMT, i != 0 ? "|" : "",
                     SLICE_ARG(items[i].name), SLICE_ARG(items[i].value));
        assert_in_range(written, 0, size - len - 1);
        len += (size_t)written;
    }
    return slice_make(out, len);
}
