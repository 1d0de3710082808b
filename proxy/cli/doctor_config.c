/* What follows from a configuration: its servers, the certificates, the proxy that runs with it. */
#include "admin/admin.h"
#include "cli/cmd_cert.h"
#include "cli/doctor.h"

#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "proxy_limits.h"

#include "stopgap/banned.h"

enum { ADMIN_TIMEOUT_MS = 5000 };

static void ask_servers(struct doctor *doctor, const struct config *config)
{
    for (size_t i = 0; i < config_n_servers(config); i++) {
        const struct server_config *server = config_server(config, i);
        char url[400];
        char connect_to[400];
        (void)snprintf(url, sizeof(url), "%s://%s:%u", server->tls ? "https" : "http",
                       config_server_name(config, i), server->port);
        (void)snprintf(connect_to, sizeof(connect_to),
                       strchr(server->host, ':') ? "[%s]:%u" : "%s:%u", server->host, server->port);
        const struct doctor_target target = {.url = url,
                                             .connect_to = connect_to,
                                             .ca_path = config->upstream.ca_path,
                                             .skips_verify = !config->upstream.verify,
                                             .is_behind = true};
        doctor_ask(doctor, &target);
    }
}

static void judge_parity(struct doctor *doctor, const struct config *config)
{
    struct err err = {0};
    struct cert_report report = {.config = config};
    static const char remedy[] =
        "install Exchange's certificate with its key here, or Outlook cannot log on while Extended "
        "Protection is on: 'stopgap cert parity' says more";
    if (!cert_report_make(&report, &err)) {
        doctor_add(doctor, DOCTOR_NOTE, "parity", "", NULL, "certificates are not compared: %s",
                   err.text);
        cert_report_done(&report);
        return;
    }
    for (size_t i = 0; i < config_n_servers(config); i++) {
        if (report.answers[i].leaf == NULL)
            continue;
        enum parity_verdict verdict =
            parity_judge_all(&report.faces, report.answers[i].leaf).verdict;
        bool is_equal = verdict == PARITY_EQUAL;
        doctor_add(doctor, is_equal ? DOCTOR_FINE : DOCTOR_BAD, "parity",
                   config_server(config, i)->url, is_equal ? NULL : remedy,
                   is_equal ? "clients see the certificate that Exchange has"
                            : "clients see another certificate here than Exchange has (%s)",
                   parity_word(verdict));
    }
    cert_report_done(&report);
}

/* ---- the running proxy, as its status has it */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static void judge_rules(struct doctor *doctor, const json_t *root)
{
    const json_t *set = json_object_get(root, "ruleset");
    const json_t *error = json_object_get(json_object_get(root, "reload"), "error");
    bool is_old = json_is_true(json_object_get(set, "expired")) ||
                  json_is_true(json_object_get(set, "former_keys"));
    doctor_add(doctor, is_old ? DOCTOR_WARN : DOCTOR_FINE, "rules", "",
               is_old ? "get a newer set from its publisher; this one stays in force" : NULL,
               "%s, %lld rules%s", text_of(set, "name"),
               (long long)json_integer_value(json_object_get(set, "rules")),
               is_old ? ", a bundle of it is out of date" : "");
    if (json_is_object(error))
        doctor_add(doctor, DOCTOR_BAD, "rules", "", "'stopgap status' names the remedy",
                   "the last load was refused: %s", text_of(error, "text"));
}

/* How long nobody has looked after them, and what that does. */
static void judge_age(struct doctor *doctor, const json_t *root)
{
    const json_t *stale = json_object_get(root, "stale");
    bool is_stale = json_is_true(json_object_get(stale, "stale"));
    if (text_of(stale, "reason")[0] == '\0')
        return; /* a program that does not tell */
    doctor_add(
        doctor, is_stale ? DOCTOR_WARN : DOCTOR_FINE, "age", "",
        is_stale ? "update stopgap or its rules; those in force stay, however old they are" : NULL,
        "%s%s", text_of(stale, "reason"),
        json_is_true(json_object_get(stale, "in_force")) ? "; the rules for this case are in force"
                                                         : "");
}

static void judge_mode(struct doctor *doctor, const json_t *root)
{
    const char *mode = text_of(root, "mode");
    bool blocks = strcmp(mode, "block") == 0;
    doctor_add(doctor, blocks ? DOCTOR_FINE : DOCTOR_WARN, "mode", "",
               blocks ? NULL : "write 'mode: block' once the decision log shows no false alarm",
               blocks ? "attacks are blocked" : "mode %s: nothing is blocked", mode);
    bool is_on = json_is_true(json_object_get(root, "mitigations_enabled"));
    if (!is_on)
        doctor_add(doctor, DOCTOR_BAD, "mode", "", "stopgap mitigations enable",
                   "mitigations are switched off: no rule is in force");
}

static void judge_mitigations(struct doctor *doctor, const json_t *root)
{
    const json_t *list = json_object_get(root, "mitigations");
    const char *lost = text_of(root, "mitigations_lost");
    if (lost[0] != '\0')
        doctor_add(doctor, DOCTOR_BAD, "mitigations", "",
                   "block again what shall be blocked; mitigations.audit has what was",
                   "what was blocked at run time is not any more: %s", lost);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *state = text_of(one, "state");
        if (strcmp(state, "Blocked") == 0 || strcmp(state, "Failed") == 0)
            doctor_add(doctor, DOCTOR_WARN, "mitigations", "",
                       "is it still needed? 'stopgap mitigations list'", "%s is %s: %s",
                       text_of(one, "id"), state,
                       strcmp(text_of(one, "origin"), "config") == 0 ? "by the configuration"
                                                                     : text_of(one, "reason"));
    }
}

static void list_side_effects(struct doctor *doctor, const json_t *root)
{
    const json_t *rules = json_object_get(root, "rules");
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const char *effects = text_of(rule, "side_effects");
        if (json_is_true(json_object_get(rule, "enforced")) && effects[0] != '\0' &&
            strncmp(effects, "none", 4) != 0)
            doctor_add(doctor, DOCTOR_NOTE, "side effects", "", NULL, "%s: %s", text_of(rule, "id"),
                       effects);
    }
}

static void judge_feed(struct doctor *doctor, const json_t *root)
{
    const json_t *feed = json_object_get(root, "eocs");
    const json_t *error = json_object_get(feed, "error");
    if (!json_is_object(feed)) {
        doctor_add(doctor, DOCTOR_NOTE, "feed", "", NULL,
                   "the proxy does not ask Microsoft's feed (eocs.url is not set)");
        return;
    }
    bool has_failed = json_is_object(error);
    size_t n_left_out = json_array_size(json_object_get(feed, "left_out"));
    doctor_add(doctor, has_failed ? DOCTOR_WARN : DOCTOR_FINE, "feed", "",
               has_failed ? "'stopgap feed test -c CONFIG' shows each step" : NULL,
               "Microsoft's feed: %s%s",
               has_failed ? "the last visit failed: " : "reached and verified",
               text_of(error, "text"));
    if (n_left_out != 0)
        doctor_add(doctor, DOCTOR_WARN, "feed", "", "'stopgap status' names each with its reason",
                   "%zu mitigations of the feed cannot be applied here", n_left_out);
}

/* "3 days", for a person. */
static void put_age(int64_t since, char *out, size_t size)
{
    int64_t age = since != 0 ? (int64_t)time(NULL) - since : 0;
    if (since == 0)
        (void)snprintf(out, size, "never");
    else if (age < 172800)
        (void)snprintf(out, size, "%lld hours ago", (long long)(age > 0 ? age / 3600 : 0));
    else
        (void)snprintf(out, size, "%lld days ago", (long long)(age / 86400));
}

static int64_t number_of(const json_t *object, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(object, key));
}

static void judge_mirrors(struct doctor *doctor, const json_t *feed)
{
    const json_t *list = json_object_get(feed, "mirrors");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *mirror = json_array_get(list, i);
        const json_t *error = json_object_get(mirror, "error");
        if (json_is_true(json_object_get(mirror, "frozen")))
            doctor_add(doctor, DOCTOR_WARN, "feed", "", "tell its operator; the others are used",
                       "mirror %s stands still: its pulse is a day older than another one's",
                       text_of(mirror, "url"));
        else if (json_is_object(error))
            doctor_add(doctor, DOCTOR_NOTE, "feed", "",
                       "'stopgap feed test -c CONFIG' shows each step", "mirror %s: %s: %s",
                       text_of(mirror, "url"), text_of(error, "code"), text_of(error, "text"));
    }
    if (json_is_true(json_object_get(feed, "tls_degraded")))
        doctor_add(doctor, DOCTOR_WARN, "feed", "",
                   "renew the system's CA certificates, or name the proxy's CA as feed.ca",
                   "FEED_TLS_DEGRADED: no mirror with TLS can be used; rules come by plain http, "
                   "and are verified by their signatures");
}

static void judge_names(struct doctor *doctor, const json_t *feed)
{
    const json_t *list = json_object_get(feed, "bundles");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const json_t *error = json_object_get(one, "error");
        if (json_is_object(error))
            doctor_add(doctor, DOCTOR_WARN, "feed", "", "'stopgap status' says what is in force",
                       "%s %lld is not taken: %s: %s", text_of(one, "name"),
                       (long long)number_of(one, "serial"), text_of(error, "code"),
                       text_of(error, "text"));
    }
}

/* The feed of signed bundles: that it answers, and what became of what it brought. */
static void judge_own_feed(struct doctor *doctor, const json_t *root)
{
    const json_t *feed = json_object_get(root, "feed");
    const json_t *error = json_object_get(feed, "error");
    char contact[40];
    char pulse[40];
    if (!json_is_object(feed))
        return;
    put_age(number_of(feed, "contact_unix"), contact, sizeof(contact));
    put_age(number_of(feed, "pulse_unix"), pulse, sizeof(pulse));
    bool has_failed = json_is_object(error);
    doctor_add(doctor, has_failed ? DOCTOR_WARN : DOCTOR_FINE, "feed", "",
               has_failed
                   ? "'stopgap feed test -c CONFIG' shows each step, 'stopgap status' the last "
                     "load with all sets together"
                   : NULL,
               "signed rules: last verified answer %s, its pulse was made %s%s%s", contact, pulse,
               has_failed ? "; the last visit failed: " : "", text_of(error, "text"));
    judge_mirrors(doctor, feed);
    judge_names(doctor, feed);
}

/* FRESH to ABANDONED, and what else there is to know of trust. */
static void judge_trust(struct doctor *doctor, const json_t *root)
{
    const json_t *trust = json_object_get(root, "trust");
    const json_t *marks = json_object_get(trust, "marks");
    const char *state = text_of(trust, "state");
    bool is_fine = strcmp(state, "FRESH") == 0 || strcmp(state, "BUILTIN") == 0;
    enum doctor_verdict verdict = is_fine                           ? DOCTOR_FINE
                                  : strcmp(state, "ABANDONED") == 0 ? DOCTOR_BAD
                                                                    : DOCTOR_WARN;
    if (state[0] != '\0')
        doctor_add(doctor, verdict, "trust", "",
                   is_fine ? NULL
                           : "see that the feed is reached ('stopgap feed test'), or import a "
                             "newer bundle ('stopgap feed import')",
                   "%s: %s", state, text_of(trust, "text"));
    for (size_t i = 0; i < json_array_size(marks); i++) {
        const json_t *mark = json_array_get(marks, i);
        const char *word = text_of(mark, "mark");
        bool is_bad = strcmp(word, "NO_RULES") == 0 || strcmp(word, "TRUST_ENDED") == 0;
        doctor_add(doctor, is_bad ? DOCTOR_BAD : DOCTOR_WARN, "trust", "",
                   "the table under 'When rules get old' in README.md says what to do", "%s: %s",
                   word, text_of(mark, "text"));
    }
}

static void ask_proxy(struct doctor *doctor, const struct config *config)
{
    struct err err = {0};
    struct admin_response response = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
    if (config->n_admin == 0) {
        doctor_add(doctor, DOCTOR_NOTE, "proxy", "", "add an admin socket to the configuration",
                   "there is no admin socket, so a running proxy cannot be asked");
        return;
    }
    json_t *root = NULL;
    if (admin_request(config->admin[0].url, "GET", "/status.json", ADMIN_TIMEOUT_MS, &response,
                      &err) &&
        response.status == 200)
        root = json_loadb(response.body.ptr, response.body.len, 0, NULL);
    buf_done(&response.body);
    if (root == NULL) {
        doctor_add(doctor, DOCTOR_WARN, "proxy", "", "start it: 'systemctl start stopgap'",
                   "no proxy answers at %s: %s", config->admin[0].url, err.text);
        return;
    }
    bool is_ready = json_is_true(json_object_get(root, "ready"));
    doctor_add(doctor, is_ready ? DOCTOR_FINE : DOCTOR_BAD, "proxy", "",
               is_ready ? NULL : "'stopgap status' says why", "stopgap %s is %s",
               text_of(root, "version"), is_ready ? "ready" : "NOT ready");
    judge_mode(doctor, root);
    judge_rules(doctor, root);
    judge_age(doctor, root);
    judge_mitigations(doctor, root);
    judge_feed(doctor, root);
    judge_own_feed(doctor, root);
    judge_trust(doctor, root);
    list_side_effects(doctor, root);
    json_decref(root);
}

void doctor_examine(struct doctor *doctor, const struct config *config)
{
    ask_servers(doctor, config);
    judge_parity(doctor, config);
    ask_proxy(doctor, config);
}
