/* The newest sign of life counts, whoever gave it. */
#include "stale.h"

#include <stdio.h>

#include "stopgap/banned.h"

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 24 * HOUR_S };

void stale_judge(const struct stale_facts *facts, struct stale_view *ret_view)
{
    const struct {
        enum stale_sign sign;
        int64_t when;
    } signs[] = {{STALE_SIGN_PROGRAM, facts->released},
                 {STALE_SIGN_SET, facts->created},
                 {STALE_SIGN_EOCS, facts->eocs},
                 {STALE_SIGN_PULSE, facts->pulse}};
    struct stale_view view = {.sign = STALE_SIGN_NONE};
    int64_t newest = 0;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (signs[i].when > newest) {
            newest = signs[i].when;
            view.sign = signs[i].sign;
        }
    if (newest != 0 && facts->now > newest) /* else the clock is wrong, and says nothing */
        view.age_s = facts->now - newest;
    if (facts->run_s > view.age_s) {
        view.age_s = facts->run_s;
        view.is_by_run_time = true;
    }
    view.is_expired = facts->expires != 0 && facts->now >= facts->expires;
    view.is_stale = view.is_expired || view.age_s >= facts->after_s;
    *ret_view = view;
}

struct span_text {
    char text[40];
};

static struct span_text format_span(int64_t seconds)
{
    static const struct {
        int64_t unit;
        const char *word;
    } units[] = {{DAY_S, "day"}, {HOUR_S, "hour"}, {MINUTE_S, "minute"}, {1, "second"}};
    struct span_text span;
    size_t i = 0;
    while (i < 3 && seconds < units[i].unit)
        i++;
    long long n = (long long)(seconds / units[i].unit);
    (void)snprintf(span.text, sizeof(span.text), "%lld %s%s", n, units[i].word, n == 1 ? "" : "s");
    return span;
}

void stale_describe(const struct stale_facts *facts, const struct stale_view *view, char *out,
                    size_t size)
{
    static const char *const signs[] = {
        [STALE_SIGN_NONE] = "nothing is known",
        [STALE_SIGN_PROGRAM] = "the program with its rules",
        [STALE_SIGN_SET] = "the newest signed set",
        [STALE_SIGN_EOCS] = "the last contact with Microsoft's feed",
        [STALE_SIGN_PULSE] = "the newest pulse of the feed",
    };
    if (view->is_expired)
        (void)snprintf(out, size, "a signed set is beyond the date that it names itself");
    else
        (void)snprintf(out, size, "the newest sign of care is %s old (%s); stale from %s on",
                       format_span(view->age_s).text,
                       view->is_by_run_time ? "by the time that the program ran"
                                            : signs[view->sign],
                       format_span(facts->after_s).text);
}
