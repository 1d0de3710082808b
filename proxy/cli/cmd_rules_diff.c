/* `stopgap rules diff`: what a new rule set changes. */
#include "cli/cmd_rules.h"

#include "cli/rule_words.h"
#include "cli/rules_call.h"
#include "diff/diff.h"

#include <jansson.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum { MAX_TEXT_BYTES = 1024 * 1024 }; /* of one rule's tree or one sample in words */

static const char help[] =
    "usage: stopgap rules diff [--trust ROOT] [--json] OLD NEW\n"
    "\n"
    "Say what NEW changes: rules that are added, removed and changed, whether a change is tighter\n"
    "(stops more) or looser (stops less) as far as their form tells, and which samples of either\n"
    "set the two judge differently. OLD and NEW are folders of rule files, single files, signed\n"
    "bundles (*.sgb, need --trust), or the word 'builtin' for the rules in the program.\n"
    "\n"
    "  --json        the same as JSON\n"
    "  --trust ROOT  root file that says who may sign bundles\n"
    "\n"
    "Exit status: 0 the same, 1 they differ (or a set does not load), 2 usage.\n"
    "\n"
    "Example: stopgap rules diff builtin my-rules/\n";

static const struct {
    unsigned aspect;
    const char *word;
} aspects[] = {
    {ASPECT_WHEN, "when"},     {ASPECT_WHEN_RESPONSE, "when_response"},
    {ASPECT_MODE, "mode"},     {ASPECT_ACTION, "action"},
    {ASPECT_BUILDS, "builds"}, {ASPECT_SAMPLES, "samples"},
    {ASPECT_TEXTS, "texts"},   {ASPECT_ACTIVATION, "activation"},
};
enum { N_ASPECTS = sizeof(aspects) / sizeof(aspects[0]) };

static const char *kind_word(const struct rule_change *change)
{
    if (change->old_rule == NULL)
        return "added";
    return change->new_rule == NULL ? "removed" : "changed";
}

static const struct rule *rule_of(const struct rule_change *change)
{
    return change->new_rule != NULL ? change->new_rule : change->old_rule;
}

/* ---- text */

/* The lines of a tree, each behind a sign. */
static void print_tree(char sign, const struct node *node)
{
    struct buf text;
    buf_init(&text, MAX_TEXT_BYTES);
    if (node != NULL && rule_words_tree(&text, node, 0)) {
        struct slice rest = buf_slice(&text);
        while (rest.len != 0) {
            size_t end = slice_find(rest, '\n');
            (void)printf("    %c " SLICE_FMT "\n", sign, SLICE_ARG(slice_head(rest, end)));
            rest = slice_from(rest, end + 1);
        }
    }
    buf_done(&text);
}

static void print_action(char sign, const struct rule *rule)
{
    struct buf text;
    buf_init(&text, MAX_TEXT_BYTES);
    if (rule_words_action(&text, rule))
        (void)printf("    %c %s, " SLICE_FMT "\n", sign,
                     rule->is_detect_only ? "only detects" : "acts", SLICE_ARG(buf_slice(&text)));
    buf_done(&text);
}

static void print_change(const struct rule_change *change)
{
    const struct rule *rule = rule_of(change);
    (void)printf("%-8s %s", kind_word(change), rule->id);
    if (change->drift != DRIFT_NONE)
        (void)printf(" (%s)", drift_word(change->drift));
    for (size_t i = 0, n = 0; i < N_ASPECTS; i++)
        if ((change->aspects & aspects[i].aspect) != 0)
            (void)printf("%s%s", n++ == 0 ? ": " : ", ", aspects[i].word);
    (void)printf("\n");
    if ((change->aspects & (ASPECT_MODE | ASPECT_ACTION)) != 0) {
        print_action('-', change->old_rule);
        print_action('+', change->new_rule);
    }
    if ((change->aspects & ASPECT_WHEN) != 0) {
        print_tree('-', change->old_rule->when);
        print_tree('+', change->new_rule->when);
    }
    if ((change->aspects & ASPECT_WHEN_RESPONSE) != 0) {
        print_tree('-', change->old_rule->when_response);
        print_tree('+', change->new_rule->when_response);
    }
}

static void print_verdict(const struct sample_verdict *verdict)
{
    (void)fputs(outcome_word(verdict->outcome), stdout);
    if (verdict->status != 0)
        (void)printf(" %u", verdict->status);
    if (verdict->rule != NULL)
        (void)printf(" by %s", verdict->rule->id);
}

/* A verdict that is as hard as before has another status. */
static enum drift effect_of(const struct verdict_change *change)
{
    if (change->new_verdict.outcome == change->old_verdict.outcome)
        return DRIFT_OTHER;
    return change->new_verdict.outcome < change->old_verdict.outcome ? DRIFT_LOOSER : DRIFT_TIGHTER;
}

static void print_verdict_change(const struct verdict_change *change)
{
    struct buf text;
    buf_init(&text, MAX_TEXT_BYTES);
    (void)printf("%-8s ", drift_word(effect_of(change)));
    print_verdict(&change->old_verdict);
    (void)printf(" -> ");
    print_verdict(&change->new_verdict);
    (void)printf(": %s sample %zu of %s%s\n", change->is_must_block ? "must_block" : "must_pass",
                 change->number, change->owner->id, change->is_of_new ? " (new)" : "");
    if (rule_words_sample(&text, change->sample))
        (void)printf("         " SLICE_FMT "\n", SLICE_ARG(buf_slice(&text)));
    buf_done(&text);
}

static void print_text(const struct rules_diff *diff)
{
    size_t n_of[] = {[DRIFT_TIGHTER] = 0, [DRIFT_LOOSER] = 0, [DRIFT_OTHER] = 0};
    for (size_t i = 0; i < diff->n_changes; i++)
        print_change(&diff->changes[i]);
    if (diff->n_verdicts != 0)
        (void)printf("\nSamples that the two sets judge differently:\n");
    for (size_t i = 0; i < diff->n_verdicts; i++) {
        print_verdict_change(&diff->verdicts[i]);
        n_of[effect_of(&diff->verdicts[i])]++;
    }
    (void)printf("%zu rules differ; of %zu samples %zu are judged looser, %zu tighter",
                 diff->n_changes, diff->n_samples, n_of[DRIFT_LOOSER], n_of[DRIFT_TIGHTER]);
    if (n_of[DRIFT_OTHER] != 0)
        (void)printf(", %zu with another status", n_of[DRIFT_OTHER]);
    if (diff->n_unjudged != 0)
        (void)printf(", %zu could not be judged", diff->n_unjudged);
    (void)printf("\n");
}

/* ---- JSON */

static json_t *change_json(const struct rule_change *change)
{
    json_t *list = json_array();
    for (size_t i = 0; i < N_ASPECTS; i++)
        if ((change->aspects & aspects[i].aspect) != 0)
            (void)json_array_append_new(list, json_string(aspects[i].word));
    return json_pack("{s:s, s:s, s:s, s:o}", "rule", rule_of(change)->id, "change",
                     kind_word(change), "drift", drift_word(change->drift), "differs", list);
}

static json_t *verdict_json(const struct sample_verdict *verdict)
{
    return json_pack("{s:s, s:i, s:s*}", "verdict", outcome_word(verdict->outcome), "status",
                     (int)verdict->status, "rule",
                     verdict->rule != NULL ? verdict->rule->id : NULL);
}

static json_t *verdict_change_json(const struct verdict_change *change)
{
    struct buf text;
    buf_init(&text, MAX_TEXT_BYTES);
    bool is_written = rule_words_sample(&text, change->sample);
    json_t *item = json_pack(
        "{s:s, s:s, s:i, s:b, s:s, s:o, s:o, s:o*}", "rule", change->owner->id, "list",
        change->is_must_block ? "must_block" : "must_pass", "number", (int)change->number,
        "is_new_sample", (int)change->is_of_new, "effect", drift_word(effect_of(change)), "old",
        verdict_json(&change->old_verdict), "new", verdict_json(&change->new_verdict), "sample",
        is_written ? json_stringn(text.ptr, text.len) : NULL);
    buf_done(&text);
    return item;
}

static int print_json(const struct rules_diff *diff)
{
    json_t *changes = json_array();
    json_t *verdicts = json_array();
    for (size_t i = 0; i < diff->n_changes; i++)
        (void)json_array_append_new(changes, change_json(&diff->changes[i]));
    for (size_t i = 0; i < diff->n_verdicts; i++)
        (void)json_array_append_new(verdicts, verdict_change_json(&diff->verdicts[i]));
    json_t *all =
        json_pack("{s:o, s:o, s:I, s:I}", "rules", changes, "verdicts", verdicts, "samples",
                  (json_int_t)diff->n_samples, "unjudged", (json_int_t)diff->n_unjudged);
    int status = json_dumpf(all, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(all);
    return status == 0 ? EXIT_FINE : EXIT_FAILED;
}

/* ---- the verb */

static int compare(struct ruleset *old_set, struct ruleset *new_set, bool as_json)
{
    struct rules_diff diff;
    struct err err = {0};
    int status = EXIT_FINE;
    if (!rules_diff_make(old_set, new_set, &diff, &err))
        return cli_error(&err);
    if (as_json)
        status = print_json(&diff);
    else
        print_text(&diff);
    if (diff.n_changes + diff.n_verdicts != 0)
        status = EXIT_FAILED;
    rules_diff_done(&diff);
    return status;
}

int cmd_rules_diff(int argc, char **argv)
{
    struct rules_call call;
    struct rule_paths paths[2];
    struct ruleset *sets[2] = {NULL, NULL};
    struct err err = {0};
    int status = rules_call_parse(argc, argv, RULES_OPTION_JSON, &call);
    if (status == EXIT_FINE && call.wants_help)
        return fputs(help, stdout) < 0;
    if (status == EXIT_FINE && call.n_words != 2)
        status = cli_usage_error("rules diff", "name two sets, OLD and NEW");
    for (size_t i = 0; i < 2 && status == EXIT_FINE; i++)
        status = rules_call_paths(&call, i, 1, &paths[i]);
    for (size_t i = 0; i < 2 && status == EXIT_FINE; i++)
        if ((sets[i] = rule_paths_load(&paths[i], NULL, &err)) == NULL)
            status = cli_error(&err);
    if (status == EXIT_FINE)
        status = compare(sets[0], sets[1], call.json);
    ruleset_unref(sets[0]);
    ruleset_unref(sets[1]);
    return status;
}
