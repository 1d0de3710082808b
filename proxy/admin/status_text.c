/* The JSON of a running program as a page for a terminal. */
#include "admin/canary.h"
#include "admin/page.h"
#include "admin/trust.h"

#include <time.h>

#include "stopgap/banned.h"

enum {
    ID_COLUMN = 36,     /* ids such as SG-2021-26855-BERESOURCE and a blank */
    ACTION_COLUMN = 15, /* "remove_header" */
};

/* Longer text moves its line to the right; better than cutting an id. */
static void put_column(FILE *out, const char *text, size_t width)
{
    put_text(out, text);
    for (size_t i = strlen(text); i + 1 < width; i++)
        (void)fputc(' ', out);
    (void)fputc(' ', out);
}

static const char *mode_text(const char *mode)
{
    if (strcmp(mode, "block") == 0)
        return "block: rules do what they say";
    if (strcmp(mode, "detect") == 0)
        return "DETECT: rules only report, nothing is blocked";
    if (strcmp(mode, "off") == 0)
        return "OFF: no request is inspected";
    return mode;
}

static void print_program(const json_t *root, FILE *out)
{
    bool is_draining = json_is_true(json_object_get(root, "draining"));
    bool is_ready = json_is_true(json_object_get(root, "ready"));
    bool is_listening = json_is_true(json_object_get(root, "listening"));
    put_row(out, "stopgap", get_text(root, "version"));
    put_row(out, "state",
            is_draining && is_listening ? "DRAINING: not ready, still takes connections"
            : is_draining               ? "DRAINING: ends when its connections have ended"
                                        : (is_ready ? "ready" : "NOT READY"));
    put_row(out, "mode", mode_text(get_text(root, "mode")));
    put_time_row(out, "since", get_number(root, "started_unix"));
    const json_t *listeners = json_object_get(root, "listeners");
    for (size_t i = 0; i < json_array_size(listeners); i++) {
        const char *url = json_string_value(json_array_get(listeners, i));
        put_row(out, i == 0 ? "listens" : "", url != NULL ? url : "");
    }
    put_row(out, "upstream", get_text(root, "upstream"));
    (void)fprintf(out, "%-14s%lld, %lld connections open\n", "workers", get_number(root, "workers"),
                  get_number(root, "connections_open"));
}

/* What is up needs no line of its own. */
static void print_sick_vdirs(json_t *vdirs, FILE *out)
{
    const char *name = NULL;
    json_t *vdir = NULL;
    json_object_foreach(vdirs, name, vdir)
    {
        if (strcmp(get_text(vdir, "state"), "down") != 0)
            continue;
        (void)fputs("  DOWN        ", out);
        put_text(out, name);
        (void)fputs(" since ", out);
        put_time(out, get_number(vdir, "since_unix"));
        (void)fprintf(out, ", %lld of %lld checks failed, last: ", get_number(vdir, "failed"),
                      get_number(vdir, "checks"));
        put_text(out, get_text(vdir, "last_error"));
        (void)fputc('\n', out);
    }
}

/* Equal and in time needs no line, either. */
static void print_parity(const json_t *certificate, FILE *out)
{
    const char *parity = get_text(certificate, "parity");
    if (strcmp(parity, "differs") == 0 || strcmp(parity, "same_key") == 0) {
        (void)fputs("  CERTIFICATE differs from what clients see here for ", out);
        put_text(out, get_text(certificate, "names"));
        (void)fputs(": with Extended Protection they cannot log on; 'stopgap cert parity' says "
                    "what to do\n",
                    out);
    }
    if (get_text(certificate, "last_error")[0] == '\0')
        return;
    (void)fputs("  certificate was not seen at the last try: ", out);
    put_text(out, get_text(certificate, "last_error"));
    (void)fputc('\n', out);
}

static void print_server(const json_t *server, FILE *out)
{
    json_t *vdirs = json_object_get(server, "vdirs");
    size_t n_up = 0;
    const char *name = NULL;
    json_t *vdir = NULL;
    json_object_foreach(vdirs, name, vdir) n_up += strcmp(get_text(vdir, "state"), "down") != 0;
    (void)fprintf(out, "%-14s", "server");
    put_text(out, get_text(server, "url"));
    (void)fprintf(out, ": %lld connections open, %lld of %lld could not be made",
                  get_number(server, "connections_open"), get_number(server, "connect_failures"),
                  get_number(server, "connections"));
    if (json_object_size(vdirs) != 0)
        (void)fprintf(out, "; %zu of %zu directories up", n_up, json_object_size(vdirs));
    (void)fputc('\n', out);
    print_sick_vdirs(vdirs, out);
    print_parity(json_object_get(server, "certificate"), out);
}

static void print_servers(const json_t *root, FILE *out)
{
    const json_t *servers = json_object_get(root, "servers");
    for (size_t i = 0; i < json_array_size(servers); i++)
        print_server(json_array_get(servers, i), out);
}

static void print_pass_through(const json_t *root, FILE *out)
{
    const json_t *list = json_object_get(root, "pass_through");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const json_t *names = json_object_get(one, "names");
        const char *upstream = get_text(one, "upstream");
        for (size_t k = 0; k < json_array_size(names); k++) {
            const char *name = json_string_value(json_array_get(names, k));
            (void)fprintf(out, "%-14s", "PASS-THROUGH");
            put_text(out, name != NULL ? name : "");
            (void)fputs(" is NOT INSPECTED; it goes to ", out);
            put_text(out, upstream[0] != '\0' ? upstream : "the upstream");
            (void)fputc('\n', out);
        }
    }
}

static void print_ruleset(const json_t *root, FILE *out)
{
    const json_t *set = json_object_get(root, "ruleset");
    (void)fputc('\n', out);
    put_row(out, "rule set", get_text(set, "name"));
    put_row(out, "hash", get_text(set, "hash"));
    put_time_row(out, "active since", get_number(set, "since_unix"));
    (void)fprintf(out, "%-14s%lld rules, %lld patterns, %lld KiB, loaded in %lld ms\n", "size",
                  get_number(set, "rules"), get_number(set, "patterns"),
                  get_number(set, "database_bytes") / 1024, get_number(set, "load_us") / 1000);
    if (json_is_true(json_object_get(set, "expired")))
        put_row(out, "EXPIRED",
                "a bundle is beyond its expires date; its rules stay in force, "
                "but ask its publisher for a newer one");
    if (json_is_true(json_object_get(set, "former_keys")))
        put_row(out, "FORMER KEYS",
                "a bundle was accepted under keys that its publisher has ended or revoked since; "
                "its rules stay in force, but get a newer one");
}

static void print_reload(const json_t *root, FILE *out)
{
    const json_t *reload = json_object_get(root, "reload");
    const json_t *error = json_object_get(reload, "error");
    (void)fprintf(out, "%-14s%lld good, %lld refused\n", "loads", get_number(reload, "ok"),
                  get_number(reload, "failed"));
    if (!json_is_object(error))
        return;
    (void)fputs("\nTHE LAST LOAD WAS REFUSED; the set above stays in force.\n", out);
    put_time_row(out, "  when", get_number(error, "time_unix"));
    put_row(out, "  code", get_text(error, "code"));
    put_row(out, "  cause", get_text(error, "text"));
    if (get_text(error, "remedy")[0] != '\0')
        put_row(out, "  remedy", get_text(error, "remedy"));
}

static void print_tls(const json_t *root, FILE *out)
{
    const json_t *tls = json_object_get(root, "tls");
    const json_t *error = json_object_get(tls, "error");
    if (!json_is_object(error))
        return;
    (void)fputs("\nTHE LAST CERTIFICATES WERE REFUSED; those before stay in use.\n", out);
    put_time_row(out, "  when", get_number(error, "time_unix"));
    put_row(out, "  cause", get_text(error, "text"));
}

/* Why the rules for this case are in force, or are not. */
static void print_stale(const json_t *root, FILE *out)
{
    const json_t *stale = json_object_get(root, "stale");
    bool is_wanted = json_is_true(json_object_get(stale, "wanted"));
    bool is_stale = json_is_true(json_object_get(stale, "stale"));
    bool is_in_force = json_is_true(json_object_get(stale, "in_force"));
    if (get_number(stale, "rules") == 0 || (!is_wanted && !is_stale))
        return;
    (void)fprintf(out, "%-14s%lld %s: ", is_in_force ? "STALE RULES" : "stale rules",
                  get_number(stale, "rules"),
                  is_in_force ? "in force"
                  : is_wanted ? "not in force"
                              : "not in force, for rules.when_stale is off");
    put_text(out, get_text(stale, "reason"));
    (void)fputc('\n', out);
}

static void print_webhook(const json_t *root, FILE *out)
{
    const json_t *webhook = json_object_get(root, "webhook");
    const char *error = get_text(webhook, "error");
    if (!json_is_object(webhook))
        return;
    (void)fprintf(out, "%-14s%lld sent, %lld lost, %lld waiting; ", "webhook",
                  get_number(webhook, "sent"), get_number(webhook, "lost"),
                  get_number(webhook, "waiting"));
    put_text(out, get_text(webhook, "url"));
    (void)fputc('\n', out);
    if (error[0] == '\0')
        return;
    put_row(out, "  LAST ATTEMPT", error);
    put_time_row(out, "  when", get_number(webhook, "error_unix"));
}

static void print_certificates(const json_t *root, FILE *out)
{
    const json_t *list = json_object_get(root, "certificates");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        long long until = get_number(one, "expires_unix");
        (void)fprintf(out, "%-14s", i == 0 ? "certificates" : "");
        put_text(out, get_text(one, "path"));
        (void)fputs(until <= (long long)time(NULL) ? " EXPIRED " : " until ", out);
        put_time(out, until);
        if (json_is_integer(json_object_get(one, "staple_expires_unix"))) {
            (void)fputs(", OCSP response until ", out);
            put_time(out, get_number(one, "staple_expires_unix"));
        }
        put_text(out, get_text(one, "staple_problem")[0] != '\0' ? "; no OCSP response: " : "");
        put_text(out, get_text(one, "staple_problem"));
        (void)fputc('\n', out);
    }
}

static void print_feed(const json_t *root, FILE *out)
{
    const json_t *feed = json_object_get(root, "eocs");
    const json_t *error = json_object_get(feed, "error");
    const json_t *left_out = json_object_get(feed, "left_out");
    if (!json_is_object(feed))
        return;
    put_row(out, "eocs", get_text(feed, "url"));
    put_time_row(out, "  contact", get_number(feed, "contact_unix"));
    if (get_text(feed, "document")[0] != '\0')
        put_time_row(out, "  signed", get_number(feed, "signed_unix"));
    (void)fprintf(out, "%-14s%lld\n", "  rule files", get_number(feed, "rule_files"));
    for (size_t i = 0; i < json_array_size(left_out); i++) {
        const json_t *one = json_array_get(left_out, i);
        (void)fprintf(out, "%-14s", "  LEFT OUT");
        put_text(out, get_text(one, "mitigation"));
        (void)fputs(": ", out);
        put_text(out, get_text(one, "reason"));
        (void)fputc('\n', out);
    }
    if (!json_is_object(error))
        return;
    put_time_row(out, "  FAILED", get_number(error, "time_unix"));
    put_row(out, "  cause", get_text(error, "text"));
}

static void print_bundles(const json_t *feed, FILE *out)
{
    const json_t *list = json_object_get(feed, "bundles");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        (void)fprintf(out, "%-14s", "  bundle");
        put_text(out, get_text(one, "name"));
        (void)fprintf(out, " %lld.%lld ", get_number(one, "epoch"), get_number(one, "serial"));
        put_text(out, get_text(one, "state"));
        if (strcmp(get_text(one, "state"), "waiting") == 0) {
            (void)fputs(" until ", out);
            put_time(out, get_number(one, "due_unix"));
        }
        (void)fputc('\n', out);
    }
}

static void print_mirrors(const json_t *feed, FILE *out)
{
    const json_t *list = json_object_get(feed, "mirrors");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const json_t *error = json_object_get(one, "error");
        (void)fprintf(out, "%-14s", "  mirror");
        put_text(out, get_text(one, "url"));
        if (json_is_true(json_object_get(one, "frozen")))
            (void)fputs(" FROZEN: its pulse is a day older than that of another", out);
        if (json_is_object(error)) {
            (void)fputs(" FAILED: ", out);
            put_text(out, get_text(error, "code"));
            (void)fputs(": ", out);
            put_text(out, get_text(error, "text"));
        }
        (void)fputc('\n', out);
    }
}

static void print_own_feed(const json_t *root, FILE *out)
{
    const json_t *feed = json_object_get(root, "feed");
    const json_t *error = json_object_get(feed, "error");
    if (!json_is_object(feed))
        return;
    (void)fprintf(out, "%-14s%s%s\n", "feed",
                  strcmp(get_text(feed, "ring"), "early") == 0 ? "ring early" : "ring stable",
                  json_is_true(json_object_get(feed, "tls_degraded"))
                      ? ", FEED_TLS_DEGRADED: no mirror with TLS can be used"
                      : "");
    put_time_row(out, "  contact", get_number(feed, "contact_unix"));
    print_bundles(feed, out);
    print_mirrors(feed, out);
    if (!json_is_object(error))
        return;
    put_time_row(out, "  FAILED", get_number(error, "time_unix"));
    put_row(out, "  cause", get_text(error, "text"));
}

static void print_rule(const json_t *rule, FILE *out)
{
    bool is_enforced = json_is_true(json_object_get(rule, "enforced"));
    (void)fputs("  ", out);
    put_column(out, get_text(rule, "id"), ID_COLUMN);
    (void)fprintf(out, "%12lld  %-10s", get_number(rule, "hits"),
                  is_enforced ? "enforced" : "detects");
    put_column(out, get_text(rule, "action"), ACTION_COLUMN);
    put_text(out, get_text(rule, "title"));
    (void)fputc('\n', out);
}

static void print_rules(const json_t *root, FILE *out)
{
    const json_t *rules = json_object_get(root, "rules");
    if (json_array_size(rules) == 0)
        return;
    (void)fprintf(out, "\n  %-*s%12s  %-10s%-*stitle\n", ID_COLUMN, "rule", "hits", "state",
                  ACTION_COLUMN, "action");
    for (size_t i = 0; i < json_array_size(rules); i++)
        print_rule(json_array_get(rules, i), out);
}

/* What differs from "in force", and what is known of the servers behind. */
static void print_mitigations(const json_t *root, FILE *out)
{
    const json_t *list = json_object_get(root, "mitigations");
    const json_t *builds = json_object_get(root, "builds");
    (void)fputc('\n', out);
    if (!json_is_true(json_object_get(root, "mitigations_enabled")))
        put_row(out, "MITIGATIONS", "DISABLED by a switch: no rule is in force");
    if (get_text(root, "mitigations_lost")[0] != '\0')
        put_row(out, "BLOCKS LOST", get_text(root, "mitigations_lost"));
    for (size_t i = 0; i < json_array_size(builds); i++)
        put_row(out, "server", json_string_value(json_array_get(builds, i)));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (strcmp(get_text(one, "state"), "Applied") == 0)
            continue;
        (void)fputs("  ", out);
        put_column(out, get_text(one, "id"), ID_COLUMN);
        put_column(out, get_text(one, "state"), ACTION_COLUMN);
        put_text(out, get_text(one, "reason"));
        (void)fputc('\n', out);
    }
}

static void print_policy(const json_t *root, FILE *out)
{
    const json_t *exclusions = json_object_get(root, "exclusions");
    const json_t *warnings = json_object_get(root, "warnings");
    for (size_t i = 0; i < json_array_size(exclusions); i++) {
        const json_t *one = json_array_get(exclusions, i);
        bool is_active = json_is_true(json_object_get(one, "active"));
        put_row(out, is_active ? "exclusion" : "EXCL. OVER", get_text(one, "label"));
        put_row(out, "  of rule", get_text(one, "rule"));
        if (get_number(one, "until_unix") != 0)
            put_time_row(out, "  until", get_number(one, "until_unix"));
    }
    for (size_t i = 0; i < json_array_size(warnings); i++)
        put_row(out, "WARNING", json_string_value(json_array_get(warnings, i)));
}

static void print_counters(const json_t *root, FILE *out)
{
    static const struct {
        const char *key;
        const char *help;
    } rows[] = {
#define X(field, name, help) {#field, help},
        WORKER_COUNTERS(X)
#undef X
    };
    const json_t *counters = json_object_get(root, "counters");
    (void)fputc('\n', out);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        (void)fprintf(out, "%16lld  %s\n", get_number(counters, rows[i].key), rows[i].help);
}

static void print_ends(const json_t *root, FILE *out)
{
    const json_t *ended = json_object_get(root, "ended");
    (void)fputs("\nConnections and requests ended because\n", out);
    for (unsigned i = 0; i < END_REASON_COUNT; i++) {
        long long n = get_number(ended, end_reason_word((enum end_reason)i));
        if (n != 0)
            (void)fprintf(out, "%16lld  %s\n", n, end_reason_text((enum end_reason)i));
    }
}

bool status_render_text(struct slice json, FILE *out, struct err *err)
{
    json_error_t error;
    json_t *root = json_loadb(json.ptr, json.len, 0, &error);
    if (root == NULL || get_number(root, "v") != 1) {
        json_decref(root);
        return err_set(err, ERR_SYNTAX, "E_ANSWER",
                       "the answer is no status of this version; are command and running program "
                       "of one version?");
    }
    print_program(root, out);
    print_servers(root, out);
    print_pass_through(root, out);
    print_ruleset(root, out);
    print_reload(root, out);
    print_tls(root, out);
    print_feed(root, out);
    print_own_feed(root, out);
    canary_render_text(root, out);
    trust_render_text(root, out);
    print_webhook(root, out);
    print_stale(root, out);
    print_certificates(root, out);
    print_rules(root, out);
    print_mitigations(root, out);
    print_policy(root, out);
    print_counters(root, out);
    print_ends(root, out);
    json_decref(root);
    return true;
}
