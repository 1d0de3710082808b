/* `stopgap rules`: list a rule set, or prove it by its own samples. */
#include "cli/cli.h"
#include "cli/rule_paths.h"

#include "stopgap/ruleset.h"

#include <getopt.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "stopgap/banned.h"

static const char help[] =
    "usage: stopgap rules test [--trust ROOT] [PATH...]\n"
    "       stopgap rules list [--trust ROOT] [--json] [PATH...]\n"
    "       stopgap rules import-iis FILE --out DIR ...\n"
    "\n"
    "PATH is a folder of rule files (*.yaml) or a signed bundle (*.sgb, needs --trust).\n"
    "Without PATH the rules compiled into the program are meant.\n"
    "\n"
    "  test   load the set as the proxy would: parse, compile, run every sample\n"
    "  list   one line a rule: id, mode, action, CVE, side effects\n"
    "  import-iis   rules of IIS URL Rewrite to rule files; see 'rules import-iis --help'\n"
    "\n"
    "  --trust ROOT  root file that says who may sign bundles\n"
    "  --json        list as JSON\n"
    "\n"
    "Exit status: 0 fine, 1 a rule or sample failed, 2 usage.\n"
    "\n"
    "Example: stopgap rules test rules/sets/exchange\n";

/* What the command line asked for. */
struct rules_call {
    bool json;
    struct rule_paths paths;
};

/* Returns EXIT_FINE, or what the verb shall end with; *ret_help: help was asked for. */
static int call_parse(int argc, char **argv, struct rules_call *call, bool *ret_help)
{
    static const struct option options[] = {{"trust", required_argument, NULL, 't'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 't')
            call->paths.trust = optarg;
        else if (option == 'j')
            call->json = true;
        else if (option == 'h')
            *ret_help = true;
        else
            return cli_option_error("rules", option, argv);
    }
    for (; optind < argc; optind++) {
        int exit_code = rule_paths_add(&call->paths, "rules", argv[optind]);
        if (exit_code != EXIT_FINE)
            return exit_code;
    }
    return rule_paths_check(&call->paths, "rules");
}

static void print_table(const struct ruleset *set)
{
    (void)printf("%-34s %-7s %-14s %-28s %s\n", "RULE", "MODE", "ACTION", "CVE", "SIDE EFFECTS");
    for (size_t i = 0; i < ruleset_n_rules(set); i++) {
        const struct rule_info *info = ruleset_rule(set, i);
        (void)printf("%-34s %-7s %-14s %-28s %s\n", info->id,
                     info->is_enforced ? "enforce" : "detect", info->action, info->cve,
                     info->side_effects);
    }
}

static int print_json(const struct ruleset *set)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ruleset_n_rules(set); i++) {
        const struct rule_info *info = ruleset_rule(set, i);
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "id", info->id, "title",
                            info->title, "cve", info->cve, "severity", info->severity, "action",
                            info->action, "side_effects", info->side_effects, "source",
                            info->source, "enforced", (int)info->is_enforced));
    }
    int status = json_dumpf(list, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(list);
    return status == 0 ? EXIT_FINE : EXIT_FAILED;
}

static void print_proof(const struct ruleset *set)
{
    struct ruleset_stats stats;
    size_t n_block = 0;
    size_t n_pass = 0;
    ruleset_stats(set, &stats);
    for (size_t i = 0; i < ruleset_n_rules(set); i++) {
        const struct rule_info *info = ruleset_rule(set, i);
        (void)printf("ok  %-34s %3zu blocked, %3zu passed\n", info->id, info->n_must_block,
                     info->n_must_pass);
        n_block += info->n_must_block;
        n_pass += info->n_must_pass;
    }
    (void)printf("%s: %zu rules, %zu patterns, %zu evaluated for every request, database %zu KiB, "
                 "loaded in %llu ms\n",
                 ruleset_name(set), stats.n_rules, stats.n_patterns, stats.n_unguarded,
                 stats.database_bytes / 1024, (unsigned long long)(stats.load_us / 1000));
    (void)printf("%zu samples passed, 0 failed\n", n_block + n_pass);
}

int cmd_rules(int argc, char **argv)
{
    struct rules_call call = {0};
    struct err err = {0};
    if (argc >= 2 && strcmp(argv[1], "import-iis") == 0)
        return cmd_rules_import_iis(argc - 1, argv + 1);
    bool wants_help = argc >= 2 && strcmp(argv[1], "--help") == 0;
    bool is_test = argc >= 2 && strcmp(argv[1], "test") == 0;
    if (!wants_help && !is_test && (argc < 2 || strcmp(argv[1], "list") != 0))
        return cli_usage_error("rules", "say 'test', 'list' or 'import-iis'");
    if (!wants_help) {
        int exit_code = call_parse(argc - 1, argv + 1, &call, &wants_help);
        if (exit_code != EXIT_FINE)
            return exit_code;
    }
    if (wants_help) {
        (void)fputs(help, stdout);
        return EXIT_FINE;
    }
    struct ruleset *set = rule_paths_load(&call.paths, NULL, &err);
    if (set == NULL)
        return cli_error(&err);
    int exit_code = EXIT_FINE;
    if (is_test)
        print_proof(set);
    else if (call.json)
        exit_code = print_json(set);
    else
        print_table(set);
    ruleset_unref(set);
    return exit_code;
}
