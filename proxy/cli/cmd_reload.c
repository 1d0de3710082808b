/* stopgap reload: makes a running proxy load its rules and certificates again, and waits for the
 * result. */
#include "admin/admin.h"
#include "cli/cli.h"

#include "proxy_limits.h"

#include "stopgap/banned.h"

enum { RELOAD_TIMEOUT_MS = 120 * 1000 }; /* the largest set allowed compiles in less */

static void print_help(void)
{
    (void)puts("Usage: stopgap reload [--admin URL]\n\n"
               "  --admin URL  unix:/path (default " ADMIN_DEFAULT_URL ")\n\n"
               "Reads rules, certificates, stapled responses and the upstream's CA again, waits\n"
               "until they are in force or refused, and prints which.\n"
               "Exit status: 0 loaded, 1 refused (what was before stays in force), 2 usage,\n"
               "3 not reachable.");
}

static int reload(const char *url)
{
    struct err err = {0};
    struct admin_response response = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
    int code;
    if (!admin_request(url, "POST", "/reload", RELOAD_TIMEOUT_MS, &response, &err)) {
        (void)cli_error(&err);
        code = err.kind == ERR_USAGE ? EXIT_USAGE : EXIT_UNREACHABLE;
    } else {
        /* A result goes to standard output; a refusal is an error. */
        bool ok = response.status == 200;
        struct slice text = buf_slice(&response.body);
        (void)fprintf(ok ? stdout : stderr, "%s" SLICE_FMT, ok ? "" : "stopgap: ", SLICE_ARG(text));
        code = ok ? EXIT_FINE : EXIT_FAILED;
    }
    buf_done(&response.body);
    return code;
}

int cmd_reload(int argc, char **argv)
{
    const char *url;
    int code = cli_admin_options(argc, argv, print_help, &url, NULL);
    return code >= 0 ? code : reload(url);
}
