/* `stopgap root`: which keys may sign, and how that changes over the years. */
#include "cli/cmd_root.h"

#include <getopt.h>

#include "cli/trust_report.h"

#include "stopgap/banned.h"

struct root_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct root_command commands[] = {
    {"init", root_change, "begin: write root 1 with its keys"},
    {"add-key", root_change, "let one more key sign"},
    {"retire-key", root_change, "announce the day from which a key is not used any more"},
    {"rotate", root_change, "the yearly routine: new keys in, old ones out, new end date"},
    {"revoke", root_change, "in an emergency: keys, bundles, the epoch"},
    {"sign", root_sign, "sign the draft; with enough signatures it becomes the next root"},
    {"show", root_show, "print the chain, the keys and how far the trust reaches"},
};

static void print_help(FILE *out)
{
    (void)fputs("stopgap root VERB DIR: the keys that may sign rule sets, in a folder\n\n"
                "  stopgap root init DIR --key a.key --key b.key\n"
                "  stopgap root sign DIR --key a.key --key b.key\n"
                "  stopgap root rotate DIR --add c.key --drop a.key\n"
                "  stopgap root sign DIR --key b.key --key c.key\n\n"
                "Each change is a new root that follows from the one before: DIR/0000000002.draft "
                "until\nenough signatures are in DIR/0000000002.sig/, then DIR/0000000002. Give "
                "DIR/0000000001\nto proxies once (--trust); the later ones travel in every bundle "
                "(bundle build --root DIR).\n\nVerbs:\n",
                out);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        (void)fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].help);
    (void)fputs("\n'stopgap root VERB --help' says more.\n", out);
}

int cmd_root(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return EXIT_FINE;
    }
    optind = 0; /* getopt starts anew, behind the verb */
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return cli_usage_error("root", "there is no verb '%s'", argv[1]);
}

int root_change(int argc, char **argv)
{
    struct root_change change = {0};
    struct err err = {0};
    bool is_over = false;
    int result = root_read_options(argc, argv, &change, &is_over);
    if (result == EXIT_FINE && !is_over && !root_apply(&change, &err))
        result = cli_error(&err);
    for (size_t i = 0; i < change.n_added; i++)
        EVP_PKEY_free(change.added[i].pkey);
    return result;
}

/* ---- show */

static void show_text(const struct chain *chain)
{
    const struct margin_conditions conditions = report_conditions(0);
    const struct root *root = chain_newest(chain);
    report_chain(stdout, chain);
    if (root != NULL) {
        (void)putchar('\n');
        report_root(stdout, root, &conditions);
        report_margins(stdout, root, &conditions);
        report_families(stdout, root, &conditions);
        report_signatures(stdout, chain, root);
    }
    if (chain->draft == NULL)
        return;
    (void)puts("\nnot in force yet:");
    report_diff(stdout, root, chain->draft);
    report_signatures(stdout, chain, chain->draft);
}

static bool show_json(const struct chain *chain)
{
    const struct margin_conditions conditions = report_conditions(0);
    const struct root *root = chain_newest(chain);
    json_t *all =
        json_pack("{s:o, s:o, s:o}", "chain", report_chain_json(chain), "root",
                  root != NULL ? report_root_json(root, &conditions) : json_null(), "draft",
                  chain->draft != NULL ? report_root_json(chain->draft, &conditions) : json_null());
    bool done = all != NULL && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
    json_decref(all);
    return done;
}

int root_show(int argc, char **argv)
{
    static const char verb[] = "root show";
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    bool wants_json = false;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option != 'j')
            return cli_option_end(option, verb, root_help("show"));
        wants_json = true;
    }
    if (optind + 1 != argc)
        return cli_usage_error(verb, "give one folder of roots");
    struct err err = {0};
    struct chain chain;
    int result = EXIT_FINE;
    bool done = chain_read(argv[optind], CHAIN_PUBLISHER, &chain, &err);
    if (done && chain.n_roots == 0 && chain.draft == NULL) {
        done = err_set(&err, ERR_USAGE, "E_ROOT_NONE",
                       "there is no root here; 'stopgap root init' makes one");
        (void)err_at(&err, argv[optind], 0, 0);
    }
    if (!done)
        result = cli_error(&err);
    else if (!wants_json)
        show_text(&chain);
    else if (!show_json(&chain))
        result = EXIT_FAILED;
    chain_done(&chain);
    return result;
}
