/* Text about a root, for people. */
#include "cli/trust_report.h"

#include <time.h>

#include "trust/root_edit.h"
#include "trust/utc.h"

#include "stopgap/banned.h"

enum { SHOWN_ID = 16, SHOWN_LINE = 100 };

struct margin_conditions report_conditions(int64_t now)
{
    struct margin_conditions conditions = {.now = now != 0 ? now : (int64_t)time(NULL),
                                           .algorithms = key_probe()};
    if (!text_version(SLICE(STOPGAP_VERSION), conditions.engine))
        conditions.engine[0] = UINT16_MAX; /* a build between releases is newer than all of them */
    return conditions;
}

/* ---- keys and lines */

static void print_roles(FILE *to, unsigned roles)
{
    const char *separator = " ";
    for (int role = 0; role < ROLE_COUNT; role++) {
        if ((roles & (1u << role)) == 0)
            continue;
        (void)fprintf(to, "%s%s", separator, role_word((enum role)role));
        separator = ",";
    }
}

static const char *judge_key(const struct root_key *key, const struct margin_conditions *conditions)
{
    if (key->is_revoked)
        return "REVOKED";
    if (key->pkey == NULL || (conditions->algorithms & (1u << key->algorithm)) == 0)
        return "CANNOT BE USED HERE: algorithm";
    if (conditions->now < key->from)
        return "not yet in force";
    if (conditions->now >= key->end + UTC_DAY_SECONDS)
        return "ended";
    return conditions->now >= key->sunset ? "past its sunset, still counts" : "in force";
}

static void print_key(FILE *to, const struct root_key *key,
                      const struct margin_conditions *conditions)
{
    char from[UTC_DATE_CHARS + 1];
    char sunset[UTC_DATE_CHARS + 1];
    char end[UTC_DATE_CHARS + 1];
    utc_format_date(key->from, from);
    utc_format_date(key->sunset, sunset);
    utc_format_date(key->end, end);
    (void)fprintf(to, "  key %.*s " SLICE_FMT, SHOWN_ID, key->id, SLICE_ARG(key->algorithm_word));
    print_roles(to, key->roles);
    (void)fprintf(to, ", from %s, sunset %s, last day %s: %s\n", from, sunset, end,
                  judge_key(key, conditions));
}

static void print_lines(FILE *to, const struct root *root, const char *field)
{
    struct slice rest = buf_slice(&root->text);
    struct slice line;
    while (slice_next(&rest, '\n', &line))
        if (slice_starts_with(line, slice_str(field)) && line.len > strlen(field) &&
            line.ptr[strlen(field)] == ' ')
            (void)fprintf(to, "  " SLICE_FMT "\n", SLICE_ARG(line));
}

void report_root(FILE *to, const struct root *root, const struct margin_conditions *conditions)
{
    static const char *const fields[] = {"threshold",     "revoked", "withdraw",
                                         "engine-sunset", "mirror",  "announce"};
    char created[UTC_TIME_CHARS + 1];
    char expires[UTC_TIME_CHARS + 1];
    utc_format_time(root->created, created);
    utc_format_time(root->expires, expires);
    (void)fprintf(to,
                  "root %llu, epoch %llu, usage %s\n  sha256 %s\n  created %s\n  expires %s%s\n",
                  (unsigned long long)root->version, (unsigned long long)root->epoch,
                  root->is_test ? "test" : "production", root->hash, created, expires,
                  root->expires <= conditions->now ? " (EXPIRED: rules stay in force; ask the "
                                                     "publisher for the next root)"
                                                   : "");
    for (size_t i = 0; i < root->n_keys; i++)
        print_key(to, &root->keys[i], conditions);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        print_lines(to, root, fields[i]);
}

static void print_change(void *ctx, bool is_new, struct slice line)
{
    FILE *to = ctx;
    size_t at = slice_find(line, ' ');
    bool has_id = slice_starts_with(line, SLICE("key ")) && line.len > at + 1 + TEXT_HASH_CHARS;
    (void)fprintf(to, "%c ", is_new ? '+' : '-');
    if (has_id) {
        (void)fprintf(to, "key " SLICE_FMT, SLICE_ARG(slice_head(slice_from(line, at + 1), 16)));
        line = slice_from(line, at + 1 + TEXT_HASH_CHARS);
    }
    (void)fprintf(to, SLICE_FMT "%s\n", SLICE_ARG(slice_head(line, SHOWN_LINE)),
                  line.len > SHOWN_LINE ? "..." : "");
}

void report_diff(FILE *to, const struct root *old, const struct root *next)
{
    struct slice before = old != NULL ? buf_slice(&old->text) : slice_make(NULL, 0);
    if (old != NULL)
        (void)fprintf(to, "changes from root %llu to root %llu\n", (unsigned long long)old->version,
                      (unsigned long long)next->version);
    else
        (void)fprintf(to, "root %llu\n", (unsigned long long)next->version);
    root_edit_compare(before, buf_slice(&next->text), print_change, to);
}

/* ---- margins */

static void print_margin(FILE *to, const struct root *root, const struct margin_day *day, int role)
{
    char text[32] = "-";
    if (root->thresholds[role] != 0 && day->announced[role] == day->possible[role])
        (void)snprintf(text, sizeof(text), "%+d", day->announced[role]);
    else if (root->thresholds[role] != 0)
        (void)snprintf(text, sizeof(text), "%+d (%+d)", day->announced[role], day->possible[role]);
    (void)fprintf(to, "%10s", text);
}

static void print_causes(FILE *to, unsigned causes)
{
    static const struct {
        unsigned cause;
        const char *text;
    } words[] = {{MARGIN_NOW, "now"},
                 {MARGIN_FROM, "a key comes into force"},
                 {MARGIN_SUNSET, "sunset of a key"},
                 {MARGIN_END, "a key ended the day before"},
                 {MARGIN_ENGINE, "programs as old as this one are left behind"}};
    const char *separator = "  ";
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((causes & words[i].cause) == 0)
            continue;
        (void)fprintf(to, "%s%s", separator, words[i].text);
        separator = ", ";
    }
    (void)fputc('\n', to);
}

static void print_shortage(FILE *to, const char *what, int64_t when)
{
    char date[UTC_DATE_CHARS + 1];
    if (when == INT64_MAX)
        return;
    utc_format_date(when, date);
    (void)fprintf(to, "  %s %s\n", what, when == INT64_MIN ? "always" : date);
}

void report_margins(FILE *to, const struct root *root, const struct margin_conditions *conditions)
{
    struct margin_calendar calendar;
    margin_compute(root, conditions, &calendar);
    (void)fputs("margins: usable keys less the threshold (in brackets: with keys past their "
                "sunset)\n  day             root     rules     pulse\n",
                to);
    for (size_t i = 0; i < calendar.n_days; i++) {
        char date[UTC_DATE_CHARS + 1];
        utc_format_date(calendar.days[i].when, date);
        (void)fprintf(to, "  %s", date);
        for (int role = 0; role < ROLE_COUNT; role++)
            print_margin(to, root, &calendar.days[i], role);
        print_causes(to, calendar.days[i].causes);
    }
    print_shortage(to, "a new root is needed before", calendar.stranded_on);
    print_shortage(to, "nothing new can be checked from", calendar.ended_on);
}

void report_families(FILE *to, const struct root *root, const struct margin_conditions *conditions)
{
    struct margin_family found[MARGIN_MAX_FAMILIES];
    size_t n = margin_check_families(root, conditions, found);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(to, "family rule: without %s role %s lacks %d keys\n",
                      key_algorithm_word(found[i].family), role_word(found[i].role),
                      -found[i].margin);
    if (n == 0)
        (void)fputs("family rule: kept; without any one algorithm enough keys are left\n", to);
}

void report_review(FILE *to, const struct review *review)
{
    static const char *const words[] = {"note", "warning", "refused"};
    for (size_t i = 0; i < review->n; i++)
        (void)fprintf(to, "%s: %s\n", words[review->findings[i].level], review->findings[i].text);
}

/* ---- the chain */

void report_signatures(FILE *to, const struct chain *chain, const struct root *root)
{
    struct signature_tally old;
    struct signature_tally own;
    char counts[400];
    chain_count(chain, root, &old, &own);
    signature_describe(&own, counts, sizeof(counts));
    (void)fprintf(to, "signatures by root keys of version %llu: %s\n",
                  (unsigned long long)root->version, counts);
    if (old.needed == 0)
        return;
    signature_describe(&old, counts, sizeof(counts));
    (void)fprintf(to, "signatures by root keys of version %llu: %s\n",
                  (unsigned long long)root->version - 1, counts);
}

static void print_link(FILE *to, const struct chain *chain, const struct root *root,
                       const char *suffix)
{
    char created[UTC_DATE_CHARS + 1];
    char expires[UTC_DATE_CHARS + 1];
    utc_format_date(root->created, created);
    utc_format_date(root->expires, expires);
    (void)fprintf(to, "  %010llu%s  created %s, expires %s, %zu signatures, sha256 %s\n",
                  (unsigned long long)root->version, suffix, created, expires,
                  chain_n_signatures(chain, root->version), root->hash);
}

void report_chain(FILE *to, const struct chain *chain)
{
    (void)fprintf(to, "chain in %s\n", chain->folder);
    for (size_t i = 0; i < chain->n_roots; i++)
        print_link(to, chain, chain->roots[i], "");
    if (chain->draft != NULL)
        print_link(to, chain, chain->draft, ".draft");
}
