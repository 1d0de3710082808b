/* `stopgap trust`: what an installation trusts, for how long, and how to start it by hand. */
#include <getopt.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/options.h"
#include "cli/trust_report.h"
#include "trust/bootstrap.h"

#include "stopgap/banned.h"

static const char show_help[] =
    "stopgap trust show -c CONFIG | --state DIR | --trust ROOTFILE [--at TIME] [--json]\n\n"
    "Print the root in force with its keys and dates, for each day to come how many usable keys\n"
    "there are above the threshold (below 0 nothing new can be checked), whether the end of one\n"
    "algorithm would cut this install off, and the chain of roots that was followed.\n"
    "Exit status: 0 fine, 1 trouble within 180 days or no root at all.\n\n"
    "  -c CONFIG            take the state folder and the publisher's root from there\n"
    "  --state DIR          state folder of the proxy\n"
    "  --trust ROOTFILE     the publisher's root; the newer one of both counts\n"
    "  --at TIME            as if it were then\n"
    "  --allow-test         accept a root with 'usage test'\n";

static const char bootstrap_help[] =
    "stopgap trust bootstrap --root ROOTFILE --sha256 HASH {-c CONFIG | --state DIR}\n\n"
    "Begin to trust a root that somebody gave you, when its SHA-256 is the one that you were told\n"
    "by another way, such as a phone call or the printed manual. A state folder that has a root\n"
    "already takes only the very next one: this is for a publisher who cannot sign it any more.\n"
    "Nothing that is in force changes, and serials seen stay the lowest accepted.\n\n"
    "  --allow-test         accept a root with 'usage test'\n";

static const char export_help[] =
    "stopgap trust export {-c CONFIG | --state DIR} --out FOLDER\n\n"
    "Write the roots that this install followed, with their signatures, into a folder as\n"
    "'stopgap root show' and 'stopgap bundle build --root' read it. FOLDER must hold no roots.\n";

static const char main_help[] =
    "stopgap trust VERB: what this installation trusts\n\n"
    "  stopgap trust show -c /etc/stopgap/stopgap.yaml\n"
    "  stopgap trust bootstrap --root FILE --sha256 HASH -c /etc/stopgap/stopgap.yaml\n"
    "  stopgap trust export -c /etc/stopgap/stopgap.yaml --out FOLDER\n\n"
    "'stopgap trust VERB --help' says more.\n";

struct call {
    const char *verb; /* "trust show" */
    const char *help;
    struct config config;
    const char *state_dir, *trust_path; /* given, or of the config */
    const char *root, *sha256, *out;
    int64_t now;
    bool allows_test, wants_json;
};

static int take_option(struct call *call, int option)
{
    switch (option) {
    case 'c':
        return config_read_file(&call->config, optarg, options_print_error, NULL) ? EXIT_FINE
                                                                                  : EXIT_FAILED;
    case 's':
        call->state_dir = optarg;
        return EXIT_FINE;
    case 't':
        call->trust_path = optarg;
        return EXIT_FINE;
    case 'r':
        call->root = optarg;
        return EXIT_FINE;
    case 'x':
        call->sha256 = optarg;
        return EXIT_FINE;
    case 'o':
        call->out = optarg;
        return EXIT_FINE;
    case 'j':
        call->wants_json = true;
        return EXIT_FINE;
    case 'T':
        call->allows_test = true;
        return EXIT_FINE;
    default:
        return cli_option_time(call->verb, "--at", optarg, &call->now) ? EXIT_FINE : EXIT_USAGE;
    }
}

/* -1 to go on, else the exit code. */
static int parse(int argc, char **argv, const struct option *options, struct call *call)
{
    int option;
    while ((option = getopt_long(argc, argv, "hc:", options, NULL)) != -1) {
        if (option == 'h' || option == '?')
            return cli_option_end(option, call->verb, call->help);
        int result = take_option(call, option);
        if (result != EXIT_FINE)
            return result;
    }
    if (call->state_dir == NULL)
        call->state_dir = call->config.state_dir;
    if (call->trust_path == NULL)
        call->trust_path = call->config.trust_path;
    return optind == argc ? -1 : cli_usage_error(call->verb, "there is one word too many");
}

/* The chain lies in the state folder's roots/. */
static bool read_chain(const char *state_dir, char *path, size_t size, struct chain *chain,
                       struct err *err)
{
    int len = snprintf(path, size, "%s/roots", state_dir);
    if (len < 0 || (size_t)len >= size)
        return err_set(err, ERR_USAGE, "E_STATE_OPEN", "the path is too long");
    return chain_read(path, CHAIN_KEPT, chain, err);
}

/* ---- show */

struct trust_view {
    const struct root *root;
    const struct chain *chain;
    struct margin_conditions conditions;
};

static bool is_in_trouble(const struct trust_view *view)
{
    struct margin_calendar calendar;
    int64_t soon = view->conditions.now + (int64_t)REVIEW_NOTICE_DAYS * 24 * 60 * 60;
    margin_compute(view->root, &view->conditions, &calendar);
    return calendar.stranded_on < soon || view->root->expires <= view->conditions.now;
}

static void show_text(const struct trust_view *view)
{
    report_root(stdout, view->root, &view->conditions);
    report_margins(stdout, view->root, &view->conditions);
    report_families(stdout, view->root, &view->conditions);
    if (view->chain->n_roots != 0)
        report_chain(stdout, view->chain);
}

static bool show_json(const struct trust_view *view)
{
    json_t *all = json_pack("{s:o, s:o}", "root", report_root_json(view->root, &view->conditions),
                            "chain", report_chain_json(view->chain));
    bool done = all != NULL && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
    json_decref(all);
    return done;
}

static bool check_folder(const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return true;
    (void)err_set(err, ERR_USAGE, "E_STATE_OPEN",
                  "there is no such folder; the proxy makes it, or 'stopgap trust bootstrap'");
    return err_at(err, path, 0, 0);
}

static int show(const struct call *call)
{
    const struct trust_options options = {.root_path = call->trust_path,
                                          .state_dir = call->state_dir,
                                          .now = call->now,
                                          .allow_test_root = call->allows_test};
    const char *folder = call->state_dir;
    struct err err = {0};
    struct chain chain = {0};
    char path[4096];
    struct trust_store *store = NULL;
    int result = EXIT_FINE;
    /* To look must not make a folder. */
    if (folder == NULL || (check_folder(folder, &err) && cli_become_owner(folder, &err)))
        store = trust_open(&options, &err);
    if (store == NULL ||
        (folder != NULL && !read_chain(folder, path, sizeof(path), &chain, &err))) {
        result = cli_error(&err);
    } else {
        const struct trust_view view = {store->root, &chain, report_conditions(call->now)};
        if (!call->wants_json)
            show_text(&view);
        if (is_in_trouble(&view) || (call->wants_json && !show_json(&view)))
            result = EXIT_FAILED;
    }
    chain_done(&chain);
    trust_close(store);
    return result;
}

static int trust_show(int argc, char **argv, struct call *call)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"state", required_argument, NULL, 's'},
        {"trust", required_argument, NULL, 't'},  {"at", required_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},         {"allow-test", no_argument, NULL, 'T'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    int result = parse(argc, argv, options, call);
    if (result >= 0)
        return result;
    if (call->state_dir == NULL && call->trust_path == NULL)
        return cli_usage_error(call->verb, "give -c CONFIG, --state DIR or --trust ROOTFILE; a "
                                           "config without 'trust' trusts no publisher");
    return show(call);
}

/* ---- bootstrap, export */

static int trust_start_by_hand(int argc, char **argv, struct call *call)
{
    static const char *const words[] = {"begun with", "taken in its place:", "there already:"};
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"state", required_argument, NULL, 's'},
        {"root", required_argument, NULL, 'r'},
        {"sha256", required_argument, NULL, 'x'},
        {"allow-test", no_argument, NULL, 'T'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int result = parse(argc, argv, options, call);
    if (result >= 0)
        return result;
    if (call->root == NULL || call->sha256 == NULL || call->state_dir == NULL)
        return cli_usage_error(call->verb,
                               "give --root ROOTFILE, --sha256 HASH, and -c CONFIG or --state DIR");
    const struct trust_options trust = {.root_path = call->root,
                                        .state_dir = call->state_dir,
                                        .allow_test_root = call->allows_test};
    struct err err = {0};
    enum bootstrap_result how;
    if (!cli_become_owner(call->state_dir, &err) ||
        !trust_bootstrap(&trust, slice_str(call->sha256), &how, &err))
        return cli_error(&err);
    (void)printf("trust in %s %s root %s\n", call->state_dir, words[how], call->root);
    return EXIT_FINE;
}

static int trust_export(int argc, char **argv, struct call *call)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"state", required_argument, NULL, 's'},
        {"out", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int result = parse(argc, argv, options, call);
    if (result >= 0)
        return result;
    if (call->state_dir == NULL || call->out == NULL)
        return cli_usage_error(call->verb, "give -c CONFIG or --state DIR, and --out FOLDER");
    struct err err = {0};
    struct chain chain = {0};
    char path[4096];
    bool done = read_chain(call->state_dir, path, sizeof(path), &chain, &err);
    if (done && chain.n_roots == 0) {
        done = err_set(&err, ERR_TRUST, "E_ROOT_NONE", "no root was followed or started here yet");
        (void)err_at(&err, call->state_dir, 0, 0);
    }
    done = done && chain_export(&chain, call->out, &err);
    if (done)
        (void)printf("%zu roots in %s\n", chain.n_roots, call->out);
    chain_done(&chain);
    return done ? EXIT_FINE : cli_error(&err);
}

int cmd_trust(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv, struct call *call);
        const char *verb;
        const char *help;
    } verbs[] = {
        {"show", trust_show, "trust show", show_help},
        {"bootstrap", trust_start_by_hand, "trust bootstrap", bootstrap_help},
        {"export", trust_export, "trust export", export_help},
    };
    if (argc < 2) {
        (void)fputs(main_help, stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        (void)fputs(main_help, stdout);
        return EXIT_FINE;
    }
    optind = 0; /* getopt starts anew, behind the verb */
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(argv[1], verbs[i].name) != 0)
            continue;
        struct call call = {.verb = verbs[i].verb, .help = verbs[i].help};
        config_init(&call.config);
        int result = verbs[i].run(argc - 1, argv + 1, &call);
        config_done(&call.config);
        return result;
    }
    return cli_usage_error("trust", "there is no verb '%s'", argv[1]);
}
