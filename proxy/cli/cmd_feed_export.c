/* `stopgap feed export`: a bundle that is in use here, for an install without a net. */
#include "cli/cmd_feed.h"

#include <fcntl.h>
#include <getopt.h>

#include "cli/cmd_bundle.h"
#include "cli/options.h"
#include "trust/chain.h"
#include "trust/file.h"

#include "stopgap/trust.h"

#include "stopgap/banned.h"

static const char verb[] = "feed export";

static const char help[] =
    "stopgap feed export FILE -c CONFIG [--name NAME]\n\n"
    "Writes a bundle that is in use here into FILE, with every root that this install followed,\n"
    "so that 'stopgap feed import FILE' on a machine without a net takes it, however old that one\n"
    "is. It is as good as its signatures; the way it travels does not matter.\n\n"
    "  --name NAME  which one, where several are in use\n\n"
    "Exit status: 0 written, 1 failed, 2 usage.\n";

struct export_call {
    struct config config;
    const char *file, *name;
    bool has_config, wants_help;
    struct bundle_parts parts; /* of the bundle that was found */
    bool is_found;
};

/* The only one, or the one of the name. */
static bool find_bundle(struct export_call *call, const struct trust_paths *paths, struct err *err)
{
    for (size_t i = 0; i < paths->n; i++) {
        struct bundle_parts parts;
        bool done = bundle_parts_read(&parts, paths->items[i], err);
        bool is_it =
            done && (call->name == NULL || slice_equal(parts.manifest.name, slice_str(call->name)));
        if (is_it && call->is_found) {
            bundle_parts_done(&parts);
            return err_set(err, ERR_USAGE, "E_NAME",
                           "several bundles are in use: say which one with --name");
        }
        if (is_it) {
            call->parts = parts;
            call->is_found = true;
        } else {
            bundle_parts_done(&parts);
        }
        if (!done)
            return false;
    }
    return true;
}

/* What came by feed or import, else what a configured file brought. */
static bool open_bundle(struct export_call *call, struct err *err)
{
    static const enum trust_choice choices[] = {TRUST_NEWEST, TRUST_IN_FORCE};
    const struct trust_options options = {.root_path = call->config.trust_path,
                                          .state_dir = call->config.state_dir,
                                          .is_read_only = true};
    struct trust_store *store = trust_open(&options, err);
    bool done = store != NULL;
    for (size_t i = 0; done && !call->is_found && i < 2; i++) {
        struct trust_paths paths = {0};
        done = trust_find_paths(store, choices[i], &paths, err) && find_bundle(call, &paths, err);
        trust_paths_done(&paths);
    }
    trust_close(store);
    if (done && !call->is_found)
        done = err_set(err, ERR_USAGE, "E_NAME", "no bundle%s%s is kept here",
                       call->name != NULL ? " of the name " : "",
                       call->name != NULL ? call->name : "");
    return done;
}

/* The bundle's own members go first: its roots are those that its publisher packed. */
static bool add_chain(struct draft *draft, const struct chain *chain, struct err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < chain->view.n_members; i++)
        if (draft_find(draft, chain->view.members[i].name) == NULL)
            done = draft_put(draft, chain->view.members[i].name, chain->view.members[i].data, err);
    return done;
}

static bool write_file(const struct export_call *call, struct err *err)
{
    char roots[4096];
    struct chain chain;
    struct draft draft = {0};
    struct buf bytes;
    int len = snprintf(roots, sizeof(roots), "%s/roots", call->config.state_dir);
    if (len < 0 || (size_t)len >= sizeof(roots))
        return err_set(err, ERR_USAGE, "E_STATE_OPEN", "the path of the state is too long");
    if (!chain_read(roots, CHAIN_KEPT, &chain, err))
        return false;
    buf_init(&bytes, LIMIT_BUNDLE_BYTES);
    bool done = draft_put_all(&draft, &call->parts.archive, err) &&
                add_chain(&draft, &chain, err) && draft_write(&draft, &bytes, err) &&
                file_replace(AT_FDCWD, call->file, buf_slice(&bytes), "E_BUNDLE_WRITE", err);
    if (done)
        (void)printf(
            "exported " SLICE_FMT " %llu.%llu, %zu bytes, with %zu roots to %llu\n",
            SLICE_ARG(call->parts.manifest.name), (unsigned long long)call->parts.manifest.epoch,
            (unsigned long long)call->parts.manifest.serial, bytes.len, chain.n_roots,
            chain_newest(&chain) != NULL ? (unsigned long long)chain_newest(&chain)->version : 0);
    buf_done(&bytes);
    draft_done(&draft);
    chain_done(&chain);
    return done;
}

static int parse(int argc, char **argv, struct export_call *call)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"name", required_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, ":hc:", options, NULL)) != -1) {
        if (option == 'h') {
            call->wants_help = true;
            return EXIT_FINE;
        }
        if (option == 'n')
            call->name = optarg;
        else if (option != 'c')
            return cli_option_error(verb, option, argv);
        else if (!config_read_file(&call->config, optarg, options_print_error, NULL))
            return EXIT_FAILED;
        else
            call->has_config = true;
    }
    if (optind + 1 != argc)
        return cli_usage_error(verb, "give one file to write");
    if (!call->has_config || call->config.state_dir == NULL)
        return cli_usage_error(verb, "-c CONFIG with 'state' is needed: that is where bundles are");
    call->file = argv[optind];
    return EXIT_FINE;
}

int feed_export(int argc, char **argv)
{
    struct err err = {0};
    struct export_call call = {.file = NULL};
    config_init(&call.config);
    int code = parse(argc, argv, &call);
    if (call.wants_help)
        (void)fputs(help, stdout);
    else if (code == EXIT_FINE && (!open_bundle(&call, &err) || !write_file(&call, &err)))
        code = cli_error(&err);
    if (call.is_found)
        bundle_parts_done(&call.parts);
    config_done(&call.config);
    return code;
}
