/* `stopgap feed fetch` and `stopgap feed import`: new bundles now, by the net or by hand. */
#include "cli/cmd_feed.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>

#include "admin/admin.h"
#include "cli/options.h"
#include "trust/file.h"

#include "stopgap/trust.h"

#include "stopgap/banned.h"

enum { FETCH_TIMEOUT_MS = 600 * 1000 }; /* several mirrors, each up to its own time-out */

static const char fetch_verb[] = "feed fetch";
static const char import_verb[] = "feed import";

static const char fetch_help[] =
    "stopgap feed fetch [--admin URL]\n"
    "stopgap feed fetch -c CONFIG --alone\n\n"
    "Makes the running proxy visit its feed now, and waits until what came is in force or "
    "refused.\n"
    "With --alone no proxy is asked: the visit is made here, prints every step, and keeps what is\n"
    "good in the state folder, where a proxy takes it from at its start or at a reload.\n\n"
    "  --admin URL  unix:/path (default " ADMIN_DEFAULT_URL ")\n\n"
    "Exit status: 0 fine, 1 failed or refused, 2 usage, 3 not reachable.\n";

static const char import_help[] =
    "stopgap feed import FILE -c CONFIG [--admin URL]\n\n"
    "Takes a bundle that came by another way than the feed, such as a USB stick: verifies it by\n"
    "the root in force, follows the roots that it carries, keeps it in the state folder, and "
    "makes\n"
    "the running proxy load it. FILE may be any bundle of the publisher, however old this install\n"
    "is. With feed.names in the configuration only those names are taken.\n\n"
    "  --admin URL  unix:/path (default: the socket of the configuration)\n\n"
    "Exit status: 0 taken, 1 refused, 2 usage, 3 not reachable.\n";

struct call {
    struct config config;
    const char *admin;
    bool has_config, is_alone, wants_help;
};

/* EXIT_FINE, or the exit code. */
static int parse(int argc, char **argv, const char *verb, struct call *call)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"admin", required_argument, NULL, 'a'},
                                            {"alone", no_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, ":hc:", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            if (!config_read_file(&call->config, optarg, options_print_error, NULL))
                return EXIT_FAILED;
            call->has_config = true;
            break;
        case 'a':
            call->admin = optarg;
            break;
        case 'l':
            call->is_alone = true;
            break;
        case 'h':
            call->wants_help = true;
            return EXIT_FINE;
        default:
            return cli_option_error(verb, option, argv);
        }
    }
    return EXIT_FINE;
}

/* ---- fetch */

static int fetch_alone(const struct config *config)
{
    struct err err = {0};
    struct own_feed_visit *visit = malloc(sizeof(*visit));
    int code = EXIT_USAGE;
    if (visit == NULL)
        (void)err_set(&err, ERR_MEMORY, "E_MEMORY", "out of memory");
    else if (!feed_visit_init(visit, config, fetch_verb))
        goto out;
    else if (fetch_init(&err) && cli_become_owner(config->state_dir, &err)) {
        visit->writes = true;
        own_feed_run(visit);
        err = visit->err;
        if (visit->has_new)
            (void)puts("kept; a running proxy takes it after 'stopgap reload'");
        own_feed_done(visit);
    }
    code = feed_exit_code(&err);
    if (code != EXIT_FINE)
        (void)cli_error(&err);
out:
    free(visit);
    return code;
}

static int fetch(struct call *call, int argc)
{
    if (optind != argc)
        return cli_usage_error(fetch_verb, "there is one word too many");
    if (!call->is_alone)
        return cli_admin_post(call->admin != NULL ? call->admin : ADMIN_DEFAULT_URL, "/feed",
                              FETCH_TIMEOUT_MS);
    if (!call->has_config || call->config.state_dir == NULL)
        return cli_usage_error(fetch_verb, "--alone needs -c CONFIG with 'state'");
    return fetch_alone(&call->config);
}

int feed_fetch(int argc, char **argv)
{
    struct call call = {0};
    config_init(&call.config);
    int code = parse(argc, argv, fetch_verb, &call);
    if (call.wants_help)
        (void)fputs(fetch_help, stdout);
    else if (code == EXIT_FINE)
        code = fetch(&call, argc);
    config_done(&call.config);
    return code;
}

/* ---- import */

static bool is_wanted(const struct feed_config *feed, const char *name)
{
    for (size_t i = 0; i < feed->names.n; i++)
        if (strcmp(feed->names.items[i], name) == 0)
            return true;
    return feed->names.n == 0;
}

/* The roots that a bundle carries are followed even when it is not taken itself. */
static bool take(const struct config *config, const char *path, struct buf *bytes,
                 bool *ret_has_root, struct err *err)
{
    const struct trust_options options = config_trust(config);
    struct trust_store *store = trust_open(&options, err);
    if (store == NULL)
        return false;
    uint64_t version = trust_root_version(store);
    struct bundle_facts facts;
    bool is_newer = bundle_read_facts(buf_slice(bytes), &facts, NULL) &&
                    trust_news(store, facts.name, facts.epoch, facts.serial) == TRUST_NEWS_NEWER;
    struct bundle *bundle = bundle_open_bytes(store, path, bytes, err);
    *ret_has_root = trust_root_version(store) != version;
    if (*ret_has_root)
        (void)printf("root      %llu -> %llu\n", (unsigned long long)version,
                     (unsigned long long)trust_root_version(store));
    bool done = bundle != NULL;
    if (done && !is_wanted(&config->feed, bundle_name(bundle)))
        done = err_set(err, ERR_TRUST, "E_NAME",
                       "%s is not listed in feed.names, so its rules are not taken",
                       bundle_name(bundle));
    /* Only what is new shows that the publisher lives; an old file can be brought for ever. */
    done = done && trust_keep_bundle(store, bundle, TRUST_FROM_IMPORT, err) &&
           (!is_newer || trust_note_contact(store, 0, err));
    if (done)
        (void)printf("bundle    %s %llu.%llu, %zu rules, expires %s\n", bundle_name(bundle),
                     (unsigned long long)bundle_epoch(bundle),
                     (unsigned long long)bundle_serial(bundle), bundle_n_rules(bundle),
                     bundle_expires(bundle));
    bundle_close(bundle);
    trust_close(store);
    return done;
}

static int import(struct call *call, int argc, char **argv)
{
    static const struct file_codes codes = {.read = "E_BUNDLE_READ", .size = "E_BUNDLE_SIZE"};
    struct err err = {0};
    struct buf bytes;
    bool has_root = false;
    if (optind + 1 != argc)
        return cli_usage_error(import_verb, "give one bundle");
    if (!call->has_config || call->config.state_dir == NULL)
        return cli_usage_error(import_verb, "-c CONFIG with 'state' is needed: that is where it "
                                            "is kept");
    buf_init(&bytes, LIMIT_BUNDLE_BYTES);
    bool done = file_read(AT_FDCWD, argv[optind], &codes, &bytes, &err) &&
                cli_become_owner(call->config.state_dir, &err) &&
                take(&call->config, argv[optind], &bytes, &has_root, &err);
    buf_done(&bytes);
    if (done)
        return feed_ask_reload(call->admin, &call->config);
    int code = cli_error(&err);
    /* A new root may withdraw what is in force. */
    if (has_root)
        (void)feed_ask_reload(call->admin, &call->config);
    return code;
}

int feed_import(int argc, char **argv)
{
    struct call call = {0};
    config_init(&call.config);
    int code = parse(argc, argv, import_verb, &call);
    if (call.wants_help)
        (void)fputs(import_help, stdout);
    else if (code == EXIT_FINE)
        code = import(&call, argc, argv);
    config_done(&call.config);
    return code;
}
