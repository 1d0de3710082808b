/* `stopgap rules`: the table of its verbs, and the two that only load a set. */
#include "cli/cmd_rules.h"

#include "cli/rules_call.h"

#include <string.h>

#include <jansson.h>

#include "stopgap/banned.h"

static const char help[] =
    "stopgap rules VERB: look at rule sets before they are in force\n"
    "\n"
    "  stopgap rules test [--trust ROOT] [PATH...]\n"
    "  stopgap rules list [--trust ROOT] [--json] [PATH...]\n"
    "  stopgap rules lint [--strict] [--json] [PATH...]\n"
    "  stopgap rules show ID [-c CONFIG] [--json] [PATH...]\n"
    "  stopgap rules diff [--json] OLD NEW\n"
    "  stopgap rules cost [--traffic FILE|DIR] [--against PATH] [--json] [PATH...]\n"
    "  stopgap rules import-iis FILE --out DIR ...\n"
    "  stopgap rules pin NAME SERIAL | unpin NAME | approve NAME SERIAL --reason TEXT\n"
    "  stopgap rules promote TRIAL | abandon TRIAL | reset-floor NAME --reason TEXT\n"
    "\n"
    "PATH is a folder of rule files (*.yaml), one file, or a signed bundle (*.sgb, needs "
    "--trust).\n"
    "Without PATH the rules compiled into the program are meant.\n"
    "\n"
    "  test         load the set as the proxy would: parse, compile, run every sample\n"
    "  list         one line a rule: id, when it is on, mode, action, CVE, side effects\n"
    "  lint         what is wrong with rules that load, and with those that do not\n"
    "  show         everything about one rule, in plain words\n"
    "  diff         what a new set changes, and for which samples\n"
    "  cost         what a set costs on given traffic, stage by stage and rule by rule\n"
    "  import-iis   rules of IIS URL Rewrite to rule files\n"
    "  pin, unpin   hold a signed set of a running proxy at an older serial\n"
    "  approve      take a set that takes many rules away and was held back for that\n"
    "  promote, abandon  end the trial of new rules now: they act, or are given up\n"
    "  reset-floor  let a running proxy take an older signed set again\n"
    "\n"
    "  --trust ROOT  root file that says who may sign bundles\n"
    "  --json        list as JSON\n"
    "\n"
    "'stopgap rules VERB --help' says more.\n"
    "Exit status: 0 fine, 1 a rule or sample failed, 2 usage.\n"
    "\n"
    "Example: stopgap rules test rules/sets/exchange\n";

static void print_table(const struct ruleset *set)
{
    (void)printf("%-34s %-7s %-7s %-14s %-28s %s\n", "RULE", "ON", "MODE", "ACTION", "CVE",
                 "SIDE EFFECTS");
    for (size_t i = 0; i < ruleset_n_rules(set); i++) {
        const struct rule_info *info = ruleset_rule(set, i);
        (void)printf("%-34s %-7s %-7s %-14s %-28s %s\n", info->id, info->activation,
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
            list,
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "id", info->id, "title",
                      info->title, "cve", info->cve, "severity", info->severity, "action",
                      info->action, "side_effects", info->side_effects, "source", info->source,
                      "activation", info->activation, "enforced", (int)info->is_enforced));
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

/* test and list */
static int run_loaded(int argc, char **argv)
{
    struct rules_call call;
    struct rule_paths paths;
    struct err err = {0};
    bool is_list = strcmp(argv[0], "list") == 0;
    int status = rules_call_parse(argc, argv, is_list ? RULES_OPTION_JSON : 0, &call);
    if (status == EXIT_FINE && call.wants_help)
        return fputs(help, stdout) < 0;
    if (status == EXIT_FINE)
        status = rules_call_paths(&call, 0, call.n_words, &paths);
    if (status != EXIT_FINE)
        return status;
    struct ruleset *set = rule_paths_load(&paths, NULL, &err);
    if (set == NULL)
        return cli_error(&err);
    if (!is_list)
        print_proof(set);
    else if (call.json)
        status = print_json(set);
    else
        print_table(set);
    ruleset_unref(set);
    return status;
}

int cmd_rules(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } verbs[] = {
        {"test", run_loaded},
        {"list", run_loaded},
        {"lint", cmd_rules_lint},
        {"show", cmd_rules_show},
        {"diff", cmd_rules_diff},
        {"cost", cmd_rules_cost},
        {"import-iis", cmd_rules_import_iis},
        {"pin", cmd_rules_pin},
        {"unpin", cmd_rules_pin},
        {"approve", cmd_rules_pin},
        {"promote", cmd_rules_pin},
        {"abandon", cmd_rules_pin},
        {"reset-floor", cmd_rules_pin},
    };
    const char *verb = argc >= 2 ? argv[1] : "";
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0)
        return fputs(help, stdout) < 0;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verb, verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    return cli_usage_error(
        "rules", "say 'test', 'list', 'lint', 'show', 'diff', 'cost', 'import-iis', 'pin', "
                 "'unpin', 'approve', 'promote', 'abandon' or 'reset-floor'");
}
