/* The path of a rule set, from folders to a set in force, and what stops it. */
#include "stopgap/ruleset.h"

#include "engine/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "stopgap/banned.h"

enum { MAX_FILES = 4 };

/* A folder of rule files under the system's folder for temporary files. */
struct folder {
    char path[64];
    char files[MAX_FILES][128];
    size_t n;
    const char *activation; /* of the next rule; NULL: not given */
    bool is_stale;          /* for the next load */
};

static void folder_init(struct folder *folder)
{
    memset(folder, 0, sizeof(*folder));
    (void)snprintf(folder->path, sizeof(folder->path), "/tmp/stopgap-rules-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
}

static void folder_done(struct folder *folder)
{
    for (size_t i = 0; i < folder->n; i++)
        assert_int_equal(unlink(folder->files[i]), 0);
    assert_int_equal(rmdir(folder->path), 0);
}

/* A rule that blocks paths with `word`; must_pass is the target that it has to let through. */
static void folder_add(struct folder *folder, const char *id, const char *word,
                       const char *must_block, const char *must_pass)
{

    char *path = folder->files[folder->n++];
    (void)snprintf(path, sizeof(folder->files[0]), "%s/%s.yaml", folder->path, id);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "id: %s\ntitle: t\nseverity: low\nside_effects: none known\n"
                  "action: {type: block}\nwhen: {field: path, contains: %s}\n"
                  "%s%s\nsamples:\n  must_block: [{target: %s}]\n  must_pass: [{target: %s}]\n",
                  id, word, folder->activation != NULL ? "activation: " : "",
                  folder->activation != NULL ? folder->activation : "", must_block, must_pass);
    assert_int_equal(fclose(file), 0);
}

static struct ruleset *load_changed(const struct folder *folder,
                                    const struct rules_changes *changes, struct err *err)
{
    const char *directories[] = {folder->path};
    struct rules_source source = {.directories = directories,
                                  .n_directories = 1,
                                  .changes = changes,
                                  .is_stale = folder->is_stale};
    memset(err, 0, sizeof(*err));
    return rules_load(&source, err);
}

static struct ruleset *load(const struct folder *folder, const char *off, const char *detect,
                            struct err *err)
{
    struct mode_row rows[2];
    struct rules_changes changes = {.modes = rows};
    if (off != NULL)
        rows[changes.n_modes++] = (struct mode_row){.rule = off, .mode = RULES_OFF};
    if (detect != NULL)
        rows[changes.n_modes++] = (struct mode_row){.rule = detect, .mode = RULES_DETECT};
    return load_changed(folder, &changes, err);
}

static void test_samples_prove_the_rules(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *must_block;
        const char *must_pass;
        const char *expected; /* in the error; NULL: loaded */
    } cases[] = {
        {"good", "/evil", "/good", NULL},
        {"blocks what must pass", "/evil", "/evil", "must_pass sample 1"},
        {"does not block what it must", "/good", "/good", "must_block sample 1"},
        {"passes, but another rule stops it", "/evil", "/other", "rule OTHER"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct folder folder;
        struct err err;
        folder_init(&folder);
        folder_add(&folder, "TEST", "evil", cases[i].must_block, cases[i].must_pass);
        folder_add(&folder, "OTHER", "other", "/other", "/good");
        struct ruleset *set = load(&folder, NULL, NULL, &err);
        folder_done(&folder);
        if ((set != NULL) != (cases[i].expected == NULL))
            fail_msg("%s: %s %s", cases[i].name, err.code, err.text);
        ruleset_unref(set);
        if (cases[i].expected == NULL)
            continue;
        if (strstr(err.text, cases[i].expected) == NULL || strcmp(err.code, "E_SELFTEST") != 0 ||
            strstr(err.file, "TEST.yaml") == NULL)
            fail_msg("%s: %s: %s %s", cases[i].name, err.file, err.code, err.text);
    }
}

static void test_a_detect_rule_need_not_pass_what_others_let_through(void **state)
{
    (void)state;
    struct folder folder;
    struct err err;
    folder_init(&folder);
    folder_add(&folder, "TEST", "evil", "/evil", "/other");
    folder_add(&folder, "OTHER", "other", "/other", "/good");
    struct ruleset *set = load(&folder, NULL, "OTHER", &err);
    assert_non_null(set);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(ruleset_rule(set, i)->is_enforced,
                         strcmp(ruleset_rule(set, i)->id, "TEST") == 0);
    ruleset_unref(set);
    folder_done(&folder);
}

static void test_the_operator_switches_rules_off(void **state)
{
    (void)state;
    struct folder folder;
    struct err err;
    folder_init(&folder);
    folder_add(&folder, "TEST", "evil", "/evil", "/good");
    folder_add(&folder, "OTHER", "other", "/other", "/good");
    struct ruleset *all = load(&folder, NULL, NULL, &err);
    struct ruleset *again = load(&folder, NULL, NULL, &err);
    struct ruleset *one = load(&folder, "TEST", NULL, &err);
    struct ruleset *detect = load(&folder, NULL, "TEST", &err);
    assert_true(all != NULL && again != NULL && one != NULL && detect != NULL);
    assert_int_equal(ruleset_n_rules(all), 2);
    assert_int_equal(ruleset_n_rules(one), 1);
    assert_string_equal(ruleset_rule(one, 0)->id, "OTHER");
    assert_int_equal(strlen(ruleset_hash(all)), 64);
    assert_string_equal(ruleset_hash(all), ruleset_hash(again));
    assert_string_not_equal(ruleset_hash(all), ruleset_hash(one));
    assert_string_not_equal(ruleset_hash(all), ruleset_hash(detect));
    assert_non_null(strstr(ruleset_name(all), "@unsigned"));
    ruleset_unref(all);
    ruleset_unref(again);
    ruleset_unref(one);
    ruleset_unref(detect);
    folder_done(&folder);
}

static void test_unknown_ids_are_warnings(void **state)
{
    (void)state;
    struct folder folder;
    struct err err;
    const char *enabled = "TSETE";
    struct mode_row row = {.rule = "TSETM", .mode = RULES_OFF};
    struct exclusion exclusions[] = {{.rule = "TEST", .path = "/owa", .label = "good"},
                                     {.rule = "TSETX", .path = "/owa", .label = "bad"}};
    struct rules_changes changes = {.modes = &row,
                                    .n_modes = 1,
                                    .exclusions = exclusions,
                                    .n_exclusions = 2,
                                    .enabled = &enabled,
                                    .n_enabled = 1};
    static const char *const expected[] = {"rules.enabled, entry 1: no rule is called 'TSETE'",
                                           "modes, entry 1: no rule is called 'TSETM'",
                                           "exclusions, entry 2: no rule is called 'TSETX'"};
    folder_init(&folder);
    folder_add(&folder, "TEST", "evil", "/evil", "/good");
    struct ruleset *set = load_changed(&folder, &changes, &err);
    assert_non_null(set);
    assert_int_equal(ruleset_n_warnings(set), 3);
    for (size_t i = 0; i < 3; i++)
        assert_non_null(strstr(ruleset_warning(set, i), expected[i]));
    ruleset_unref(set);
    folder_done(&folder);
}

/* One rule of each activation; which are in the set? */
static void test_options_are_on_when_they_are_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *enabled;
        bool takes_all, is_stale;
        const char *expected;
    } cases[] = {
        {"nothing asked", NULL, false, false, "ALWAYS "},
        {"an option", "OPTION", false, false, "ALWAYS OPTION "},
        {"everything", NULL, true, false, "ALWAYS OPTION STALE "},
        {"nobody looks after the rules", NULL, false, true, "ALWAYS STALE "},
        {"the same with an option", "OPTION", false, true, "ALWAYS OPTION STALE "},
        {"a stale rule as an option", "STALE", false, false, "ALWAYS STALE "},
    };
    struct folder folder;
    struct err err;
    folder_init(&folder);
    folder_add(&folder, "ALWAYS", "evil", "/evil", "/good");
    folder.activation = "option"; /* it may stop what another rule must let pass */
    folder_add(&folder, "OPTION", "o", "/option", "/else");
    folder.activation = "stale"; /* the same */
    folder_add(&folder, "STALE", "tale", "/stale", "/else");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rules_changes changes = {.enabled = &cases[i].enabled,
                                        .n_enabled = cases[i].enabled != NULL,
                                        .takes_all = cases[i].takes_all};
        char got[64] = "";
        folder.is_stale = cases[i].is_stale;
        struct ruleset *set = load_changed(&folder, &changes, &err);
        if (set == NULL)
            fail_msg("%s: %s %s", cases[i].name, err.code, err.text);
        struct ruleset_stats stats;
        ruleset_stats(set, &stats);
        assert_int_equal(stats.n_stale, 1);
        size_t len = 0;
        for (size_t k = 0; k < ruleset_n_rules(set); k++)
            len += (size_t)snprintf(got + len, sizeof(got) - len, "%s ", ruleset_rule(set, k)->id);
        if (strcmp(got, cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].name, got);
        assert_string_equal(ruleset_rule(set, 0)->activation, "always");
        ruleset_unref(set);
    }
    folder_done(&folder);
}

static void test_a_bundle_needs_a_root_of_trust(void **state)
{
    (void)state;
    const char *paths[] = {"/nonexistent.sgb"};
    struct rules_source source = {.use_builtin = true, .bundle_paths = paths, .n_bundles = 1};
    struct err err = {0};
    assert_null(rules_load(&source, &err));
    assert_true(err.text[0] != '\0');
}

static void test_the_shipped_rules_load(void **state)
{
    (void)state;
    struct rules_source source = {.use_builtin = true};
    struct err err = {0};
    struct ruleset *set = rules_load(&source, &err);
    if (set == NULL)
        fail_msg("%s: %s: %s", err.file, err.code, err.text);
    struct ruleset_stats stats;
    ruleset_stats(set, &stats);
    assert_string_equal(ruleset_name(set), "builtin@" STOPGAP_VERSION);
    assert_true(stats.n_rules != 0);
    assert_true(stats.n_unguarded <= stats.n_rules / 5);
    ruleset_unref(set);
}

/* What no server behind needs is left out, and what is left has to prove itself without it. */
static void test_the_shipped_rules_load_for_each_generation_of_servers(void **state)
{
    (void)state;
    static const char *const builds[] = {"15.0.847.32",  "15.0.1497.48", "15.1.2507.6",
                                         "15.1.2507.16", "15.1.2507.75", "15.2.2562.53"};
    size_t n_before = SIZE_MAX;
    for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
        struct build build;
        struct err err = {0};
        assert_true(build_parse(slice_str(builds[i]), &build));
        struct build_span span = build_span_exact(&build);
        struct mitigation_policy policy = {.is_org_on = true,
                                           .is_server_on = true,
                                           .uses_builds = true,
                                           .builds = &span,
                                           .n_builds = 1};
        struct rules_source source = {.use_builtin = true, .policy = &policy};
        struct ruleset *set = rules_load(&source, &err);
        if (set == NULL)
            fail_msg("%s: %s %s", builds[i], err.code, err.text);
        print_message("  %s: %zu rules\n", builds[i], ruleset_n_rules(set));
        if (i + 1 == sizeof(builds) / sizeof(builds[0]))
            assert_true(ruleset_n_rules(set) < n_before);
        n_before = n_before == SIZE_MAX ? ruleset_n_rules(set) : n_before;
        ruleset_unref(set);
    }
}

static bool is_about_bodies(const struct rule *rule)
{
    bool has_body = false;
    for (size_t i = 0; i < rule->n_must_block; i++)
        has_body = has_body || rule->must_block[i].body_len != 0;
    return has_body;
}

/* Samples must not depend on what another rule wants to see of a body. */
static void test_each_shipped_rule_about_bodies_proves_itself_alone(void **state)
{
    (void)state;
    struct rules_source all = {.use_builtin = true};
    struct err err = {0};
    struct ruleset *set = rules_load(&all, &err);
    assert_non_null(set);
    size_t n = ruleset_n_rules(set);
    struct mode_row *rows = calloc(n, sizeof(*rows));
    assert_non_null(rows);
    for (size_t alone = 0; alone < n; alone++) {
        if (!is_about_bodies(ruleset_source_rule(set, alone)))
            continue;
        struct rules_changes changes = {.modes = rows};
        for (size_t i = 0; i < n; i++)
            if (i != alone)
                rows[changes.n_modes++] =
                    (struct mode_row){.rule = ruleset_rule(set, i)->id, .mode = RULES_OFF};
        struct rules_source source = {.use_builtin = true, .changes = &changes};
        struct ruleset *one = rules_load(&source, &err);
        if (one == NULL)
            fail_msg("%s: %s %s", ruleset_rule(set, alone)->id, err.code, err.text);
        ruleset_unref(one);
    }
    free(rows);
    ruleset_unref(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_prove_the_rules),
        cmocka_unit_test(test_a_detect_rule_need_not_pass_what_others_let_through),
        cmocka_unit_test(test_the_operator_switches_rules_off),
        cmocka_unit_test(test_unknown_ids_are_warnings),
        cmocka_unit_test(test_options_are_on_when_they_are_asked_for),
        cmocka_unit_test(test_a_bundle_needs_a_root_of_trust),
        cmocka_unit_test(test_the_shipped_rules_load),
        cmocka_unit_test(test_the_shipped_rules_load_for_each_generation_of_servers),
        cmocka_unit_test(test_each_shipped_rule_about_bodies_proves_itself_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
