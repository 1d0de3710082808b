/* `stopgap feed test`: one visit to each feed, by the code of the proxy, step by step. */
#include "cli/cmd_feed.h"

#include "cli/options.h"
#include "feed/eocs_feed.h"

#include <getopt.h>
#include <stdlib.h>

#include "stopgap/banned.h"

static const char verb[] = "feed test";

static const char help[] =
    "stopgap feed test -c CONFIG\n"
    "stopgap feed test --feed URL --name NAME --trust ROOT [--state DIR] [--ca FILE]\n"
    "                  [--proxy URL] [--timeout 2m]\n"
    "stopgap feed test --url URL [--state DIR] [--ca FILE] [--proxy URL]\n"
    "                  [--sign-anchors FILE] [--ts-anchors FILE] [--deny FILE] [--timeout 2m]\n\n"
    "Visits the feed of signed bundles (feed.urls of the configuration, or --feed) and "
    "Microsoft's\n"
    "feed of mitigations (eocs.url, or --url) once, by the code of the proxy: fetch, verify,\n"
    "convert. Prints every step. Nothing is written and no running proxy is touched.\n\n"
    "  stopgap feed test --feed https://rules.example.com/stopgap/ --name exchange-core \\\n"
    "                    --trust /etc/stopgap/root.txt\n"
    "  stopgap feed test --url https://officeclient.microsoft.com/GetExchangeMitigations\n\n"
    "Exit status: 0 fine, 1 a step failed or a mitigation had to be left out, 2 usage,\n"
    "3 not reachable.\n";

static int report_eocs(const struct eocs_feed_visit *visit)
{
    if (visit->is_good)
        return visit->set.n_left_out == 0 ? EXIT_FINE : EXIT_FAILED;
    (void)cli_error(&visit->err);
    return feed_exit_code(&visit->err);
}

/* Options as keys of the configuration, which they stand for. */
static const struct {
    const char *option;
    const char *keys[2];
} table[] = {
    {"url", {"eocs.url"}},
    {"feed", {"feed.urls[]"}},
    {"name", {"feed.names[]"}},
    {"trust", {"rules.trust"}},
    {"state", {"state"}},
    {"ca", {"eocs.ca", "feed.ca"}},
    {"proxy", {"eocs.proxy", "feed.proxy"}},
    {"deny", {"eocs.deny"}},
    {"sign-anchors", {"eocs.sign_anchors"}},
    {"ts-anchors", {"eocs.ts_anchors"}},
    {"timeout", {"eocs.timeout", "feed.timeout"}},
};

enum { N_OPTIONS = sizeof(table) / sizeof(table[0]) };

/* EXIT_FINE, or the exit code; *ret_help: print the help. */
static int parse(int argc, char **argv, struct config *config, bool *ret_help)
{
    struct option options[N_OPTIONS + 3] = {0};
    struct err err = {0};
    for (int i = 0; i < N_OPTIONS; i++)
        options[i] = (struct option){table[i].option, required_argument, NULL, 256 + i};
    options[N_OPTIONS] = (struct option){"config", required_argument, NULL, 'c'};
    options[N_OPTIONS + 1] = (struct option){"help", no_argument, NULL, 'h'};
    int option;
    while ((option = getopt_long(argc, argv, ":hc:", options, NULL)) != -1) {
        if (option == 'h') {
            *ret_help = true;
            return EXIT_FINE;
        }
        if (option == 'c') {
            if (!config_read_file(config, optarg, options_print_error, NULL))
                return EXIT_FAILED;
            continue;
        }
        if (option < 256)
            return cli_option_error(verb, option, argv);
        for (int i = 0; i < 2 && table[option - 256].keys[i] != NULL; i++)
            if (!config_set(config, table[option - 256].keys[i], optarg, &err))
                return cli_usage_error(verb, "%s", err.text);
    }
    return optind == argc ? EXIT_FINE : cli_usage_error(verb, "there is one word too many");
}

static int test_eocs(const struct config *config)
{
    struct err err = {0};
    struct eocs_feed_visit *visit = calloc(1, sizeof(*visit));
    if (visit == NULL) {
        (void)err_set(&err, ERR_MEMORY, "E_MEMORY", "out of memory");
        return cli_error(&err);
    }
    visit->config = &config->eocs;
    visit->state_dir = config->state_dir;
    visit->steps.on_step = feed_print_step;
    feed_print_step(NULL, "url", config->eocs.url);
    eocs_feed_run(visit);
    int exit_code = report_eocs(visit);
    free(visit);
    return exit_code;
}

static int test_own(const struct config *config)
{
    struct err err = {0};
    struct own_feed_visit *visit = malloc(sizeof(*visit));
    if (visit == NULL) {
        (void)err_set(&err, ERR_MEMORY, "E_MEMORY", "out of memory");
        return cli_error(&err);
    }
    int exit_code = EXIT_USAGE;
    if (feed_visit_init(visit, config, verb)) {
        own_feed_run(visit);
        exit_code = feed_exit_code(&visit->err);
        if (exit_code != EXIT_FINE)
            (void)cli_error(&visit->err);
        if (visit->is_degraded)
            feed_print_step(NULL, "DEGRADED", "no mirror with TLS can be used");
        own_feed_done(visit);
    }
    free(visit);
    return exit_code;
}

static int test(const struct config *config)
{
    struct err err = {0};
    int own = EXIT_FINE;
    int eocs = EXIT_FINE;
    if (config->eocs.url == NULL && config->feed.urls.n == 0)
        return cli_usage_error(verb, "there is no feed: give --feed or --url, or feed.urls or "
                                     "eocs.url in the configuration");
    if (!fetch_init(&err))
        return cli_error(&err);
    if (config->feed.urls.n != 0)
        own = test_own(config);
    if (config->eocs.url != NULL)
        eocs = test_eocs(config);
    return own == EXIT_FINE || eocs == EXIT_FAILED ? eocs : own;
}

int feed_test(int argc, char **argv)
{
    struct config config;
    bool wants_help = false;
    config_init(&config);
    int exit_code = parse(argc, argv, &config, &wants_help);
    if (wants_help)
        (void)fputs(help, stdout);
    else if (exit_code == EXIT_FINE)
        exit_code = test(&config);
    config_done(&config);
    return exit_code;
}
