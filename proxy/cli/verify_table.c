/* One line for each CVE: what the listener does about it. */
#include "cli/verify.h"

#include "admin/admin.h"
#include "cli/cli.h"

#include "engine/engine.h"

#include <stdlib.h>

#include <jansson.h>

#include "stopgap/banned.h"

enum { ADMIN_TIMEOUT_MS = 5000, ROWS_PER_RULE = 16 };

enum row_state {
    ROW_PROTECTED = 0,
    ROW_DETECT,
    ROW_NOT_APPLIED,
    ROW_UNREACHABLE,
    ROW_UNTESTABLE,
};

static const char *const state_words[] = {"protected", "detect only", "not applied", "unreachable",
                                          "not testable"};

struct row {
    struct slice name; /* a CVE, or the id of a rule without one */
    struct verify_rule sum;
    size_t n_silent; /* of sum.n_passed: the rule did not even report them */
    size_t n_needed; /* of n_silent: and a server may need it */
};

/* ---- hits */

static bool is_not_applicable(const char *state)
{
    return state != NULL && strcmp(state, mitigation_state_word(MITIGATION_NOT_APPLICABLE)) == 0;
}

/* Rules that the running program leaves out, by the state of their mitigations. */
static void read_absences(struct verify_table *table, const json_t *root)
{
    const json_t *list = json_object_get(root, "mitigations");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *id = json_string_value(json_object_get(one, "id"));
        const char *state = json_string_value(json_object_get(one, "state"));
        for (int word = MITIGATION_BLOCKED; id != NULL && word < MITIGATION_STATE_COUNT; word++) {
            const char *known = mitigation_state_word((enum mitigation_state)word);
            if (state == NULL || strcmp(state, known) != 0)
                continue;
            for (size_t k = 0; k < ruleset_n_rules(table->set); k++)
                if (!table->rules[k].has_hits &&
                    strcmp(ruleset_source_rule(table->set, k)->mitigation, id) == 0)
                    table->rules[k].absence = known;
        }
    }
}

bool verify_read_hits(struct verify_table *table, const char *admin_url, bool is_after,
                      struct err *err)
{
    struct admin_response response;
    buf_init(&response.body, LIMIT_ADMIN_RESPONSE_BYTES);
    bool is_read =
        admin_request(admin_url, "GET", "/status.json", ADMIN_TIMEOUT_MS, &response, err);
    json_t *root = is_read ? json_loadb(response.body.ptr, response.body.len, 0, NULL) : NULL;
    const json_t *rules = json_object_get(root, "rules");
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *one = json_array_get(rules, i);
        const char *id = json_string_value(json_object_get(one, "id"));
        uint64_t hits = (uint64_t)json_integer_value(json_object_get(one, "hits"));
        for (size_t k = 0; id != NULL && k < ruleset_n_rules(table->set); k++)
            if (strcmp(id, ruleset_rule(table->set, k)->id) == 0) {
                struct verify_rule *rule = &table->rules[k];
                rule->has_hits = !is_after || rule->has_hits;
                *(is_after ? &rule->hits_after : &rule->hits_before) = hits;
            }
    }
    if (!is_after)
        read_absences(table, root);
    bool has_rules = json_is_array(rules);
    json_decref(root);
    buf_done(&response.body);
    if (is_read && !has_rules)
        (void)err_set(err, ERR_IO, "E_ANSWER", "%s: the answer has no rules", admin_url);
    return is_read && has_rules;
}

/* Did the rule report what it let pass? Other traffic may have hit it too, never less. */
static bool is_reported(const struct verify_rule *rule)
{
    return rule->has_hits && rule->hits_after >= rule->hits_before + rule->n_passed;
}

/* ---- rows */

static void row_add(struct row *row, const struct verify_rule *rule)
{
    row->sum.n_wanted += rule->n_wanted;
    row->sum.n_stopped += rule->n_stopped;
    row->sum.n_passed += rule->n_passed;
    row->sum.n_reported += rule->n_reported;
    row->sum.n_edited += rule->n_edited;
    row->sum.n_unreachable += rule->n_unreachable;
    row->sum.n_not_sent += rule->n_not_sent;
    row->n_silent += is_reported(rule) ? 0 : rule->n_passed;
    row->n_needed += is_reported(rule) || is_not_applicable(rule->absence) ? 0 : rule->n_passed;
    if (rule->absence != NULL && (row->sum.absence == NULL || !is_not_applicable(rule->absence)))
        row->sum.absence = rule->absence;
    if (row->sum.reason == NULL)
        row->sum.reason = rule->reason;
}

static struct row *row_find(struct row *rows, size_t *n, struct slice name)
{
    for (size_t i = 0; i < *n; i++)
        if (slice_equal(rows[i].name, name))
            return &rows[i];
    rows[*n] = (struct row){.name = name};
    return &rows[(*n)++];
}

/* Rules that only report by design say nothing where others are to stop the same hole. */
static enum row_state row_state(const struct row *row)
{
    const struct verify_rule *sum = &row->sum;
    if (sum->n_unreachable != 0)
        return ROW_UNREACHABLE;
    if (sum->n_passed != 0)
        return row->n_silent == 0 ? ROW_DETECT : ROW_NOT_APPLIED;
    if (sum->n_wanted != 0 || sum->n_edited != 0)
        return ROW_PROTECTED;
    return sum->n_reported != 0 ? ROW_DETECT : ROW_UNTESTABLE;
}

static size_t rows_make(const struct verify_table *table, struct row *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < ruleset_n_rules(table->set); i++) {
        const struct rule_info *info = ruleset_rule(table->set, i);
        struct slice cves = slice_str(info->cve);
        struct slice cve;
        if (cves.len == 0) {
            row_add(row_find(rows, &n, slice_str(info->id)), &table->rules[i]);
            continue;
        }
        for (size_t k = 0; k < ROWS_PER_RULE && slice_next(&cves, ',', &cve); k++)
            row_add(row_find(rows, &n, cve), &table->rules[i]);
    }
    return n;
}

/* CVEs first, by number; then what has none. */
static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    bool is_left = slice_starts_with(left->name, SLICE("CVE-"));
    bool is_right = slice_starts_with(right->name, SLICE("CVE-"));
    if (is_left != is_right)
        return is_left ? -1 : 1;
    size_t len = left->name.len < right->name.len ? left->name.len : right->name.len;
    int order = strncmp(left->name.ptr, right->name.ptr, len);
    return order != 0 ? order
                      : (left->name.len > right->name.len) - (left->name.len < right->name.len);
}

/* ---- printing */

static void print_row(const struct row *row, FILE *out)
{
    const struct verify_rule *sum = &row->sum;
    char count[48];
    (void)snprintf(count, sizeof(count), "%zu of %zu", sum->n_stopped, sum->n_wanted);
    (void)fprintf(out, "%-28.*s %-13s %-12s", (int)row->name.len, row->name.ptr,
                  state_words[row_state(row)], sum->n_wanted != 0 ? count : "");
    if (row_state(row) == ROW_UNTESTABLE)
        (void)fprintf(out, " %s",
                      sum->reason != NULL ? sum->reason : "the answer does not show it");
    else if (sum->n_wanted == 0 && sum->n_reported != 0)
        (void)fputs(" the rule itself only reports", out);
    else if (sum->n_edited != 0)
        (void)fputs(" the answer is edited", out);
    else if (row_state(row) == ROW_NOT_APPLIED && sum->absence != NULL)
        (void)fprintf(out, " %s%s", sum->absence,
                      is_not_applicable(sum->absence) ? ": no server here needs it" : "");
    (void)fputc('\n', out);
}

static void print_text(const struct verify_table *table, const struct row *rows, size_t n,
                       FILE *out)
{
    size_t counts[ROW_UNTESTABLE + 1] = {0};
    (void)fprintf(out, "%-28s %-13s %-12s\n", "CVE OR RULE", "STATE", "STOPPED");
    for (size_t i = 0; i < n; i++) {
        print_row(&rows[i], out);
        counts[row_state(&rows[i])]++;
    }
    (void)fprintf(out, "%s by the samples of %s:", table->url, ruleset_name(table->set));
    for (size_t i = 0; i <= ROW_UNTESTABLE; i++)
        if (counts[i] != 0)
            (void)fprintf(out, " %zu %s", counts[i], state_words[i]);
    (void)fputc('\n', out);
    if (counts[ROW_NOT_APPLIED] != 0 && !table->has_admin)
        (void)fputs("Nothing on the wire tells a rule that only reports from one that is not "
                    "applied; --admin does.\n",
                    out);
}

static void print_json(const struct verify_table *table, const struct row *rows, size_t n,
                       FILE *out)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct verify_rule *sum = &rows[i].sum;
        (void)json_array_append_new(
            list, json_pack("{s:s%, s:s, s:s*, s:I, s:I, s:I, s:I, s:I}", "name", rows[i].name.ptr,
                            rows[i].name.len, "state", state_words[row_state(&rows[i])],
                            "mitigation", sum->absence, "probes", (json_int_t)sum->n_wanted,
                            "stopped", (json_int_t)sum->n_stopped, "only_reported",
                            (json_int_t)sum->n_reported, "not_sent", (json_int_t)sum->n_not_sent,
                            "unreachable", (json_int_t)sum->n_unreachable));
    }
    json_t *root = json_pack("{s:s, s:s, s:o}", "url", table->url, "ruleset",
                             ruleset_name(table->set), "results", list);
    (void)json_dumpf(root, out, JSON_INDENT(2));
    (void)fputc('\n', out);
    json_decref(root);
}

/* A rule without a CVE that reports by design is no hole, nor is one that no server needs. */
static bool is_failure(const struct row *row)
{
    enum row_state state = row_state(row);
    return (state == ROW_NOT_APPLIED && row->n_needed != 0) ||
           (state == ROW_DETECT &&
            (row->sum.n_passed != 0 || slice_starts_with(row->name, SLICE("CVE-"))));
}

int verify_table_print(const struct verify_table *table, bool as_json, FILE *out)
{
    int code = EXIT_FINE;
    size_t n_rules = ruleset_n_rules(table->set);
    struct row *rows = calloc(n_rules * ROWS_PER_RULE + 1, sizeof(*rows));
    if (rows == NULL) {
        struct err err = {.text = "out of memory"};
        return cli_error(&err);
    }
    size_t n = rows_make(table, rows);
    qsort(rows, n, sizeof(*rows), compare_rows);
    if (as_json)
        print_json(table, rows, n, out);
    else
        print_text(table, rows, n, out);
    for (size_t i = 0; i < n; i++) {
        if (row_state(&rows[i]) == ROW_UNREACHABLE)
            code = EXIT_UNREACHABLE;
        else if (is_failure(&rows[i]) && code == EXIT_FINE)
            code = EXIT_FAILED;
    }
    free(rows);
    return code;
}
