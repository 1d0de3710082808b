/* What one web server tells of itself. */
#include "cli/doctor.h"
#include "feed/build_ask.h"
#include "feed/fetch.h"

#include <curl/curl.h>
#include <time.h>

#include "stopgap/builds.h"

#include "stopgap/banned.h"

enum {
    MAX_PAGE_BYTES = 4 * 1024 * 1024, /* only the head matters; a page above that is odd */
    CLOCK_WARN_S = 60,
    CLOCK_BAD_S = 300, /* Kerberos refuses beyond five minutes */
    EXPIRES_BAD_DAYS = 7,
    EXPIRES_WARN_DAYS = 30,
    DAY_S = 86400,
};

static const struct {
    const char *name;
    bool is_for_admins; /* better not reachable from everywhere */
} vdirs[] = {
    {"owa", false},          {"ecp", true},
    {"ews", false},          {"mapi", false},
    {"rpc", false},          {"oab", false},
    {"autodiscover", false}, {"Microsoft-Server-ActiveSync", false},
    {"powershell", true},
};

static bool get(const struct doctor *doctor, const struct doctor_target *target, const char *path,
                struct fetch_response *response, struct err *err)
{
    char url[1200];
    struct buf page;
    (void)snprintf(url, sizeof(url), "%s%s", target->url, path);
    const struct fetch_request request = {.url = url,
                                          .ca_path = target->ca_path,
                                          .proxy = "", /* the server itself, not its neighbour */
                                          .connect_to = target->connect_to,
                                          .skips_verify = target->skips_verify,
                                          .takes_any_status = true,
                                          .total_ms = doctor->timeout_ms};
    buf_init(&page, MAX_PAGE_BYTES);
    bool done = fetch_get(&request, &page, response, err);
    buf_done(&page);
    return done;
}

/* Which build, is it supported, does Microsoft's mitigation service still serve it? */
static void judge_build(struct doctor *doctor, const struct doctor_target *target)
{
    struct build build;
    const char *where = target->url;
    const struct build_question question = {.url = target->url,
                                            .connect_to = target->connect_to,
                                            .ca_path = target->ca_path,
                                            .skips_verify = target->skips_verify,
                                            .timeout_ms = doctor->timeout_ms};
    struct build_answer answer;
    build_ask(&question, &answer);
    if (answer.source == BUILD_NOT_TOLD) {
        doctor_add(doctor, DOCTOR_NOTE, "build", where,
                   "look on the server: Get-ExchangeServer | fl AdminDisplayVersion",
                   "the server does not tell its build (no X-OWA-Version, no export tool below "
                   "/ecp, no folder "
                   "in the logon page); every rule stays on");
        return;
    }
    build = answer.span.from;
    if (answer.source != BUILD_BY_FIELD) {
        char about[300];
        build_span_describe(&answer.span, about, sizeof(about));
        doctor_add(
            doctor, DOCTOR_NOTE, "build", where,
            "look on the server: Get-ExchangeServer | fl AdminDisplayVersion; with upstream.build "
            "set, rules that its security update makes needless are left out",
            "%s, by %s", about, build_source_word(answer.source));
        if (answer.source == BUILD_BY_PAGE)
            return; /* support and feed depend on the rest */
    }
    const struct build_info *info = build_nearest(&build);
    const char *text = answer.source == BUILD_BY_FIELD ? "" : "at least ";
    char number[BUILD_TEXT_BYTES];
    char line[400];
    build_format(&build, number);
    build_describe(&build, line, sizeof(line));
    if (info == NULL) {
        doctor_add(doctor, DOCTOR_NOTE, "build", where, "look whether a newer stopgap knows it",
                   "build %s%s: not in the table of this version", text, number);
        return;
    }
    bool is_supported = strcmp(info->support, "no") != 0;
    doctor_add(doctor, is_supported ? DOCTOR_FINE : DOCTOR_BAD, "build", where,
               is_supported ? NULL
                            : "plan the move to a supported version; until then nothing but "
                              "filters such as this one stands between it and the Internet",
               "%s%s", text, line);
    if (answer.source == BUILD_BY_FIELD && info->feed_2026 != FEED_WORKS)
        doctor_add(
            doctor, DOCTOR_WARN, "feed", where,
            "install an update of June 2026 or newer where there is one, and let stopgap apply "
            "the mitigations: eocs.url in its configuration",
            "Microsoft's mitigation service gives this build nothing new");
}

static void judge_clock(struct doctor *doctor, const char *where, const char *date)
{
    time_t theirs = curl_getdate(date, NULL);
    if (date[0] == '\0' || theirs < 0)
        return;
    double apart = difftime(time(NULL), theirs);
    double size = apart < 0 ? -apart : apart;
    enum doctor_verdict verdict = size > CLOCK_BAD_S    ? DOCTOR_BAD
                                  : size > CLOCK_WARN_S ? DOCTOR_WARN
                                                        : DOCTOR_FINE;
    doctor_add(doctor, verdict, "clock", where,
               verdict == DOCTOR_FINE
                   ? NULL
                   : "set both clocks by NTP: Kerberos fails beyond five minutes",
               "its clock is %.0f s %s ours", size, apart < 0 ? "ahead of" : "behind");
}

static void judge_certificate(struct doctor *doctor, const char *where, const char *until)
{
    time_t end = curl_getdate(until, NULL);
    if (until[0] == '\0' || end < 0)
        return;
    double days = difftime(end, time(NULL)) / DAY_S;
    enum doctor_verdict verdict = days < EXPIRES_BAD_DAYS    ? DOCTOR_BAD
                                  : days < EXPIRES_WARN_DAYS ? DOCTOR_WARN
                                                             : DOCTOR_FINE;
    doctor_add(doctor, verdict, "certificate", where,
               verdict == DOCTOR_FINE ? NULL : "renew it there and here at the same time",
               "its certificate ends %s, %s%.0f days", until, days < 0 ? "since " : "in ",
               days < 0 ? -days : days);
}

static void judge_vdirs(struct doctor *doctor, const struct doctor_target *target)
{
    char published[300] = "";
    char hidden[300] = "";
    for (size_t i = 0; i < sizeof(vdirs) / sizeof(vdirs[0]); i++) {
        char path[80];
        struct fetch_response response;
        (void)snprintf(path, sizeof(path), "/%s/", vdirs[i].name);
        bool is_there = get(doctor, target, path, &response, NULL) && response.status != 404;
        char *list = is_there ? published : hidden;
        size_t len = strlen(list);
        (void)snprintf(list + len, sizeof(published) - len, "%s%s", len != 0 ? ", " : "",
                       vdirs[i].name);
        if (is_there && vdirs[i].is_for_admins && !target->is_behind)
            doctor_add(doctor, DOCTOR_WARN, "directories", target->url,
                       "let only your own networks reach it: harden in the configuration",
                       "/%s answers here with status %ld; users do not need it from outside",
                       vdirs[i].name, response.status);
    }
    doctor_add(doctor, DOCTOR_NOTE, "directories", target->url, NULL, "answer: %s; not there: %s",
               published[0] != '\0' ? published : "none", hidden[0] != '\0' ? hidden : "none");
}

static void judge_health(struct doctor *doctor, const struct doctor_target *target)
{
    char sick[300] = "";
    size_t n_good = 0;
    for (size_t i = 0; i < sizeof(vdirs) / sizeof(vdirs[0]); i++) {
        char path[100];
        struct fetch_response response;
        if (strcmp(vdirs[i].name, "powershell") == 0)
            continue; /* it has a check, but nothing that a proxy carries depends on it */
        (void)snprintf(path, sizeof(path), "/%s/healthcheck.htm", vdirs[i].name);
        if (get(doctor, target, path, &response, NULL) && response.status == 200) {
            n_good++;
            continue;
        }
        size_t len = strlen(sick);
        (void)snprintf(sick + len, sizeof(sick) - len, "%s%s (%ld)", len != 0 ? ", " : "",
                       vdirs[i].name, response.status);
    }
    if (sick[0] == '\0')
        doctor_add(doctor, DOCTOR_FINE, "health", target->url, NULL,
                   "all %zu health checks are good", n_good);
    else
        doctor_add(
            doctor, n_good == 0 ? DOCTOR_WARN : DOCTOR_BAD, "health", target->url,
            "look at Get-ServerHealth on the server; a check that is blocked on the way says "
            "the same",
            "%zu health checks are good, not: %s", n_good, sick);
}

void doctor_ask(struct doctor *doctor, const struct doctor_target *target)
{
    struct fetch_response response;
    struct err err = {0};
    doctor->n_asked++;
    if (!get(doctor, target, "/owa/auth/logon.aspx", &response, &err)) {
        doctor->n_unreachable++;
        doctor_add(
            doctor, DOCTOR_BAD, "connection", target->url,
            strcmp(err.code, "E_FETCH_TLS") == 0
                ? "is the name in the certificate, and its CA known here? --ca or upstream.ca"
                : "is the name right, the server up, the port open?",
            "%s: %s", err.code, err.text);
        return;
    }
    doctor_add(doctor, response.status >= 500 ? DOCTOR_BAD : DOCTOR_FINE, "connection", target->url,
               response.status >= 500 ? "look at the event log of the server" : NULL,
               "the logon page of OWA answers with status %ld in %u ms", response.status,
               response.total_ms);
    judge_build(doctor, target);
    judge_clock(doctor, target->url, response.date);
    judge_certificate(doctor, target->url, response.certificate_until);
    judge_vdirs(doctor, target);
    judge_health(doctor, target);
}
