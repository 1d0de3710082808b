/* `stopgap rules lint`: what is wrong with rule files. */
#include "cli/cmd_rules.h"

#include "cli/rules_call.h"
#include "lint/lint.h"
#include "stopgap/bundle.h"

#include <jansson.h>

#include "stopgap/banned.h"

static const char help[] =
    "usage: stopgap rules lint [--trust ROOT] [--strict] [--json] [PATH...]\n"
    "\n"
    "Say what is wrong with rules: those that do not load, and those that load and still do not "
    "do\n"
    "what their author thinks, are dear, or say too little. PATH is a folder of rule files, one\n"
    "file, or a signed bundle (*.sgb, needs --trust); without PATH the built-in rules are meant.\n"
    "What rules say about others is not judged when all paths are single files.\n"
    "\n"
    "  --strict      warnings count as errors\n"
    "  --json        the findings as JSON: severity, code, file, line, rule, text, remedy\n"
    "  --trust ROOT  root file that says who may sign bundles\n"
    "\n"
    "A comment such as '# lint: allow no_builds, about what comes after the hole' in a rule file\n"
    "switches one code off for that file. rules/README.md lists the codes.\n"
    "\n"
    "Exit status: 0 clean, 1 there are errors (with --strict: any findings), 2 usage.\n"
    "\n"
    "Example: stopgap rules lint my-rules/\n";

static const char *severity_word(const struct lint_finding *finding)
{
    return finding->severity == LINT_ERROR ? "error" : "warning";
}

static void print_text(const struct lint_report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        const struct lint_finding *finding = &report->items[i];
        cli_put_clean(stdout, finding->file);
        if (finding->line != 0)
            (void)printf(":%u", finding->line);
        (void)printf(": %s: ", severity_word(finding));
        if (finding->rule_id[0] != '\0')
            (void)printf("%s: ", finding->rule_id);
        cli_put_clean(stdout, finding->text);
        (void)printf(" [%s]\n", finding->code);
        if (finding->remedy[0] != '\0')
            (void)printf("    %s\n", finding->remedy);
    }
    (void)printf("%zu rules: %zu errors, %zu warnings\n", report->n_rules, report->n_errors,
                 report->n - report->n_errors);
}

static int print_json(const struct lint_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->n; i++) {
        const struct lint_finding *finding = &report->items[i];
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s}", "severity", severity_word(finding),
                      "code", finding->code, "file", finding->file, "line", (int)finding->line,
                      "rule", finding->rule_id, "text", finding->text, "remedy", finding->remedy));
    }
    int status = json_dumpf(list, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(list);
    return status;
}

/* References to other rules can be judged when a folder, a bundle or the built-in set is there. */
static bool is_part(const struct rule_paths *paths)
{
    static const char suffix[] = ".yaml";
    for (size_t i = 0; i < paths->n_directories; i++)
        if (!slice_ends_with_nocase(slice_str(paths->directories[i]), SLICE(suffix)))
            return false;
    return paths->n_bundles == 0 && paths->n_directories != 0;
}

int cmd_rules_lint(int argc, char **argv)
{
    struct rules_call call;
    struct rule_paths paths;
    struct lint_report report;
    struct trust_store *trust = NULL;
    struct err err = {0};
    int status = rules_call_parse(argc, argv, RULES_OPTION_JSON | RULES_OPTION_STRICT, &call);
    if (status == EXIT_FINE && call.wants_help)
        return fputs(help, stdout) < 0;
    if (status == EXIT_FINE)
        status = rules_call_paths(&call, 0, call.n_words, &paths);
    if (status != EXIT_FINE)
        return status;
    struct trust_options options = {.root_path = call.trust};
    if (call.trust != NULL && (trust = trust_open(&options, &err)) == NULL)
        return cli_error(&err);
    struct rules_source source = rule_paths_source(&paths, trust);
    bool is_done = lint_run(&source, is_part(&paths), &report, &err);
    trust_close(trust);
    if (!is_done)
        return cli_error(&err);
    if (!call.json)
        print_text(&report);
    else if (print_json(&report) != 0)
        status = EXIT_FAILED;
    if (report.n_errors != 0 || (call.is_strict && report.n != 0))
        status = EXIT_FAILED;
    lint_report_done(&report);
    return status;
}
