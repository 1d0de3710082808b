/* `stopgap rules show`: everything about one rule, in plain words. */
#include "cli/cmd_rules.h"

#include "cli/options.h"
#include "cli/rule_absence.h"
#include "cli/rule_words.h"
#include "cli/rules_call.h"
#include "policy.h"

#include "changes/changes.h"
#include "engine/engine.h"
#include "mitigation/apply.h"

#include <jansson.h>

#include "stopgap/banned.h"

enum { MAX_TEXT_BYTES = 1024 * 1024 }; /* of one rule's tree or one sample in words */

static const char help[] =
    "usage: stopgap rules show ID [-c CONFIG] [--trust ROOT] [--json] [PATH...]\n"
    "\n"
    "Say everything about one rule in plain words: what it looks for, the CVEs, the builds where\n"
    "the hole is open with the names of their updates, side effects, what it cannot see, and its\n"
    "samples. PATH is a folder of rule files, one file, or a signed bundle (*.sgb, needs "
    "--trust);\n"
    "without PATH the rules of CONFIG are meant, and without CONFIG the built-in ones.\n"
    "\n"
    "  -c CONFIG     say also what becomes of the rule under this configuration; which builds a\n"
    "                running program has seen is not known here\n"
    "  --json        the same as JSON\n"
    "  --trust ROOT  root file that says who may sign bundles\n"
    "\n"
    "Exit status: 0 shown, 1 there is no such rule or the set does not load, 2 usage.\n"
    "\n"
    "Example: stopgap rules show SG-2021-26855-BERESOURCE\n";

/* What is shown. */
struct shown {
    const struct rule *rule;
    const char *state;   /* NULL without a configuration */
    const char *because; /* of the state; may be empty */
};

/* ---- text */

static void print_buf(struct buf *text, bool is_written)
{
    if (is_written)
        (void)fwrite(text->ptr, 1, text->len, stdout);
    buf_done(text);
    buf_init(text, MAX_TEXT_BYTES);
}

static void print_list(const char *label, char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)printf("%-13s", i == 0 ? label : "");
        cli_put_clean(stdout, texts[i]);
        (void)printf("\n");
    }
}

static void print_line(const char *label, const char *text)
{
    if (text == NULL)
        return;
    (void)printf("%-13s", label);
    cli_put_clean(stdout, text);
    (void)printf("\n");
}

static void print_builds(const struct rule *rule)
{
    for (size_t i = 0; i < rule->n_applies_to; i++) {
        const struct build_range *range = &rule->applies_to[i];
        const char *fix = rule_words_build(range->before);
        (void)printf("%-13s", i == 0 ? "open in" : "");
        if (range->from != NULL)
            (void)printf("from %s ", range->from);
        if (range->before != NULL)
            (void)printf("before %s", range->before);
        (void)printf(fix != NULL ? ", fixed by %s\n" : "\n", fix);
    }
    if (rule->n_applies_to == 0)
        print_line("open in", "every build, as far as the rule says");
}

static void print_samples(const char *label, const struct sample *samples, size_t n)
{
    struct buf text;
    buf_init(&text, MAX_TEXT_BYTES);
    (void)printf("\n%s\n", label);
    for (size_t i = 0; i < n; i++) {
        (void)printf("  %zu. ", i + 1);
        print_buf(&text, rule_words_sample(&text, &samples[i]));
        (void)printf("\n");
    }
    buf_done(&text);
}

static void print_text(const struct shown *shown)
{
    const struct rule *rule = shown->rule;
    struct buf text;
    buf_init(&text, MAX_TEXT_BYTES);
    (void)printf("%s\n", rule->id);
    print_line("title", rule->title);
    print_line("severity", rule->severity);
    (void)printf("%-13s%s: ", "action", rule->is_detect_only ? "only reports" : "acts");
    print_buf(&text, rule_words_action(&text, rule));
    (void)printf("\n");
    if (shown->state != NULL)
        (void)printf("%-13s%s%s%s\n", "state", shown->state, shown->because[0] != '\0' ? ": " : "",
                     shown->because);
    print_line("mitigation", rule->mitigation);
    if (rule->activation != ACTIVATION_ALWAYS)
        print_line("activation", activation_word(rule->activation));
    print_line("superseded by", rule->superseded_by);
    print_list("CVE", rule->cve, rule->n_cve);
    print_builds(rule);
    print_line("side effects", rule->side_effects);
    print_list("cannot see", rule->blind_to, rule->n_blind_to);
    print_list("references", rule->references, rule->n_references);
    print_line("read from", rule->file);
    (void)printf("\nIt matches a request when, in one reading of it, this is true:\n");
    print_buf(&text, rule_words_tree(&text, rule->when, 1));
    if (rule->when_response != NULL) {
        (void)printf("and of its response:\n");
        print_buf(&text, rule_words_tree(&text, rule->when_response, 1));
    }
    buf_done(&text);
    print_samples("Requests that it must match:", rule->must_block, rule->n_must_block);
    print_samples("Requests that must pass:", rule->must_pass, rule->n_must_pass);
}

/* ---- JSON */

static json_t *texts_json(char *const *texts, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, json_string(texts[i]));
    return list;
}

/* Depth is limited by LIMIT_CONDITION_DEPTH. */
static json_t *tree_json(const struct node *node)
{
    static const char *const groups[] = {
        [NODE_ALL] = "all", [NODE_ANY] = "any", [NODE_NONE] = "none"};
    if (node == NULL)
        return NULL;
    if (node->kind != NODE_TEST) {
        json_t *children = json_array();
        for (size_t i = 0; i < node->n_children; i++)
            (void)json_array_append_new(children, tree_json(node->children[i]));
        return json_pack("{s:o}", groups[node->kind], children);
    }
    return json_pack("{s:s, s:s*, s:s, s:b, s:b, s:s*, s:o*}", "field", field_word(node->field),
                     "name", node->name, "operator", operator_word(node->op), "negated",
                     (int)node->is_negated, "minds_case", (int)node->is_case_sensitive, "value",
                     node->value, "values",
                     node->n_values != 0 ? texts_json(node->values, node->n_values) : NULL);
}

static json_t *builds_json(const struct rule *rule)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rule->n_applies_to; i++) {
        const struct build_range *range = &rule->applies_to[i];
        (void)json_array_append_new(list, json_pack("{s:s*, s:s*, s:s*}", "from", range->from,
                                                    "before", range->before, "fixed_by",
                                                    rule_words_build(range->before)));
    }
    return list;
}

static json_t *samples_json(const struct sample *samples, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        struct buf text;
        buf_init(&text, MAX_TEXT_BYTES);
        if (rule_words_sample(&text, &samples[i]))
            (void)json_array_append_new(list, json_stringn(text.ptr, text.len));
        buf_done(&text);
    }
    return list;
}

static int print_json(const struct shown *shown)
{
    const struct rule *rule = shown->rule;
    json_t *all = json_pack(
        "{s:s, s:s, s:s, s:s, s:i, s:b, s:s*, s:s*, s:s, s:s*, s:o, s:o, s:o, s:s, s:o, s:s, s:s, "
        "s:o, s:o*, s:o, s:o}",
        "id", rule->id, "title", rule->title, "severity", rule->severity, "action",
        action_word(rule->action), "status", (int)rule->status, "detect_only",
        (int)rule->is_detect_only, "state", shown->state, "because", shown->because, "mitigation",
        rule->mitigation, "superseded_by", rule->superseded_by, "cve",
        texts_json(rule->cve, rule->n_cve), "references",
        texts_json(rule->references, rule->n_references), "applies_to", builds_json(rule),
        "side_effects", rule->side_effects, "blind_to",
        texts_json(rule->blind_to, rule->n_blind_to), "source", rule->source, "file", rule->file,
        "when", tree_json(rule->when), "when_response", tree_json(rule->when_response),
        "must_block", samples_json(rule->must_block, rule->n_must_block), "must_pass",
        samples_json(rule->must_pass, rule->n_must_pass));
    int status = all != NULL ? json_dumpf(all, stdout, JSON_INDENT(2)) : -1;
    (void)putchar('\n');
    json_decref(all);
    return status == 0 ? EXIT_FINE : EXIT_FAILED;
}

/* ---- the state under a configuration */

static void judge_loaded(struct shown *shown, const struct rule_info *info,
                         const struct mode_row *row, const struct config *config)
{
    enum rules_mode mode = row != NULL ? row->mode : config->mode;
    if (mode != RULES_BLOCK || !info->is_enforced) {
        shown->state = mode == RULES_OFF ? "off but in some directories" : "only reports";
        if (mode != RULES_BLOCK)
            shown->because = row != NULL ? "modes says so" : "mode is detect";
        return;
    }
    shown->state = "in force";
    for (size_t i = 0; i < config_n_servers(config); i++) {
        struct build build;
        const char *text = config_server_build(config, i);
        struct build_span span;
        if (text == NULL || !build_parse(slice_str(text), &build))
            continue;
        span = build_span_exact(&build);
        if (!rule_applies_to(shown->rule, &span))
            shown->because = "until every server is known to have the fix, as a configured one has";
    }
}

/* set  what the configuration makes of the rules */
static void judge_state(struct shown *shown, const struct ruleset *set, const struct config *config,
                        const struct policy *policy)
{
    const struct mode_row *row = changes_whole_row(shown->rule, &policy->changes);
    size_t index = ruleset_find(set, shown->rule->id);
    shown->because = "";
    if (config->mode == RULES_OFF) {
        shown->state = "off";
        shown->because = "mode is off";
    } else if (index == SIZE_MAX) {
        shown->state = "off";
        shown->because = rule_absence_reason(shown->rule, set, policy, config);
    } else {
        judge_loaded(shown, ruleset_rule(set, index), row, config);
    }
}

/* ---- the verb */

/* The state of the rule under config, into shown; real gets the set that it makes. */
static bool find_state(struct shown *shown, const struct rule_paths *paths,
                       const struct config *config, struct ruleset **real, struct err *err)
{
    struct rule_paths chosen = *paths;
    struct policy *policy = policy_new(config);
    chosen.takes_all = false;
    *real = policy != NULL ? rule_paths_load(&chosen, config, err) : NULL;
    if (policy == NULL)
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    if (*real != NULL)
        judge_state(shown, *real, config, policy);
    free(policy);
    return *real != NULL;
}

static int show(const struct rules_call *call, const struct rule_paths *paths,
                const struct config *config)
{
    struct err err = {0};
    struct shown shown = {.rule = NULL};
    struct config plain;
    struct ruleset *real = NULL;
    const char *id = call->words[0];
    if (config != NULL)
        plain = rule_absence_undo(config);
    struct ruleset *set = rule_paths_load(paths, config != NULL ? &plain : NULL, &err);
    if (set == NULL)
        return cli_error(&err);
    size_t index = ruleset_find(set, id);
    int status = EXIT_FAILED;
    if (index != SIZE_MAX)
        shown.rule = ruleset_source_rule(set, index);
    if (index == SIZE_MAX) {
        (void)err_set(&err, ERR_USAGE, "E_RULE_UNKNOWN",
                      "no rule has the id '%.80s'; 'stopgap rules list' shows the ids", id);
        (void)cli_error(&err);
    } else if (config != NULL && !find_state(&shown, paths, config, &real, &err)) {
        (void)cli_error(&err);
    } else {
        status = EXIT_FINE;
        if (call->json)
            status = print_json(&shown);
        else
            print_text(&shown);
    }
    ruleset_unref(real);
    ruleset_unref(set);
    return status;
}

static int show_with_config(const struct rules_call *call, const struct rule_paths *paths)
{
    struct config config;
    int status = EXIT_FAILED;
    config_init(&config);
    if (config_read_file(&config, call->config, options_print_error, NULL))
        status = show(call, paths, &config);
    config_done(&config);
    return status;
}

int cmd_rules_show(int argc, char **argv)
{
    struct rules_call call;
    struct rule_paths paths;
    int status = rules_call_parse(argc, argv, RULES_OPTION_JSON | RULES_OPTION_CONFIG, &call);
    if (status == EXIT_FINE && call.wants_help)
        return fputs(help, stdout) < 0;
    if (status == EXIT_FINE && call.n_words == 0)
        status = cli_usage_error("rules show", "name the id of a rule");
    if (status == EXIT_FINE)
        status = rules_call_paths(&call, 1, call.n_words - 1, &paths);
    if (status != EXIT_FINE)
        return status;
    return call.config != NULL ? show_with_config(&call, &paths) : show(&call, &paths, NULL);
}
