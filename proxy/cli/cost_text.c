/* The report of `stopgap rules cost`, as text and as JSON. */
#include "cli/cli.h"
#include "cli/cost.h"

#include <jansson.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum { MAX_ADVICE = 1000, ADVICE_SHOWN = 40 };

const char *const cost_reason_words[COST_REASON_COUNT] = {
    [COST_UNGUARDED] = "unguarded", [COST_WOKEN] = "woken", [COST_SHARE] = "share",
    [COST_SLOW] = "slow",           [COST_STOPS] = "stops",
};

void cost_advice_text(const struct cost_advice *advice, char *out, size_t size)
{
    switch (advice->reason) {
    case COST_UNGUARDED:
        (void)snprintf(out, size,
                       "is evaluated for every request: no test of it has a text to scan for");
        break;
    case COST_WOKEN:
        (void)snprintf(out, size,
                       "wakes for %.0f %% of the requests and is hardly ever true: scan for a "
                       "longer text",
                       advice->figure * 100);
        break;
    case COST_SHARE:
        (void)snprintf(out, size, "takes %.0f %% of the whole check", advice->figure * 100);
        break;
    case COST_SLOW:
        (void)snprintf(out, size, "took %.0f us for one request: look at its regexes",
                       advice->figure);
        break;
    case COST_STOPS:
        (void)snprintf(out, size,
                       "stops %.0f of these requests: right for attacks, a false alarm "
                       "for clients",
                       advice->figure);
        break;
    case COST_REASON_COUNT:
        out[0] = '\0';
        break;
    }
}

/* ---- the dearest rules */

static int compare_costs(const void *a, const void *b, void *ctx)
{
    const struct rule_cost *rules = ctx;
    const struct rule_cost *left = &rules[*(const size_t *)a];
    const struct rule_cost *right = &rules[*(const size_t *)b];
    if (left->evaluate_ns != right->evaluate_ns)
        return left->evaluate_ns > right->evaluate_ns ? -1 : 1;
    return left->n_woken > right->n_woken ? -1 : left->n_woken < right->n_woken;
}

size_t *cost_rank(const struct cost_side *side)
{
    size_t n = ruleset_n_rules(side->set);
    size_t *order = calloc(n + 1, sizeof(*order));
    if (order == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof(*order), compare_costs, side->report.rules);
    return order;
}

/* ---- text */

static void print_side_line(const struct cost_side *side)
{
    struct ruleset_stats stats;
    ruleset_stats(side->set, &stats);
    (void)printf("rules    %s: %zu rules, %zu patterns, %zu for every request; database %zu KiB, "
                 "compiled in %llu ms, loaded in %llu ms\n",
                 side->label, stats.n_rules, stats.n_patterns, stats.n_unguarded,
                 stats.database_bytes / 1024, (unsigned long long)(stats.compile_us / 1000),
                 (unsigned long long)(stats.load_us / 1000));
}

static void print_stage(const struct cost_result *result, const char *label, size_t offset)
{
    (void)printf("  %-28s", label);
    for (size_t i = 0; i < result->n_sides; i++) {
        const char *report = (const char *)&result->sides[i].report;
        (void)printf(" %10.0f", *(const double *)(const void *)(report + offset));
    }
    (void)printf("\n");
}

static void print_stages(const struct cost_result *result)
{
#define STAGE(label, member) print_stage(result, label, offsetof(struct cost_report, member))
    (void)printf("\nns per request (mean)         ");
    for (size_t i = 0; i < result->n_sides; i++)
        (void)printf(" %10.10s", result->n_sides == 1 ? "" : i == 0 ? "rules" : "against");
    (void)printf("\n  %-28s", "parse");
    for (size_t i = 0; i < result->n_sides; i++)
        (void)printf(" %10.0f", result->input->parse_ns);
    (void)printf("\n");
    STAGE("views", views_ns);
    STAGE("scan", scan_ns);
    STAGE("evaluate", evaluate_ns);
    STAGE("confirm", confirm_ns);
    STAGE("whole check, unattributed", check_ns);
    (void)printf("bytes scanned per request\n");
    STAGE("of heads", head_bytes);
    STAGE("of bodies", body_bytes);
#undef STAGE
    for (size_t i = 0; i < result->n_sides; i++)
        (void)printf("%s %zu of %zu requests, %zu left open at a limit of the matcher%s\n",
                     "stopped", result->sides[i].report.n_stopped,
                     result->sides[i].report.n_requests, result->sides[i].report.n_failed,
                     result->n_sides == 1 ? ""
                     : i == 0             ? " (rules)"
                                          : " (against)");
}

static void print_rules(const struct cost_side *side, size_t top)
{
    size_t *order = cost_rank(side);
    const struct cost_report *report = &side->report;
    double requests = (double)report->n_requests;
    if (order == NULL)
        return;
    (void)printf("\n%-34s %8s %8s %9s %12s %11s %9s\n", "RULE", "WOKEN", "MATCHED", "CONFIRMS",
                 "BYTES", "NS/REQUEST", "WORST US");
    for (size_t i = 0; i < ruleset_n_rules(side->set) && i < top; i++) {
        const struct rule_cost *cost = &report->rules[order[i]];
        if (cost->n_woken == 0)
            break;
        (void)printf("%-34s %8.0f %8.0f %9.0f %12.0f %11.1f %9.1f\n",
                     ruleset_rule(side->set, order[i])->id, (double)cost->n_woken,
                     (double)cost->n_matched, (double)cost->n_confirms, (double)cost->n_bytes,
                     (double)cost->evaluate_ns / requests, (double)cost->worst_ns / 1000);
    }
    free(order);
}

static void print_advice(const struct cost_side *side, bool is_of_samples)
{
    static struct cost_advice advice[MAX_ADVICE];
    size_t n = cost_advise(&side->report, side->set, is_of_samples, advice, MAX_ADVICE);
    (void)printf(n != 0 ? "\nRules that deserve attention:\n"
                        : "\nNo rule deserves attention on this traffic.\n");
    for (size_t i = 0; i < n && i < ADVICE_SHOWN; i++) {
        char text[200] = "";
        cost_advice_text(&advice[i], text, sizeof(text));
        (void)printf("  %s %s\n", ruleset_rule(side->set, advice[i].rule)->id, text);
    }
    if (n > ADVICE_SHOWN)
        (void)printf("  and %zu more; --json has all\n", n - ADVICE_SHOWN);
}

void cost_print_text(const struct cost_result *result)
{
    (void)printf("traffic  %s: %zu requests, %zu refused by the parser, %zu entries skipped\n",
                 result->traffic, result->input->traffic.n, result->input->n_refused,
                 result->input->traffic.n_skipped);
    for (size_t i = 0; i < result->n_sides; i++)
        print_side_line(&result->sides[i]);
    print_stages(result);
    print_rules(&result->sides[0], result->top);
    print_advice(&result->sides[0], result->is_of_samples);
}

/* ---- JSON */

static json_t *rules_json(const struct cost_side *side)
{
    json_t *list = json_array();
    const struct cost_report *report = &side->report;
    for (size_t i = 0; i < ruleset_n_rules(side->set); i++) {
        const struct rule_cost *cost = &report->rules[i];
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "rule",
                      ruleset_rule(side->set, i)->id, "woken", (double)cost->n_woken, "matched",
                      (double)cost->n_matched, "confirms", (double)cost->n_confirms, "bytes",
                      (double)cost->n_bytes, "confirm_ns", (double)cost->confirm_ns, "evaluate_ns",
                      (double)cost->evaluate_ns, "worst_ns", (double)cost->worst_ns));
    }
    return list;
}

static json_t *advice_json(const struct cost_side *side, bool is_of_samples)
{
    static struct cost_advice advice[MAX_ADVICE];
    size_t n = cost_advise(&side->report, side->set, is_of_samples, advice, MAX_ADVICE);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        char text[200] = "";
        cost_advice_text(&advice[i], text, sizeof(text));
        const char *reason = "";
        if (advice[i].reason < COST_REASON_COUNT)
            reason = cost_reason_words[advice[i].reason];
        json_t *one = json_object();
        (void)json_object_set_new(one, "rule",
                                  json_string(ruleset_rule(side->set, advice[i].rule)->id));
        (void)json_object_set_new(one, "reason", json_string(reason));
        (void)json_object_set_new(one, "figure", json_real(advice[i].figure));
        (void)json_object_set_new(one, "text", json_string(text));
        (void)json_array_append_new(list, one);
    }
    return list;
}

static json_t *side_json(const struct cost_side *side, bool is_of_samples)
{
    const struct cost_report *report = &side->report;
    struct ruleset_stats stats;
    ruleset_stats(side->set, &stats);
    json_t *stages = json_pack("{s:f, s:f, s:f, s:f, s:f}", "views", report->views_ns, "scan",
                               report->scan_ns, "evaluate", report->evaluate_ns, "confirm",
                               report->confirm_ns, "check", report->check_ns);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:f, s:f, s:I, s:I, s:o, s:o}",
                     "label", side->label, "name", ruleset_name(side->set), "n_rules",
                     (json_int_t)stats.n_rules, "patterns", (json_int_t)stats.n_patterns,
                     "unguarded", (json_int_t)stats.n_unguarded, "database_bytes",
                     (json_int_t)stats.database_bytes, "compile_us", (json_int_t)stats.compile_us,
                     "load_us", (json_int_t)stats.load_us, "ns_per_request", stages,
                     "head_bytes_per_request", report->head_bytes, "body_bytes_per_request",
                     report->body_bytes, "stopped", (json_int_t)report->n_stopped, "undecided",
                     (json_int_t)report->n_failed, "rules", rules_json(side), "attention",
                     advice_json(side, is_of_samples));
}

int cost_print_json(const struct cost_result *result)
{
    const struct cost_input *input = result->input;
    json_t *all = json_pack(
        "{s:{s:s, s:I, s:I, s:I, s:f}, s:o, s:o*}", "traffic", "source", result->traffic,
        "requests", (json_int_t)input->traffic.n, "refused", (json_int_t)input->n_refused,
        "skipped", (json_int_t)input->traffic.n_skipped, "parse_ns_per_request", input->parse_ns,
        "set", side_json(&result->sides[0], result->is_of_samples), "against",
        result->n_sides == 2 ? side_json(&result->sides[1], result->is_of_samples) : NULL);
    int status = all != NULL ? json_dumpf(all, stdout, JSON_INDENT(2)) : -1;
    (void)putchar('\n');
    json_decref(all);
    return status == 0 ? EXIT_FINE : EXIT_FAILED;
}
