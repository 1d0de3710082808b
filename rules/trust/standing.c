/* From facts to states. What each date does is the table in rules/trust/README.md: none of them
 * switches a rule off. */
#include "stopgap/trust.h"

#include "utc.h"

#include "stopgap/banned.h"

enum {
    AGING_DAYS = 3,
    STALE_DAYS = 14,
    ABANDONED_DAYS = 180,
    STRANDED_DAYS = 180, /* a warning must outlast a long leave and a budget */
    LOST_DAYS = 7,       /* how long a loss is shown */
    CLOCK_SLACK_S = 3600,
    AHEAD_DAYS = 2,   /* as store.c: what is further ahead is not believed */
    CLOCK_YEARS = 20, /* nobody runs a program this long; a clock this far ahead is wrong */
};

#define DAYS(n) ((int64_t)(n)*UTC_DAY_SECONDS)

static const char *const freshness_words[TRUST_FRESHNESS_COUNT] = {
    [TRUST_BUILTIN] = "BUILTIN", [TRUST_FRESH] = "FRESH",         [TRUST_AGING] = "AGING",
    [TRUST_STALE] = "STALE",     [TRUST_ABANDONED] = "ABANDONED",
};

static const char *const mark_words[TRUST_MARK_COUNT] = {
    [TRUST_MARK_NO_RULES] = "NO_RULES",      [TRUST_MARK_DAMAGED] = "TRUST_DAMAGED",
    [TRUST_MARK_STATE_LOST] = "STATE_LOST",  [TRUST_MARK_ENDED] = "TRUST_ENDED",
    [TRUST_MARK_STRANDED] = "STRANDED_SOON", [TRUST_MARK_ROOT_EXPIRED] = "ROOT_EXPIRED",
    [TRUST_MARK_CLOCK] = "CLOCK_SUSPECT",    [TRUST_MARK_BEHIND] = "BEHIND",
    [TRUST_MARK_PINNED] = "PINNED",
};

const char *trust_freshness_word(enum trust_freshness freshness)
{
    return freshness_words[freshness];
}

const char *trust_mark_word(enum trust_mark mark)
{
    return mark_words[mark];
}

/* The clock is never believed to be before what was signed. */
static int64_t effective_now(const struct trust_facts *facts)
{
    return facts->now > facts->signed_time ? facts->now : facts->signed_time;
}

static enum trust_freshness judge_age(int64_t age_s)
{
    if (age_s >= DAYS(ABANDONED_DAYS))
        return TRUST_ABANDONED;
    if (age_s >= DAYS(STALE_DAYS))
        return TRUST_STALE;
    return age_s >= DAYS(AGING_DAYS) ? TRUST_AGING : TRUST_FRESH;
}

/* How long the publisher has been silent. A clock that stands still is overtaken by the run time;
 * one that went back is caught by it, too. */
static void judge_silence(const struct trust_facts *facts, struct trust_standing *standing)
{
    int64_t since = facts->contact;
    if (facts->pulse != 0 && (since == 0 || facts->pulse < since))
        since = facts->pulse;
    int64_t age_s = since != 0 ? effective_now(facts) - since : 0;
    uint64_t ran_s = facts->run_s > facts->contact_run_s ? facts->run_s - facts->contact_run_s : 0;
    int64_t run_age_s = ran_s < INT64_MAX ? (int64_t)ran_s : INT64_MAX;
    standing->since = since;
    standing->is_by_run_time = run_age_s > age_s;
    standing->age_s = standing->is_by_run_time ? run_age_s : age_s;
    standing->freshness = judge_age(standing->age_s);
}

/* Without pulses silence means nothing; what the set itself says counts. */
static void judge_expiry(const struct trust_facts *facts, struct trust_standing *standing)
{
    if (facts->expires == 0 || effective_now(facts) < facts->expires)
        return;
    bool is_long_ago = effective_now(facts) - facts->expires >= DAYS(ABANDONED_DAYS);
    enum trust_freshness least = is_long_ago ? TRUST_ABANDONED : TRUST_STALE;
    if (standing->freshness < least)
        standing->freshness = least;
}

static bool is_clock_wrong(const struct trust_facts *facts)
{
    return facts->now < facts->released - CLOCK_SLACK_S ||
           facts->now < facts->signed_time - CLOCK_SLACK_S ||
           (facts->ahead_time != 0 && facts->now < facts->ahead_time - DAYS(AHEAD_DAYS)) ||
           (facts->released != 0 && facts->now > facts->released + DAYS(366) * CLOCK_YEARS);
}

static bool is_ended(const struct trust_facts *facts)
{
    int64_t now = effective_now(facts);
    return (facts->ended != 0 && now >= facts->ended) ||
           (facts->root_expires != 0 && now >= facts->root_expires + DAYS(ABANDONED_DAYS));
}

static bool has_mark(const struct trust_facts *facts, enum trust_mark mark)
{
    int64_t now = effective_now(facts);
    switch (mark) {
    case TRUST_MARK_NO_RULES:
        return facts->has_no_rules;
    case TRUST_MARK_DAMAGED:
        return facts->damage[0] != '\0';
    case TRUST_MARK_STATE_LOST:
        return facts->lost != 0 && now - facts->lost < DAYS(LOST_DAYS);
    case TRUST_MARK_ENDED:
        return is_ended(facts);
    case TRUST_MARK_STRANDED:
        return facts->stranded != 0 && facts->stranded - now < DAYS(STRANDED_DAYS + 1) &&
               !is_ended(facts);
    case TRUST_MARK_ROOT_EXPIRED:
        return facts->root_expires != 0 && now >= facts->root_expires;
    case TRUST_MARK_CLOCK:
        return is_clock_wrong(facts);
    case TRUST_MARK_BEHIND:
        return facts->is_behind;
    case TRUST_MARK_PINNED:
        return facts->is_pinned;
    case TRUST_MARK_COUNT:
        break;
    }
    return false;
}

void trust_judge(const struct trust_facts *facts, struct trust_standing *ret_standing)
{
    struct trust_standing standing = {.freshness = TRUST_BUILTIN};
    bool has_publisher = facts->has_feed || facts->has_bundles;
    if (has_publisher)
        standing.freshness = TRUST_FRESH;
    if (facts->has_feed)
        judge_silence(facts, &standing);
    if (has_publisher)
        judge_expiry(facts, &standing);
    for (unsigned mark = 0; mark < TRUST_MARK_COUNT; mark++)
        /* Who has no publisher has no trust that could end, and what a clock says matters little.
         */
        if ((has_publisher || mark == TRUST_MARK_NO_RULES) &&
            has_mark(facts, (enum trust_mark)mark))
            standing.marks |= 1U << mark;
    int64_t left_s = facts->stranded - effective_now(facts);
    standing.days_left = facts->stranded != 0 && left_s > 0 ? left_s / UTC_DAY_SECONDS : 0;
    *ret_standing = standing;
}
