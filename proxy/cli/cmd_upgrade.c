/* stopgap upgrade: a running proxy starts its program file anew, and is replaced by it. */
#include "admin/admin.h"
#include "cli/cli.h"

#include "stopgap/banned.h"

enum { UPGRADE_TIMEOUT_MS = 150 * 1000 }; /* the running program gives up before */

static void print_help(void)
{
    (void)puts(
        "Usage: stopgap upgrade [--admin URL]\n\n"
        "  --admin URL  unix:/path (default " ADMIN_DEFAULT_URL ")\n\n"
        "Put the new program file in the place of the old one first. The running program\n"
        "starts it with its own command line. The new one reads configuration, rules and\n"
        "certificates, gets the listening sockets, and serves; then the old one finishes what\n"
        "runs within timeouts.drain and ends. No connection is refused or lost in between.\n"
        "When anything fails the old one goes on, and what the new one said is printed.\n"
        "Also for settings that a reload does not read.\n"
        "Exit status: 0 replaced, 1 failed, 2 usage, 3 not reachable.");
}

int cmd_upgrade(int argc, char **argv)
{
    const char *url;
    int code = cli_admin_options(argc, argv, print_help, &url, NULL, NULL);
    return code >= 0 ? code : cli_admin_post(url, "/upgrade", UPGRADE_TIMEOUT_MS);
}
