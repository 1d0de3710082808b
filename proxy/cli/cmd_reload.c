/* stopgap reload: makes a running proxy load its rules and certificates again, and waits for the
 * result. */
#include "admin/admin.h"
#include "cli/cli.h"

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

int cmd_reload(int argc, char **argv)
{
    const char *url;
    int code = cli_admin_options(argc, argv, print_help, &url, NULL, NULL);
    return code >= 0 ? code : cli_admin_post(url, "/reload", RELOAD_TIMEOUT_MS);
}
