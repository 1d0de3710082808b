/* `stopgap feed test`: one visit to the feed, by the code of the proxy, step by step. */
#include "cli/cli.h"

#include "cli/options.h"
#include "feed/eocs_feed.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

static const char help[] =
    "stopgap feed test -c CONFIG | --url URL [--state DIR] [--ca FILE] [--proxy URL]\n"
    "                  [--sign-anchors FILE] [--ts-anchors FILE] [--deny FILE] [--timeout 2m]\n\n"
    "Fetches Microsoft's feed of mitigations once, as the proxy does with eocs.url of the\n"
    "configuration: fetch, verify, convert. Prints every step. Nothing is written and no running\n"
    "proxy is touched.\n\n"
    "  stopgap feed test --url https://officeclient.microsoft.com/GetExchangeMitigations\n\n"
    "Exit status: 0 fine, 1 a step failed or a mitigation had to be left out, 2 usage,\n"
    "3 not reachable.\n";

static void on_step(void *ctx, const char *step, const char *text)
{
    (void)ctx;
    (void)printf("%-9s ", step);
    cli_put_clean(stdout, text);
    (void)fputc('\n', stdout);
    (void)fflush(stdout); /* who waits for a slow server sees how far it came */
}

static int report(const struct eocs_feed_visit *visit)
{
    if (visit->is_good)
        return visit->set.n_left_out == 0 ? EXIT_FINE : EXIT_FAILED;
    (void)cli_error(&visit->err);
    bool is_far = strcmp(visit->err.code, "E_FETCH_CONNECT") == 0 ||
                  strcmp(visit->err.code, "E_FETCH_TIMEOUT") == 0 ||
                  strcmp(visit->err.code, "E_FETCH_TLS") == 0;
    return is_far ? EXIT_UNREACHABLE : EXIT_FAILED;
}

/* Options as keys of the configuration, which they stand for. */
static const struct {
    const char *option;
    const char *key;
} keys[] = {
    {"url", "eocs.url"},
    {"state", "state"},
    {"ca", "eocs.ca"},
    {"proxy", "eocs.proxy"},
    {"deny", "eocs.deny"},
    {"sign-anchors", "eocs.sign_anchors"},
    {"ts-anchors", "eocs.ts_anchors"},
    {"timeout", "eocs.timeout"},
};

enum { N_KEYS = sizeof(keys) / sizeof(keys[0]), OPTION_CONFIG = N_KEYS, OPTION_HELP };

/* EXIT_FINE, or the exit code; *ret_help: print the help. */
static int parse(int argc, char **argv, struct config *config, bool *ret_help)
{
    struct option options[N_KEYS + 3] = {0};
    struct err err = {0};
    for (int i = 0; i < N_KEYS; i++)
        options[i] = (struct option){keys[i].option, required_argument, NULL, 256 + i};
    options[N_KEYS] = (struct option){"config", required_argument, NULL, 'c'};
    options[N_KEYS + 1] = (struct option){"help", no_argument, NULL, 'h'};
    int option;
    opterr = 0;
    optind = 0; /* getopt starts anew, behind the verb */
    while ((option = getopt_long(argc, argv, ":hc:", options, NULL)) != -1) {
        if (option == 'h') {
            *ret_help = true;
            return EXIT_FINE;
        }
        if (option == 'c') {
            if (!config_read_file(config, optarg, options_print_error, NULL))
                return EXIT_FAILED;
        } else if (option >= 256) {
            if (!config_set(config, keys[option - 256].key, optarg, &err))
                return cli_usage_error("feed", "%s", err.text);
        } else {
            return cli_option_error("feed", option, argv);
        }
    }
    return optind == argc ? EXIT_FINE : cli_usage_error("feed", "there is one word too many");
}

static int test(const struct config *config)
{
    struct err err = {0};
    if (config->eocs.url == NULL)
        return cli_usage_error("feed", "there is no feed: give --url, or eocs.url in the "
                                       "configuration");
    if (!fetch_init(&err))
        return cli_error(&err);
    struct eocs_feed_visit *visit = calloc(1, sizeof(*visit));
    if (visit == NULL) {
        (void)err_set(&err, ERR_MEMORY, "E_MEMORY", "out of memory");
        return cli_error(&err);
    }
    visit->config = &config->eocs;
    visit->state_dir = config->state_dir;
    visit->on_step = on_step;
    on_step(NULL, "url", config->eocs.url);
    eocs_feed_run(visit);
    int exit_code = report(visit);
    free(visit);
    return exit_code;
}

int cmd_feed(int argc, char **argv)
{
    struct config config;
    bool wants_help = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    int exit_code = EXIT_FINE;
    config_init(&config);
    if (!wants_help && (argc < 2 || strcmp(argv[1], "test") != 0))
        exit_code = cli_usage_error("feed", "say 'test'");
    else if (!wants_help)
        exit_code = parse(argc - 1, argv + 1, &config, &wants_help);
    if (wants_help)
        (void)fputs(help, stdout);
    else if (exit_code == EXIT_FINE)
        exit_code = test(&config);
    config_done(&config);
    return exit_code;
}
