/* stopgap verify: harmless probes through a live listener. */
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/rule_paths.h"
#include "cli/verify.h"

#include "net/tls.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "stopgap/banned.h"

static const char help[] =
    "usage: stopgap verify [OPTION]... http[s]://HOST[:PORT]\n"
    "\n"
    "Sends the rules' own samples through a listener and shows, for each CVE, what it does about\n"
    "them. Samples are shapes: they carry no working attack. Their methods are GET, HEAD, POST,\n"
    "OPTIONS, RPC_IN_DATA and RPC_OUT_DATA; a sample with another, such as PUT or DELETE, is not\n"
    "sent. They appear in logs, with the User-Agent stopgap-verify unless the attack needs "
    "another.\n"
    "\n"
    "  -c, --config FILE      the rules of this configuration; default: the built-in ones\n"
    "  --rules PATH           instead: a folder of rule files or a bundle (*.sgb); repeatable\n"
    "  --trust ROOT           root file for bundles\n"
    "  --admin URL            the running program's admin listener: tells 'detect only' from\n"
    "                         'not applied', which look the same on the wire\n"
    "  --ca FILE              CA certificates (PEM) that the listener's certificate is checked\n"
    "                         with; default: those of the system\n"
    "  --insecure             do not check the certificate\n"
    "  --resolve ADDRESS      connect to this address instead of looking HOST up; curl's\n"
    "                         HOST:PORT:ADDRESS with the URL's host and port is taken, too\n"
    "  --timeout SECONDS      of one probe, 1 to 300 (default 10)\n"
    "  --json                 as JSON\n"
    "\n"
    "protected     every sample is stopped (or the answer is edited)\n"
    "detect only   samples pass and are reported; a failure, unless the rule has no CVE and\n"
    "              says itself that it only reports\n"
    "not applied   samples pass; a failure, unless --admin says that no server needs the rule\n"
    "unreachable   no answer\n"
    "not testable  not to be seen from outside; no failure\n"
    "\n"
    "Exit status: 0 all is protected, 1 something is not, 2 usage, 3 unreachable.\n"
    "\n"
    "Example: stopgap verify --admin unix:/run/stopgap/admin.sock https://mail.example.com\n";

enum { DEFAULT_TIMEOUT_S = 10, MAX_TIMEOUT_S = 300 };

struct call {
    const char *url;
    const char *config_path;
    const char *admin;
    const char *ca;
    const char *address;
    bool is_insecure;
    bool json;
    uint64_t timeout_s;
    struct rule_paths paths;
};

/* ---- the command line */

static int apply(struct call *call, int option, char **argv)
{
    switch (option) {
    case 'c':
        call->config_path = optarg;
        break;
    case 'r':
        return rule_paths_add(&call->paths, argv[0], optarg);
    case 't':
        call->paths.trust = optarg;
        break;
    case 'a':
        call->admin = optarg;
        break;
    case 'C':
        call->ca = optarg;
        break;
    case 'i':
        call->is_insecure = true;
        break;
    case 'R':
        call->address = optarg;
        break;
    case 'T':
        if (!slice_to_u64(slice_str(optarg), &call->timeout_s) || call->timeout_s == 0 ||
            call->timeout_s > MAX_TIMEOUT_S)
            return cli_usage_error(argv[0], "--timeout wants seconds, 1 to %d, not '%s'",
                                   MAX_TIMEOUT_S, optarg);
        break;
    case 'j':
        call->json = true;
        break;
    default:
        return cli_option_error(argv[0], option, argv);
    }
    return EXIT_FINE;
}

/* Returns -1 to go on, else the exit code. */
static int parse_call(int argc, char **argv, struct call *call)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"rules", required_argument, NULL, 'r'},
                                            {"trust", required_argument, NULL, 't'},
                                            {"admin", required_argument, NULL, 'a'},
                                            {"ca", required_argument, NULL, 'C'},
                                            {"insecure", no_argument, NULL, 'i'},
                                            {"resolve", required_argument, NULL, 'R'},
                                            {"timeout", required_argument, NULL, 'T'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(help, stdout);
            return EXIT_FINE;
        }
        int code = apply(call, option, argv);
        if (code != EXIT_FINE)
            return code;
    }
    if (optind + 1 != argc)
        return cli_usage_error(argv[0], "say one URL, such as https://mail.example.com");
    call->url = argv[optind];
    if (call->config_path != NULL && call->paths.n_bundles + call->paths.n_directories != 0)
        return cli_usage_error(argv[0], "either -c or --rules");
    int code = rule_paths_check(&call->paths, argv[0]);
    return code == EXIT_FINE ? -1 : code;
}

/* ---- the run */

struct run {
    struct verify_table table;
    struct verify_peer peer;
    struct lease *lease;
    char host[VERIFY_HOST_BYTES]; /* as Host says it */
    char address[INET6_ADDRSTRLEN];
    size_t n_probes; /* in all */
    size_t n_sent;
    size_t n_unreachable_in_row;
    time_t until;
    bool shows_progress;
    char error[200]; /* of the last probe that was not answered */
};

static void note_outcome(struct run *run, const struct verify_probe *probe,
                         enum probe_outcome outcome)
{
    struct verify_rule *rule = &run->table.rules[probe->rule];
    bool is_unreachable = outcome == OUTCOME_UNREACHABLE;
    run->n_unreachable_in_row = is_unreachable ? run->n_unreachable_in_row + 1 : 0;
    rule->n_unreachable += is_unreachable;
    if (is_unreachable)
        return;
    if (probe->kind == PROBE_BLOCK) {
        rule->n_wanted++;
        rule->n_stopped += outcome == OUTCOME_STOPPED;
        rule->n_passed += outcome != OUTCOME_STOPPED;
    } else if (probe->kind == PROBE_REPORT) {
        rule->n_reported++;
    } else if (outcome == OUTCOME_EDITED) {
        rule->n_edited++;
    } else {
        rule->n_not_sent++;
        rule->reason = "the answer does not show it; it may need a login";
    }
}

static bool send_probe(struct run *run, const struct verify_probe *probe, struct err *err)
{
    struct verify_answer answer;
    if (!verify_ask(&run->peer, buf_slice(&probe->request), probe->is_head, &answer)) {
        verify_answer_done(&answer);
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    }
    enum probe_outcome outcome = verify_judge(probe, run->table.set, &answer);
    if (outcome == OUTCOME_UNREACHABLE)
        memcpy(run->error, answer.error, sizeof(run->error));
    verify_answer_done(&answer);
    note_outcome(run, probe, outcome);
    run->n_sent++;
    if (run->shows_progress)
        (void)fprintf(stderr, "\r%zu of %zu probes", run->n_sent, run->n_probes);
    return true;
}

/* The same probe is not sent any more where nobody answers, or the time of the run is over. */
static bool is_given_up(const struct run *run)
{
    return run->n_unreachable_in_row >= VERIFY_MAX_UNREACHABLE || time(NULL) >= run->until ||
           run->n_sent >= VERIFY_MAX_PROBES;
}

static bool run_probe(struct run *run, size_t rule, size_t sample, struct err *err)
{
    struct verify_probe probe;
    bool is_made = verify_probe_make(&probe, run->lease, rule, sample, run->host, err);
    bool is_done = is_made;
    if (is_made && probe.kind == PROBE_NONE) {
        run->table.rules[rule].n_not_sent++;
        run->table.rules[rule].reason = probe.reason;
    } else if (is_made && is_given_up(run)) {
        run->table.rules[rule].n_unreachable++;
    } else if (is_made) {
        is_done = send_probe(run, &probe, err);
    }
    verify_probe_done(&probe);
    return is_done;
}

static bool run_all(struct run *run, const char *admin, struct err *err)
{
    const struct ruleset *set = run->table.set;
    if (admin != NULL && !verify_read_hits(&run->table, admin, false, err))
        return false;
    for (size_t i = 0; i < ruleset_n_rules(set); i++)
        run->n_probes += ruleset_rule(set, i)->n_must_block;
    for (size_t i = 0; i < ruleset_n_rules(set); i++)
        for (size_t k = 0; k < ruleset_rule(set, i)->n_must_block; k++)
            if (!run_probe(run, i, k, err))
                return false;
    if (run->shows_progress)
        (void)fputs("\r\033[K", stderr);
    return admin == NULL || verify_read_hits(&run->table, admin, true, err);
}

static int run_and_print(struct run *run, const struct call *call)
{
    struct err err = {0};
    run->shows_progress = isatty(STDERR_FILENO) != 0;
    run->until = time(NULL) + VERIFY_MAX_SECONDS;
    if (!run_all(run, call->admin, &err)) {
        (void)cli_error(&err);
        return err.kind == ERR_USAGE ? EXIT_USAGE : EXIT_UNREACHABLE;
    }
    int code = verify_table_print(&run->table, call->json, stdout);
    if (run->error[0] != '\0')
        (void)fprintf(stderr, "stopgap: %s: %s\n", call->url, run->error);
    return code;
}

/* ---- what it needs */

/* ADDRESS, or curl's HOST:PORT:ADDRESS for this server; IPv6 also in brackets. */
static bool set_address(struct run *run, const char *given, const struct server_config *server,
                        struct err *err)
{
    struct slice address = slice_str(given);
    unsigned char bytes[sizeof(struct in6_addr)];
    char wanted[VERIFY_HOST_BYTES];
    int len = snprintf(wanted, sizeof(wanted), "%s:%u:", server->host, server->port);
    if (len > 0 && (size_t)len < sizeof(wanted) &&
        slice_starts_with_nocase(address, slice_str(wanted)))
        address = slice_from(address, (size_t)len);
    if (address.len > 2 && address.ptr[0] == '[' && address.ptr[address.len - 1] == ']')
        address = slice_make(address.ptr + 1, address.len - 2);
    (void)snprintf(run->address, sizeof(run->address), SLICE_FMT, SLICE_ARG(address));
    if (address.len >= sizeof(run->address) || (inet_pton(AF_INET, run->address, bytes) != 1 &&
                                                inet_pton(AF_INET6, run->address, bytes) != 1))
        return err_set(err, ERR_USAGE, "E_RESOLVE",
                       "--resolve wants an address, or %sADDRESS for this URL, not '%s'", wanted,
                       given);
    run->peer.address = run->address;
    return true;
}

/* The URL in config's own reading; config keeps the host. */
static bool set_peer(struct run *run, const struct call *call, struct config *config,
                     struct err *err)
{
    if (!config_set_upstream(config, call->url, err))
        return false;
    const struct server_config *server = &config->upstream.one;
    run->peer = (struct verify_peer){
        .host = server->host, .port = server->port, .timeout_s = (unsigned)call->timeout_s};
    if (call->address != NULL && !set_address(run, call->address, server, err))
        return false;
    bool is_usual = server->port == (server->tls ? 443 : 80);
    bool is_ipv6 = strchr(server->host, ':') != NULL;
    int len = snprintf(run->host, sizeof(run->host), is_ipv6 ? "[%s]" : "%s", server->host);
    if (len > 0 && (size_t)len < sizeof(run->host) && !is_usual)
        (void)snprintf(run->host + len, sizeof(run->host) - (size_t)len, ":%u", server->port);
    if (server->tls)
        run->peer.context = tls_client_context(call->ca, !call->is_insecure, err);
    return !server->tls || run->peer.context != NULL;
}

static int verify(const struct call *call, const struct config *config)
{
    struct err err = {0};
    struct run *run = calloc(1, sizeof(*run));
    struct config target; /* only its upstream is used */
    config_init(&target);
    struct ruleset *set =
        rule_paths_load(&call->paths, call->config_path != NULL ? config : NULL, &err);
    int code = EXIT_FAILED;
    if (run != NULL && set != NULL) {
        run->table =
            (struct verify_table){.set = set, .url = call->url, .has_admin = call->admin != NULL};
        run->table.rules = calloc(ruleset_n_rules(set) + 1, sizeof(*run->table.rules));
        run->lease = lease_new(set, &err);
    }
    bool is_ready = run != NULL && run->table.rules != NULL && run->lease != NULL &&
                    set_peer(run, call, &target, &err);
    if (is_ready)
        code = run_and_print(run, call);
    else if (err.kind == ERR_USAGE)
        code = cli_usage_error("verify", "%s", err.text);
    else
        code = cli_error(&err);
    if (run != NULL) {
        SSL_CTX_free(run->peer.context);
        lease_free(run->lease);
        free(run->table.rules);
    }
    free(run);
    ruleset_unref(set);
    config_done(&target);
    return code;
}

int cmd_verify(int argc, char **argv)
{
    struct call call = {.timeout_s = DEFAULT_TIMEOUT_S};
    int code = parse_call(argc, argv, &call);
    if (code >= 0)
        return code;
    struct config config;
    config_init(&config);
    (void)signal(SIGPIPE, SIG_IGN); /* a listener that closes early is an answer, too */
    code = EXIT_FAILED;
    if (call.config_path == NULL ||
        config_read_file(&config, call.config_path, options_print_error, NULL))
        code = verify(&call, &config);
    config_done(&config);
    return code;
}
