/* `stopgap check`: says every error of a configuration, or shows the effective one. */
#include "cli/cli.h"

#include "cli/name_clash.h"
#include "cli/options.h"
#include "policy.h"

#include "stopgap/ruleset.h"
#include "stopgap/trust.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

/* What is allowed, but seldom meant. */
static void print_notes(const struct config *config)
{
    bool has_rules = config->use_builtin || config->rules.n != 0 || config->rules_watch != NULL;
    if (config->mode == RULES_OFF)
        (void)fputs("note: mode is off: nothing is inspected\n", stderr);
    else if (!has_rules)
        (void)fputs("note: there are no rules: nothing is blocked\n", stderr);
    if (config_has_upstream_tls(config) && !config->upstream.verify)
        (void)fputs("note: the certificate of the upstream is not verified\n", stderr);
    for (size_t i = 0; i < config->n_pass_through; i++)
        if (config_pass_through_is_risky(config, i))
            (void)fprintf(stderr,
                          "note: pass_through of %s goes to a server that has other sites, too: a "
                          "client that names it can ask for any Host there, without inspection; "
                          "give that site a port of its own and name it as 'upstream'\n",
                          config->pass_through[i].names.items[0]);
        else
            (void)fprintf(stderr, "note: pass_through of %s: nothing there is inspected\n",
                          config->pass_through[i].names.items[0]);
    for (size_t i = 0; i < config->n_listen; i++)
        if (config->listen[i].tls && config->listen[i].cert_path == NULL &&
            config->n_certificates == 0)
            (void)fprintf(stderr, "note: %s has no cert: a self-signed one is made at each start\n",
                          config->listen[i].url);
}

static void print_unknown_blocks(const struct config *config, const struct ruleset *set)
{
    const struct string_list *list = &config->mitigations.blocked;
    for (size_t i = 0; i < list->n; i++) {
        bool is_known = false;
        for (size_t k = 0; k < ruleset_n_mitigations(set); k++)
            is_known =
                is_known || mitigation_id_covers(list->items[i], ruleset_mitigation(set, k)->id);
        if (!is_known)
            (void)fprintf(
                stderr,
                "note: mitigations.blocked names '%s', which no rule belongs to; 'stopgap "
                "rules list' shows the ids\n",
                list->items[i]);
    }
}

/* Names that no rule has. Signed rules may bring theirs, so only what is built in is asked. */
static void print_unknown_rules(const struct config *config)
{
    struct err err = {0};
    struct policy *policy = policy_new(config);
    struct rules_source source = {.use_builtin = true};
    if (policy == NULL || config->rules.n != 0 || config->rules_watch != NULL) {
        free(policy);
        return;
    }
    source.changes = &policy->changes;
    struct ruleset *set = rules_load(&source, &err);
    if (set == NULL)
        options_print_error(NULL, &err);
    for (size_t i = 0; set != NULL && i < ruleset_n_warnings(set); i++)
        (void)fprintf(stderr, "note: %s\n", ruleset_warning(set, i));
    if (set != NULL)
        print_unknown_blocks(config, set);
    ruleset_unref(set);
    free(policy);
}

/* What a start, or the next load, would refuse. Nothing is written. */
static bool check_signed(const struct config *config)
{
    struct err err = {0};
    bool is_used = trust_was_used(config->state_dir);
    struct trust_options options = config_trust(config);
    options.state_dir = is_used ? config->state_dir : NULL;
    options.is_read_only = true;
    if (!config_wants_trust(config) || (options.root_path == NULL && options.state_dir == NULL))
        return true;
    struct trust_store *store = trust_open(&options, &err);
    bool is_good = store != NULL;
    if (!is_good)
        options_print_error(NULL, &err);
    for (size_t i = 0; store != NULL && i < config->rules.n; i++) {
        struct bundle *bundle = bundle_open(store, config->rules.items[i], &err);
        if (bundle == NULL)
            options_print_error(NULL, &err);
        is_good = is_good && bundle != NULL;
        bundle_close(bundle);
    }
    trust_close(store);
    return is_good;
}

static int check_config(const struct config *config, const char *path, bool wants_print)
{
    if (!config_validate(config, options_print_error, NULL) || !check_signed(config))
        return EXIT_FAILED;
    print_notes(config);
    name_clash_print(config);
    if (config->n_modes + config->n_exclusions + config->rules_enabled.n +
            config->mitigations.blocked.n !=
        0)
        print_unknown_rules(config);
    if (!wants_print) {
        (void)printf("%s%sconfiguration is valid\n", path != NULL ? path : "",
                     path != NULL ? ": " : "");
        return EXIT_FINE;
    }
    if (config_print(config, stdout))
        return EXIT_FINE;
    (void)fputs("stopgap: the configuration cannot be printed: a value is not UTF-8, or the "
                "output is closed\n",
                stderr);
    return EXIT_FAILED;
}

int cmd_check(int argc, char **argv)
{
    struct config config;
    const char *path = NULL;
    bool wants_print = false;
    int exit_code = EXIT_FAILED;
    config_init(&config);
    if (options_parse_run(argc, argv, &config, &path, &wants_print, &exit_code) == OPTIONS_OK)
        exit_code = check_config(&config, path, wants_print);
    config_done(&config);
    return exit_code;
}
