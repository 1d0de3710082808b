/* `stopgap feed test`: one visit to each feed, by the code of the proxy, step by step. */
#include "cli/cmd_feed.h"

#include "cli/options.h"
#include "feed/eocs_feed.h"
#include "jail.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

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
    "compile, try, convert. Prints every step. Nothing is written and no running proxy is "
    "touched.\n\n"
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
    visit->root_path = config->trust_path;
    visit->steps.on_step = feed_print_step;
    feed_print_step(NULL, "url", config->eocs.url);
    eocs_feed_run(visit);
    int exit_code = report_eocs(visit);
    free(visit);
    return exit_code;
}

/* ---- what the loader would say */

/* The proxy's judgement wants a file. */
static bool write_copy(struct slice bytes, char path[64], struct err *err)
{
    (void)snprintf(path, 64, "/tmp/stopgap-feed-XXXXXX.sgb");
    int fd = mkstemps(path, 4);
    bool done = fd >= 0;
    while (done && bytes.len != 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        done = n > 0;
        if (done)
            bytes = slice_from(bytes, (size_t)n);
    }
    if (fd >= 0)
        (void)close(fd);
    return done ||
           err_set(err, ERR_IO, "E_BUNDLE_WRITE", "cannot write %s: %s", path, strerror(errno));
}

struct looker {
    const struct config *config;
};

static bool try_bundle(void *ctx, const struct bundle *bundle, struct err *err)
{
    static const struct rules_changes all = {.takes_all = true};
    const struct config *config = ((const struct looker *)ctx)->config;
    struct trust_options options = config_trust(config);
    options.is_read_only = true;
    struct rules_judgement judgement;
    char path[64];
    const char *paths[] = {path};
    if (!write_copy(bundle_bytes(bundle), path, err))
        return false;
    struct trust_store *store = trust_open(&options, err);
    const struct rules_source source = {.bundle_paths = paths,
                                        .n_bundles = 1,
                                        .trust = store,
                                        .changes = &all,
                                        .max_cost = config->max_cost};
    bool done = store != NULL && jail_try(source, &judgement, err);
    trust_close(store);
    (void)unlink(path);
    if (done)
        (void)printf("rules     %llu, compiled and tried in a process of its own in %llu ms; cost "
                     "%llu for usual requests, %llu for the slowest (1000: the shipped rules)\n",
                     (unsigned long long)judgement.n_rules, (unsigned long long)judgement.took_ms,
                     (unsigned long long)judgement.cost, (unsigned long long)judgement.worst_cost);
    return done;
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
    struct looker looker = {.config = config};
    if (feed_visit_init(visit, config, verb)) {
        visit->on_bundle = try_bundle;
        visit->on_bundle_ctx = &looker;
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
