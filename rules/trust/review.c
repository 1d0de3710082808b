/* The review of the next root. */
#include "review.h"

#include <stdarg.h>

#include "utc.h"

#include "stopgap/banned.h"

#define NOTICE_SECONDS ((int64_t)REVIEW_NOTICE_DAYS * UTC_DAY_SECONDS)

__attribute__((format(printf, 3, 4))) static void
add(struct review *review, enum review_level level, const char *format, ...)
{
    if (review->n == REVIEW_MAX_FINDINGS)
        return;
    struct review_finding *finding = &review->findings[review->n++];
    va_list args;
    va_start(args, format);
    finding->level = level;
    (void)vsnprintf(finding->text, sizeof(finding->text), format, args);
    va_end(args);
}

enum review_level review_worst(const struct review *review)
{
    enum review_level worst = REVIEW_NOTE;
    for (size_t i = 0; i < review->n; i++)
        if (review->findings[i].level > worst)
            worst = review->findings[i].level;
    return worst;
}

static bool has_role(const struct root_key *key, enum role role)
{
    return (key->roles & (1u << role)) != 0;
}

static long long days_until(int64_t when, int64_t now)
{
    return (long long)((when - now) / UTC_DAY_SECONDS);
}

/* ---- what next is by itself */

static void review_margins(const struct review_request *request, struct review *review)
{
    const struct root *next = request->next;
    for (int role = 0; role < ROLE_COUNT; role++) {
        int margin = margin_now(next, (enum role)role, &request->conditions);
        if (margin < 0)
            add(review, REVIEW_REFUSAL,
                "on its first day role %s has %d usable keys of %u needed: nothing could be "
                "accepted",
                role_word((enum role)role), (int)next->thresholds[role] + margin,
                next->thresholds[role]);
        if (next->thresholds[role] == 1 && role != ROLE_PULSE)
            add(review, REVIEW_NOTE, "threshold %s is 1: one stolen key is enough to misuse it",
                role_word((enum role)role));
    }
    struct margin_calendar calendar;
    char date[UTC_DATE_CHARS + 1];
    margin_compute(next, &request->conditions, &calendar);
    utc_format_date(calendar.stranded_on, date);
    if (calendar.stranded_on > request->conditions.now &&
        calendar.stranded_on < request->conditions.now + NOTICE_SECONDS)
        add(review, REVIEW_WARNING,
            "from %s on, in %lld days, too few keys are left: every install will warn until a new "
            "root is there",
            date, days_until(calendar.stranded_on, request->conditions.now));
}

static void review_families(const struct review_request *request, struct review *review)
{
    struct margin_family found[MARGIN_MAX_FAMILIES];
    size_t n = margin_check_families(request->next, &request->conditions, found);
    for (size_t i = 0; i < n; i++) {
        unsigned needed = request->next->thresholds[found[i].role];
        add(review, REVIEW_WARNING,
            "family rule: without %s only %d usable keys of role %s are left of %u needed; add "
            "keys of another algorithm",
            key_algorithm_word(found[i].family), (int)needed + found[i].margin,
            role_word(found[i].role), needed);
    }
}

static void review_expiry(const struct review_request *request, struct review *review)
{
    const struct root *next = request->next;
    char date[UTC_DATE_CHARS + 1];
    utc_format_date(next->expires, date);
    if (next->expires <= next->created)
        add(review, REVIEW_REFUSAL, "the root expires on %s, before it was made", date);
    else if (next->expires < next->created + NOTICE_SECONDS)
        add(review, REVIEW_WARNING,
            "the root expires on %s, in %lld days; installs warn from then on", date,
            days_until(next->expires, next->created));
}

/* ---- what changes */

static const struct root_key *find_same(const struct root *root, const struct root_key *key)
{
    return root != NULL ? root_find_key(root, key->id) : NULL;
}

static void review_sunset(const struct review_request *request, const struct root_key *key,
                          struct review *review)
{
    const struct root_key *before = find_same(request->old, key);
    int64_t now = request->conditions.now;
    bool is_news = before == NULL || before->sunset != key->sunset;
    if (!is_news || key->is_revoked || key->sunset >= now + NOTICE_SECONDS)
        return;
    char date[UTC_DATE_CHARS + 1];
    utc_format_date(key->sunset, date);
    add(review, REVIEW_WARNING,
        "key %.16s goes on %s, in %lld days; installs are promised %d days to follow", key->id,
        date, days_until(key->sunset, now), REVIEW_NOTICE_DAYS);
}

static void review_dropped(const struct review_request *request, const struct root_key *key,
                           struct review *review)
{
    if (find_same(request->next, key) != NULL || key->is_revoked ||
        key->sunset <= request->conditions.now)
        return;
    char date[UTC_DATE_CHARS + 1];
    utc_format_date(key->sunset, date);
    add(review, REVIEW_WARNING,
        "key %.16s was announced until %s and goes now: bundles that rely on its signature are "
        "refused where they were not seen before; sign them anew",
        key->id, date);
}

/* Holders of the old keys that the new root still lists can sign for both thresholds. */
static void review_step(const struct review_request *request, struct review *review)
{
    const struct root *old = request->old;
    unsigned kept = 0;
    unsigned gone = 0;
    for (size_t i = 0; i < old->n_keys; i++) {
        const struct root_key *after = find_same(request->next, &old->keys[i]);
        if (!has_role(&old->keys[i], ROLE_ROOT) || old->keys[i].is_revoked)
            continue;
        if (after != NULL && has_role(after, ROLE_ROOT) && !after->is_revoked)
            kept++;
        else
            gone++;
    }
    if (gone != 0 && kept < old->thresholds[ROLE_ROOT])
        add(review, request->both_sets ? REVIEW_NOTE : REVIEW_REFUSAL,
            "%u of the root keys go and %u stay, fewer than the %u that must sign: holders of old "
            "and of new keys must sign this root; change fewer keys a step, or say --both-sets",
            gone, kept, old->thresholds[ROLE_ROOT]);
    if (margin_now(old, ROLE_ROOT, &request->conditions) < 0)
        add(review, REVIEW_REFUSAL,
            "too few root keys of version %llu are in force on the day this root is made: no "
            "install could follow to it; see 'stopgap trust bootstrap --help'",
            (unsigned long long)old->version);
}

static void review_thresholds(const struct review_request *request, struct review *review)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        unsigned before = request->old->thresholds[role];
        unsigned after = request->next->thresholds[role];
        if (after < before)
            add(review, REVIEW_WARNING, "threshold %s goes down from %u to %u",
                role_word((enum role)role), before, after);
    }
}

/* Those that installs would refuse whatever is signed. */
static void review_place(const struct review_request *request, struct review *review)
{
    const struct root *old = request->old;
    const struct root *next = request->next;
    if (next->version != old->version + 1 || strcmp(next->previous, old->hash) != 0)
        add(review, REVIEW_REFUSAL, "version and previous must be those after root %llu",
            (unsigned long long)old->version);
    if (next->epoch < old->epoch)
        add(review, REVIEW_REFUSAL, "the epoch goes back from %llu to %llu",
            (unsigned long long)old->epoch, (unsigned long long)next->epoch);
    if (next->is_test && !old->is_test)
        add(review, REVIEW_REFUSAL, "a root of production cannot be followed by one of test");
    if (next->created < old->created)
        add(review, REVIEW_WARNING, "this root would be older than the one before it");
}

void review_root(const struct review_request *request, struct review *ret_review)
{
    const struct root *old = request->old;
    *ret_review = (struct review){0};
    review_margins(request, ret_review);
    review_expiry(request, ret_review);
    review_families(request, ret_review);
    if (request->next->is_test)
        add(ret_review, REVIEW_NOTE, "usage test: every install refuses it unless told otherwise");
    for (size_t i = 0; i < request->next->n_keys; i++)
        review_sunset(request, &request->next->keys[i], ret_review);
    if (old == NULL)
        return;
    for (size_t i = 0; i < old->n_keys; i++)
        review_dropped(request, &old->keys[i], ret_review);
    review_place(request, ret_review);
    review_step(request, ret_review);
    review_thresholds(request, ret_review);
}
