/* Input: a target, a newline, a Cookie value. The path is canonical, and STABLE is at rest. */
#include <stdlib.h>

#include "view/view.h"

static _Alignas(16) char memory[2][LIMIT_ARENA_BYTES];

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static struct request_views build(struct slice target, struct slice cookies, char *lent)
{
    struct arena arena;
    struct request_views views;
    struct header_field field = {SLICE("Cookie"), cookies};
    struct request_head head = {.target = target, .fields = &field, .n_fields = 1};
    arena_init(&arena, lent, LIMIT_ARENA_BYTES, LIMIT_ARENA_BYTES);
    check(views_build(&head, &arena, &views));
    return views;
}

static void check_place(struct slice s, struct slice input)
{
    bool is_input = s.ptr >= input.ptr && s.ptr + s.len <= input.ptr + input.len;
    check(is_input || (s.ptr >= memory[0] && s.ptr + s.len <= memory[0] + sizeof(memory[0])));
}

static void check_canonical(struct slice path)
{
    check(path.len != 0 && path.ptr[0] == '/' && memmem(path.ptr, path.len, "/../", 4) == NULL);
    for (size_t i = 0; i < path.len; i++)
        check(ascii_lower(path.ptr[i]) == path.ptr[i] && path.ptr[i] != '\\' &&
              !slice_starts_with(slice_from(path, i), SLICE("//")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_make((const char *)data, size < 16384 ? size : 16384);
    size_t line = slice_find(input, '\n');
    struct slice target = slice_head(input, line);
    struct request_views views = build(target, slice_from(input, line), memory[0]);
    for (const struct request_view *view = views.view; view < views.view + VIEW_COUNT; view++) {
        check_place(view->target, input);
        check_place(view->path, input);
        check_place(view->query, input);
        for (size_t i = 0; i < view->n_args; i++) {
            check_place(view->args[i].name, input);
            check_place(view->args[i].value, input);
        }
        if (view != views.view && !slice_equal(target, SLICE("*")))
            check_canonical(view->path);
    }
    struct slice stable = views.view[VIEW_STABLE].path;
    struct request_views again = build(stable, SLICE(""), memory[1]);
    if ((views.anomalies & ANOMALY_UNSTABLE) == 0 && slice_find(stable, '?') == SIZE_MAX)
        check(slice_equal(again.view[VIEW_STABLE].path, stable));
    return 0;
}
