/* The same about a root, for machines. */
#include "cli/trust_report.h"

#include "trust/utc.h"

#include "stopgap/banned.h"

static json_t *make_date(int64_t seconds)
{
    char date[UTC_DATE_CHARS + 1];
    utc_format_date(seconds, date);
    return json_string(date);
}

static json_t *make_time(int64_t seconds)
{
    char when[UTC_TIME_CHARS + 1];
    utc_format_time(seconds, when);
    return json_string(when);
}

static json_t *make_roles(unsigned roles)
{
    json_t *list = json_array();
    for (int role = 0; role < ROLE_COUNT; role++)
        if ((roles & (1u << role)) != 0)
            (void)json_array_append_new(list, json_string(role_word((enum role)role)));
    return list;
}

static json_t *make_keys(const struct root *root, const struct margin_conditions *conditions)
{
    json_t *list = json_array();
    for (size_t i = 0; i < root->n_keys; i++) {
        const struct root_key *key = &root->keys[i];
        bool is_usable =
            key->pkey != NULL && (conditions->algorithms & (1u << key->algorithm)) != 0;
        (void)json_array_append_new(
            list, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "id", key->id, "algorithm",
                            json_stringn(key->algorithm_word.ptr, key->algorithm_word.len), "roles",
                            make_roles(key->roles), "from", make_date(key->from), "sunset",
                            make_date(key->sunset), "end", make_date(key->end), "revoked",
                            key->is_revoked, "usable_here", is_usable));
    }
    return list;
}

/* By role; roles that the root does not have are left out. */
static json_t *make_numbers(const struct root *root, const int numbers[ROLE_COUNT])
{
    json_t *object = json_object();
    for (int role = 0; role < ROLE_COUNT; role++)
        if (root->thresholds[role] != 0)
            (void)json_object_set_new(object, role_word((enum role)role),
                                      json_integer(numbers[role]));
    return object;
}

static json_t *make_causes(unsigned causes)
{
    static const char *const words[] = {"now", "from", "sunset", "end", "engine"};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if ((causes & (1u << i)) != 0)
            (void)json_array_append_new(list, json_string(words[i]));
    return list;
}

static json_t *make_days(const struct root *root, const struct margin_calendar *calendar)
{
    json_t *list = json_array();
    for (size_t i = 0; i < calendar->n_days; i++) {
        const struct margin_day *day = &calendar->days[i];
        (void)json_array_append_new(list,
                                    json_pack("{s:o, s:o, s:o, s:o}", "day", make_date(day->when),
                                              "causes", make_causes(day->causes), "announced",
                                              make_numbers(root, day->announced), "possible",
                                              make_numbers(root, day->possible)));
    }
    return list;
}

static json_t *make_families(const struct root *root, const struct margin_conditions *conditions)
{
    struct margin_family found[MARGIN_MAX_FAMILIES];
    size_t n = margin_check_families(root, conditions, found);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:i}", "role", role_word(found[i].role), "without",
                            key_algorithm_word(found[i].family), "margin", found[i].margin));
    return list;
}

static json_t *make_mirrors(const struct root *root)
{
    json_t *list = json_array();
    struct slice rest = buf_slice(&root->text);
    struct slice line;
    while (slice_next(&rest, '\n', &line))
        if (slice_starts_with(line, SLICE("mirror ")))
            (void)json_array_append_new(list, json_stringn(line.ptr + 7, line.len - 7));
    return list;
}

/* Date, or null: never. What was always so has the first of all dates. */
static json_t *make_shortage(int64_t when)
{
    return when == INT64_MAX ? json_null() : make_date(when);
}

json_t *report_root_json(const struct root *root, const struct margin_conditions *conditions)
{
    struct margin_calendar calendar;
    int thresholds[ROLE_COUNT];
    margin_compute(root, conditions, &calendar);
    for (int role = 0; role < ROLE_COUNT; role++)
        thresholds[role] = (int)root->thresholds[role];
    return json_pack(
        "{s:I, s:I, s:s, s:s, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version",
        (json_int_t)root->version, "epoch", (json_int_t)root->epoch, "usage",
        root->is_test ? "test" : "production", "sha256", root->hash, "created",
        make_time(root->created), "expires", make_time(root->expires), "expired",
        root->expires <= conditions->now, "thresholds", make_numbers(root, thresholds), "keys",
        make_keys(root, conditions), "mirrors", make_mirrors(root), "margins",
        make_days(root, &calendar), "families", make_families(root, conditions), "stranded_on",
        make_shortage(calendar.stranded_on), "ended_on", make_shortage(calendar.ended_on));
}

static json_t *make_link(const struct chain *chain, const struct root *root)
{
    return json_pack("{s:I, s:s, s:o, s:o, s:I, s:b}", "version", (json_int_t)root->version,
                     "sha256", root->hash, "created", make_time(root->created), "expires",
                     make_time(root->expires), "signatures",
                     (json_int_t)chain_n_signatures(chain, root->version), "is_draft",
                     root == chain->draft);
}

json_t *report_chain_json(const struct chain *chain)
{
    json_t *list = json_array();
    for (size_t i = 0; i < chain->n_roots; i++)
        (void)json_array_append_new(list, make_link(chain, chain->roots[i]));
    if (chain->draft != NULL)
        (void)json_array_append_new(list, make_link(chain, chain->draft));
    return list;
}
