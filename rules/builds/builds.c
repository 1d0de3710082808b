/* Looking up builds in the table, which is sorted. */
#include "builds/table.h"

#include <stdio.h>

#include "stopgap/banned.h"

enum { MAX_PART_DIGITS = 5 }; /* 65535, and the leading zeros of the file form */

static bool parse_part(struct slice digits, uint16_t *ret_part)
{
    uint64_t value;
    if (digits.len > MAX_PART_DIGITS || !slice_to_u64(digits, &value) || value > UINT16_MAX)
        return false;
    *ret_part = (uint16_t)value;
    return true;
}

bool build_parse(struct slice text, struct build *ret_build)
{
    struct build build = {{0}};
    for (int i = 0; i < BUILD_PARTS; i++) {
        size_t dot = slice_find(text, '.');
        bool is_last = i + 1 == BUILD_PARTS;
        if (is_last != (dot == SIZE_MAX) || !parse_part(slice_head(text, dot), &build.part[i]))
            return false;
        text = is_last ? text : slice_from(text, dot + 1);
    }
    if (build.part[0] == 0)
        return false; /* would read as "not known" */
    *ret_build = build;
    return true;
}

void build_format(const struct build *build, char out[BUILD_TEXT_BYTES])
{
    (void)snprintf(out, BUILD_TEXT_BYTES, "%u.%u.%u.%u", build->part[0], build->part[1],
                   build->part[2], build->part[3]);
}

int build_compare(const struct build *a, const struct build *b)
{
    for (int i = 0; i < BUILD_PARTS; i++)
        if (a->part[i] != b->part[i])
            return a->part[i] < b->part[i] ? -1 : 1;
    return 0;
}

bool build_is_known(const struct build *build)
{
    return build->part[0] != 0;
}

bool build_is_in(const struct build *build, const struct build_span *span)
{
    return build_compare(build, &span->from) >= 0 &&
           (!build_is_known(&span->before) || build_compare(build, &span->before) < 0);
}

/* The next one in the order; all zero stays. */
static struct build next_build(const struct build *build)
{
    struct build next = *build;
    for (int i = BUILD_PARTS - 1; i >= 0 && build_is_known(build); i--)
        if (++next.part[i] != 0)
            break;
    return next;
}

struct build_span build_span_exact(const struct build *build)
{
    return (struct build_span){.from = *build, .before = next_build(build)};
}

struct build_span build_span_from(const struct build *build)
{
    struct build last = *build;
    last.part[BUILD_PARTS - 1] = UINT16_MAX;
    return (struct build_span){.from = *build, .before = next_build(&last)};
}

bool build_span_is_exact(const struct build_span *span)
{
    struct build next = next_build(&span->from);
    return build_is_known(&span->from) && build_compare(&next, &span->before) == 0;
}

static bool is_behind(const struct build_span *a, const struct build_span *b)
{
    return build_is_known(&b->before) && build_compare(&a->from, &b->before) >= 0;
}

bool build_spans_meet(const struct build_span *a, const struct build_span *b)
{
    return !is_behind(a, b) && !is_behind(b, a);
}

/* The last row that is not above build, or NULL. */
static const struct build_info *last_not_above(const struct build *build)
{
    size_t low = 0;
    size_t high = n_build_table;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (build_compare(&build_table[middle].build, build) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low != 0 ? &build_table[low - 1] : NULL;
}

const struct build_info *build_find(const struct build *build)
{
    const struct build_info *info = last_not_above(build);
    return info != NULL && build_compare(&info->build, build) == 0 ? info : NULL;
}

const struct build_info *build_nearest(const struct build *build)
{
    const struct build_info *info = last_not_above(build);
    bool is_same_update =
        info != NULL && memcmp(info->build.part, build->part, 3 * sizeof(build->part[0])) == 0;
    return is_same_update ? info : NULL;
}

static const char *feed_text(const struct build_info *info)
{
    if (info->feed == FEED_NEVER)
        return "never had Microsoft's mitigation service";
    if (info->feed == FEED_STOPPED)
        return "cut off from Microsoft's mitigations since January 2025";
    return info->feed_2026 == FEED_WORKS
               ? "still served by Microsoft's mitigations"
               : "gets none of Microsoft's mitigations published since July 2026";
}

void build_describe(const struct build *build, char *out, size_t size)
{
    char text[BUILD_TEXT_BYTES];
    const struct build_info *info = build_nearest(build);
    build_format(build, text);
    if (info == NULL)
        (void)snprintf(out, size, "%s, not in the table of builds", text);
    else
        (void)snprintf(out, size, "%s, %s%s of %s, vendor support: %s; %s", text, info->label,
                       build_compare(&info->build, build) == 0 ? "" : " or newer", info->date,
                       info->support, feed_text(info));
}

/* The first row of the update that build belongs to, or NULL. */
static const struct build_info *find_update(const struct build *build)
{
    for (size_t i = 0; i < n_build_table; i++)
        if (memcmp(build_table[i].build.part, build->part, 3 * sizeof(build->part[0])) == 0)
            return &build_table[i];
    return NULL;
}

void build_span_describe(const struct build_span *span, char *out, size_t size)
{
    char text[BUILD_TEXT_BYTES];
    const struct build_info *info = find_update(&span->from);
    if (!build_is_known(&span->from)) {
        (void)snprintf(out, size, "not known");
        return;
    }
    if (build_span_is_exact(span)) {
        build_describe(&span->from, out, size);
        return;
    }
    build_format(&span->from, text);
    (void)snprintf(out, size, "%s or a newer build of the same update, %s%s", text,
                   info != NULL ? info->label : "which is not in the table of builds",
                   info != NULL ? " with or without its security updates" : "");
}
