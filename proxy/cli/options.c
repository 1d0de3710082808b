/* Command line of `stopgap run` and `stopgap check`.
 *
 * Two passes: the first finds the file and every unknown option, the second sets values over what
 * the file says. Most options are one key of the configuration under another name. */
#include "cli/options.h"

#include "cli/cli.h"
#include "cli/options_help.h"

#include <getopt.h>

#include "stopgap/banned.h"

enum {
    OPTION_CONFIG = 'c',
    OPTION_HELP = 'h',
    OPTION_PRINT = 256,
    OPTION_LISTEN,
    OPTION_CERT,
    OPTION_KEY,
    OPTION_ADMIN,
    OPTION_UPSTREAM,
    OPTION_NO_VERIFY,
    OPTION_NO_BUILTIN,
    OPTION_PROXY_PROTOCOL,
    OPTION_ALLOW_UPGRADE,
    OPTION_LOG,
    OPTION_TIMEOUT,
    OPTION_LIMIT,
    OPTION_HEALTH,
    OPTION_RULE_MODE,
    OPTION_TAKE_OVER,
    OPTION_KEYS, /* and more: position in key_options */
};

/* Options that set (or append to) one key. */
static const struct {
    const char *name;
    const char *path;
} key_options[] = {
    {"upstream-ca", "upstream.ca"},
    {"upstream-name", "upstream.name"},
    {"balance", "upstream.balance"},
    {"upstream-proxy-protocol", "upstream.proxy_protocol"},
    {"workers", "workers"},
    {"mode", "mode"},
    {"fail-mode", "fail_mode"},
    {"rules", "rules.bundles[]"},
    {"rules-watch", "rules.watch"},
    {"enable-rule", "rules.enabled[]"},
    {"trust", "rules.trust"},
    {"state", "state"},
    {"access-log", "log.access"},
    {"decision-log", "log.decisions"},
    {"trusted-proxy", "trusted_proxies[]"},
};
enum { N_KEY_OPTIONS = sizeof(key_options) / sizeof(key_options[0]) };

static const struct option other_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"help", no_argument, NULL, OPTION_HELP},
    {"print", no_argument, NULL, OPTION_PRINT},
    {"take-over", required_argument, NULL, OPTION_TAKE_OVER},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"cert", required_argument, NULL, OPTION_CERT},
    {"key", required_argument, NULL, OPTION_KEY},
    {"admin", required_argument, NULL, OPTION_ADMIN},
    {"upstream", required_argument, NULL, OPTION_UPSTREAM},
    {"upstream-no-verify-certificate-dangerous", no_argument, NULL, OPTION_NO_VERIFY},
    {"no-builtin-rules", no_argument, NULL, OPTION_NO_BUILTIN},
    {"proxy-protocol", no_argument, NULL, OPTION_PROXY_PROTOCOL},
    {"allow-upgrade", no_argument, NULL, OPTION_ALLOW_UPGRADE},
    {"log", required_argument, NULL, OPTION_LOG},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"health", required_argument, NULL, OPTION_HEALTH},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"rule-mode", required_argument, NULL, OPTION_RULE_MODE},
};
enum { N_OTHER_OPTIONS = sizeof(other_options) / sizeof(other_options[0]) };

struct parser {
    struct config *config;
    const char *verb;
    const char *path; /* of -c */
    bool wants_help;
    bool wants_print;
    const char *take_over; /* an admin URL */
    bool has_listen;       /* a --listen was seen; the file's listeners are gone */
    bool has_admin;
    bool has_upstream;
    const char *cert; /* given before any --listen */
    const char *key;
    struct option table[N_KEY_OPTIONS + N_OTHER_OPTIONS + 1];
};

/* getopt's table; --print is for `check`, --take-over for `run`. */
static void make_table(struct parser *parser, bool is_check)
{
    size_t n = 0;
    for (size_t i = 0; i < N_KEY_OPTIONS; i++)
        parser->table[n++] =
            (struct option){key_options[i].name, required_argument, NULL, OPTION_KEYS + (int)i};
    for (size_t i = 0; i < N_OTHER_OPTIONS; i++)
        if (other_options[i].val != (is_check ? OPTION_TAKE_OVER : OPTION_PRINT))
            parser->table[n++] = other_options[i];
}

/* "--name", as the user knows it. */
static const char *option_name(const struct parser *parser, int option)
{
    for (const struct option *row = parser->table; row->name != NULL; row++)
        if (row->val == option)
            return row->name;
    return "?";
}

void options_print_error(void *ctx, const struct err *err)
{
    char line[1400];
    (void)ctx;
    err_format(err, line, sizeof(line));
    (void)fprintf(stderr, "%s\n", line);
}

/* What getopt returned instead of an option. */
static void refuse_option(const struct parser *parser, char **argv, int code)
{
    const char *given = argv[optind - 1];
    if (code == ':')
        (void)cli_usage_error(parser->verb, "option '%s' needs a value", given);
    else if (given[0] == '-' && given[1] == '-')
        (void)cli_usage_error(parser->verb, "option '%s' takes no value", given);
    else
        (void)cli_usage_error(parser->verb, "unknown option '-%c'", optopt);
}

/* Next option: its code, -1 at the end, or -2 after a usage error. */
static int next_option(const struct parser *parser, int argc, char **argv)
{
    int code = getopt_long(argc, argv, ":c:h", parser->table, NULL);
    if (code != '?' && code != ':')
        return code;
    refuse_option(parser, argv, code);
    return -2;
}

/* getopt takes any unique beginning of a name. A script must not come to mean something else when
 * an option is added, and the dangerous ones have long names so that they are written in full. */
static bool check_names(const struct parser *parser, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const struct option *row = parser->table;
        if (strncmp(argv[i], "--", 2) != 0)
            continue;
        struct slice name = slice_make(argv[i] + 2, strcspn(argv[i] + 2, "="));
        while (row->name != NULL && !slice_equal(name, slice_str(row->name)))
            row++;
        if (row->name == NULL) {
            (void)cli_usage_error(parser->verb, "unknown option '--" SLICE_FMT "'",
                                  SLICE_ARG(name));
            return false;
        }
    }
    return true;
}

static bool scan_options(struct parser *parser, int argc, char **argv)
{
    int code = 0;
    opterr = 0;
    optind = 0; /* makes glibc start over */
    while ((code = next_option(parser, argc, argv)) != -1) {
        if (code == -2)
            return false;
        if (code == OPTION_HELP)
            parser->wants_help = true;
        else if (code == OPTION_PRINT)
            parser->wants_print = true;
        else if (code == OPTION_CONFIG)
            parser->path = optarg;
        else if (code == OPTION_TAKE_OVER)
            parser->take_over = optarg;
    }
    if (optind < argc && !parser->wants_help) {
        (void)cli_usage_error(parser->verb, "unexpected argument '%s'", argv[optind]);
        return false;
    }
    return true;
}

/* --cert and --key: of the --listen before, or kept for all. */
static bool set_certificate(struct parser *parser, const char *path, const char **kept,
                            struct err *err)
{
    if (parser->has_listen)
        return config_set(parser->config, path, optarg, err);
    *kept = optarg;
    return true;
}

static bool add_listen(struct parser *parser, struct err *err)
{
    if (!parser->has_listen)
        config_clear_listen(parser->config);
    parser->has_listen = true;
    return config_add_listen(parser->config, optarg, err);
}

static bool add_admin(struct parser *parser, struct err *err)
{
    if (!parser->has_admin)
        config_clear_admin(parser->config);
    parser->has_admin = true;
    return config_add_admin(parser->config, optarg, err);
}

static bool add_upstream(struct parser *parser, struct err *err)
{
    if (!parser->has_upstream)
        config_clear_upstream(parser->config);
    parser->has_upstream = true;
    return config_add_upstream(parser->config, optarg, err);
}

/* NAME=VALUE of a section. */
static bool set_pair(struct parser *parser, const char *section, struct err *err)
{
    char path[64];
    struct slice text = slice_str(optarg);
    size_t at = slice_find(text, '=');
    if (at == SIZE_MAX || at == 0 || at > 32)
        return err_set(err, ERR_USAGE, NULL, "write NAME=VALUE, with a name that --help lists");
    (void)snprintf(path, sizeof(path), "%s.%.*s", section, (int)at, optarg);
    return config_set(parser->config, path, optarg + at + 1, err);
}

static bool set_logs(struct config *config, struct err *err)
{
    return config_set(config, "log.access", optarg, err) &&
           config_set(config, "log.decisions", optarg, err);
}

static bool apply_option(struct parser *parser, int code, struct err *err)
{
    struct config *config = parser->config;
    switch (code) {
    case OPTION_LISTEN:
        return add_listen(parser, err);
    case OPTION_CERT:
        return set_certificate(parser, "listen[].cert", &parser->cert, err);
    case OPTION_KEY:
        return set_certificate(parser, "listen[].key", &parser->key, err);
    case OPTION_ADMIN:
        return add_admin(parser, err);
    case OPTION_UPSTREAM:
        return add_upstream(parser, err);
    case OPTION_NO_VERIFY:
        return config_set(config, "upstream.verify", "false", err);
    case OPTION_NO_BUILTIN:
        return config_set(config, "rules.builtin", "false", err);
    case OPTION_PROXY_PROTOCOL:
        return config_set(config, "proxy_protocol", "true", err);
    case OPTION_ALLOW_UPGRADE:
        return config_set(config, "allow_upgrade", "true", err);
    case OPTION_LOG:
        return set_logs(config, err);
    case OPTION_TIMEOUT:
        return set_pair(parser, "timeouts", err);
    case OPTION_HEALTH:
        return set_pair(parser, "health", err);
    case OPTION_LIMIT:
        return set_pair(parser, "limits", err);
    case OPTION_RULE_MODE:
        return config_add_rule_mode(config, optarg, err);
    default:
        break;
    }
    if (code >= OPTION_KEYS)
        return config_set(config, key_options[code - OPTION_KEYS].path, optarg, err);
    return true; /* what scan_options took */
}

/* A certificate that was given before any --listen is for whoever has none. */
static bool share_certificate(struct parser *parser, struct err *err)
{
    struct config *config = parser->config;
    for (size_t i = 0; i < config->n_listen; i++) {
        struct listen_config *listen = &config->listen[i];
        if (!listen->tls || listen->cert_path != NULL || listen->key_path != NULL)
            continue;
        listen->cert_path = parser->cert != NULL ? strdup(parser->cert) : NULL;
        listen->key_path = parser->key != NULL ? strdup(parser->key) : NULL;
        if ((parser->cert != NULL && listen->cert_path == NULL) ||
            (parser->key != NULL && listen->key_path == NULL))
            return err_set(err, ERR_MEMORY, NULL, "out of memory");
    }
    return true;
}

static bool apply_options(struct parser *parser, int argc, char **argv)
{
    struct err err = {0};
    int code = 0;
    optind = 0;
    while ((code = next_option(parser, argc, argv)) >= 0) {
        if (apply_option(parser, code, &err))
            continue;
        (void)cli_usage_error(parser->verb, "--%s: %s", option_name(parser, code), err.text);
        return false;
    }
    if (share_certificate(parser, &err))
        return true;
    (void)cli_error(&err);
    return false;
}

enum options_result options_parse_run(int argc, char **argv, struct config *config,
                                      const char **ret_text, bool *ret_print, int *ret_exit)
{
    struct parser parser = {.config = config, .verb = argv[0]};
    make_table(&parser, ret_print != NULL);
    *ret_exit = EXIT_USAGE;
    if (!check_names(&parser, argc, argv) || !scan_options(&parser, argc, argv))
        return OPTIONS_ERROR;
    if (parser.wants_help) {
        options_print_help(ret_print != NULL);
        *ret_exit = EXIT_FINE;
        return OPTIONS_HELP;
    }
    if (parser.path != NULL && !config_read_file(config, parser.path, options_print_error, NULL)) {
        *ret_exit = EXIT_FAILED;
        return OPTIONS_ERROR;
    }
    if (!apply_options(&parser, argc, argv))
        return OPTIONS_ERROR;
    if (ret_text != NULL)
        *ret_text = ret_print != NULL ? parser.path : parser.take_over;
    if (ret_print != NULL)
        *ret_print = parser.wants_print;
    return OPTIONS_OK;
}
