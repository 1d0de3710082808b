/* `stopgap doctor`: is mail behind this well, and what should be done? */
#include "cli/cli.h"

#include "cli/doctor.h"
#include "cli/options.h"
#include "feed/fetch.h"

#include <getopt.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum { REQUEST_MS = 10 * 1000 }; /* a server that needs longer for a logon page is not well */

static void print_help(void)
{
    (void)puts(
        "Usage: stopgap doctor URL [--ca FILE] [--insecure] [--json]\n"
        "       stopgap doctor -c CONFIG [--json]\n\n"
        "Looks at an Exchange server from here, or at everything that a configuration leads to:\n"
        "which build it is, whether it is supported and whether Microsoft's mitigation service\n"
        "still serves it, its certificate, clock, virtual directories and health checks; with a\n"
        "configuration also whether the certificates on both sides are equal, and what the "
        "running\n"
        "proxy says of rules, mitigations, both feeds (last answer, mirrors, TLS), trust in the\n"
        "rule sets and side effects. Only reads: GET requests for\n"
        "pages that need no logon.\n\n"
        "  --ca FILE        CA certificates (PEM) for URL; default: the system's\n"
        "  --insecure       do not verify the certificate of URL\n"
        "  --json           one JSON object\n\n"
        "  stopgap doctor https://mail.example.com\n"
        "  stopgap doctor -c /etc/stopgap/stopgap.yaml\n\n"
        "Exit status: 0 nothing is bad; 1 something is; 2 usage; 3 no server answers.");
}

struct call {
    const char *url;
    const char *config_path;
    const char *ca_path;
    bool is_insecure;
    bool as_json;
};

/* False: there is nothing more to do, *ret_exit says how it ended. */
static bool parse(int argc, char **argv, struct call *call, int *ret_exit)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"ca", required_argument, NULL, 'a'},
        {"insecure", no_argument, NULL, 'k'},     {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":hc:k", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            call->config_path = optarg;
            break;
        case 'a':
            call->ca_path = optarg;
            break;
        case 'k':
            call->is_insecure = true;
            break;
        case 'j':
            call->as_json = true;
            break;
        case 'h':
            print_help();
            *ret_exit = EXIT_FINE;
            return false;
        default:
            *ret_exit = cli_option_error("doctor", option, argv);
            return false;
        }
    }
    call->url = argv[optind];
    bool is_one = optind + (call->config_path == NULL ? 1 : 0) == argc;
    if (is_one)
        return true;
    *ret_exit = cli_usage_error("doctor", "give a URL or -c CONFIG, one of the two");
    return false;
}

static bool examine_config(struct doctor *doctor, const char *path)
{
    struct config config;
    config_init(&config);
    bool done = config_read_file(&config, path, options_print_error, NULL) &&
                config_validate(&config, options_print_error, NULL);
    if (done)
        doctor_examine(doctor, &config);
    config_done(&config);
    return done;
}

static bool examine_url(struct doctor *doctor, const struct call *call)
{
    bool is_url = strncmp(call->url, "https://", 8) == 0 || strncmp(call->url, "http://", 7) == 0;
    char url[1024];
    size_t len = strlen(call->url);
    if (!is_url || len >= sizeof(url)) {
        (void)cli_usage_error("doctor", "'%.200s' is not a URL such as https://mail.example.com",
                              call->url);
        return false;
    }
    memcpy(url, call->url, len + 1);
    while (len > 8 && url[len - 1] == '/')
        url[--len] = '\0';
    doctor_ask(doctor, &(struct doctor_target){.url = url,
                                               .ca_path = call->ca_path,
                                               .skips_verify = call->is_insecure});
    return true;
}

static int exit_code_of(const struct doctor *doctor)
{
    if (doctor->n_asked != 0 && doctor->n_unreachable == doctor->n_asked)
        return EXIT_UNREACHABLE;
    for (size_t i = 0; i < doctor->n; i++)
        if (doctor->findings[i].verdict == DOCTOR_BAD)
            return EXIT_FAILED;
    return EXIT_FINE;
}

int cmd_doctor(int argc, char **argv)
{
    struct call call = {0};
    struct err err = {0};
    int exit_code = EXIT_FINE;
    if (!parse(argc, argv, &call, &exit_code))
        return exit_code;
    struct doctor *doctor = calloc(1, sizeof(*doctor));
    if (doctor == NULL || !fetch_init(&err)) {
        free(doctor);
        (void)err_set(&err, ERR_MEMORY, "E_MEMORY", "out of memory");
        return cli_error(&err);
    }
    doctor->timeout_ms = REQUEST_MS;
    if (call.config_path != NULL ? !examine_config(doctor, call.config_path)
                                 : !examine_url(doctor, &call)) {
        free(doctor);
        return EXIT_USAGE;
    }
    exit_code = exit_code_of(doctor);
    if (call.as_json) {
        if (!doctor_print_json(doctor, stdout))
            exit_code = EXIT_FAILED;
    } else {
        doctor_print_text(doctor, stdout);
    }
    free(doctor);
    return exit_code;
}
