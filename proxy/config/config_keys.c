/* The table of every configuration key with its range and default. */
#include "config/config_internal.h"

#include "proxy_limits.h"

#include "stopgap/limits.h"

#include "stopgap/banned.h"

#define KIB UINT64_C(1024)
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define YEAR (24 * HOUR * 366)

/* The sweep cannot see much less, and tests want the least there is. */
#define SHORTEST_MS 100

#define AT(field) offsetof(struct config, field)
/* A key of an element of one of the lists below. */
#define LISTEN(field)                                                                              \
    .list = &config_lists[LIST_LISTEN], .offset = offsetof(struct listen_config, field)
#define SERVER(field)                                                                              \
    .list = &config_lists[LIST_SERVERS], .offset = offsetof(struct server_config, field)
#define CERTIFICATE(field)                                                                         \
    .list = &config_lists[LIST_CERTIFICATES], .offset = offsetof(struct certificate_config, field)
#define MODE(field) .list = &config_lists[LIST_MODES], .offset = offsetof(struct mode_config, field)
#define EXCLUSION(field)                                                                           \
    .list = &config_lists[LIST_EXCLUSIONS], .offset = offsetof(struct exclusion_config, field)
#define PASS_THROUGH(field)                                                                        \
    .list = &config_lists[LIST_PASS_THROUGH], .offset = offsetof(struct pass_through_config, field)
#define NUMBER(of_kind, name, field, least, most, normal)                                          \
    {                                                                                              \
        .path = (name), .kind = (of_kind), .offset = AT(field), .min = (least), .max = (most),     \
        .standard = (normal)                                                                       \
    }
#define COUNT(name, field, least, most, normal) NUMBER(KEY_COUNT, name, field, least, most, normal)
#define SIZE(name, field, least, most, normal) NUMBER(KEY_SIZE, name, field, least, most, normal)
#define DURATION(name, field, longest, normal)                                                     \
    NUMBER(KEY_DURATION, name, field, SHORTEST_MS, longest, normal)

enum {
    LIST_LISTEN = 0,
    LIST_CERTIFICATES,
    LIST_SERVERS,
    LIST_MODES,
    LIST_EXCLUSIONS,
    LIST_PASS_THROUGH
};

const struct config_list config_lists[] = {
    [LIST_LISTEN] = {.path = "listen[]",
                     .items_at = AT(listen),
                     .n_at = AT(n_listen),
                     .size = sizeof(struct listen_config),
                     .max = LIMIT_LISTENERS,
                     .required = "listen[].url",
                     .complaint = "this listener has no url: add one such as https://0.0.0.0:443"},
    [LIST_CERTIFICATES] = {.path = "certificates[]",
                           .items_at = AT(certificates),
                           .n_at = AT(n_certificates),
                           .size = sizeof(struct certificate_config),
                           .max = LIMIT_CERTIFICATES - 1, /* one may stand with the listener */
                           .required = "certificates[].cert",
                           .complaint = "this certificate has no cert: name the chain's file"},
    [LIST_PASS_THROUGH] = {.path = "pass_through[]",
                           .items_at = AT(pass_through),
                           .n_at = AT(n_pass_through),
                           .size = sizeof(struct pass_through_config),
                           .max = LIMIT_PASS_THROUGH,
                           .required = "pass_through[].names",
                           .complaint = "this pass_through has no names: list those that shall not "
                                        "be inspected"},
    [LIST_SERVERS] = {.path = "upstream.servers[]",
                      .items_at = AT(upstream.servers),
                      .n_at = AT(upstream.n_servers),
                      .size = sizeof(struct server_config),
                      .max = LIMIT_SERVERS,
                      .required = "upstream.servers[].url",
                      .complaint = "this server has no url: add one such as "
                                   "https://exch01.example.com"},
    [LIST_MODES] = {.path = "modes[]",
                    .items_at = AT(modes),
                    .n_at = AT(n_modes),
                    .size = sizeof(struct mode_config),
                    .max = LIMIT_MODES,
                    .required = "modes[].mode",
                    .complaint = "this entry has no mode: add block, detect or off"},
    [LIST_EXCLUSIONS] = {.path = "exclusions[]",
                         .items_at = AT(exclusions),
                         .n_at = AT(n_exclusions),
                         .size = sizeof(struct exclusion_config),
                         .max = LIMIT_EXCLUSIONS,
                         .required = "exclusions[].rule",
                         .complaint = "this exclusion has no rule: add its id, or \"*\" for all"},
};

const size_t config_n_lists = sizeof(config_lists) / sizeof(config_lists[0]);

/* Keys of one section stand together; the printer relies on that. */
const struct config_key config_keys[] = {
    {.path = "listen[].url", .kind = KEY_LISTEN_URL, LISTEN(url)},
    {.path = "listen[].cert", .kind = KEY_TEXT, LISTEN(cert_path)},
    {.path = "listen[].key", .kind = KEY_TEXT, LISTEN(key_path)},
    {.path = "listen[].ocsp", .kind = KEY_TEXT, LISTEN(ocsp_path)},
    {.path = "certificates[].cert", .kind = KEY_TEXT, CERTIFICATE(cert_path)},
    {.path = "certificates[].key", .kind = KEY_TEXT, CERTIFICATE(key_path)},
    {.path = "certificates[].ocsp", .kind = KEY_TEXT, CERTIFICATE(ocsp_path)},
    {.path = "certificates[].names[]", .kind = KEY_NAMES, CERTIFICATE(names)},
    {.path = "pass_through[].names[]", .kind = KEY_NAMES, PASS_THROUGH(names)},
    {.path = "pass_through[].upstream", .kind = KEY_UPSTREAM_URL, PASS_THROUGH(server.url)},
    {.path = "upstream.url", .kind = KEY_UPSTREAM_URL, .offset = AT(upstream.one.url)},
    {.path = "upstream.servers[].url", .kind = KEY_UPSTREAM_URL, SERVER(url)},
    {.path = "upstream.servers[].name", .kind = KEY_TEXT, SERVER(name)},
    {.path = "upstream.servers[].build", .kind = KEY_TEXT, SERVER(build)},
    {.path = "upstream.servers[].weight",
     .kind = KEY_COUNT,
     .min = 1,
     .max = 100,
     .standard = 10,
     SERVER(weight)},
    {.path = "upstream.ca", .kind = KEY_TEXT, .offset = AT(upstream.ca_path)},
    {.path = "upstream.name", .kind = KEY_TEXT, .offset = AT(upstream.name)},
    {.path = "upstream.verify", .kind = KEY_BOOL, .offset = AT(upstream.verify), .standard = 1},
    {.path = "upstream.parity", .kind = KEY_BOOL, .offset = AT(upstream.parity), .standard = 1},
    {.path = "upstream.build", .kind = KEY_TEXT, .offset = AT(upstream.build)},
    {.path = "upstream.balance",
     .kind = KEY_WORD,
     .offset = AT(upstream.balance),
     .words = "least_connections source_hash"},
    {.path = "upstream.proxy_protocol",
     .kind = KEY_WORD,
     .offset = AT(upstream.proxy_protocol),
     .words = "none v1 v2"},
    {.path = "upstream.slow_start",
     .kind = KEY_DURATION,
     .offset = AT(upstream.slow_start_ms),
     .min = SHORTEST_MS,
     .max = HOUR,
     .standard = MINUTE,
     .is_zero_allowed = true},
    {.path = "health.enabled",
     .kind = KEY_WORD,
     .offset = AT(health.mode),
     .words = "auto true false"},
    DURATION("health.interval", health.interval_ms, HOUR, 10 * SECOND),
    DURATION("health.timeout", health.timeout_ms, 5 * MINUTE, 5 * SECOND),
    COUNT("health.rise", health.rise, 1, 100, 2),
    COUNT("health.fall", health.fall, 1, 100, 3),
    COUNT("health.status", health.status, 200, 599, 200),
    {.path = "health.vdirs[]",
     .kind = KEY_VDIRS,
     .offset = AT(health.vdirs),
     .words = "owa ecp ews mapi rpc oab autodiscover Microsoft-Server-ActiveSync"},
    {.path = "workers", .kind = KEY_WORKERS, .offset = AT(workers), .max = LIMIT_WORKERS},
    {.path = "mode", .kind = KEY_WORD, .offset = AT(mode), .words = "block detect off"},
    {.path = "fail_mode", .kind = KEY_WORD, .offset = AT(fail_mode), .words = "closed open"},
    {.path = "rules.builtin", .kind = KEY_BOOL, .offset = AT(use_builtin), .standard = 1},
    {.path = "rules.bundles[]", .kind = KEY_PATHS, .offset = AT(rules)},
    {.path = "rules.watch", .kind = KEY_TEXT, .offset = AT(rules_watch)},
    {.path = "rules.trust", .kind = KEY_TEXT, .offset = AT(trust_path)},
    {.path = "rules.root_expired",
     .kind = KEY_WORD,
     .offset = AT(root_expired),
     .words = "go_on hold"},
    COUNT("rules.max_cost", max_cost, 1000, 1000000, 20000),
    NUMBER(KEY_DURATION, "rules.canary", canary.time_ms, 0, 168 * HOUR, 30 * MINUTE),
    NUMBER(KEY_DURATION, "rules.canary_critical", canary.critical_ms, 0, 168 * HOUR, 2 * MINUTE),
    NUMBER(KEY_DURATION, "rules.canary_long", canary.long_ms, 0, 168 * HOUR, 24 * HOUR),
    COUNT("rules.canary_requests", canary.requests, 0, 10000000, 2000),
    COUNT("rules.canary_per_mille", canary.per_mille, 1, 1000, 5),
    NUMBER(KEY_DURATION, "rules.watchdog", watchdog_ms, 0, 168 * HOUR, HOUR),
    {.path = "rules.enabled[]", .kind = KEY_RULE_IDS, .offset = AT(rules_enabled)},
    {.path = "rules.when_stale", .kind = KEY_WORD, .offset = AT(when_stale), .words = "off on"},
    NUMBER(KEY_DURATION, "rules.stale_after", stale_after_ms, MINUTE, 5 * YEAR, STALE_AFTER_MS),
    {.path = "modes[].rule", .kind = KEY_TEXT, .check = config_check_rule_id, MODE(rule)},
    {.path = "modes[].vdir", .kind = KEY_TEXT, .check = config_check_vdir, MODE(vdir)},
    {.path = "modes[].mode", .kind = KEY_WORD, .words = "block detect off", MODE(mode)},
    {.path = "exclusions[].rule",
     .kind = KEY_TEXT,
     .check = config_check_rule_name,
     EXCLUSION(rule)},
    {.path = "exclusions[].path", .kind = KEY_TEXT, .check = config_check_path, EXCLUSION(path)},
    {.path = "exclusions[].methods[]",
     .kind = KEY_PATHS,
     .check = config_check_method,
     EXCLUSION(methods)},
    {.path = "exclusions[].networks[]", .kind = KEY_NETWORKS, EXCLUSION(networks)},
    {.path = "exclusions[].comment", .kind = KEY_TEXT, EXCLUSION(comment)},
    {.path = "exclusions[].until", .kind = KEY_TEXT, .check = config_check_until, EXCLUSION(until)},
    {.path = "harden.ecp_from[]", .kind = KEY_NETWORKS, .offset = AT(harden.ecp_from)},
    {.path = "harden.powershell_from[]",
     .kind = KEY_NETWORKS,
     .offset = AT(harden.powershell_from)},
    {.path = "harden.owa_light",
     .kind = KEY_WORD,
     .offset = AT(harden.owa_light),
     .words = "allow deny"},
    {.path = "harden.shapes",
     .kind = KEY_WORD,
     .offset = AT(harden.shapes),
     .words = "off detect block"},
    {.path = "mitigations.enabled",
     .kind = KEY_BOOL,
     .offset = AT(mitigations.enabled),
     .standard = 1},
    {.path = "mitigations.server_enabled",
     .kind = KEY_BOOL,
     .offset = AT(mitigations.server_enabled),
     .standard = 1},
    {.path = "mitigations.blocked[]", .kind = KEY_RULE_IDS, .offset = AT(mitigations.blocked)},
    {.path = "mitigations.applicability",
     .kind = KEY_WORD,
     .offset = AT(mitigations.applicability),
     .words = "on off"},
    DURATION("mitigations.settle", mitigations.settle_ms, 24 * HOUR, MITIGATIONS_SETTLE_MS),
    NUMBER(KEY_DURATION, "mitigations.forget", mitigations.forget_ms, MINUTE, 720 * HOUR,
           MITIGATIONS_FORGET_MS),
    {.path = "mitigations.ask", .kind = KEY_BOOL, .offset = AT(mitigations.asks), .standard = 1},
    DURATION("mitigations.ask_every", mitigations.ask_every_ms, 720 * HOUR, MITIGATIONS_ASK_MS),
    {.path = "eocs.url", .kind = KEY_TEXT, .offset = AT(eocs.url)},
    DURATION("eocs.every", eocs.every_ms, 24 * HOUR, HOUR),
    DURATION("eocs.timeout", eocs.timeout_ms, 10 * MINUTE, 2 * MINUTE),
    {.path = "eocs.enforce", .kind = KEY_BOOL, .offset = AT(eocs.enforces)},
    {.path = "eocs.ca", .kind = KEY_TEXT, .offset = AT(eocs.ca_path)},
    {.path = "eocs.proxy", .kind = KEY_SECRET_URL, .offset = AT(eocs.proxy)},
    {.path = "eocs.sign_anchors", .kind = KEY_TEXT, .offset = AT(eocs.sign_anchors)},
    {.path = "eocs.ts_anchors", .kind = KEY_TEXT, .offset = AT(eocs.ts_anchors)},
    {.path = "eocs.deny", .kind = KEY_TEXT, .offset = AT(eocs.deny)},
    {.path = "feed.urls[]",
     .kind = KEY_PATHS,
     .check = config_check_mirror,
     .offset = AT(feed.urls)},
    {.path = "feed.names[]",
     .kind = KEY_PATHS,
     .check = config_check_bundle_name,
     .offset = AT(feed.names)},
    {.path = "feed.ring", .kind = KEY_WORD, .offset = AT(feed.ring), .words = "stable early"},
    NUMBER(KEY_DURATION, "feed.spread", feed.spread_ms, 0, 24 * HOUR, 4 * HOUR),
    DURATION("feed.every", feed.every_ms, 24 * HOUR, HOUR),
    DURATION("feed.timeout", feed.timeout_ms, 10 * MINUTE, 2 * MINUTE),
    {.path = "feed.ca", .kind = KEY_TEXT, .offset = AT(feed.ca_path)},
    {.path = "feed.proxy", .kind = KEY_TEXT, .offset = AT(feed.proxy)},
    {.path = "feed.allow_http", .kind = KEY_BOOL, .offset = AT(feed.allows_http), .standard = 1},
    {.path = "events.command[]", .kind = KEY_PATHS, .offset = AT(events.command)},
    {.path = "events.webhook",
     .kind = KEY_SECRET_URL,
     .check = config_check_secret_url,
     .offset = AT(events.webhook)},
    {.path = "events.webhook_ca", .kind = KEY_TEXT, .offset = AT(events.webhook_ca)},
    DURATION("events.webhook_timeout", events.webhook_timeout_ms, 5 * MINUTE, TIMEOUT_EVENT_MS),
    {.path = "state", .kind = KEY_TEXT, .offset = AT(state_dir)},
    {.path = "log.access", .kind = KEY_LOG, .offset = AT(access_log)},
    {.path = "log.decisions", .kind = KEY_LOG, .offset = AT(decision_log)},
    {.path = "log.syslog", .kind = KEY_BOOL, .offset = AT(log_syslog)},
    {.path = "admin[]", .kind = KEY_ADMIN_URLS},
    {.path = "trusted_proxies[]", .kind = KEY_NETWORKS, .offset = AT(trusted_proxies)},
    {.path = "allow_upgrade", .kind = KEY_BOOL, .offset = AT(allow_upgrade)},
    {.path = "proxy_protocol", .kind = KEY_BOOL, .offset = AT(proxy_protocol)},

    DURATION("timeouts.header", timeouts.header_ms, 10 * MINUTE, TIMEOUT_HEADER_MS),
    DURATION("timeouts.keepalive", timeouts.keepalive_ms, 24 * HOUR, TIMEOUT_KEEPALIVE_MS),
    DURATION("timeouts.connect", timeouts.connect_ms, 5 * MINUTE, TIMEOUT_CONNECT_MS),
    DURATION("timeouts.handshake", timeouts.handshake_ms, 5 * MINUTE, TIMEOUT_HANDSHAKE_MS),
    DURATION("timeouts.relay", timeouts.relay_ms, 24 * HOUR, TIMEOUT_RELAY_MS),
    DURATION("timeouts.body", timeouts.body_ms, HOUR, TIMEOUT_BODY_MS),
    DURATION("timeouts.write", timeouts.write_ms, HOUR, TIMEOUT_WRITE_MS),
    DURATION("timeouts.upstream", timeouts.upstream_ms, 24 * HOUR, TIMEOUT_RELAY_MS),
    DURATION("timeouts.upstream_idle", timeouts.upstream_idle_ms, 24 * HOUR,
             TIMEOUT_UPSTREAM_IDLE_MS),
    DURATION("timeouts.drain", timeouts.drain_ms, HOUR, TIMEOUT_DRAIN_MS),
    NUMBER(KEY_DURATION, "timeouts.drain_delay", timeouts.drain_delay_ms, 0, HOUR, 0),

    /* A head and all its views must fit into the memory of a transaction (LIMIT_ARENA_BYTES). */
    SIZE("limits.field", limits.field_bytes, KIB, 128 * KIB, LIMIT_FIELD_BYTES),
    SIZE("limits.head", limits.head_bytes, 4 * KIB, 256 * KIB, LIMIT_HEAD_BYTES),
    COUNT("limits.fields", limits.fields, 16, 1000, LIMIT_FIELDS),
    SIZE("limits.target", limits.target_bytes, 256, 64 * KIB, LIMIT_TARGET_BYTES),
    {.path = "limits.body",
     .kind = KEY_SIZE,
     .offset = AT(limits.body_bytes),
     .min = 64 * KIB,
     .max = INT64_MAX,
     .is_zero_allowed = true},
    COUNT("limits.connections", limits.connections, 1, 1000000, LIMIT_CONNECTIONS),
    {.path = "limits.connections_per_address",
     .kind = KEY_COUNT,
     .offset = AT(limits.connections_per_address),
     .min = 1,
     .max = 1000000,
     .is_zero_allowed = true},
};

const size_t config_n_keys = sizeof(config_keys) / sizeof(config_keys[0]);
_Static_assert(sizeof(config_keys) / sizeof(config_keys[0]) <= CONFIG_MAX_KEYS, "a bit for each");

const struct config_key *config_key_find(const char *path)
{
    for (size_t i = 0; i < config_n_keys; i++)
        if (strcmp(config_keys[i].path, path) == 0)
            return &config_keys[i];
    return NULL;
}

const struct config_list *config_list_find(const char *path)
{
    for (size_t i = 0; i < config_n_lists; i++)
        if (strcmp(config_lists[i].path, path) == 0)
            return &config_lists[i];
    return NULL;
}

enum key_shape config_key_shape(const char *path, size_t *ret_index)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < config_n_keys; i++) {
        if (strncmp(config_keys[i].path, path, len) != 0)
            continue;
        char next = config_keys[i].path[len];
        if (next != '\0' && next != '.' && next != '[')
            continue;
        *ret_index = i;
        if (next == '\0')
            return SHAPE_SCALAR;
        return next == '[' ? SHAPE_LIST : SHAPE_MAPPING;
    }
    return SHAPE_UNKNOWN;
}
