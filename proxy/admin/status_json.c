/* struct status as JSON, schema version 1: what /status.json answers. */
#include "admin/admin.h"
#include "admin/canary.h"
#include "admin/remedy.h"
#include "admin/trust.h"

#include <jansson.h>

#include "stopgap/banned.h"

/* A JSON string of any bytes: what is no UTF-8 is shown byte by byte as "?". */
static json_t *text_json(const char *text)
{
    if (text == NULL)
        return json_null();
    json_t *string = json_string(text);
    if (string != NULL)
        return string;
    struct buf copy;
    buf_init(&copy, LIMIT_RULE_FILE_BYTES);
    if (buf_append(&copy, slice_head(slice_str(text), LIMIT_RULE_FILE_BYTES)))
        for (size_t i = 0; i < copy.len; i++)
            if ((unsigned char)copy.ptr[i] >= 0x80)
                copy.ptr[i] = '?';
    string = json_stringn(copy.ptr, copy.len);
    buf_done(&copy);
    return string;
}

static json_t *number_json(uint64_t value)
{
    return json_integer((json_int_t)(value > INT64_MAX ? INT64_MAX : value));
}

static bool set_text(json_t *object, const char *key, const char *text)
{
    return json_object_set_new(object, key, text_json(text)) == 0;
}

static bool set_number(json_t *object, const char *key, uint64_t value)
{
    return json_object_set_new(object, key, number_json(value)) == 0;
}

static bool set_bool(json_t *object, const char *key, bool value)
{
    return json_object_set_new(object, key, json_boolean(value)) == 0;
}

static bool add_program(json_t *root, const struct status *status)
{
    static const char *const modes[] = {
        [RULES_BLOCK] = "block", [RULES_DETECT] = "detect", [RULES_OFF] = "off"};
    json_t *listeners = json_array();
    bool ok = set_number(root, "v", 1) && listeners != NULL;
    for (size_t i = 0; ok && i < status->listeners.n; i++)
        ok = json_array_append_new(listeners, text_json(status->listeners.items[i])) == 0;
    /* Takes listeners in any case. */
    bool is_set = json_object_set_new(root, "listeners", listeners) == 0;
    return ok && is_set && set_text(root, "version", status->version) &&
           set_number(root, "started_unix", status->started_unix) &&
           set_number(root, "pid", status->pid) && set_bool(root, "ready", status->is_ready) &&
           set_bool(root, "draining", status->is_draining) &&
           set_bool(root, "listening", status->is_listening) &&
           set_text(root, "mode", modes[status->mode]) &&
           set_number(root, "workers", status->n_workers) &&
           set_text(root, "upstream", status->upstream);
}

static bool add_vdirs(json_t *server, const struct server_status *status)
{
    json_t *vdirs = json_object();
    bool ok = json_object_set_new(server, "vdirs", vdirs) == 0;
    for (size_t i = 0; ok && i < status->n_vdirs; i++) {
        const struct vdir_status *vdir = &status->vdirs[i];
        json_t *object = json_object();
        ok = json_object_set_new(vdirs, vdir->name, object) == 0 &&
             set_text(object, "state", vdir->state) &&
             set_number(object, "since_unix", vdir->since_unix) &&
             set_number(object, "checks", vdir->checks) &&
             set_number(object, "failed", vdir->failed) &&
             set_text(object, "last_error", vdir->error[0] != '\0' ? vdir->error : NULL);
    }
    return ok;
}

/* How the certificate of a server and ours get on. */
static bool add_parity(json_t *server, const struct server_status *status)
{
    json_t *object = status->parity != NULL ? json_object() : NULL;
    if (status->parity == NULL)
        return true;
    bool ok = json_object_set_new(server, "certificate", object) == 0 &&
              set_text(object, "parity", status->parity) &&
              set_text(object, "last_error",
                       status->parity_error[0] != '\0' ? status->parity_error : NULL);
    if (!ok || !status->is_parity_known)
        return ok;
    return set_text(object, "names", status->parity_names) &&
           set_text(object, "ours_sha256", status->ours_sha256) &&
           set_text(object, "sha256", status->certificate_sha256) &&
           json_object_set_new(object, "expires_unix",
                               json_integer(status->certificate_until_unix)) == 0 &&
           set_number(object, "checked_unix", status->parity_checked_unix);
}

static bool add_servers(json_t *root, const struct status *status)
{
    json_t *servers = json_array();
    bool ok = json_object_set_new(root, "servers", servers) == 0;
    for (size_t i = 0; ok && i < status->n_servers; i++) {
        const struct server_status *server = &status->servers[i];
        json_t *object = json_object();
        ok = json_array_append_new(servers, object) == 0 && set_text(object, "url", server->url) &&
             set_number(object, "weight", server->weight) &&
             set_number(object, "connections_open", server->connections_open) &&
             set_number(object, "connections", server->connections) &&
             set_number(object, "connect_failures", server->failures) &&
             add_vdirs(object, server) && add_parity(object, server);
    }
    return ok;
}

static bool add_pass_through(json_t *root, const struct status *status)
{
    json_t *list = json_array();
    bool ok = json_object_set_new(root, "pass_through", list) == 0;
    for (size_t i = 0; ok && i < status->n_pass_through; i++) {
        const struct pass_through_config *one = &status->pass_through[i];
        json_t *object = json_object();
        json_t *names = json_array();
        ok = json_array_append_new(list, object) == 0;
        ok = json_object_set_new(object, "names", names) == 0 && ok;
        for (size_t k = 0; ok && k < one->names.n; k++)
            ok = json_array_append_new(names, text_json(one->names.items[k])) == 0;
        ok = ok && set_text(object, "upstream", one->server.url);
    }
    return ok;
}

static bool add_ruleset(json_t *root, const struct status *status)
{
    json_t *set = json_object();
    return json_object_set_new(root, "ruleset", set) == 0 &&
           set_text(set, "name", status->ruleset_name) &&
           set_text(set, "hash", status->ruleset_hash) &&
           set_number(set, "since_unix", status->ruleset_since_unix) &&
           set_bool(set, "expired", status->trust_is_expired) &&
           set_bool(set, "former_keys", status->ruleset.has_former_keys) &&
           set_number(set, "rules", status->ruleset.n_rules) &&
           set_number(set, "patterns", status->ruleset.n_patterns) &&
           set_number(set, "unguarded", status->ruleset.n_unguarded) &&
           set_number(set, "database_bytes", status->ruleset.database_bytes) &&
           set_number(set, "scratch_bytes", status->ruleset.scratch_bytes) &&
           set_number(set, "databases_cached", status->ruleset.n_cached) &&
           set_number(set, "cost", status->judgement.cost) &&
           set_number(set, "worst_cost", status->judgement.worst_cost) &&
           set_number(set, "judged_ms", status->judgement.took_ms) &&
           set_number(set, "load_us", status->ruleset.load_us);
}

static bool add_reload(json_t *root, const struct status *status)
{
    json_t *reload = json_object();
    bool ok = json_object_set_new(root, "reload", reload) == 0 &&
              set_number(reload, "ok", status->reloads_ok) &&
              set_number(reload, "failed", status->reloads_failed);
    if (!ok || status->reload_error[0] == '\0')
        return ok;
    json_t *error = json_object();
    return json_object_set_new(reload, "error", error) == 0 &&
           set_text(error, "code", status->reload_error_code) &&
           set_text(error, "text", status->reload_error) &&
           set_text(error, "remedy", remedy_of_code(status->reload_error_code)) &&
           set_number(error, "time_unix", status->reload_error_unix);
}

static bool add_tls(json_t *root, const struct status *status)
{
    json_t *tls = json_object();
    bool ok = json_object_set_new(root, "tls", tls) == 0 &&
              set_number(tls, "reloads_ok", status->tls_reloads_ok) &&
              set_number(tls, "reloads_failed", status->tls_reloads_failed);
    if (!ok || status->tls_error[0] == '\0')
        return ok;
    json_t *error = json_object();
    return json_object_set_new(tls, "error", error) == 0 &&
           set_text(error, "code", status->tls_error_code) &&
           set_text(error, "text", status->tls_error) &&
           set_number(error, "time_unix", status->tls_error_unix);
}

static bool add_certificates(json_t *root, const struct status *status)
{
    json_t *list = json_array();
    bool ok = json_object_set_new(root, "certificates", list) == 0;
    for (size_t i = 0; ok && i < status->n_certificates; i++) {
        const struct certificate_status *one = &status->certificates[i];
        json_t *object = json_object();
        ok = json_array_append_new(list, object) == 0 && set_text(object, "path", one->path) &&
             set_text(object, "sha256", one->sha256) &&
             json_object_set_new(object, "expires_unix", json_integer(one->until_unix)) == 0;
        if (ok && one->has_staple && one->staple_until_unix != INT64_MAX)
            ok = json_object_set_new(object, "staple_expires_unix",
                                     json_integer(one->staple_until_unix)) == 0;
        if (ok && one->staple_problem[0] != '\0')
            ok = set_text(object, "staple_problem", one->staple_problem);
    }
    return ok;
}

static bool add_left_out(json_t *feed, const struct feed_status *status)
{
    json_t *list = json_array();
    bool ok = json_object_set_new(feed, "left_out", list) == 0;
    for (size_t i = 0; ok && i < status->n_left_out && i < EOCS_MAX_LEFT_OUT; i++) {
        const struct eocs_left_out *one = &status->left_out[i];
        json_t *object = json_object();
        ok = json_array_append_new(list, object) == 0 && set_text(object, "mitigation", one->id) &&
             set_text(object, "code", one->why.code) && set_text(object, "reason", one->why.text);
    }
    return ok;
}

static bool add_feed(json_t *root, const struct status *all)
{
    const struct feed_status *status = &all->feed;
    if (status->url == NULL)
        return true;
    json_t *feed = json_object();
    bool ok = json_object_set_new(root, "eocs", feed) == 0 && set_text(feed, "url", status->url) &&
              set_text(feed, "document", status->document) &&
              set_number(feed, "signed_unix", (uint64_t)status->signed_unix) &&
              set_number(feed, "contact_unix", status->contact_unix) &&
              set_number(feed, "good", status->n_good) &&
              set_number(feed, "failed", status->n_failed) &&
              set_number(feed, "rule_files", status->n_files) && add_left_out(feed, status);
    if (!ok || status->error[0] == '\0')
        return ok;
    json_t *error = json_object();
    return json_object_set_new(feed, "error", error) == 0 &&
           set_text(error, "code", status->error_code) && set_text(error, "text", status->error) &&
           set_number(error, "time_unix", status->error_unix);
}

static bool add_error(json_t *object, const char *code, const char *text, int64_t when)
{
    json_t *error = json_object();
    return code[0] == '\0' ? (json_decref(error), true)
                           : json_object_set_new(object, "error", error) == 0 &&
                                 set_text(error, "code", code) && set_text(error, "text", text) &&
                                 (when == 0 || set_number(error, "time_unix", (uint64_t)when));
}

static bool add_mirrors(json_t *feed, const struct own_feed_status *status)
{
    json_t *list = json_array();
    bool ok = json_object_set_new(feed, "mirrors", list) == 0;
    for (size_t i = 0; ok && i < status->n_mirrors; i++) {
        const struct feed_mirror_status *one = &status->mirrors[i];
        json_t *object = json_object();
        ok = json_array_append_new(list, object) == 0 && set_text(object, "url", one->url) &&
             set_number(object, "asked_unix", (uint64_t)one->asked_unix) &&
             set_number(object, "pulse_unix", (uint64_t)one->pulse_unix) &&
             set_bool(object, "frozen", one->is_frozen) &&
             add_error(object, one->error_code, one->error, 0);
    }
    return ok;
}

static bool add_bundles(json_t *feed, const struct own_feed_status *status)
{
    json_t *list = json_array();
    bool ok = json_object_set_new(feed, "bundles", list) == 0;
    for (size_t i = 0; ok && i < status->n_bundles; i++) {
        const struct feed_bundle_status *one = &status->bundles[i];
        json_t *object = json_object();
        ok = json_array_append_new(list, object) == 0 && set_text(object, "name", one->name) &&
             set_text(object, "state", one->state) && set_number(object, "epoch", one->epoch) &&
             set_number(object, "serial", one->serial) && set_text(object, "lane", one->lane) &&
             set_number(object, "due_unix", (uint64_t)one->due_unix) &&
             add_error(object, one->error_code, one->error, 0);
    }
    return ok;
}

static bool add_own_feed(json_t *root, const struct status *all)
{
    const struct own_feed_status *status = &all->own_feed;
    if (!status->is_configured)
        return true;
    json_t *feed = json_object();
    return json_object_set_new(root, "feed", feed) == 0 && set_text(feed, "ring", status->ring) &&
           set_bool(feed, "tls_degraded", status->is_degraded) &&
           set_number(feed, "contact_unix", (uint64_t)status->contact_unix) &&
           set_number(feed, "pulse_unix", (uint64_t)status->pulse_unix) &&
           set_number(feed, "root", status->root_version) &&
           set_number(feed, "good", status->n_good) &&
           set_number(feed, "failed", status->n_failed) && add_mirrors(feed, status) &&
           add_bundles(feed, status) &&
           add_error(feed, status->error_code, status->error, status->error_unix);
}

static bool add_rule(json_t *list, const struct rule_status *status)
{
    const struct rule_info *info = &status->info;
    json_t *rule = json_object();
    return json_array_append_new(list, rule) == 0 && set_text(rule, "id", info->id) &&
           set_text(rule, "title", info->title) && set_text(rule, "cve", info->cve) &&
           set_text(rule, "severity", info->severity) && set_text(rule, "action", info->action) &&
           set_text(rule, "side_effects", info->side_effects) &&
           set_text(rule, "source", info->source) &&
           set_text(rule, "activation", info->activation) &&
           set_bool(rule, "enforced", info->is_enforced) && set_number(rule, "hits", status->hits);
}

static bool add_rules(json_t *root, const struct status *status)
{
    json_t *list = json_array();
    bool ok = json_object_set_new(root, "rules", list) == 0;
    for (size_t i = 0; ok && i < status->n_rules && i < LIMIT_RULES; i++)
        ok = add_rule(list, &status->rules[i]);
    return ok;
}

static bool add_mitigation(json_t *list, const struct mitigation_status *status)
{
    const struct mitigation_info *info = &status->info;
    json_t *one = json_object();
    bool ok = json_array_append_new(list, one) == 0 && set_text(one, "id", info->id) &&
              set_text(one, "type", info->type) && set_text(one, "title", info->title) &&
              set_text(one, "cve", info->cve) &&
              set_text(one, "state", mitigation_state_word(info->state)) &&
              set_number(one, "rules", info->n_rules) &&
              set_number(one, "rules_in_force", info->n_active);
    if (!ok || status->origin[0] == '\0')
        return ok;
    ok = set_text(one, "blocked_by", status->by) && set_text(one, "origin", status->origin);
    if (!ok || status->reason[0] == '\0')
        return ok;
    return set_text(one, "reason", status->reason) && set_number(one, "uid", status->uid) &&
           set_number(one, "time_unix", (uint64_t)status->when_unix);
}

static bool add_mitigations(json_t *root, const struct status *status)
{
    json_t *list = json_array();
    bool ok = json_object_set_new(root, "mitigations", list) == 0 &&
              set_bool(root, "mitigations_enabled", status->mitigations_on) &&
              set_number(root, "events_lost", status->events_lost);
    if (ok && status->mitigations_lost[0] != '\0')
        ok = set_text(root, "mitigations_lost", status->mitigations_lost);
    for (size_t i = 0; ok && i < status->n_mitigations; i++)
        ok = add_mitigation(list, &status->mitigations[i]);
    json_t *builds = json_array();
    ok = json_object_set_new(root, "builds", builds) == 0 && ok;
    for (size_t i = 0; ok && i < status->n_builds; i++)
        ok = json_array_append_new(builds, text_json(status->builds[i])) == 0;
    return ok;
}

static bool add_stale(json_t *root, const struct status *status)
{
    const struct stale_status *stale = &status->stale;
    json_t *one = json_object();
    return json_object_set_new(root, "stale", one) == 0 &&
           set_bool(one, "wanted", stale->is_wanted) && set_bool(one, "stale", stale->is_stale) &&
           set_bool(one, "in_force", stale->is_in_force) &&
           set_number(one, "rules", stale->n_rules) && set_number(one, "age_s", stale->age_s) &&
           set_text(one, "reason", stale->reason);
}

static bool add_webhook(json_t *root, const struct status *status)
{
    const struct webhook_status *webhook = &status->webhook;
    if (webhook->url == NULL)
        return true;
    json_t *one = json_object();
    bool ok = json_object_set_new(root, "webhook", one) == 0 &&
              set_text(one, "url", webhook->url) && set_number(one, "sent", webhook->n_sent) &&
              set_number(one, "lost", webhook->n_lost) &&
              set_number(one, "waiting", webhook->n_waiting);
    if (!ok || webhook->error[0] == '\0')
        return ok;
    return set_text(one, "error", webhook->error) &&
           set_number(one, "error_unix", webhook->error_unix);
}

static bool add_policy(json_t *root, const struct status *status)
{
    json_t *exclusions = json_array();
    json_t *warnings = json_array();
    bool is_set = json_object_set_new(root, "exclusions", exclusions) == 0;
    bool ok = json_object_set_new(root, "warnings", warnings) == 0 && is_set;
    for (size_t i = 0; ok && i < status->n_exclusions; i++) {
        const struct exclusion_status *exclusion = &status->exclusions[i];
        json_t *one = json_object();
        ok = json_array_append_new(exclusions, one) == 0 &&
             set_text(one, "rule", exclusion->rule) && set_text(one, "label", exclusion->label) &&
             set_bool(one, "active", exclusion->is_active);
        if (ok && exclusion->until_unix != 0)
            ok = set_number(one, "until_unix", (uint64_t)exclusion->until_unix);
    }
    for (size_t i = 0; ok && i < status->n_warnings; i++)
        ok = json_array_append_new(warnings, text_json(status->warnings[i])) == 0;
    return ok;
}

static bool add_counters(json_t *root, const struct worker_stats *stats)
{
    json_t *counters = json_object();
    bool ok = json_object_set_new(root, "counters", counters) == 0;
    for (size_t i = 0; ok && i < WORKER_COUNTERS_N; i++)
        ok = set_number(counters, worker_counters[i].field, worker_counter_value(stats, i));
    ok = ok && set_number(root, "connections_open", stats->connections_open);
    json_t *ended = json_object();
    ok = json_object_set_new(root, "ended", ended) == 0 && ok;
    for (unsigned i = 0; ok && i < END_REASON_COUNT; i++)
        ok = set_number(ended, end_reason_word((enum end_reason)i), stats->ended[i]);
    return ok;
}

static int append_json(const char *bytes, size_t len, void *ctx)
{
    struct buf *out = ctx;
    return buf_append(out, slice_make(bytes, len)) ? 0 : -1;
}

bool status_render_json(const struct status *status, struct buf *out)
{
    json_t *root = json_object();
    bool ok =
        root != NULL && add_program(root, status) && add_servers(root, status) &&
        add_pass_through(root, status) && add_ruleset(root, status) && add_reload(root, status) &&
        add_tls(root, status) && add_feed(root, status) && add_own_feed(root, status) &&
        json_object_set_new(root, "new_rules", canary_render_json(&status->canary)) == 0 &&
        json_object_set_new(root, "trust", trust_render_json(&status->trust)) == 0 &&
        add_certificates(root, status) && add_rules(root, status) &&
        add_mitigations(root, status) && add_webhook(root, status) && add_stale(root, status) &&
        add_policy(root, status) && add_counters(root, &status->totals) &&
        json_dump_callback(root, append_json, out, JSON_COMPACT) == 0 &&
        buf_append(out, SLICE("\n"));
    json_decref(root);
    return ok;
}
