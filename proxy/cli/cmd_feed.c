/* `stopgap feed`: finds the verb; what its verbs share. */
#include "cli/cmd_feed.h"

#include <getopt.h>

#include "admin/admin.h"

#include "stopgap/banned.h"

enum { RELOAD_TIMEOUT_MS = 120 * 1000 }; /* as 'stopgap reload' */

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} verbs[] = {
    {"test", feed_test, "visit both feeds once, by the code of the proxy, and keep nothing"},
    {"fetch", feed_fetch, "make the running proxy visit its feed now, or do it without one"},
    {"import", feed_import, "take a bundle that came by another way, such as a USB stick"},
    {"export", feed_export, "write a bundle that is in force, with its roots, for such a way"},
};

static void print_help(FILE *out)
{
    (void)fputs("stopgap feed VERB: where signed rules come from\n\n"
                "  stopgap feed test -c /etc/stopgap/stopgap.yaml\n"
                "  stopgap feed fetch\n"
                "  stopgap feed export exchange-core.sgb -c /etc/stopgap/stopgap.yaml\n"
                "  stopgap feed import exchange-core.sgb -c /etc/stopgap/stopgap.yaml\n\n"
                "Verbs:\n",
                out);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        (void)fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].help);
    (void)fputs("\n'stopgap feed VERB --help' says more.\n", out);
}

int cmd_feed(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return EXIT_FINE;
    }
    opterr = 0;
    optind = 0; /* getopt starts anew, behind the verb */
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    return cli_usage_error("feed", "there is no verb '%s'", argv[1]);
}

void feed_print_step(void *ctx, const char *step, const char *text)
{
    (void)ctx;
    (void)printf("%-9s ", step);
    cli_put_clean(stdout, text);
    (void)fputc('\n', stdout);
    (void)fflush(stdout); /* who waits for a slow server sees how far it came */
}

int feed_exit_code(const struct err *err)
{
    if (err->kind == ERR_NONE)
        return EXIT_FINE;
    bool is_far = strcmp(err->code, "E_FETCH_CONNECT") == 0 ||
                  strcmp(err->code, "E_FETCH_TIMEOUT") == 0 ||
                  strcmp(err->code, "E_FETCH_TLS") == 0;
    return is_far ? EXIT_UNREACHABLE : EXIT_FAILED;
}

bool feed_visit_init(struct own_feed_visit *visit, const struct config *config, const char *verb)
{
    *visit = (struct own_feed_visit){.config = &config->feed,
                                     .trust = config_trust(config),
                                     .steps = {.on_step = feed_print_step}};
    if (config->feed.names.n == 0 || config->feed.names.n > LIMIT_FEED_NAMES) {
        (void)cli_usage_error(verb, "feed.names lists no bundle, or more than %d",
                              LIMIT_FEED_NAMES);
        return false;
    }
    return true;
}

static const char *find_socket(const struct config *config)
{
    for (size_t i = 0; i < config->n_admin; i++)
        if (config->admin[i].unix_path != NULL)
            return config->admin[i].url;
    return ADMIN_DEFAULT_URL;
}

int feed_ask_reload(const char *url, const struct config *config)
{
    struct err err = {0};
    struct admin_response response = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
    const char *at = url != NULL ? url : find_socket(config);
    int code = EXIT_FINE;
    if (admin_request(at, "POST", "/reload", RELOAD_TIMEOUT_MS, &response, &err)) {
        bool ok = response.status / 100 == 2;
        (void)fprintf(ok ? stdout : stderr, "%s" SLICE_FMT,
                      ok ? "" : "stopgap: ", SLICE_ARG(buf_slice(&response.body)));
        code = ok ? EXIT_FINE : EXIT_FAILED;
    } else if (url != NULL) {
        (void)cli_error(&err);
        code = EXIT_UNREACHABLE;
    } else {
        (void)printf("no proxy answers at %s: one that starts takes it, one that runs after "
                     "'stopgap reload'\n",
                     at);
    }
    buf_done(&response.body);
    return code;
}
