/* `stopgap trust`: what an installation trusts, for how long, and how to start it by hand. */
#include <getopt.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/trust_report.h"
#include "trust/bootstrap.h"

#include "stopgap/banned.h"

static const char show_help[] =
    "stopgap trust show [--state DIR] [--trust ROOTFILE] [--at TIME] [--json]\n\n"
    "Print the root in force with its keys and dates, for each day to come how many usable keys\n"
    "there are above the threshold (below 0 nothing new can be checked), whether the end of one\n"
    "algorithm would cut this install off, and the chain of roots that was followed.\n"
    "Exit status: 0 fine, 1 trouble within 180 days or no root at all.\n\n"
    "  --state DIR          state folder of the proxy\n"
    "  --trust ROOTFILE     the publisher's root; the newer one of both counts\n"
    "  --at TIME            as if it were then\n"
    "  --allow-test         accept a root with 'usage test'\n";

static const char bootstrap_help[] =
    "stopgap trust bootstrap --root ROOTFILE --sha256 HASH --state DIR\n\n"
    "Begin to trust a root that somebody gave you, when its SHA-256 is the one that you were told\n"
    "by another way, such as a phone call or the printed manual. A state folder that has a root\n"
    "already takes only the very next one: this is for a publisher who cannot sign it any more.\n"
    "Nothing that is in force changes, and serials seen stay the lowest accepted.\n\n"
    "  --allow-test         accept a root with 'usage test'\n";

static const char export_help[] =
    "stopgap trust export --state DIR --out FOLDER\n\n"
    "Write the roots that this install followed, with their signatures, into a folder as\n"
    "'stopgap root show' and 'stopgap bundle build --root' read it. FOLDER must hold no roots.\n";

static const char main_help[] =
    "stopgap trust VERB: what this installation trusts\n\n"
    "  stopgap trust show --state /var/lib/stopgap\n"
    "  stopgap trust bootstrap --root FILE --sha256 HASH --state /var/lib/stopgap\n"
    "  stopgap trust export --state /var/lib/stopgap --out FOLDER\n\n"
    "'stopgap trust VERB --help' says more.\n";

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

static int show(const struct trust_options *options, bool wants_json)
{
    struct err err = {0};
    struct chain chain = {0};
    char path[4096];
    bool is_shown = false;
    struct trust_store *store = NULL;
    /* To look must not create a folder. */
    struct stat st;
    bool is_there = options->state_dir == NULL || stat(options->state_dir, &st) == 0;
    if (!is_there) {
        (void)err_set(&err, ERR_USAGE, "E_STATE_OPEN", "there is no such folder");
        (void)err_at(&err, options->state_dir, 0, 0);
    } else {
        store = trust_open(options, &err);
    }
    int result = EXIT_FINE;
    if (store == NULL || (options->state_dir != NULL &&
                          !read_chain(options->state_dir, path, sizeof(path), &chain, &err))) {
        result = cli_error(&err);
    } else {
        const struct trust_view view = {store->root, &chain, report_conditions(options->now)};
        if (wants_json)
            is_shown = show_json(&view);
        else
            show_text(&view);
        result = is_in_trouble(&view) || (wants_json && !is_shown) ? EXIT_FAILED : EXIT_FINE;
    }
    chain_done(&chain);
    trust_close(store);
    return result;
}

static int trust_show(int argc, char **argv)
{
    static const char verb[] = "trust show";
    static const struct option options[] = {
        {"state", required_argument, NULL, 's'},
        {"trust", required_argument, NULL, 't'},
        {"at", required_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {"allow-test", no_argument, NULL, 'T'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct trust_options trust = {0};
    bool wants_json = false;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 's')
            trust.state_dir = optarg;
        else if (option == 't')
            trust.root_path = optarg;
        else if (option == 'j')
            wants_json = true;
        else if (option == 'T')
            trust.allow_test_root = true;
        else if (option != 'a')
            return cli_option_end(option, verb, show_help);
        else if (!cli_option_time(verb, "--at", optarg, &trust.now))
            return EXIT_USAGE;
    }
    if (optind != argc || (trust.state_dir == NULL && trust.root_path == NULL))
        return cli_usage_error(verb, "give --state DIR, --trust ROOTFILE or both");
    return show(&trust, wants_json);
}

/* ---- bootstrap, export */

static int trust_start_by_hand(int argc, char **argv)
{
    static const char verb[] = "trust bootstrap";
    static const char *const words[] = {"begun with", "taken in its place:", "there already:"};
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},  {"sha256", required_argument, NULL, 'x'},
        {"state", required_argument, NULL, 's'}, {"allow-test", no_argument, NULL, 'T'},
        {"help", no_argument, NULL, 'h'},        {0},
    };
    struct trust_options trust = {0};
    const char *sha256 = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'r')
            trust.root_path = optarg;
        else if (option == 'x')
            sha256 = optarg;
        else if (option == 's')
            trust.state_dir = optarg;
        else if (option == 'T')
            trust.allow_test_root = true;
        else
            return cli_option_end(option, verb, bootstrap_help);
    }
    if (optind != argc || trust.root_path == NULL || sha256 == NULL || trust.state_dir == NULL)
        return cli_usage_error(verb, "give --root ROOTFILE, --sha256 HASH and --state DIR");
    struct err err = {0};
    enum bootstrap_result result;
    if (!trust_bootstrap(&trust, slice_str(sha256), &result, &err))
        return cli_error(&err);
    (void)printf("trust in %s %s root %s\n", trust.state_dir, words[result], trust.root_path);
    return EXIT_FINE;
}

static int trust_export(int argc, char **argv)
{
    static const char verb[] = "trust export";
    static const struct option options[] = {
        {"state", required_argument, NULL, 's'},
        {"out", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *state_dir = NULL;
    const char *out = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 's')
            state_dir = optarg;
        else if (option == 'o')
            out = optarg;
        else
            return cli_option_end(option, verb, export_help);
    }
    if (optind != argc || state_dir == NULL || out == NULL)
        return cli_usage_error(verb, "give --state DIR and --out FOLDER");
    struct err err = {0};
    struct chain chain = {0};
    char path[4096];
    bool done = read_chain(state_dir, path, sizeof(path), &chain, &err);
    if (done && chain.n_roots == 0) {
        done = err_set(&err, ERR_TRUST, "E_ROOT_NONE", "no root was followed or started here yet");
        (void)err_at(&err, state_dir, 0, 0);
    }
    done = done && chain_export(&chain, out, &err);
    if (done)
        (void)printf("%zu roots in %s\n", chain.n_roots, out);
    chain_done(&chain);
    return done ? EXIT_FINE : cli_error(&err);
}

int cmd_trust(int argc, char **argv)
{
    if (argc < 2) {
        (void)fputs(main_help, stderr);
        return EXIT_USAGE;
    }
    optind = 0; /* getopt starts anew, behind the verb */
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        (void)fputs(main_help, stdout);
        return EXIT_FINE;
    }
    if (strcmp(argv[1], "show") == 0)
        return trust_show(argc - 1, argv + 1);
    if (strcmp(argv[1], "bootstrap") == 0)
        return trust_start_by_hand(argc - 1, argv + 1);
    if (strcmp(argv[1], "export") == 0)
        return trust_export(argc - 1, argv + 1);
    return cli_usage_error("trust", "there is no verb '%s'", argv[1]);
}
