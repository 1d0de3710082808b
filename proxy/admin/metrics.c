/* struct status as Prometheus text, version 0.0.4. */
#include "admin/admin.h"

#include "stopgap/banned.h"

#define PREFIX "stopgap_"

/* A sample that is alone in its family. */
static bool render_value(struct buf *out, const char *type, const char *name, const char *help,
                         uint64_t value)
{
    return buf_printf(out, "# HELP " PREFIX "%s %s.\n# TYPE " PREFIX "%s %s\n" PREFIX "%s %llu\n",
                      name, help, name, type, name, (unsigned long long)value);
}

static bool render_gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    return render_value(out, "gauge", name, help, value);
}

static bool render_family(struct buf *out, const char *type, const char *name, const char *help)
{
    return buf_printf(out, "# HELP " PREFIX "%s %s.\n# TYPE " PREFIX "%s %s\n", name, help, name,
                      type);
}

/* Bytes of a UTF-8 sequence at text[0], or 0 when it is none. */
static size_t utf8_length(struct slice text)
{
    unsigned char first = (unsigned char)text.ptr[0];
    size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || len > text.len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if (((unsigned char)text.ptr[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* {key="value with its escapes" and, for the first label, the brace. */
static bool render_label(struct buf *out, const char *before, const char *key, const char *value)
{
    struct slice text = slice_str(value);
    bool ok = buf_printf(out, "%s%s=\"", before, key);
    while (ok && text.len != 0) {
        size_t len = utf8_length(text);
        if (len == 0)
            ok = buf_append(out, SLICE("?"));
        else if (text.ptr[0] == '\n')
            ok = buf_append(out, SLICE("\\n"));
        else if (text.ptr[0] == '"' || text.ptr[0] == '\\')
            ok = buf_printf(out, "\\%c", text.ptr[0]);
        else
            ok = buf_append(out, slice_head(text, len));
        text = slice_from(text, len != 0 ? len : 1);
    }
    return ok && buf_append(out, SLICE("\""));
}

static bool render_number(struct buf *out, uint64_t value)
{
    return buf_printf(out, "} %llu\n", (unsigned long long)value);
}

static bool render_program(const struct status *status, struct buf *out)
{
    static const char *const modes[] = {
        [RULES_BLOCK] = "block", [RULES_DETECT] = "detect", [RULES_OFF] = "off"};
    return render_family(out, "gauge", "build_info", "Version of the program, always 1") &&
           render_label(out, PREFIX "build_info{", "version", status->version) &&
           render_number(out, 1) &&
           render_family(out, "gauge", "mode_info", "What rules may do, always 1") &&
           render_label(out, PREFIX "mode_info{", "mode", modes[status->mode]) &&
           render_number(out, 1) &&
           render_gauge(out, "start_time_seconds", "Start of the program since 1970",
                        status->started_unix) &&
           render_gauge(out, "ready", "1 when rules are loaded and connections are taken",
                        status->is_ready) &&
           render_gauge(out, "draining", "1 while the program ends gracefully",
                        status->is_draining) &&
           render_gauge(out, "workers", "Worker threads", status->n_workers);
}

static bool render_traffic(const struct worker_stats *stats, struct buf *out)
{
    bool ok = true;
    for (size_t i = 0; ok && i < WORKER_COUNTERS_N; i++)
        ok = render_value(out, "counter", worker_counters[i].name, worker_counters[i].help,
                          worker_counter_value(stats, i));
    ok = ok && render_gauge(out, "connections_open", "Client connections that are open",
                            stats->connections_open);
    ok = ok && render_family(out, "counter", "ended_total",
                             "Transactions and connections by the reason of their end");
    for (unsigned i = 0; ok && i < END_REASON_COUNT; i++)
        ok = render_label(out, PREFIX "ended_total{", "reason",
                          end_reason_word((enum end_reason)i)) &&
             render_number(out, stats->ended[i]);
    return ok;
}

static bool render_rule(const struct rule_status *rule, struct buf *out)
{
    return render_label(out, PREFIX "rule_hits_total{", "rule", rule->info.id) &&
           render_label(out, ",", "action", rule->info.action) &&
           render_label(out, ",", "enforced", rule->info.is_enforced ? "true" : "false") &&
           render_number(out, rule->hits);
}

static bool render_rules(const struct status *status, struct buf *out)
{
    bool ok =
        render_family(out, "gauge", "ruleset_info", "The active rule set, always 1") &&
        render_label(out, PREFIX "ruleset_info{", "name", status->ruleset_name) &&
        render_label(out, ",", "hash", status->ruleset_hash) && render_number(out, 1) &&
        render_gauge(out, "ruleset_rules", "Rules of the active set", status->ruleset.n_rules) &&
        render_gauge(out, "ruleset_database_bytes", "Compiled patterns of the active set",
                     status->ruleset.database_bytes) &&
        render_gauge(out, "ruleset_loaded_timestamp_seconds",
                     "When the active set went live, since 1970", status->ruleset_since_unix) &&
        render_gauge(out, "ruleset_expired", "1 when a bundle is beyond its expires date",
                     status->trust_is_expired) &&
        render_gauge(out, "ruleset_former_keys",
                     "1 when a bundle was accepted under keys that no longer count",
                     status->ruleset.has_former_keys) &&
        render_gauge(out, "rules_on_trial", "Rules that only report until their trial is over",
                     status->ruleset.n_on_trial) &&
        render_family(out, "counter", "new_rules_total", "Ends of trials and watches") &&
        render_label(out, PREFIX "new_rules_total{", "result", "promoted") &&
        render_number(out, status->canary.n_promoted) &&
        render_label(out, PREFIX "new_rules_total{", "result", "failed") &&
        render_number(out, status->canary.n_failed) &&
        render_label(out, PREFIX "new_rules_total{", "result", "returned") &&
        render_number(out, status->canary.n_returned) &&
        render_gauge(out, "last_reload_successful", "0 when the last load was refused",
                     status->reload_error[0] == '\0') &&
        render_family(out, "counter", "reloads_total", "Loads of rules by their result") &&
        render_label(out, PREFIX "reloads_total{", "result", "ok") &&
        render_number(out, status->reloads_ok) &&
        render_label(out, PREFIX "reloads_total{", "result", "failed") &&
        render_number(out, status->reloads_failed);
    size_t n = status->n_rules < LIMIT_RULES ? status->n_rules : LIMIT_RULES;
    if (ok && n != 0)
        ok = render_family(out, "counter", "rule_hits_total", "Requests that a rule matched");
    for (size_t i = 0; ok && i < n; i++)
        ok = render_rule(&status->rules[i], out);
    return ok;
}

static bool render_feed(const struct status *status, struct buf *out)
{
    const struct feed_status *feed = &status->feed;
    return feed->url == NULL ||
           (render_gauge(out, "eocs_last_contact_timestamp_seconds",
                         "When Microsoft's feed was last reached and verified, since 1970",
                         feed->contact_unix) &&
            render_gauge(out, "eocs_signed_timestamp_seconds",
                         "When the document in force was signed, since 1970",
                         (uint64_t)feed->signed_unix) &&
            render_gauge(out, "eocs_rule_files", "Rule files of the feed in force",
                         feed->n_files) &&
            render_gauge(out, "eocs_left_out", "Mitigations that could not be applied",
                         feed->n_left_out) &&
            render_family(out, "counter", "eocs_visits_total", "Visits to the feed by result") &&
            render_label(out, PREFIX "eocs_visits_total{", "result", "good") &&
            render_number(out, feed->n_good) &&
            render_label(out, PREFIX "eocs_visits_total{", "result", "failed") &&
            render_number(out, feed->n_failed));
}

static bool render_mirrors(const struct own_feed_status *feed, struct buf *out)
{
    bool ok = feed->n_mirrors == 0 ||
              render_family(out, "gauge", "feed_mirror_usable",
                            "0 when a mirror failed or is frozen, by its last answer");
    for (size_t i = 0; ok && i < feed->n_mirrors; i++)
        ok = render_label(out, PREFIX "feed_mirror_usable{", "mirror", feed->mirrors[i].url) &&
             render_number(out,
                           feed->mirrors[i].error_code[0] == '\0' && !feed->mirrors[i].is_frozen);
    return ok;
}

static bool render_own_feed(const struct status *status, struct buf *out)
{
    const struct own_feed_status *feed = &status->own_feed;
    size_t n_waiting = 0;
    for (size_t i = 0; i < feed->n_bundles; i++)
        n_waiting += strcmp(feed->bundles[i].state, "waiting") == 0;
    return !feed->is_configured ||
           (render_gauge(out, "feed_last_contact_timestamp_seconds",
                         "When the feed of bundles was last reached and verified, since 1970",
                         (uint64_t)feed->contact_unix) &&
            render_gauge(out, "feed_pulse_timestamp_seconds",
                         "When the pulse of the last visit was made, since 1970",
                         (uint64_t)feed->pulse_unix) &&
            render_gauge(out, "feed_tls_degraded", "1 when no mirror with TLS can be used",
                         feed->is_degraded) &&
            render_gauge(out, "feed_bundles_waiting", "Newer bundles that wait for their turn",
                         n_waiting) &&
            render_mirrors(feed, out) &&
            render_family(out, "counter", "feed_visits_total", "Visits to the feed by result") &&
            render_label(out, PREFIX "feed_visits_total{", "result", "good") &&
            render_number(out, feed->n_good) &&
            render_label(out, PREFIX "feed_visits_total{", "result", "failed") &&
            render_number(out, feed->n_failed));
}

static bool render_mitigations(const struct status *status, struct buf *out)
{
    bool ok =
        render_gauge(out, "mitigations_enabled", "0 when a switch takes all of them away",
                     status->mitigations_on) &&
        render_gauge(out, "mitigations_lost", "1 when the file of blocks was damaged at the start",
                     status->mitigations_lost[0] != '\0') &&
        render_value(out, "counter", "events_lost_total",
                     "Events that the events.command did not get", status->events_lost);
    if (ok && status->n_mitigations != 0)
        ok = render_family(out, "gauge", "mitigation_info", "State of a mitigation, always 1");
    for (size_t i = 0; ok && i < status->n_mitigations; i++) {
        const struct mitigation_info *info = &status->mitigations[i].info;
        ok = render_label(out, PREFIX "mitigation_info{", "mitigation", info->id) &&
             render_label(out, ",", "state", mitigation_state_word(info->state)) &&
             render_number(out, 1);
    }
    return ok;
}

static bool render_stale(const struct status *status, struct buf *out)
{
    return render_gauge(out, "rules_age_seconds",
                        "Since the newest sign of whoever looks after the rules",
                        status->stale.age_s) &&
           render_gauge(out, "stale_rules_in_force",
                        "1 while the rules for stale rule sets are in force",
                        status->stale.is_in_force);
}

static bool render_webhook(const struct status *status, struct buf *out)
{
    const struct webhook_status *webhook = &status->webhook;
    return webhook->url == NULL ||
           (render_family(out, "counter", "webhook_events_total",
                          "Events for the events.webhook by result") &&
            render_label(out, PREFIX "webhook_events_total{", "result", "sent") &&
            render_number(out, webhook->n_sent) &&
            render_label(out, PREFIX "webhook_events_total{", "result", "lost") &&
            render_number(out, webhook->n_lost) &&
            render_gauge(out, "webhook_events_waiting", "Events on their way to it",
                         webhook->n_waiting));
}

static bool render_exclusions(const struct status *status, struct buf *out)
{
    uint64_t n_active = 0;
    for (size_t i = 0; i < status->n_exclusions; i++)
        n_active += status->exclusions[i].is_active;
    return render_family(out, "gauge", "exclusions", "Exclusions of the configuration") &&
           render_label(out, PREFIX "exclusions{", "state", "active") &&
           render_number(out, n_active) &&
           render_label(out, PREFIX "exclusions{", "state", "expired") &&
           render_number(out, status->n_exclusions - n_active) &&
           render_gauge(out, "rule_warnings", "Names in the configuration that no rule has",
                        status->n_warnings);
}

static bool render_tls(const struct status *status, struct buf *out)
{
    return render_gauge(out, "last_certificates_successful",
                        "0 when the last load of certificates was refused",
                        status->tls_error[0] == '\0') &&
           render_family(out, "counter", "certificate_reloads_total",
                         "Loads of certificates by their result") &&
           render_label(out, PREFIX "certificate_reloads_total{", "result", "ok") &&
           render_number(out, status->tls_reloads_ok) &&
           render_label(out, PREFIX "certificate_reloads_total{", "result", "failed") &&
           render_number(out, status->tls_reloads_failed);
}

static bool render_time(struct buf *out, int64_t unix_s)
{
    return buf_printf(out, "} %lld\n", (long long)unix_s);
}

static bool render_certificates(const struct status *status, struct buf *out)
{
    bool ok = status->n_certificates == 0 ||
              render_family(out, "gauge", "certificate_expiry_timestamp_seconds",
                            "When a certificate of ours expires, since 1970");
    for (size_t i = 0; ok && i < status->n_certificates; i++) {
        const struct certificate_status *one = &status->certificates[i];
        ok = render_label(out, PREFIX "certificate_expiry_timestamp_seconds{", "certificate",
                          one->path) &&
             render_label(out, ",", "sha256", one->sha256) && render_time(out, one->until_unix);
    }
    bool has_family = false;
    for (size_t i = 0; ok && i < status->n_certificates; i++) {
        const struct certificate_status *one = &status->certificates[i];
        if (!one->has_staple || one->staple_until_unix == INT64_MAX)
            continue;
        ok = (has_family || render_family(out, "gauge", "staple_expiry_timestamp_seconds",
                                          "When a stapled response expires, since 1970")) &&
             render_label(out, PREFIX "staple_expiry_timestamp_seconds{", "certificate",
                          one->path) &&
             render_label(out, ",", "sha256", one->sha256) &&
             render_time(out, one->staple_until_unix);
        has_family = true;
    }
    return ok;
}

/* Of servers that have answered; without one the families are left out. */
static bool render_parity(const struct status *status, struct buf *out)
{
    static const char *const families[][2] = {
        {"certificate_parity", "1 when a server has the certificate that clients see here"},
        {"server_certificate_expiry_timestamp_seconds",
         "When the certificate of a server expires, since 1970"},
    };
    bool ok = true;
    for (size_t row = 0; row < sizeof(families) / sizeof(families[0]); row++) {
        char name[64];
        bool has_family = false;
        (void)snprintf(name, sizeof(name), PREFIX "%s{", families[row][0]);
        for (size_t i = 0; ok && i < status->n_servers; i++) {
            const struct server_status *server = &status->servers[i];
            if (!server->is_parity_known)
                continue;
            ok = (has_family || render_family(out, "gauge", families[row][0], families[row][1])) &&
                 render_label(out, name, "server", server->url) &&
                 render_time(out, row == 0 ? server->has_parity : server->certificate_until_unix);
            has_family = true;
        }
    }
    return ok;
}

static bool render_server_numbers(const struct status *status, struct buf *out)
{
    static const struct {
        const char *type, *name, *help;
        size_t offset;
    } rows[] = {
        {"gauge", "server_connections", "Connections to a server that are open",
         offsetof(struct server_status, connections_open)},
        {"counter", "server_connections_total", "Connections begun to a server",
         offsetof(struct server_status, connections)},
        {"counter", "server_connect_failures_total",
         "Connections that could not be made, so that the next server was tried",
         offsetof(struct server_status, failures)},
    };
    bool ok = true;
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        char name[64];
        (void)snprintf(name, sizeof(name), PREFIX "%s{", rows[row].name);
        ok = ok && render_family(out, rows[row].type, rows[row].name, rows[row].help);
        for (size_t i = 0; i < status->n_servers; i++) {
            const char *server = (const char *)&status->servers[i];
            ok = ok && render_label(out, name, "server", status->servers[i].url) &&
                 render_number(out, *(const uint64_t *)(server + rows[row].offset));
        }
    }
    return ok;
}

/* One sample for each server and directory. */
static bool render_vdirs(const struct status *status, struct buf *out, const char *name,
                         uint64_t (*value)(const struct vdir_status *vdir))
{
    bool ok = true;
    for (size_t i = 0; i < status->n_servers; i++)
        for (size_t j = 0; j < status->servers[i].n_vdirs; j++)
            ok = ok && render_label(out, name, "server", status->servers[i].url) &&
                 render_label(out, ",", "vdir", status->servers[i].vdirs[j].name) &&
                 render_number(out, value(&status->servers[i].vdirs[j]));
    return ok;
}

static uint64_t vdir_up(const struct vdir_status *vdir)
{
    return !vdir->is_down;
}

static uint64_t vdir_checks(const struct vdir_status *vdir)
{
    return vdir->checks;
}

static uint64_t vdir_failed(const struct vdir_status *vdir)
{
    return vdir->failed;
}

static bool render_servers(const struct status *status, struct buf *out)
{
    bool ok = render_server_numbers(status, out);
    if (status->n_servers == 0 || status->servers[0].n_vdirs == 0)
        return ok;
    return ok &&
           render_family(out, "gauge", "server_up",
                         "1 unless health checks took the directory of a server out") &&
           render_vdirs(status, out, PREFIX "server_up{", vdir_up) &&
           render_family(out, "counter", "server_checks_total", "Health checks that ended") &&
           render_vdirs(status, out, PREFIX "server_checks_total{", vdir_checks) &&
           render_family(out, "counter", "server_checks_failed_total", "Of these, bad ones") &&
           render_vdirs(status, out, PREFIX "server_checks_failed_total{", vdir_failed);
}

static bool render_refusals(const struct refusals *refusals, struct buf *out)
{
    if (refusals == NULL || refusals->n == 0)
        return true;
    bool ok = render_family(out, "counter", "rules_rejected_total",
                            "Rule sets that were refused, by their code");
    for (size_t i = 0; ok && i < refusals->n; i++)
        ok = render_label(out, PREFIX "rules_rejected_total{", "code", refusals->items[i].code) &&
             render_number(out, refusals->items[i].n);
    return ok;
}

static bool render_states(const struct trust_standing *standing, struct buf *out)
{
    bool ok = render_family(out, "gauge", "trust_state",
                            "1 for the states that the trust in rule sets is in");
    for (unsigned i = 0; ok && i < TRUST_FRESHNESS_COUNT; i++)
        ok = render_label(out, PREFIX "trust_state{", "state",
                          trust_freshness_word((enum trust_freshness)i)) &&
             render_number(out, i == standing->freshness);
    for (unsigned i = 0; ok && i < TRUST_MARK_COUNT; i++)
        ok = render_label(out, PREFIX "trust_state{", "state",
                          trust_mark_word((enum trust_mark)i)) &&
             render_number(out, standing->marks >> i & 1);
    return ok;
}

/* What is not known is left out. */
static bool render_trust(const struct status *status, struct buf *out)
{
    const struct trust_facts *facts = &status->trust.facts;
    const struct {
        const char *name, *help;
        int64_t value;
    } rows[] = {
        {"release_timestamp_seconds", "When this program was made, since 1970", facts->released},
        {"trust_contact_timestamp_seconds", "Last verified contact with the publisher",
         facts->contact},
        {"trust_pulse_timestamp_seconds", "When the newest pulse was made", facts->pulse},
        {"trust_root_expiry_timestamp_seconds", "When the newest root is to be replaced",
         facts->root_expires},
        {"trust_stranded_timestamp_seconds", "From when on nothing new can be verified",
         facts->stranded},
    };
    bool ok =
        render_states(&status->trust.standing, out) &&
        render_gauge(out, "trust_state_writable", "0 when the state folder could not be written",
                     status->trust.error[0] == '\0');
    for (size_t i = 0; ok && i < sizeof(rows) / sizeof(rows[0]); i++)
        ok = rows[i].value == 0 ||
             render_gauge(out, rows[i].name, rows[i].help, (uint64_t)rows[i].value);
    return ok;
}

bool metrics_render(const struct status *status, struct buf *out)
{
    return render_program(status, out) && render_traffic(&status->totals, out) &&
           render_servers(status, out) && render_tls(status, out) &&
           render_certificates(status, out) && render_parity(status, out) &&
           render_rules(status, out) && render_mitigations(status, out) &&
           render_webhook(status, out) && render_stale(status, out) && render_feed(status, out) &&
           render_own_feed(status, out) && render_trust(status, out) &&
           render_refusals(status->refusals, out) && render_exclusions(status, out);
}
