/* The three views of a request, each sharing what it has in common with the one before. */
#include "view.h"

#include "args.h"
#include "decode.h"
#include "path.h"
#include "split.h"

#include "stopgap/limits.h"

#include "stopgap/banned.h"

/* ---- anomalies by name */

static const char *const anomaly_names[] = {
    "bad_escape",     "encoded_control",  "percent_u",     "backslash",     "encoded_slash",
    "double_encoded", "above_root",       "dot_segment",   "double_slash",  "invalid_utf8",
    "overlong_utf8",  "trailing_dot",     "stream",        "vdir_mismatch", "best_fit",
    "too_many_args",  "too_many_cookies", "absolute_form", "cookieless",    "unstable",
};

enum { N_ANOMALIES = sizeof(anomaly_names) / sizeof(anomaly_names[0]) };

const char *view_anomaly_name(uint32_t bit)
{
    for (uint32_t i = 0; i < N_ANOMALIES; i++)
        if (bit == 1u << i)
            return anomaly_names[i];
    return NULL;
}

uint32_t view_anomaly_bit(struct slice name)
{
    for (uint32_t i = 0; i < N_ANOMALIES; i++)
        if (slice_equal(name, slice_str(anomaly_names[i])))
            return 1u << i;
    return 0;
}

/* ---- raw */

static bool is_scheme_byte(char c)
{
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
}

/* The target without scheme and authority. */
static struct slice origin_form(struct slice target, uint32_t *ret_anomalies)
{
    size_t at = 0;
    while (at < target.len && is_scheme_byte(target.ptr[at]))
        at++;
    if (at == 0 || !slice_starts_with(slice_from(target, at), SLICE("://")))
        return target;
    *ret_anomalies |= ANOMALY_ABSOLUTE_FORM;
    at += 3;
    while (at < target.len && target.ptr[at] != '/' && target.ptr[at] != '\\' &&
           target.ptr[at] != '?')
        at++;
    return slice_from(target, at);
}

/* What the three builders hand on. */
struct build {
    struct arena *arena;
    struct request_views views;
    struct arg_list args; /* of the view built last */
    bool has_query;       /* there is a "?", even with nothing behind it */
    bool is_asterisk;     /* the target is "*" */
    bool has_escape;      /* a "%" in the query */
};

static void set_args(struct build *build, struct request_view *view, const struct arg_list *args)
{
    build->args = *args;
    view->args = args->items;
    view->n_args = args->n;
    if (args->is_truncated)
        build->views.anomalies |= ANOMALY_TOO_MANY_ARGS;
}

static bool build_raw(struct build *build, const struct request_head *head)
{
    struct request_view *raw = &build->views.view[VIEW_RAW];
    struct slice origin = origin_form(head->target, &build->views.anomalies);
    size_t question = slice_find(origin, '?');
    build->has_query = question != SIZE_MAX;
    build->is_asterisk = slice_equal(head->target, SLICE("*"));
    raw->target = head->target;
    raw->path = build->has_query ? slice_head(origin, question) : origin;
    raw->query = slice_from(origin, build->has_query ? question + 1 : origin.len);
    build->has_escape = slice_find(raw->query, '%') != SIZE_MAX;

    struct arg_list args;
    if (!args_split(raw->query, SPLIT_AMPERSAND, LIMIT_QUERY_ARGS, build->arena, &args))
        return false;
    set_args(build, raw, &args);
    return true;
}

/* ---- once and stable */

/* Lay path, "?" and query out behind each other and let the view's slices point there. */
static bool join_target(struct build *build, struct request_view *view, struct slice path,
                        struct slice query)
{
    size_t len = path.len + (build->has_query ? 1 : 0) + query.len;
    char *out = arena_alloc(build->arena, len);
    if (out == NULL)
        return false;
    for (size_t i = 0; i < path.len; i++)
        out[i] = ascii_lower(path.ptr[i]);
    view->path = slice_make(out, path.len);
    out += path.len;
    if (build->has_query)
        *out++ = '?';
    if (query.len != 0)
        memcpy(out, query.ptr, query.len);
    view->query = slice_make(out, query.len);
    view->target = slice_make(view->path.ptr, len);
    return true;
}

/* The view is the one before it. */
static void share_target(struct request_view *view, const struct request_view *before)
{
    view->target = before->target;
    view->path = before->path;
    view->query = before->query;
}

static bool decode_query_once(const struct build *build, struct slice *query)
{
    if (!build->has_escape)
        return true;
    char *out = arena_alloc(build->arena, query->len);
    if (out == NULL)
        return false;
    uint32_t ignored = 0;
    /* Every resolved escape shrinks the text, so an equal length means that nothing changed. */
    size_t len = decode_escapes(*query, out, PLUS_IS_PLUS, &ignored);
    if (len != query->len)
        *query = slice_make(out, len);
    return true;
}

static bool build_once_args(struct build *build, struct request_view *once)
{
    struct slice query = build->views.view[VIEW_RAW].query;
    struct arg_list args = build->args;
    bool is_changed = build->has_escape || slice_find(query, '+') != SIZE_MAX;
    if (is_changed && !args_decode(query, &build->args, build->arena, &args))
        return false;
    once->is_same = once->is_same && args_equal(&args, &build->args);
    set_args(build, once, &args);
    return true;
}

static bool build_once(struct build *build)
{
    uint32_t *anomalies = &build->views.anomalies;
    const struct request_view *raw = &build->views.view[VIEW_RAW];
    struct request_view *once = &build->views.view[VIEW_ONCE];
    bool is_absolute = (*anomalies & ANOMALY_ABSOLUTE_FORM) != 0;
    bool has_upper = false;
    bool is_plain = build->is_asterisk || path_is_plain(raw->path, &has_upper);

    struct slice path = raw->path;
    struct slice query = raw->query;
    if (!is_plain && !path_once(raw->path, build->arena, anomalies, &path))
        return false;
    if (!decode_query_once(build, &query))
        return false;

    bool is_query_same = query.ptr == raw->query.ptr;
    once->is_same = is_plain && is_query_same && !is_absolute;
    share_target(once, raw);
    if (is_plain && !has_upper && is_query_same) {
        const char *end = raw->query.ptr + raw->query.len;
        once->target = slice_make(raw->path.ptr, (size_t)(end - raw->path.ptr));
    } else if (!join_target(build, once, path, query)) {
        return false;
    }
    return build_once_args(build, once);
}

/* Is the STABLE reading of the path certainly the ONCE reading? Dot segments are the exception
 * among plain results: the two readings resolve them in a different order. */
static bool is_path_settled(const struct build *build)
{
    bool ignored;
    return build->is_asterisk || ((build->views.anomalies & ANOMALY_DOT_SEGMENT) == 0 &&
                                  path_is_plain(build->views.view[VIEW_ONCE].path, &ignored));
}

static bool build_stable_args(struct build *build, struct request_view *stable)
{
    struct slice query = build->views.view[VIEW_RAW].query;
    struct arg_list args = build->args;
    bool is_changed = build->has_escape || slice_find(query, '?') != SIZE_MAX;
    bool has_plus = slice_find(query, '+') != SIZE_MAX;
    if (is_changed && has_plus && !args_stable(query, LIMIT_QUERY_ARGS, build->arena, &args))
        return false;
    if (is_changed && !has_plus &&
        !args_split(stable->query, SPLIT_QUESTION, LIMIT_QUERY_ARGS, build->arena, &args))
        return false;
    bool is_equal = args_equal(&args, &build->args);
    if (is_equal)
        args.items = build->args.items;
    stable->is_same = stable->is_same && is_equal;
    set_args(build, stable, &args);
    return true;
}

static bool build_stable(struct build *build)
{
    const struct request_view *raw = &build->views.view[VIEW_RAW];
    const struct request_view *once = &build->views.view[VIEW_ONCE];
    struct request_view *stable = &build->views.view[VIEW_STABLE];
    struct slice path = once->path;
    struct slice query = once->query;
    if (!is_path_settled(build) &&
        !path_stable(raw->path, build->arena, &build->views.anomalies, &path))
        return false;
    if (build->has_escape && !decode_until_stable(raw->query, PLUS_IS_PLUS, build->arena, &query))
        return false;

    stable->is_same = slice_equal(path, once->path) && slice_equal(query, once->query);
    share_target(stable, once);
    if (!stable->is_same && !join_target(build, stable, path, query))
        return false;
    return build_stable_args(build, stable);
}

/* Nothing in the target that a second reading could change: no escape, no "+", no second "?", no
 * capital in a plain path. Most requests of clients are so. */
static bool is_simple(const struct build *build)
{
    const struct request_view *raw = &build->views.view[VIEW_RAW];
    bool has_upper = false;
    return !build->is_asterisk && (build->views.anomalies & ANOMALY_ABSOLUTE_FORM) == 0 &&
           !split_has_any(raw->query, "%+?") && path_is_plain(raw->path, &has_upper) && !has_upper;
}

/* All views are RAW. */
static void build_simple(struct build *build)
{
    struct request_view *views = build->views.view;
    views[VIEW_ONCE] = views[VIEW_RAW];
    views[VIEW_ONCE].is_same = true;
    views[VIEW_STABLE] = views[VIEW_ONCE];
}

/* ---- the rest of a request */

static void compare_vdirs(struct build *build)
{
    struct request_views *views = &build->views;
    if (build->is_asterisk)
        return;
    views->vdir = path_first_segment(views->view[VIEW_ONCE].path);
    views->stable_vdir = path_first_segment(views->view[VIEW_STABLE].path);
    if (!path_raw_begins_with(views->view[VIEW_RAW].path, views->vdir) ||
        !slice_equal(views->stable_vdir, views->vdir))
        views->anomalies |= ANOMALY_VDIR_MISMATCH;
}

bool views_build(const struct request_head *head, struct arena *arena,
                 struct request_views *ret_views)
{
    struct build build = {.arena = arena};
    struct arg_list cookies;
    if (!build_raw(&build, head))
        return false;
    if (is_simple(&build))
        build_simple(&build);
    else if (!build_once(&build) || !build_stable(&build))
        return false;
    if (!cookies_split(head, arena, &cookies))
        return false;
    compare_vdirs(&build);
    build.views.cookies = cookies.items;
    build.views.n_cookies = cookies.n;
    if (cookies.is_truncated)
        build.views.anomalies |= ANOMALY_TOO_MANY_COOKIES;
    *ret_views = build.views;
    return true;
}

/* ---- values outside the target */

bool view_decode_value(struct slice value, enum view_id view, struct arena *arena,
                       struct slice *ret_value)
{
    if (view == VIEW_STABLE)
        return decode_until_stable(value, PLUS_IS_PLUS, arena, ret_value);
    if (view == VIEW_RAW || !decode_has_escape(value)) {
        *ret_value = value;
        return true;
    }
    char *out = arena_alloc(arena, value.len);
    if (out == NULL)
        return false;
    uint32_t ignored = 0;
    *ret_value = slice_make(out, decode_escapes(value, out, PLUS_IS_PLUS, &ignored));
    return true;
}

bool view_form_fields(struct slice body, enum view_id view, struct arena *arena,
                      const struct named_value **ret_fields, size_t *ret_n, bool *ret_is_truncated)
{
    struct arg_list list;
    bool is_done = view == VIEW_STABLE
                       ? args_stable(body, LIMIT_FORM_FIELDS, arena, &list)
                       : args_split(body, SPLIT_AMPERSAND, LIMIT_FORM_FIELDS, arena, &list);
    struct arg_list raw = list;
    if (!is_done || (view == VIEW_ONCE && !args_decode(body, &raw, arena, &list)))
        return false;
    *ret_fields = list.items;
    *ret_n = list.n;
    *ret_is_truncated = list.is_truncated;
    return true;
}
