/* Modes and exclusions of a configuration: what must hold of them. */
#include "config/config_test.h"

#include "stopgap/banned.h"

static const struct {
    const char *name;
    const char *text;
    const char *complaint; /* NULL: fine */
} rows[] = {
    {"a mode of nothing", "modes: [{mode: off}]\n", "modes, entry 1: it has neither rule nor vdir"},
    {"a mode of a rule", "modes: [{rule: A, mode: off}]\n", NULL},
    {"a mode of a family and a directory", "modes: [{rule: M1, vdir: owa, mode: block}]\n", NULL},
    {"two modes of one rule", "modes: [{rule: A, mode: off}, {rule: a, mode: block}]\n",
     "modes, entries 1 and 2 are about the same"},
    {"one rule in two directories",
     "modes: [{rule: A, vdir: owa, mode: off}, {rule: A, vdir: ecp, mode: off}]\n", NULL},
    {"an exclusion without a comment", "exclusions: [{rule: A, path: /owa}]\n",
     "exclusions, entry 1: it has no comment"},
    {"an exclusion of everything", "exclusions: [{rule: '*', comment: x}]\n",
     "exclusions, entry 1: nothing restricts it"},
    {"an end is no restriction", "exclusions: [{rule: A, comment: x, until: 2027-01-31}]\n",
     "exclusions, entry 1: nothing restricts it"},
    {"an exclusion of a network", "exclusions: [{rule: '*', comment: x, networks: [10.0.0.0/8]}]\n",
     NULL},
    {"an end that is a time",
     "exclusions: [{rule: A, comment: x, methods: [RPC_IN_DATA], until: '2027-01-31T18:00:00Z'}]\n",
     NULL},
};

static void test_modes_and_exclusions_must_make_sense(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct report report = {0};
        struct config config;
        config_init(&config);
        assert_true(config_add_listen(&config, "https://0.0.0.0:443", NULL));
        assert_true(config_set_upstream(&config, "https://exch01", NULL));
        if (!config_read_text(&config, "test", slice_str(rows[i].text), on_error, &report))
            fail_msg("%s: %s", rows[i].name, report.text);
        check_round_trip(&config);
        bool is_good = config_validate(&config, on_error, &report);
        if (is_good != (rows[i].complaint == NULL) ||
            (!is_good && strstr(report.text, rows[i].complaint) == NULL))
            fail_msg("%s: %s", rows[i].name, report.text);
        config_done(&config);
    }
}

static void test_an_option_sets_the_mode_of_a_rule(void **state)
{
    (void)state;
    struct err err = {0};
    struct config config;
    config_init(&config);
    assert_true(config_add_rule_mode(&config, "SG-1=detect", &err));
    assert_int_equal(config.n_modes, 1);
    assert_string_equal(config.modes[0].rule, "SG-1");
    assert_int_equal(config.modes[0].mode, RULES_DETECT);
    static const char *const bad[] = {"SG-1", "=off", "SG-1=on", "SG 1=off"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(config_add_rule_mode(&config, bad[i], &err));
    config_done(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_and_exclusions_must_make_sense),
        cmocka_unit_test(test_an_option_sets_the_mode_of_a_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
