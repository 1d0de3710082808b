/* `stopgap rules cost`, and under another name `stopgap bench rules`: what a rule set costs on
 * given traffic, without a network. */
#include "cli/cmd_rules.h"

#include "cli/cli.h"
#include "cli/cost.h"
#include "cli/rule_paths.h"
#include "sample.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum {
    MAX_SOURCES = 64,
    DEFAULT_TOP = 15,
    PROGRESS_AFTER_MS = 1000, /* shorter runs need no bar */
    BAR_CELLS = 40,
};

static const char help[] =
    "usage: stopgap rules cost [--traffic FILE|DIR]... [OPTION]... [PATH...]\n"
    "       stopgap bench rules [--rules PATH]... ...\n"
    "\n"
    "Say what a rule set costs on traffic, without a network: ns per request for parsing, views,\n"
    "scan, evaluation and confirmation, bytes scanned, what each rule took, compile time and\n"
    "database size, and which rules deserve attention. PATH is a folder of rule files, one file,\n"
    "or a signed bundle (*.sgb, needs --trust); without PATH the built-in rules are meant.\n"
    "\n"
    "  --traffic FILE|DIR  requests: raw ones, JSON lines (a corpus, stopgap's access log), HAR, "
    "or\n"
    "                      the Combined log format; may be given several times. Without it the\n"
    "                      samples of the set\n"
    "  --against PATH      measure this set, too; 'builtin' means the rules in the program\n"
    "  --rules PATH        the same as PATH\n"
    "  --top N             rules in the table (15)\n"
    "  --json              everything as JSON\n"
    "  --trust ROOT        root file that says who may sign bundles\n"
    "\n"
    "A log has no bodies and few fields, so its requests are cheaper than they were; a HAR has "
    "all.\n"
    "Attribution takes time itself; 'whole check' is measured without it.\n"
    "\n"
    "Exit status: 0 measured, 1 a set does not load or there are no requests, 2 usage.\n"
    "\n"
    "Example: stopgap rules cost --traffic /var/log/stopgap/access.log my-rules/\n";

struct call {
    struct rule_paths paths;
    struct rule_paths against;
    bool has_against;
    const char *against_label;
    const char *label;
    const char *traffic[MAX_SOURCES];
    size_t n_traffic;
    size_t top;
    bool json;
    bool wants_help;
};

/* ---- the command line */

static int take_path(struct call *call, const char *path)
{
    call->label = call->label == NULL ? path : "several paths";
    return rule_paths_add(&call->paths, "rules cost", path);
}

static int take_option(struct call *call, int option, char **argv)
{
    uint64_t top;
    switch (option) {
    case 't':
        call->paths.trust = call->against.trust = optarg;
        return EXIT_FINE;
    case 'j':
        call->json = true;
        return EXIT_FINE;
    case 'h':
        call->wants_help = true;
        return EXIT_FINE;
    case 'r':
        return take_path(call, optarg);
    case 'a':
        if (call->has_against)
            return cli_usage_error("rules cost", "--against can be given once");
        call->has_against = true;
        call->against_label = optarg;
        if (strcmp(optarg, "builtin") == 0 && access(optarg, F_OK) != 0)
            return EXIT_FINE;
        return rule_paths_add(&call->against, "rules cost", optarg);
    case 'f':
        if (call->n_traffic == MAX_SOURCES)
            return cli_usage_error("rules cost", "more than %d sources of traffic",
                                   (int)MAX_SOURCES);
        call->traffic[call->n_traffic++] = optarg;
        return EXIT_FINE;
    case 'n':
        if (!slice_to_u64(slice_str(optarg), &top) || top > LIMIT_RULES)
            return cli_usage_error("rules cost", "--top wants a number up to %d", (int)LIMIT_RULES);
        call->top = (size_t)top;
        return EXIT_FINE;
    default:
        return cli_option_error("rules cost", option, argv);
    }
}

static int call_parse(int argc, char **argv, struct call *ret_call)
{
    static const struct option options[] = {
        {"trust", required_argument, NULL, 't'}, {"traffic", required_argument, NULL, 'f'},
        {"rules", required_argument, NULL, 'r'}, {"against", required_argument, NULL, 'a'},
        {"top", required_argument, NULL, 'n'},   {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},        {0}};
    int status = EXIT_FINE;
    int option;
    opterr = 0;
    *ret_call = (struct call){.top = DEFAULT_TOP};
    while (status == EXIT_FINE && (option = getopt_long(argc, argv, ":h", options, NULL)) != -1)
        status = take_option(ret_call, option, argv);
    for (; status == EXIT_FINE && optind < argc; optind++)
        status = take_path(ret_call, argv[optind]);
    if (status == EXIT_FINE)
        status = rule_paths_check(&ret_call->paths, "rules cost");
    if (status == EXIT_FINE)
        status = rule_paths_check(&ret_call->against, "rules cost");
    return status;
}

/* ---- the traffic */

static bool add_sample(struct traffic *traffic, const struct sample *sample, struct err *err)
{
    struct sample_request request;
    bool is_added = false;
    if (sample_request_init(sample, &request)) {
        struct traffic_parts parts = {.method = request.head.method,
                                      .target = request.head.target,
                                      .fields = request.head.fields,
                                      .n_fields = request.head.n_fields,
                                      .body = slice_make(sample->body, sample->body_len)};
        is_added = traffic_add(traffic, &parts, err);
    } else {
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    }
    sample_request_done(&request);
    return is_added;
}

static bool add_samples(struct traffic *traffic, const struct ruleset *set, struct err *err)
{
    for (size_t i = 0; i < ruleset_n_rules(set); i++) {
        const struct rule *rule = ruleset_source_rule(set, i);
        for (size_t k = 0; k < rule->n_must_block; k++)
            if (!add_sample(traffic, &rule->must_block[k], err))
                return false;
        for (size_t k = 0; k < rule->n_must_pass; k++)
            if (!add_sample(traffic, &rule->must_pass[k], err))
                return false;
    }
    return true;
}

static bool read_traffic(const struct call *call, const struct ruleset *set,
                         struct cost_input *input, struct err *err)
{
    traffic_init(&input->traffic);
    for (size_t i = 0; i < call->n_traffic; i++)
        if (!traffic_read(&input->traffic, call->traffic[i], err))
            return false;
    if (call->n_traffic == 0 && !add_samples(&input->traffic, set, err))
        return false;
    return cost_input_parse(input, err);
}

/* ---- progress */

struct bar {
    uint64_t begun_ms;
    unsigned shown; /* cells + 1; 0: not yet */
    double from;
    double share;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void bar_show(void *ctx, double done)
{
    struct bar *bar = ctx;
    char cells[BAR_CELLS + 1];
    unsigned n = (unsigned)((bar->from + bar->share * done) * BAR_CELLS);
    n = n < BAR_CELLS ? n : BAR_CELLS;
    if (n + 1 == bar->shown || now_ms() - bar->begun_ms < PROGRESS_AFTER_MS)
        return;
    bar->shown = n + 1;
    memset(cells, '.', BAR_CELLS);
    memset(cells, '#', n);
    cells[BAR_CELLS] = '\0';
    (void)fprintf(stderr, "\rmeasuring [%s] %3u %%", cells, n * 100 / BAR_CELLS);
}

static void bar_done(const struct bar *bar)
{
    if (bar->shown != 0)
        (void)fprintf(stderr, "\r%*s\r", BAR_CELLS + 20, "");
}

/* ---- the verb */

static bool measure(struct cost_result *result, struct err *err)
{
    bool has_bar = isatty(STDERR_FILENO) == 1;
    bool is_measured = true;
    struct bar bar = {.begun_ms = now_ms(), .share = 1.0 / (double)result->n_sides};
    const struct cost_run of_all = {.requests = result->input->requests,
                                    .n = result->input->n,
                                    .progress = has_bar ? bar_show : NULL,
                                    .ctx = &bar};
    for (size_t i = 0; i < result->n_sides && is_measured; i++) {
        bar.from = bar.share * (double)i;
        is_measured = cost_measure(result->sides[i].set, &of_all, &result->sides[i].report, err);
    }
    bar_done(&bar);
    return is_measured;
}

static int run(const struct call *call, struct cost_input *input, struct cost_result *result)
{
    struct err err = {0};
    result->sides[0].set = rule_paths_load(&call->paths, NULL, &err);
    if (result->sides[0].set == NULL)
        return cli_error(&err);
    if (call->has_against &&
        (result->sides[1].set = rule_paths_load(&call->against, NULL, &err)) == NULL)
        return cli_error(&err);
    if (!read_traffic(call, result->sides[0].set, input, &err) || !measure(result, &err))
        return cli_error(&err);
    if (call->json)
        return cost_print_json(result);
    cost_print_text(result);
    return EXIT_FINE;
}

int cmd_rules_cost(int argc, char **argv)
{
    struct call call;
    int status = call_parse(argc, argv, &call);
    if (status != EXIT_FINE)
        return status;
    if (call.wants_help)
        return fputs(help, stdout) < 0;
    struct cost_input input = {.n = 0};
    struct cost_result result = {
        .input = &input,
        .traffic = call.n_traffic == 0   ? "the samples of the set"
                   : call.n_traffic == 1 ? call.traffic[0]
                                         : "several sources",
        .is_of_samples = call.n_traffic == 0,
        .sides = {{.label = call.label != NULL ? call.label : "builtin"},
                  {.label = call.against_label}},
        .n_sides = call.has_against ? 2 : 1,
        .top = call.top,
    };
    status = run(&call, &input, &result);
    for (size_t i = 0; i < 2; i++) {
        cost_report_done(&result.sides[i].report);
        ruleset_unref(result.sides[i].set);
    }
    cost_input_done(&input);
    return status;
}

int cmd_bench(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return fputs(help, stdout) < 0;
    if (argc < 2 || strcmp(argv[1], "rules") != 0)
        return cli_usage_error("bench", "say 'rules'");
    return cmd_rules_cost(argc - 1, argv + 1);
}
