/* `stopgap eocs`: Microsoft's signed feed of Exchange mitigations, from a file. */
#include "cli/cmd_eocs.h"

#include <fcntl.h>
#include <getopt.h>
#include <time.h>

#include "trust/file.h"
#include "trust/utc.h"

#include "stopgap/banned.h"

static const char help[] =
    "usage: stopgap eocs verify FILE [options]\n"
    "       stopgap eocs show   FILE [--json] [options]\n"
    "       stopgap eocs import FILE --out DIR [--state DIR] [--enforce] [options]\n"
    "\n"
    "FILE is the XML document that https://officeclient.microsoft.com/GetExchangeMitigations\n"
    "answers with (EOCS). Nothing but what its signature covers is read; no file is opened and\n"
    "nothing is fetched because of what the document says.\n"
    "\n"
    "  verify  check signature, time stamp and certificates\n"
    "  show    verify, then list each mitigation with its actions\n"
    "  import  verify, then write one rule file for each mitigation that can be written in our\n"
    "          rule language whole; name those that cannot be, with the reason\n"
    "\n"
    "  --out DIR           folder of the rule files (EOCS-*.yaml); made when missing\n"
    "  --enforce           imported rules act; without it they only report (mode: detect)\n"
    "  --state DIR         remember the newest document there and refuse older ones\n"
    "  --json              show as JSON\n"
    "  --at TIME           judge as of TIME, like 2026-11-24T02:00:00Z; default now. Matters only\n"
    "                      for documents without a time stamp\n"
    "  --sign-anchors P    file or folder of PEM certificates that document signers must chain "
    "to;\n"
    "                      default: Microsoft Root Certificate Authority 2011\n"
    "  --ts-anchors P      the same for time stamps; default: Microsoft Root Certificate\n"
    "                      Authority 2010\n"
    "  --deny FILE         SHA-256 of certificates that no longer count, one a line\n"
    "\n"
    "Exit status: 0 fine; 1 refused, or a mitigation was not imported; 2 usage.\n"
    "Every code is explained in rules/import/README.md.\n"
    "\n"
    "Example:\n"
    "  curl -so eocs.xml https://officeclient.microsoft.com/GetExchangeMitigations\n"
    "  stopgap eocs import eocs.xml --out eocs-rules --state /var/lib/stopgap\n"
    "  stopgap rules test eocs-rules\n";

static int call_parse(int argc, char **argv, struct eocs_call *call, bool *ret_help)
{
    static const struct option options[] = {{"sign-anchors", required_argument, NULL, 's'},
                                            {"ts-anchors", required_argument, NULL, 't'},
                                            {"deny", required_argument, NULL, 'd'},
                                            {"at", required_argument, NULL, 'a'},
                                            {"state", required_argument, NULL, 'S'},
                                            {"out", required_argument, NULL, 'o'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"enforce", no_argument, NULL, 'e'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option;
    opterr = 0;
    optind = 0; /* getopt starts anew, behind the verb */
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        switch (option) {
        case 's':
            call->trust.sign_anchors = optarg;
            break;
        case 't':
            call->trust.ts_anchors = optarg;
            break;
        case 'd':
            call->trust.deny = optarg;
            break;
        case 'a':
            if (!cli_option_time("eocs", "--at", optarg, &call->at))
                return EXIT_USAGE;
            break;
        case 'S':
            call->state = optarg;
            break;
        case 'o':
            call->out = optarg;
            break;
        case 'j':
            call->json = true;
            break;
        case 'e':
            call->enforce = true;
            break;
        case 'h':
            *ret_help = true;
            break;
        default:
            return cli_option_error("eocs", option, argv);
        }
    }
    if (!*ret_help && optind + 1 != argc)
        return cli_usage_error("eocs", "give one document");
    call->file = argv[optind];
    return EXIT_FINE;
}

struct eocs_document *eocs_call_open(const struct eocs_call *call, struct err *err)
{
    static const struct file_codes codes = {.read = "E_EOCS_READ", .size = "E_EOCS_SIZE"};
    struct eocs_options options = {.now = call->at};
    struct eocs_document *document = NULL;
    struct buf bytes;
    buf_init(&bytes, EOCS_MAX_BYTES);
    struct eocs_trust *trust = NULL;
    if (file_read(AT_FDCWD, call->file, &codes, &bytes, err) &&
        (call->state == NULL || eocs_state_load(call->state, &options.newest, err)) &&
        (trust = eocs_trust_open(&call->trust, err)) != NULL) {
        options.trust = trust;
        if (!eocs_verify(buf_slice(&bytes), &options, &document, err))
            (void)err_at(err, call->file, 0, 0);
    }
    eocs_trust_close(trust);
    buf_done(&bytes);
    return document;
}

static int verify_or_show(const char *verb, const struct eocs_call *call)
{
    struct err err = {0};
    struct eocs_document *document = eocs_call_open(call, &err);
    if (document == NULL)
        return cli_error(&err);
    int exit_code = EXIT_FINE;
    if (strcmp(verb, "show") == 0) {
        exit_code = call->json ? eocs_print_json(document) : eocs_print_text(document);
    } else {
        char when[UTC_TIME_CHARS + 1];
        utc_format_time(document->signed_at, when);
        (void)printf("%s: good, version ", call->file);
        cli_put_clean(stdout, document->version);
        (void)printf(", %zu mitigations, signed by %s, %s%s\n", document->n_mitigations,
                     document->signer, document->signed_at != 0 ? "stamped " : "no time stamp",
                     document->signed_at != 0 ? when : "");
    }
    eocs_document_free(document);
    return exit_code;
}

int cmd_eocs(int argc, char **argv)
{
    struct eocs_call call = {.at = (int64_t)time(NULL)};
    bool wants_help = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    const char *verb = argc >= 2 ? argv[1] : "";
    bool is_import = strcmp(verb, "import") == 0;
    bool is_known = is_import || strcmp(verb, "verify") == 0 || strcmp(verb, "show") == 0;
    if (!wants_help && !is_known)
        return cli_usage_error("eocs", "say 'verify', 'show' or 'import'");
    if (!wants_help) {
        int exit_code = call_parse(argc - 1, argv + 1, &call, &wants_help);
        if (exit_code != EXIT_FINE)
            return exit_code;
    }
    if (wants_help) {
        (void)fputs(help, stdout);
        return EXIT_FINE;
    }
    if (is_import != (call.out != NULL))
        return cli_usage_error("eocs",
                               is_import ? "import needs --out DIR" : "--out belongs to import");
    if ((call.json && strcmp(verb, "show") != 0) || (call.enforce && !is_import))
        return cli_usage_error("eocs", "--json belongs to show, --enforce to import");
    return is_import ? eocs_import(&call) : verify_or_show(verb, &call);
}
