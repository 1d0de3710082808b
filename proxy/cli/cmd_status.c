/* stopgap status: asks a running proxy what it does. */
#include "admin/admin.h"
#include "cli/cli.h"

#include <jansson.h>

#include "proxy_limits.h"

#include "stopgap/banned.h"

enum { STATUS_TIMEOUT_MS = 5000 };

static void print_help(void)
{
    (void)puts("Usage: stopgap status [--admin URL] [--json]\n\n"
               "  --admin URL  unix:/path or http://127.0.0.1:port\n"
               "               (default " ADMIN_DEFAULT_URL ")\n"
               "  --json       the answer as JSON\n\n"
               "Exit status: 0 all is well; 1 it is not ready, its last load of rules was refused\n"
               "or a bundle has expired; 2 usage; 3 not reachable.");
}

/* What a monitor should wake somebody for. */
static bool needs_attention(struct slice json)
{
    json_t *root = json_loadb(json.ptr, json.len, 0, NULL);
    const json_t *reload = json_object_get(root, "reload");
    const json_t *set = json_object_get(root, "ruleset");
    bool needs = !json_is_true(json_object_get(root, "ready")) ||
                 json_is_object(json_object_get(reload, "error")) ||
                 json_is_true(json_object_get(set, "expired"));
    json_decref(root);
    return needs;
}

static int show_status(const char *url, bool as_json)
{
    struct err err = {0};
    struct admin_response response = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
    int code;
    if (!admin_request(url, "GET", "/status.json", STATUS_TIMEOUT_MS, &response, &err)) {
        (void)cli_error(&err);
        code = err.kind == ERR_USAGE ? EXIT_USAGE : EXIT_UNREACHABLE;
    } else if (response.status != 200) {
        (void)fprintf(stderr, "stopgap: %s answered %u: " SLICE_FMT, url, response.status,
                      SLICE_ARG(buf_slice(&response.body)));
        code = EXIT_FAILED;
    } else if (as_json) {
        (void)fwrite(response.body.ptr, 1, response.body.len, stdout);
        code = needs_attention(buf_slice(&response.body)) ? EXIT_FAILED : EXIT_FINE;
    } else if (!status_render_text(buf_slice(&response.body), stdout, &err)) {
        code = cli_error(&err);
    } else {
        code = needs_attention(buf_slice(&response.body)) ? EXIT_FAILED : EXIT_FINE;
    }
    buf_done(&response.body);
    return code;
}

int cmd_status(int argc, char **argv)
{
    const char *url;
    bool as_json = false;
    int code = cli_admin_options(argc, argv, print_help, &url, "json", &as_json);
    return code >= 0 ? code : show_status(url, as_json);
}
