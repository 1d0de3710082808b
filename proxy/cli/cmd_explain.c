/* stopgap explain: why the rules say what they say of one request. */
#include "cli/cli.h"
#include "cli/curl.h"
#include "cli/explain.h"
#include "cli/options.h"
#include "cli/rule_paths.h"

#include "forwarded.h"
#include "probe.h"

#include <errno.h>
#include <getopt.h>

#include "stopgap/banned.h"

static const char help[] =
    "usage: stopgap explain [OPTION]... FILE|-\n"
    "       stopgap explain [OPTION]... --curl 'curl ...'|-\n"
    "       stopgap explain --incident ID --log FILE [--json]\n"
    "\n"
    "Says what the proxy would do with a request, which rules match it, and for every\n"
    "condition: the view, the bytes and the offset. The same parser, views and rules as the\n"
    "proxy's; nothing is sent.\n"
    "\n"
    "  FILE               the raw request; - is standard input. LF line ends will do\n"
    "  --curl COMMAND     the request that this curl command would send, as browsers copy it\n"
    "                     ('Copy as cURL (bash)'); - reads the command from standard input\n"
    "  --incident ID      what the log recorded of this incident\n"
    "  --log FILE         the decision or access log for it; - is standard input\n"
    "\n"
    "  -c, --config FILE  the rules, mode and limits of this configuration\n"
    "  --rules PATH       instead: a folder of rule files or a bundle (*.sgb); repeatable\n"
    "  --trust ROOT       root file for bundles\n"
    "  --client ADDRESS   the client's address (default 192.0.2.1)\n"
    "  --rule ID          only this rule, in full\n"
    "  --all              every rule in full; default: those that match\n"
    "  --stale            as while nobody looks after the rules: those with `activation: stale`, "
    "too\n"
    "  --json             as JSON\n"
    "\n"
    "Secrets are masked as in the logs.\n"
    "\n"
    "Exit status: 0 it passes, 1 it would be stopped, 2 usage, 3 it cannot be read.\n"
    "\n"
    "Example: printf 'GET /owa/auth/x.aspx HTTP/1.1\\nHost: mail\\n\\n' | stopgap explain -\n";

struct call {
    const char *file;
    const char *curl;
    const char *incident;
    const char *log;
    const char *config_path;
    const char *client;
    const char *rule;
    bool all;
    bool json;
    struct rule_paths paths;
};

/* ---- the command line */

static int apply(struct call *call, int option, char **argv)
{
    switch (option) {
    case 'c':
        call->config_path = optarg;
        break;
    case 'u':
        call->curl = optarg;
        break;
    case 'i':
        call->incident = optarg;
        break;
    case 'l':
        call->log = optarg;
        break;
    case 'r':
        return rule_paths_add(&call->paths, argv[0], optarg);
    case 't':
        call->paths.trust = optarg;
        break;
    case 'a':
        call->client = optarg;
        break;
    case 'R':
        call->rule = optarg;
        break;
    case 'A':
        call->all = true;
        break;
    case 'j':
        call->json = true;
        break;
    case 'S':
        call->paths.is_stale = true;
        break;
    default:
        return cli_option_error(argv[0], option, argv);
    }
    return EXIT_FINE;
}

static int check_call(const struct call *call, const char *verb)
{
    int n_sources = (call->file != NULL) + (call->curl != NULL) + (call->incident != NULL);
    if (n_sources != 1)
        return cli_usage_error(verb, "say one of FILE, --curl and --incident");
    if (call->incident != NULL && call->incident[0] == '\0')
        return cli_usage_error(verb, "--incident wants the id that the client was told");
    if (call->incident != NULL && call->log == NULL)
        return cli_usage_error(verb, "--incident needs --log: where the decision log is");
    if (call->config_path != NULL && call->paths.n_bundles + call->paths.n_directories != 0)
        return cli_usage_error(verb, "either -c or --rules");
    return rule_paths_check(&call->paths, verb);
}

/* Returns -1 to go on, else the exit code. */
static int parse_call(int argc, char **argv, struct call *call)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"curl", required_argument, NULL, 'u'},
                                            {"incident", required_argument, NULL, 'i'},
                                            {"log", required_argument, NULL, 'l'},
                                            {"rules", required_argument, NULL, 'r'},
                                            {"trust", required_argument, NULL, 't'},
                                            {"client", required_argument, NULL, 'a'},
                                            {"rule", required_argument, NULL, 'R'},
                                            {"all", no_argument, NULL, 'A'},
                                            {"stale", no_argument, NULL, 'S'},
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
    if (optind < argc)
        call->file = argv[optind++];
    if (optind < argc)
        return cli_usage_error(argv[0], "unexpected argument '%s'", argv[optind]);
    int code = check_call(call, argv[0]);
    return code == EXIT_FINE ? -1 : code;
}

/* ---- the request */

static bool read_input(const char *path, struct buf *text, struct err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(path, "rbe");
    char bytes[8192];
    size_t n;
    bool is_short = true;
    if (in == NULL)
        return err_set(err, ERR_IO, "E_READ", "cannot open %s: %s", path, strerror(errno));
    while (is_short && (n = fread(bytes, 1, sizeof(bytes), in)) != 0)
        is_short = buf_append(text, slice_make(bytes, n));
    bool has_failed = ferror(in) != 0;
    if (!is_stdin)
        (void)fclose(in);
    if (has_failed)
        return err_set(err, ERR_IO, "E_READ", "cannot read %s: %s", path, strerror(errno));
    return is_short || err_set(err, ERR_LIMIT, "E_REQUEST_LONG", "%s is over %d bytes", path,
                               EXPLAIN_MAX_INPUT);
}

static bool read_curl(const struct call *call, struct buf *text, struct buf *request,
                      struct err *err)
{
    struct curl_words words = {.n = 0};
    bool is_stdin = call->curl != NULL && strcmp(call->curl, "-") == 0;
    bool is_read =
        (!is_stdin || read_input("-", text, err)) &&
        curl_words_read(&words, is_stdin ? buf_slice(text) : slice_str(call->curl), err) &&
        curl_request(&words, request, err);
    curl_words_done(&words);
    return is_read;
}

static bool read_request(const struct call *call, const struct config *config,
                         struct explain_request *request, struct err *err)
{
    struct buf text;
    struct buf made;
    bool is_curl = call->file == NULL;
    buf_init(&text, EXPLAIN_MAX_INPUT);
    buf_init(&made, EXPLAIN_MAX_INPUT);
    bool is_read =
        is_curl ? read_curl(call, &text, &made, err) : read_input(call->file, &text, err);
    is_read = is_read && explain_request_read(request, buf_slice(is_curl ? &made : &text), !is_curl,
                                              config, err);
    buf_done(&text);
    buf_done(&made);
    return is_read;
}

/* ---- what the proxy would do */

/* The steps of the proxy in front of the rules; txn.c has them for the traffic. */
static void judge(struct explain_result_view *view, const struct explanation *explanation)
{
    const struct explain_request *request = view->request;
    struct slice vdirs[LIMIT_HEALTH_VDIRS];
    size_t n_vdirs = config_health_vdirs(view->config, vdirs, LIMIT_HEALTH_VDIRS);
    view->is_exempt = probe_is_exempt(&request->parser, vdirs, n_vdirs);
    if (request->parser.head.has_upgrade && !view->config->allow_upgrade)
        view->decision = (struct decision){.kind = DECISION_ANSWER,
                                           .status = 501,
                                           .reason = END_UPGRADE_REFUSED,
                                           .word = "refuse"};
    else if (view->is_off || view->is_exempt)
        view->decision = (struct decision){.kind = DECISION_FORWARD, .word = "pass"};
    else
        view->decision = decide(&explanation->verdict, view->config->fail_mode);
}

static int explain_rules(const struct call *call, struct explain_result_view *view,
                         struct lease *lease)
{
    struct err err = {0};
    const struct explain_request *request = view->request;
    struct explanation *explanation = NULL;
    if (request->is_refused) {
        view->decision = (struct decision){.kind = DECISION_ANSWER,
                                           .status = request->parser.refusal.status,
                                           .reason = request->parser.refusal.reason,
                                           .word = "refuse"};
    } else {
        enum rules_mode mode = view->is_off ? RULES_BLOCK : view->config->mode;
        explanation = rules_explain(lease, &request->head, buf_slice(&request->body), mode, &err);
        if (explanation == NULL) {
            (void)cli_error(&err);
            return EXIT_UNREACHABLE;
        }
        view->explanation = explanation;
        if (view->rule == NULL)
            explain_absent_find(&view->absent, &call->paths, call->config_path != NULL, view);
        judge(view, explanation);
    }
    bool is_written = true;
    if (call->json)
        is_written = explain_print_json(view, stdout);
    else
        explain_print_text(view, stdout);
    explanation_free(explanation);
    ruleset_unref(view->absent.set);
    if (!is_written)
        return EXIT_UNREACHABLE;
    bool is_stopped =
        view->decision.kind == DECISION_ANSWER || view->decision.kind == DECISION_ABORT;
    return is_stopped ? EXIT_FAILED : EXIT_FINE;
}

static int refuse_rule(const struct call *call, const struct explain_result_view *view)
{
    const char *why = explain_absent_why(&call->paths, call->config_path != NULL, view);
    return why == NULL ? cli_usage_error("explain",
                                         "%s has no rule '%s'; 'stopgap rules list' shows the ids",
                                         ruleset_name(view->set), call->rule)
                       : cli_usage_error("explain",
                                         "rule '%s' is not in force: %s; 'stopgap rules show %s'",
                                         call->rule, why, call->rule);
}

static int explain_request(const struct call *call, const struct config *config,
                           struct explain_request *request)
{
    struct err err = {0};
    struct ruleset *set =
        rule_paths_load(&call->paths, call->config_path != NULL ? config : NULL, &err);
    struct lease *lease = set != NULL ? lease_new(set, &err) : NULL;
    struct explain_result_view view = {.request = request,
                                       .set = set,
                                       .config = config,
                                       .is_off = config->mode == RULES_OFF,
                                       .rule = call->rule,
                                       .shows_all = call->all};
    int code = EXIT_UNREACHABLE;
    if (lease == NULL)
        (void)cli_error(&err);
    else if (call->rule != NULL && ruleset_find(set, call->rule) == SIZE_MAX)
        code = refuse_rule(call, &view);
    else
        code = explain_rules(call, &view, lease);
    lease_free(lease);
    ruleset_unref(set);
    return code;
}

static int explain_with(const struct call *call, const struct config *config)
{
    struct err err = {0};
    struct explain_request request = {.is_refused = false};
    const char *client = call->client != NULL ? call->client : "192.0.2.1";
    if (!forwarded_parse_address(slice_str(client), &request.head.client))
        return cli_usage_error("explain", "--client wants an address, not '%s'", client);
    if (config->rules_watch != NULL)
        (void)fprintf(stderr, "note: bundles in %s (rules.watch) are not looked at\n",
                      config->rules_watch);
    if (config->when_stale != WHEN_STALE_OFF && !call->paths.is_stale)
        (void)fprintf(stderr,
                      "note: rules for stale rule sets (rules.when_stale) are left out; --stale "
                      "takes them in, and 'stopgap status' says whether they are in force\n");
    int code = EXIT_UNREACHABLE;
    if (read_request(call, config, &request, &err))
        code = explain_request(call, config, &request);
    else if (err.kind == ERR_USAGE)
        code = cli_usage_error("explain", "%s", err.text);
    else
        (void)cli_error(&err);
    explain_request_done(&request);
    return code;
}

int cmd_explain(int argc, char **argv)
{
    struct call call = {.file = NULL};
    int code = parse_call(argc, argv, &call);
    if (code >= 0)
        return code;
    if (call.incident != NULL)
        return explain_incident(call.incident, call.log, call.json);
    struct config config;
    config_init(&config);
    code = EXIT_UNREACHABLE;
    if (call.config_path == NULL ||
        config_read_file(&config, call.config_path, options_print_error, NULL))
        code = explain_with(&call, &config);
    config_done(&config);
    return code;
}
