/* What a standing means, and what to do, in words for an operator. */
#include "stopgap/trust.h"

#include "utc.h"

#include "stopgap/banned.h"

static void describe_silence(const struct trust_facts *facts, const struct trust_standing *standing,
                             char *out, size_t size)
{
    char since[UTC_TIME_CHARS + 1] = "the first start";
    long long days = (long long)(standing->age_s / UTC_DAY_SECONDS);
    if (standing->since != 0)
        utc_format_time(standing->since, since);
    if (standing->freshness == TRUST_FRESH)
        (void)snprintf(out, size, "last verified contact with the publisher: %s", since);
    else
        (void)snprintf(out, size,
                       "no verified contact with the publisher for %lld days, last: %s%s. The "
                       "rules of then stay enforced. 'stopgap feed test' says what is in the way",
                       days, since,
                       standing->is_by_run_time ? " (by run time; the clock says less, so it "
                                                  "stands still or went back)"
                                                : "");
    (void)facts;
}

void trust_describe_freshness(const struct trust_facts *facts,
                              const struct trust_standing *standing, char *out, size_t size)
{
    char when[UTC_DATE_CHARS + 1];
    bool is_expired = facts->expires != 0 && facts->now >= facts->expires;
    if (standing->freshness == TRUST_BUILTIN) {
        utc_format_date(facts->released, when);
        (void)snprintf(out, size,
                       "only the rules of this program, which is of %s; newer ones come with a "
                       "newer program, or from a publisher",
                       when);
    } else if (facts->has_feed && (standing->age_s != 0 || !is_expired)) {
        describe_silence(facts, standing, out, size);
    } else if (facts->expires == 0) {
        (void)snprintf(out, size, "the rule sets in force say of no date that they end");
    } else {
        utc_format_date(facts->expires, when);
        (void)snprintf(out, size,
                       is_expired ? "a rule set was meant to be replaced by %s. It stays enforced; "
                                    "get a newer one from its publisher"
                                  : "the rule sets in force are current until %s",
                       when);
    }
}

static void describe_stranded(const struct trust_facts *facts,
                              const struct trust_standing *standing, char *out, size_t size)
{
    char when[UTC_DATE_CHARS + 1];
    utc_format_date(facts->stranded, when);
    (void)snprintf(out, size,
                   "from %s on (%lld days) this program cannot verify new rule sets: too few keys "
                   "of root %llu are left for it. The rules of now stay enforced. Get the newer "
                   "root with a newer bundle, or a newer program",
                   when, (long long)standing->days_left, (unsigned long long)facts->root_version);
}

static void describe_ended(const struct trust_facts *facts, char *out, size_t size)
{
    char when[UTC_DATE_CHARS + 1];
    int64_t end = facts->ended != 0 && facts->ended < facts->root_expires ? facts->ended
                                                                          : facts->root_expires;
    utc_format_date(end, when);
    (void)snprintf(out, size,
                   "root %llu ends %s and no successor has been seen. The rules of before stay "
                   "enforced. Import a bundle with a newer root from anywhere, or a new anchor: "
                   "stopgap trust bootstrap",
                   (unsigned long long)facts->root_version, when);
}

static void describe_clock(const struct trust_facts *facts, char *out, size_t size)
{
    char now[UTC_TIME_CHARS + 1];
    char other[UTC_TIME_CHARS + 1];
    bool is_late =
        facts->now >= facts->released && facts->now >= facts->signed_time && facts->ahead_time == 0;
    int64_t least = facts->released > facts->signed_time ? facts->released : facts->signed_time;
    utc_format_time(facts->now, now);
    utc_format_time(facts->ahead_time > least ? facts->ahead_time : least, other);
    (void)snprintf(out, size,
                   is_late ? "the clock of this machine says %s, decades after this program was "
                             "made (%s); set it right"
                           : "the clock of this machine says %s, and something was made or signed "
                             "at %s; set it right. Dates are judged by what was signed",
                   now, other);
}

void trust_describe_mark(const struct trust_facts *facts, const struct trust_standing *standing,
                         enum trust_mark mark, char *out, size_t size)
{
    char when[UTC_DATE_CHARS + 1];
    switch (mark) {
    case TRUST_MARK_NO_RULES:
        (void)snprintf(out, size,
                       "no rule set could be loaded; requests are checked for their form only. See "
                       "the last load for the cause");
        break;
    case TRUST_MARK_DAMAGED:
        (void)snprintf(out, size, "at the start this could not be used: %s", facts->damage);
        break;
    case TRUST_MARK_STATE_LOST:
        utc_format_date(facts->lost, when);
        (void)snprintf(out, size,
                       "the state folder was damaged or lost on %s; protection against older rule "
                       "sets began anew then. Look for the cause: a disk, a restored backup, a "
                       "person",
                       when);
        break;
    case TRUST_MARK_ENDED:
        describe_ended(facts, out, size);
        break;
    case TRUST_MARK_STRANDED:
        describe_stranded(facts, standing, out, size);
        break;
    case TRUST_MARK_ROOT_EXPIRED:
        utc_format_date(facts->root_expires, when);
        (void)snprintf(
            out, size,
            "root %llu was meant to be replaced by %s. Its rules stay enforced and newer "
            "sets and roots are still accepted; ask the publisher for the next root",
            (unsigned long long)facts->root_version, when);
        break;
    case TRUST_MARK_CLOCK:
        describe_clock(facts, out, size);
        break;
    case TRUST_MARK_BEHIND:
        (void)snprintf(out, size,
                       "a newer rule set is genuine, but was refused here and an older one is in "
                       "force. Its code is in the log and in the list of sets below");
        break;
    case TRUST_MARK_PINNED:
        (void)snprintf(out, size,
                       "an operator holds a name at one rule set; the pin ends by itself, or with "
                       "'stopgap rules unpin'");
        break;
    case TRUST_MARK_COUNT:
        out[0] = '\0';
        break;
    }
}
