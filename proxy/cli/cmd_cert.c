/* `stopgap cert parity`: are the certificates of Exchange those that clients see here? */
#include "cli/cli.h"

#include "cli/cmd_cert.h"
#include "cli/options.h"
#include "leaf_check.h"
#include "listener_tls.h"
#include "resolve.h"

#include <getopt.h>
#include <stdlib.h>

#include "stopgap/banned.h"

static void print_help(void)
{
    (void)puts(
        "Usage: stopgap cert parity -c CONFIG [--json]\n"
        "       stopgap cert parity [options of 'stopgap run'] [--json]\n\n"
        "Connects to every https server behind, as traffic does, and compares the certificate it\n"
        "shows with those that our listeners show, as they lie in the files of the configuration.\n"
        "Extended Protection of Exchange needs them equal: it binds a logon to a hash of the "
        "whole\n"
        "certificate (tls-server-end-point, RFC 5929), so the same key in another certificate is\n"
        "not enough. Where an RSA and an ECDSA certificate serve a name, one of them must be\n"
        "equal; clients that take the other one cannot log on.\n\n"
        "  -c, --config FILE  the configuration of the proxy\n"
        "  --json             one JSON object\n\n"
        "A running proxy does the same at its start, after each reload and once a day: see\n"
        "'stopgap status'.\n\n"
        "Exit status: 0 all are equal; 1 one differs, or the certificates cannot be read; 2 "
        "usage;\n"
        "3 a server cannot be reached, and none of the others differs.");
}

/* ---- the round */

static void on_answer(void *ctx, size_t server, X509 *leaf, const char *error)
{
    struct cert_report *report = ctx;
    struct cert_answer *answer = &report->answers[server];
    (void)snprintf(answer->error, sizeof(answer->error), "%s", error);
    if (leaf != NULL && X509_up_ref(leaf) == 1)
        answer->leaf = leaf;
    if (--report->n_open == 0)
        leaf_check_stop(report->leaf_check);
}

static void ask_all(struct cert_report *report, struct server_table *table)
{
    const struct config *config = report->config;
    size_t n = config_n_servers(config);
    for (size_t i = 0; i < n; i++)
        report->n_open += config_server(config, i)->tls;
    if (report->n_open == 0)
        leaf_check_stop(report->leaf_check);
    for (size_t i = 0; i < n; i++) {
        const struct server_config *server = config_server(config, i);
        const char *problem = server->tls ? resolve_now(server, &table->states[i].addresses) : NULL;
        if (problem != NULL)
            on_answer(report, i, NULL, problem);
        else if (server->tls)
            leaf_check_ask(report->leaf_check, i, on_answer, report);
    }
}

static bool run_round(struct cert_report *report, struct err *err)
{
    struct server_table *table = calloc(1, sizeof(*table));
    uv_loop_t loop;
    if (table == NULL || uv_loop_init(&loop) != 0) {
        free(table);
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    }
    report->leaf_check = leaf_check_new(&loop, report->config, table, err);
    if (report->leaf_check != NULL) {
        ask_all(report, table);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
    }
    bool ok = report->leaf_check != NULL;
    leaf_check_free(report->leaf_check);
    (void)uv_loop_close(&loop);
    free(table);
    return ok;
}

static bool load_ours(struct cert_report *report, struct err *err)
{
    const struct config *config = report->config;
    for (size_t i = 0; i < config->n_listen; i++)
        if (config->listen[i].tls &&
            !listener_tls_load(config, &config->listen[i], &report->materials[i], err))
            return false;
    if (!parity_faces_make(&report->faces, config, report->materials))
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    if (report->faces.n == 0)
        return err_set(err, ERR_USAGE, NULL,
                       "no listener is https: clients see no certificate here, and Extended "
                       "Protection must be off");
    if (!config_has_upstream_tls(config))
        return err_set(err, ERR_USAGE, NULL,
                       "no upstream is https: there is nothing to compare, and Extended "
                       "Protection must be off");
    return true;
}

bool cert_report_make(struct cert_report *report, struct err *err)
{
    return load_ours(report, err) && run_round(report, err);
}

void cert_report_done(struct cert_report *report)
{
    for (size_t i = 0; i < LIMIT_SERVERS; i++)
        X509_free(report->answers[i].leaf);
    parity_faces_done(&report->faces);
    for (size_t i = 0; i < report->config->n_listen; i++)
        tls_material_done(&report->materials[i]);
}

/* The worst of all answers. */
static int exit_code_of(const struct cert_report *report)
{
    int code = EXIT_FINE;
    for (size_t i = 0; i < config_n_servers(report->config); i++) {
        const struct cert_answer *answer = &report->answers[i];
        if (answer->leaf == NULL) {
            if (config_server(report->config, i)->tls && code == EXIT_FINE)
                code = EXIT_UNREACHABLE;
        } else if (parity_judge_all(&report->faces, answer->leaf).verdict != PARITY_EQUAL) {
            code = EXIT_FAILED;
        }
    }
    return code;
}

/* ---- the verb */

static int show_parity(const struct config *config, bool as_json)
{
    struct err err = {0};
    struct cert_report report = {.config = config};
    int code;
    if (!cert_report_make(&report, &err)) {
        code = cli_error(&err);
    } else {
        code = exit_code_of(&report);
        if (as_json ? !cert_report_json(&report, stdout) : !cert_report_text(&report, stdout))
            code = EXIT_FAILED;
    }
    cert_report_done(&report);
    return code;
}

/* Take --json out, for the rest are options of run. */
static int take_json(int argc, char **argv, bool *ret_as_json)
{
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            *ret_as_json = true;
        else
            argv[kept++] = argv[i];
    }
    argv[kept] = NULL;
    return kept;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return argc > 1 && strcmp(argv[1], "help") == 0;
}

int cmd_cert(int argc, char **argv)
{
    static char name[] = "cert parity";
    struct config config;
    bool as_json = false;
    int code = EXIT_USAGE;
    if (wants_help(argc, argv)) {
        print_help();
        return EXIT_FINE;
    }
    if (argc < 2 || strcmp(argv[1], "parity") != 0)
        return cli_usage_error("cert", argc < 2 ? "say what: parity" : "unknown word '%s'",
                               argc < 2 ? "" : argv[1]);
    argv[1] = name;
    argc = take_json(argc - 1, argv + 1, &as_json);
    config_init(&config);
    if (options_parse_run(argc, argv + 1, &config, NULL, NULL, &code) == OPTIONS_OK)
        code = config_validate(&config, options_print_error, NULL) ? show_parity(&config, as_json)
                                                                   : EXIT_USAGE;
    config_done(&config);
    return code;
}
