/* stopgap status: asks a running proxy what it does. */
#include "admin/admin.h"
#include "cli/cli.h"

#include <jansson.h>

#include "proxy_limits.h"

#include "stopgap/banned.h"

enum { STATUS_TIMEOUT_MS = 5000 };

static void print_help(void)
{
    (void)puts(
        "Usage: stopgap status [--admin URL] [--json]\n\n"
        "  --admin URL  unix:/path or http://127.0.0.1:port\n"
        "               (default " ADMIN_DEFAULT_URL ")\n"
        "  --json       the answer as JSON\n\n"
        "Exit status: 0 all is well; 1 it is not ready, its last load of rules was refused,\n"
        "the trust in its rule sets is not as it should be (rules/trust/README.md), or its\n"
        "feed can be reached without TLS only;\n"
        "2 usage; 3 nothing protects: it is not reachable, or it has no rules.");
}

static bool has_mark(const json_t *trust, const char *wanted)
{
    const json_t *marks = json_object_get(trust, "marks");
    for (size_t i = 0; i < json_array_size(marks); i++) {
        const char *mark = json_string_value(json_object_get(json_array_get(marks, i), "mark"));
        if (mark != NULL && strcmp(mark, wanted) == 0)
            return true;
    }
    return false;
}

/* Is its trust in a state that somebody should look at? A pin is somebody's wish. */
static bool is_trust_bad(const json_t *trust)
{
    const char *state = json_string_value(json_object_get(trust, "state"));
    size_t n_marks = json_array_size(json_object_get(trust, "marks"));
    bool is_fine = state == NULL || strcmp(state, "FRESH") == 0 || strcmp(state, "BUILTIN") == 0;
    return !is_fine || n_marks > has_mark(trust, "PINNED") ||
           json_is_object(json_object_get(trust, "error"));
}

/* What a monitor should wake somebody for. */
static int judge(struct slice json)
{
    json_t *root = json_loadb(json.ptr, json.len, 0, NULL);
    const json_t *reload = json_object_get(root, "reload");
    const json_t *set = json_object_get(root, "ruleset");
    const json_t *trust = json_object_get(root, "trust");
    bool needs = !json_is_true(json_object_get(root, "ready")) ||
                 json_is_object(json_object_get(reload, "error")) ||
                 json_is_true(json_object_get(set, "expired")) || is_trust_bad(trust) ||
                 json_is_true(json_object_get(json_object_get(root, "feed"), "tls_degraded"));
    int code = has_mark(trust, "NO_RULES") ? EXIT_UNREACHABLE : needs ? EXIT_FAILED : EXIT_FINE;
    json_decref(root);
    return code;
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
        code = judge(buf_slice(&response.body));
    } else if (!status_render_text(buf_slice(&response.body), stdout, &err)) {
        code = cli_error(&err);
    } else {
        code = judge(buf_slice(&response.body));
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
