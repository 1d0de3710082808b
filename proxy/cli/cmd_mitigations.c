/* stopgap mitigations: what is in force, and changes at run time. */
#include "admin/admin.h"
#include "cli/cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "proxy_limits.h"

#include "stopgap/mitigation.h"

#include "stopgap/banned.h"

enum {
    LIST_TIMEOUT_MS = 5000,
    CHANGE_TIMEOUT_MS = 120 * 1000, /* a change loads the rules again */
    HOST_BYTES = 256,
};

struct call {
    const char *what;
    const char *id;
    const char *reason;
    const char *url;
    bool as_json, as_csv;
};

static void print_help(void)
{
    (void)puts(
        "Usage: stopgap mitigations list [--json] [--admin URL]\n"
        "       stopgap mitigations block ID --reason TEXT [--admin URL]\n"
        "       stopgap mitigations unblock ID [--reason TEXT] [--admin URL]\n"
        "       stopgap mitigations enable|disable [--reason TEXT] [--admin URL]\n"
        "       stopgap mitigations export --csv [--admin URL]\n\n"
        "A block on M1 holds for M1.1, too; what is blocked leaves the rules that are in force.\n"
        "disable takes all rules away and needs a reason. Changes need the Unix socket, survive a\n"
        "restart when there is a state directory, and are written to the log with who asked.\n\n"
        "  --admin URL    unix:/path (default " ADMIN_DEFAULT_URL ")\n"
        "  --reason TEXT  one line for whoever asks later\n"
        "  --json         the list as JSON\n"
        "  --csv          the columns of Get-Mitigations.ps1\n\n"
        "Exit status: 0 fine, 1 refused, 2 usage, 3 not reachable.\n\n"
        "Example: stopgap mitigations block M2 --reason 'calendar printing, ticket 4711'");
}

/* Returns -1 to go on, else the exit code. */
static int parse(int argc, char **argv, struct call *call)
{
    static const struct option options[] = {
        {"admin", required_argument, NULL, 'a'}, {"reason", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},        {"csv", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},        {0}};
    int option;
    opterr = 0;
    *call = (struct call){.what = "", .id = "", .reason = "", .url = ADMIN_DEFAULT_URL};
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'a') {
            call->url = optarg;
        } else if (option == 'r') {
            call->reason = optarg;
        } else if (option == 'j') {
            call->as_json = true;
        } else if (option == 'c') {
            call->as_csv = true;
        } else if (option == 'h') {
            print_help();
            return EXIT_FINE;
        } else {
            return cli_option_error(argv[0], option, argv);
        }
    }
    if (optind == argc)
        return cli_usage_error(argv[0], "say what: list, block, unblock, enable, disable, export");
    call->what = argv[optind++];
    bool has_id = strcmp(call->what, "block") == 0 || strcmp(call->what, "unblock") == 0;
    if (has_id && optind == argc)
        return cli_usage_error(argv[0], "%s needs an id such as M1", call->what);
    if (has_id)
        call->id = argv[optind++];
    return optind == argc ? -1 : cli_usage_error(argv[0], "unexpected argument '%s'", argv[optind]);
}

/* Ask, and say what is wrong with the answer. */
static int ask(const struct call *call, const char *method, const char *path, struct slice body,
               struct admin_response *response)
{
    struct err err = {0};
    bool is_change = body.len != 0;
    buf_init(&response->body, LIMIT_ADMIN_RESPONSE_BYTES);
    struct admin_question question = {.url = call->url,
                                      .method = method,
                                      .path = path,
                                      .body = body,
                                      .timeout_ms =
                                          is_change ? CHANGE_TIMEOUT_MS : LIST_TIMEOUT_MS};
    if (!admin_ask(&question, response, &err)) {
        (void)cli_error(&err);
        return err.kind == ERR_USAGE ? EXIT_USAGE : EXIT_UNREACHABLE;
    }
    if (response->status == 200)
        return EXIT_FINE;
    (void)fprintf(stderr, "stopgap: " SLICE_FMT, SLICE_ARG(buf_slice(&response->body)));
    return EXIT_FAILED;
}

/* ---- list and export */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* Another process's text in a spreadsheet: no control byte. */
static void put_cell(const char *text, bool is_last)
{
    /* A spreadsheet takes these for the beginning of a formula. */
    bool is_formula = text[0] != '\0' && strchr("=+-@", text[0]) != NULL;
    (void)fputs(is_formula ? "\"'" : "\"", stdout);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            (void)putchar('"');
        (void)putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
    }
    (void)fputs(is_last ? "\"\r\n" : "\",", stdout);
}

static void print_csv(const json_t *list)
{
    char host[HOST_BYTES] = "";
    (void)gethostname(host, sizeof(host) - 1);
    (void)fputs("\"Server\",\"ID\",\"Type\",\"Description\",\"Status\"\r\n", stdout);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        put_cell(host, false);
        put_cell(text_of(one, "id"), false);
        put_cell(text_of(one, "type"), false);
        put_cell(text_of(one, "title"), false);
        put_cell(text_of(one, "state"), true);
    }
}

/* family: only the mitigations that it covers; NULL: all. Returns how many lines it printed. */
static size_t print_list(const json_t *list, const char *family)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        char rules[24];
        if (family != NULL && !mitigation_id_covers(family, text_of(one, "id")))
            continue;
        if (n++ == 0)
            (void)printf("%-32s %-14s %-6s %s\n", "id", "state", "rules", "title");
        (void)snprintf(rules, sizeof(rules), "%lld/%lld",
                       (long long)json_integer_value(json_object_get(one, "rules_in_force")),
                       (long long)json_integer_value(json_object_get(one, "rules")));
        (void)printf("%-32.63s %-14.20s %-6s ", text_of(one, "id"), text_of(one, "state"), rules);
        cli_put_clean(stdout, text_of(one, "title"));
        if (text_of(one, "origin")[0] != '\0') {
            (void)printf(" [blocked as %.63s by %.20s", text_of(one, "blocked_by"),
                         text_of(one, "origin"));
            if (text_of(one, "reason")[0] != '\0') {
                (void)printf(", uid %lld: ",
                             (long long)json_integer_value(json_object_get(one, "uid")));
                cli_put_clean(stdout, text_of(one, "reason"));
            }
            (void)putchar(']');
        }
        (void)putchar('\n');
    }
    return n;
}

static const char no_list[] = "stopgap: the answer has no mitigations; are command and running "
                              "program of one version?\n";

static int show(const struct call *call)
{
    struct admin_response response;
    int code = ask(call, "GET", "/status.json", slice_make(NULL, 0), &response);
    if (code == EXIT_FINE) {
        json_t *root = json_loadb(response.body.ptr, response.body.len, 0, NULL);
        const json_t *list = json_object_get(root, "mitigations");
        if (!json_is_array(list)) {
            (void)fputs(no_list, stderr);
            code = EXIT_FAILED;
        } else if (call->as_json) {
            (void)json_dumpf(list, stdout, JSON_INDENT(2));
            (void)putchar('\n');
        } else if (call->as_csv) {
            print_csv(list);
        } else {
            (void)print_list(list, NULL);
        }
        json_decref(root);
    }
    buf_done(&response.body);
    return code;
}

/* ---- changes */

/* What came out of a change, for the words about the load do not name mitigations. */
static void print_outcome(const struct call *call)
{
    struct admin_response response;
    bool is_switch = call->id[0] == '\0';
    if (ask(call, "GET", "/status.json", slice_make(NULL, 0), &response) == EXIT_FINE) {
        json_t *root = json_loadb(response.body.ptr, response.body.len, 0, NULL);
        const json_t *list = json_object_get(root, "mitigations");
        if (!json_is_array(list))
            (void)fputs(no_list, stderr);
        else if (is_switch)
            (void)printf("%zu rules are in force\n",
                         json_array_size(json_object_get(root, "rules")));
        else if (print_list(list, call->id) == 0)
            (void)fprintf(stderr,
                          "note: no rule here belongs to %s; 'stopgap mitigations list' shows the "
                          "ids. A block holds for rules that come later\n",
                          call->id);
        json_decref(root);
    }
    buf_done(&response.body);
}

static int change(const struct call *call)
{
    struct admin_response response;
    json_t *root =
        json_pack("{s:s, s:s, s:s}", "what", call->what, "id", call->id, "reason", call->reason);
    char *body = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (body == NULL || strlen(body) > LIMIT_ADMIN_KEPT_BYTES) {
        free(body);
        return cli_usage_error("mitigations", "id and reason are short lines of UTF-8");
    }
    int code = ask(call, "POST", "/mitigations", slice_str(body), &response);
    if (code == EXIT_FINE) {
        (void)printf("%s%s%s: " SLICE_FMT, call->what, call->id[0] != '\0' ? " " : "", call->id,
                     SLICE_ARG(buf_slice(&response.body)));
        print_outcome(call);
    }
    free(body);
    buf_done(&response.body);
    return code;
}

int cmd_mitigations(int argc, char **argv)
{
    struct call call;
    int code = parse(argc, argv, &call);
    if (code >= 0)
        return code;
    if (strcmp(call.what, "list") == 0 && call.as_csv)
        return cli_usage_error(argv[0],
                               "--csv is a form of export: stopgap mitigations export --csv");
    if (strcmp(call.what, "list") == 0 || (strcmp(call.what, "export") == 0 && call.as_csv))
        return show(&call);
    if (strcmp(call.what, "export") == 0)
        return cli_usage_error(argv[0], "export needs a form: --csv");
    if (call.id[0] == '\0' ? strstr(call.what, "block") != NULL : !mitigation_id_is_good(call.id))
        return cli_usage_error(argv[0], "'%s' is no id of a mitigation, such as M1 or SG-PUBLISH",
                               call.id);
    bool needs_reason = strcmp(call.what, "block") == 0 || strcmp(call.what, "disable") == 0;
    if (needs_reason && !mitigation_reason_is_good(call.reason))
        return cli_usage_error(argv[0],
                               "%s needs --reason: one line of at most 200 printable ASCII "
                               "characters",
                               call.what);
    if (call.id[0] != '\0' || needs_reason || strcmp(call.what, "enable") == 0)
        return change(&call);
    return cli_usage_error(argv[0], "unknown command '%s'", call.what);
}
