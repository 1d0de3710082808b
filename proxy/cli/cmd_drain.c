/* stopgap drain: a running proxy leaves its balancer, finishes what runs, and ends. */
#include "admin/admin.h"
#include "cli/cli.h"

#include <time.h>

#include "stopgap/banned.h"

enum {
    DRAIN_TIMEOUT_MS = 10 * 1000,
    POLL_MS = 200,
};

static void print_help(void)
{
    (void)puts(
        "Usage: stopgap drain [--admin URL] [--wait]\n\n"
        "  --admin URL  unix:/path (default " ADMIN_DEFAULT_URL ")\n"
        "  --wait       come back when the program has ended\n\n"
        "The same as the signal QUIT. /readyz says 503 at once; after timeouts.drain_delay no\n"
        "connection is taken any more. Running requests have timeouts.drain to finish, what is\n"
        "left then is cut, and the program ends. There is no way back.\n"
        "Exit status: 0 done, 1 refused, 2 usage, 3 not reachable.");
}

/* Does this program still answer as one that drains? One that replaced it does not. */
static bool is_draining(const char *url)
{
    struct err err = {0};
    struct admin_response response = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
    bool is = admin_request(url, "GET", "/readyz", DRAIN_TIMEOUT_MS, &response, &err) &&
              slice_starts_with(buf_slice(&response.body), SLICE("draining"));
    buf_done(&response.body);
    return is;
}

int cmd_drain(int argc, char **argv)
{
    const char *url;
    bool waits = false;
    int code = cli_admin_options(argc, argv, print_help, &url, "wait", &waits);
    if (code >= 0)
        return code;
    code = cli_admin_post(url, "/drain", DRAIN_TIMEOUT_MS);
    /* It ends within timeouts.drain_delay and timeouts.drain, so this loop does, too. */
    while (code == EXIT_FINE && waits && is_draining(url))
        (void)nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000L * 1000L}, NULL);
    return code;
}
