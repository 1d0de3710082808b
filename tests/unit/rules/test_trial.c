/* New rules on trial beside those in force: what acts, what only reports, and what is told. */
#include "build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "stopgap/trust.h"

#include "stopgap/banned.h"

enum { ARENA_BYTES = 64 * 1024 };

/* An origin of this many rules, each blocks one path. */
struct part {
    const char *source;
    const char *label;
    bool is_tried;
    bool is_critical;
    const char *rules[4]; /* "ID /path", "ID /path detect" */
};

static char *unconst(const char *text)
{
    return (char *)(uintptr_t)text; /* origins_add copies it */
}

static void add_rule(struct origin *origin, const char *rule)
{
    char id[32];
    char path[32];
    char mode[32] = "block";
    char text[600];
    assert_true(sscanf(rule, "%31s %31s %31s", id, path, mode) >= 2);
    (void)snprintf(text, sizeof(text),
                   "id: %s\ntitle: t\nseverity: low\nside_effects: none known\nmode: %s\n"
                   "action: {type: block}\nwhen: {field: path, equals: %s}\n"
                   "samples:\n  must_block: [{target: %s}]\n  must_pass: [{target: /pass}]\n",
                   id, mode, path, path);
    assert_true(origin_add_file(origin, "test.yaml", slice_str(text)));
}

static struct origins *make(const struct part *parts, size_t n)
{
    struct origins *origins = origins_new();
    assert_non_null(origins);
    for (size_t i = 0; i < n; i++) {
        struct origin *origin =
            origins_add(origins, &(struct origin){.source = unconst(parts[i].source),
                                                  .label = unconst(parts[i].label),
                                                  .hash = unconst(parts[i].label),
                                                  .is_tried = parts[i].is_tried,
                                                  .is_critical = parts[i].is_critical});
        assert_non_null(origin);
        for (size_t k = 0; k < 4 && parts[i].rules[k] != NULL; k++)
            add_rule(origin, parts[i].rules[k]);
    }
    return origins;
}

static struct ruleset *build_changed(struct origins *origins, struct origins *before,
                                     const struct rules_changes *changes)
{
    const struct build_request request = {.origins = origins, .before = before, .changes = changes};
    struct err err = {.kind = ERR_NONE};
    struct ruleset *set = rules_build(&request, &err);
    if (set == NULL)
        fail_msg("%s: %s", err.code, err.text);
    return set;
}

static struct ruleset *build(struct origins *origins, struct origins *before)
{
    return build_changed(origins, before, NULL);
}

struct outcome {
    enum verdict_action action;
    bool would_stop;
    unsigned n_hits;
};

static struct outcome ask(struct ruleset *set, const char *target)
{
    struct err err;
    struct arena arena;
    struct inspection *inspection;
    const struct header_field host = {.name = SLICE("Host"), .value = SLICE("a")};
    const struct request_head head = {.method = SLICE("GET"),
                                      .target = slice_str(target),
                                      .host = SLICE("a"),
                                      .fields = &host,
                                      .n_fields = 1};
    char *memory = malloc(ARENA_BYTES);
    struct lease *lease = lease_new(set, &err);
    assert_true(memory != NULL && lease != NULL);
    arena_init(&arena, memory, ARENA_BYTES, LIMIT_ARENA_BYTES);
    struct verdict verdict = rules_check_head(lease, &head, RULES_BLOCK, &arena, &inspection);
    struct outcome outcome = {
        .action = verdict.action, .would_stop = verdict.would_stop, .n_hits = verdict.n_hits};
    rules_end(inspection);
    arena_done(&arena);
    lease_free(lease);
    free(memory);
    return outcome;
}

static void check_blocks(struct ruleset *set, const char *target)
{
    struct outcome outcome = ask(set, target);
    if (outcome.action != VERDICT_BLOCK)
        fail_msg("%s passes", target);
}

static void check_reports(struct ruleset *set, const char *target)
{
    struct outcome outcome = ask(set, target);
    if (outcome.action != VERDICT_PASS || !outcome.would_stop || outcome.n_hits != 1)
        fail_msg("%s: action %d, would stop %d, %u hits", target, outcome.action,
                 outcome.would_stop, outcome.n_hits);
}

static void check_passes(struct ruleset *set, const char *target)
{
    struct outcome outcome = ask(set, target);
    if (outcome.action != VERDICT_PASS || outcome.would_stop || outcome.n_hits != 0)
        fail_msg("%s: action %d, would stop %d, %u hits", target, outcome.action,
                 outcome.would_stop, outcome.n_hits);
}

static const struct part old_core = {.source = "core",
                                     .label = "core@1.1",
                                     .is_tried = true,
                                     .rules = {"SAME /same", "CHANGED /old", "GONE /gone"}};
static const struct part new_core = {.source = "core",
                                     .label = "core@1.2",
                                     .is_tried = true,
                                     .rules = {"SAME /same", "CHANGED /new", "FRESH /fresh"}};

static void test_new_rules_report_and_old_ones_act(void **state)
{
    struct rules_trial trial;
    (void)state;
    struct origins *before = make(&old_core, 1);
    struct origins *after = make(&new_core, 1);
    struct ruleset *set = build(after, before);
    check_blocks(set, "/same");
    check_blocks(set, "/old");
    check_blocks(set, "/gone");
    check_reports(set, "/new");
    check_reports(set, "/fresh");
    check_passes(set, "/other");
    assert_true(ruleset_trial(set, &trial));
    assert_int_equal(trial.n_rules, 2);
    assert_string_equal(trial.name, "core@1.2");
    const char *hashes[4];
    struct trust_set bundles[4];
    size_t n_bundles;
    struct ruleset *old = build(before, NULL);
    assert_int_equal(ruleset_news(set, old, hashes, bundles, 4, &n_bundles), 1);
    assert_string_equal(hashes[0], "core@1.2");
    assert_int_equal(n_bundles, 1);
    assert_int_equal(ruleset_news(old, old, hashes, bundles, 4, &n_bundles), 0);
    ruleset_unref(old);
    assert_false(trial.is_critical);
    assert_string_equal(ruleset_name(set), "core@1.1+trial:core@1.2");
    assert_ptr_equal(ruleset_candidate(set), after);
    size_t index = ruleset_find(set, "CHANGED" RULE_TRIAL_SUFFIX);
    assert_int_not_equal(index, SIZE_MAX);
    assert_true(ruleset_rule(set, index)->is_on_trial && !ruleset_rule(set, index)->is_enforced);
    assert_true(ruleset_rule(set, ruleset_find(set, "CHANGED"))->is_enforced);
    ruleset_unref(set);
    origins_unref(before);
    origins_unref(after);
}

/* The second step: what was on trial is what is in force. */
static void test_what_was_on_trial_is_in_force_when_it_stands_before(void **state)
{
    struct rules_trial trial;
    (void)state;
    struct origins *after = make(&new_core, 1);
    struct ruleset *set = build(after, after);
    assert_false(ruleset_trial(set, &trial));
    check_blocks(set, "/new");
    check_blocks(set, "/fresh");
    check_passes(set, "/old");
    check_passes(set, "/gone");
    assert_string_equal(ruleset_name(set), "core@1.2");
    assert_null(ruleset_candidate(set));
    ruleset_unref(set);
    origins_unref(after);
}

static void test_rules_that_only_go_are_gone_at_once(void **state)
{
    const struct part less = {.source = "core",
                              .label = "core@1.2",
                              .is_tried = true,
                              .rules = {"SAME /same", "CHANGED /old"}};
    struct rules_trial trial;
    (void)state;
    struct origins *before = make(&old_core, 1);
    struct origins *after = make(&less, 1);
    struct ruleset *set = build(after, before);
    assert_false(ruleset_trial(set, &trial));
    check_blocks(set, "/same");
    check_blocks(set, "/old");
    check_passes(set, "/gone");
    ruleset_unref(set);
    origins_unref(before);
    origins_unref(after);
}

static void test_what_the_operator_named_acts_at_once(void **state)
{
    const struct part parts_before[] = {{.source = "own", .label = "own@1.1", .rules = {"A /a"}},
                                        old_core};
    const struct part parts_after[] = {
        {.source = "own", .label = "own@1.2", .rules = {"A /a2", "B /b"}}, new_core};
    (void)state;
    struct origins *before = make(parts_before, 2);
    struct origins *after = make(parts_after, 2);
    struct ruleset *set = build(after, before);
    check_blocks(set, "/a2");
    check_blocks(set, "/b");
    check_passes(set, "/a");
    check_blocks(set, "/old");
    check_reports(set, "/new");
    assert_string_equal(ruleset_name(set), "own@1.2+core@1.1+trial:core@1.2");
    ruleset_unref(set);
    origins_unref(before);
    origins_unref(after);
}

static void test_a_rule_that_only_reports_would_stop_nothing(void **state)
{
    const struct part detecting = {.source = "core",
                                   .label = "core@1.2",
                                   .is_tried = true,
                                   .is_critical = true,
                                   .rules = {"FRESH /fresh detect"}};
    struct rules_trial trial;
    (void)state;
    struct origins *before = make(&old_core, 1);
    struct origins *after = make(&detecting, 1);
    struct ruleset *set = build(after, before);
    struct outcome outcome = ask(set, "/fresh");
    assert_int_equal(outcome.n_hits, 1);
    assert_false(outcome.would_stop);
    assert_true(ruleset_trial(set, &trial) && trial.is_critical);
    ruleset_unref(set);
    origins_unref(before);
    origins_unref(after);
}

/* An exclusion holds for the new version of its rule; a mode cannot put it in force early. */
static void test_the_operators_changes_hold_for_both_versions(void **state)
{
    static const struct mode_row modes[] = {{.rule = "FRESH", .mode = RULES_BLOCK},
                                            {.rule = "SAME", .mode = RULES_DETECT}};
    static const struct exclusion exclusions[] = {
        {.rule = "CHANGED", .path = "/new", .label = "#1"}};
    static const struct rules_changes changes = {
        .modes = modes, .n_modes = 2, .exclusions = exclusions, .n_exclusions = 1};
    (void)state;
    struct origins *before = make(&old_core, 1);
    struct origins *after = make(&new_core, 1);
    struct ruleset *set = build_changed(after, before, &changes);
    check_reports(set, "/fresh");
    struct outcome excluded = ask(set, "/new");
    assert_int_equal(excluded.action, VERDICT_PASS);
    assert_false(excluded.would_stop);
    check_blocks(set, "/old");
    assert_int_equal(ask(set, "/same").action, VERDICT_PASS);
    ruleset_unref(set);
    origins_unref(before);
    origins_unref(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_rules_report_and_old_ones_act),
        cmocka_unit_test(test_what_was_on_trial_is_in_force_when_it_stands_before),
        cmocka_unit_test(test_rules_that_only_go_are_gone_at_once),
        cmocka_unit_test(test_what_the_operator_named_acts_at_once),
        cmocka_unit_test(test_a_rule_that_only_reports_would_stop_nothing),
        cmocka_unit_test(test_the_operators_changes_hold_for_both_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
