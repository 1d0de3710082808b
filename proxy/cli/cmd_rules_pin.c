/* stopgap rules pin, unpin, approve, promote, abandon and reset-floor: what an operator forces on a
 * running program. */
#include "admin/admin.h"
#include "cli/cli.h"
#include "cli/cmd_rules.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "proxy_limits.h"

#include "stopgap/banned.h"

enum { CHANGE_TIMEOUT_MS = 120 * 1000 }; /* a change loads the rules again */

struct call {
    const char *what;
    const char *name;
    uint64_t serial;
    uint64_t days;
    const char *reason;
    const char *url;
};

static void print_help(void)
{
    (void)printf(
        "Usage: stopgap rules pin NAME SERIAL --reason TEXT [--days N] [--admin URL]\n"
        "       stopgap rules unpin NAME --reason TEXT [--admin URL]\n"
        "       stopgap rules approve NAME SERIAL --reason TEXT [--admin URL]\n"
        "       stopgap rules promote TRIAL --reason TEXT [--admin URL]\n"
        "       stopgap rules abandon TRIAL --reason TEXT [--admin URL]\n"
        "       stopgap rules reset-floor NAME --reason TEXT [--admin URL]\n\n"
        "pin holds the rule set NAME at a SERIAL that the state folder keeps: the one in force, "
        "the\n"
        "last known good one or the next one ('stopgap status' lists them). Newer sets wait until\n"
        "the pin ends, by itself after N days or with unpin.\n\n"
        "approve takes a set that was held back with E_REMOVES: it removes or loosens more than a\n"
        "fifth of the rules of the one in force, or one with 'keep: true'. Look at it first with\n"
        "'stopgap rules diff'.\n\n"
        "promote ends the trial of new rules well, now: they act. abandon ends it badly: they are\n"
        "not tried again before a newer set comes. TRIAL is the name after 'on trial' in\n"
        "'stopgap status', such as exchange-core@1.2026112401.\n\n"
        "reset-floor forgets the highest serial of NAME that was ever accepted, and what of it\n"
        "failed: an older set is accepted then, a forged one never. For disasters; the name must "
        "be\n"
        "typed once more.\n\n"
        "All of them need the Unix socket of the running program, and are written to the log and "
        "to\n"
        "trust.audit in the state folder with who asked.\n\n"
        "  --days N       1 to %d (default %d)\n"
        "  --reason TEXT  one line for whoever asks later\n"
        "  --admin URL    unix:/path (default " ADMIN_DEFAULT_URL ")\n\n"
        "Exit status: 0 fine, 1 refused, 2 usage, 3 not reachable.\n\n"
        "Examples:\n"
        "  stopgap rules pin exchange-core 2026112401 --days 3 --reason 'ticket 4711'\n"
        "  stopgap rules approve exchange-core 2026112402 --reason 'their note of today'\n"
        "  stopgap rules promote exchange-core@1.2026112402 --reason 'under attack'\n",
        TRUST_PIN_MAX_DAYS, TRUST_PIN_DAYS);
}

/* Returns -1 to go on, else the exit code. */
static int parse_options(int argc, char **argv, struct call *call)
{
    static const struct option options[] = {{"admin", required_argument, NULL, 'a'},
                                            {"reason", required_argument, NULL, 'r'},
                                            {"days", required_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'a') {
            call->url = optarg;
        } else if (option == 'r') {
            call->reason = optarg;
        } else if (option == 'h') {
            print_help();
            return EXIT_FINE;
        } else if (option != 'd' || strcmp(call->what, "pin") != 0) {
            return cli_option_error("rules", option == ':' ? ':' : '?', argv);
        } else if (!slice_to_u64(slice_str(optarg), &call->days) || call->days < 1 ||
                   call->days > TRUST_PIN_MAX_DAYS) {
            return cli_usage_error("rules", "--days is a number from 1 to %d", TRUST_PIN_MAX_DAYS);
        }
    }
    return -1;
}

static int parse(int argc, char **argv, struct call *call)
{
    bool has_serial = strcmp(argv[0], "pin") == 0 || strcmp(argv[0], "approve") == 0;
    *call = (struct call){.what = argv[0],
                          .name = "",
                          .reason = "",
                          .days = TRUST_PIN_DAYS,
                          .url = ADMIN_DEFAULT_URL};
    int code = parse_options(argc, argv, call);
    if (code >= 0)
        return code;
    if (argc - optind != (has_serial ? 2 : 1))
        return cli_usage_error("rules",
                               has_serial ? "%s needs a name and a serial"
                                          : "%s needs a name and nothing else",
                               call->what);
    call->name = argv[optind];
    if (has_serial && (!slice_to_u64(slice_str(argv[optind + 1]), &call->serial) ||
                       call->serial == 0 || call->serial > INT64_MAX))
        return cli_usage_error("rules", "'%s' is no serial", argv[optind + 1]);
    if (!trust_reason_is_good(call->reason))
        return cli_usage_error("rules",
                               "%s needs --reason: one line of at most %d ASCII characters",
                               call->what, TRUST_REASON_BYTES - 1);
    return -1;
}

/* The name again, by a person or a script that means it. */
static bool is_confirmed(const struct call *call)
{
    char line[TRUST_NAME_BYTES + 2] = "";
    (void)fprintf(stderr,
                  "This forgets how far %s has come: an older set of it will be accepted again.\n"
                  "Type the name to go on: ",
                  call->name);
    if (fgets(line, sizeof(line), stdin) == NULL)
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return call->name != NULL && strcmp(line, call->name) == 0;
}

static int ask(const struct call *call)
{
    struct err err = {0};
    struct admin_response response = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
    json_t *root =
        json_pack("{s:s, s:s, s:I, s:I, s:s}", "what", call->what, "name", call->name, "serial",
                  (json_int_t)call->serial, "days", (json_int_t)call->days, "reason", call->reason);
    char *body = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (body == NULL || strlen(body) > LIMIT_ADMIN_KEPT_BYTES) {
        free(body);
        return cli_usage_error("rules", "name and reason are short lines of UTF-8");
    }
    struct admin_question question = {.url = call->url,
                                      .method = "POST",
                                      .path = "/trust",
                                      .body = slice_str(body),
                                      .timeout_ms = CHANGE_TIMEOUT_MS};
    int code = EXIT_FINE;
    if (!admin_ask(&question, &response, &err)) {
        (void)cli_error(&err);
        code = err.kind == ERR_USAGE ? EXIT_USAGE : EXIT_UNREACHABLE;
    } else if (response.status != 200) {
        (void)fprintf(stderr, "stopgap: " SLICE_FMT, SLICE_ARG(buf_slice(&response.body)));
        code = EXIT_FAILED;
    } else {
        (void)printf("%s %s: " SLICE_FMT, call->what, call->name,
                     SLICE_ARG(buf_slice(&response.body)));
    }
    buf_done(&response.body);
    free(body);
    return code;
}

int cmd_rules_pin(int argc, char **argv)
{
    struct call call;
    int code = parse(argc, argv, &call);
    if (code >= 0)
        return code;
    if (strcmp(call.what, "reset-floor") == 0 && !is_confirmed(&call)) {
        (void)fputs("stopgap: this is not the name; nothing was changed\n", stderr);
        return EXIT_FAILED;
    }
    return ask(&call);
}
