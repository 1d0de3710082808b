/* A status written by hand, as a backend would give it. */
#pragma once

#include "admin/admin.h"

#include <stdlib.h>

static char fixture_listener_a[] = "https://0.0.0.0:443";
static char fixture_listener_b[] = "https://[::]:443";
static char *fixture_listeners[] = {fixture_listener_a, fixture_listener_b};

/* Two rules; the second one's texts are hostile. Free with status_done. */
static inline struct status fixture_status(void)
{
    struct status status = {
        .version = "1.0.0",
        .started_unix = 1767225600, /* 2026-01-01 00:00:00 UTC */
        .is_ready = true,
        .mode = RULES_BLOCK,
        .n_workers = 2,
        .listeners = {.items = fixture_listeners, .n = 2},
        .upstream = "https://exch01.example.com:443",
        .ruleset_name = "builtin@1.0.0",
        .ruleset_hash = "00ff",
        .ruleset = {.n_rules = 2, .n_patterns = 7, .database_bytes = 4096, .load_us = 1500000},
        .ruleset_since_unix = 1767225661,
        .reloads_ok = 3,
        .reloads_failed = 1,
        .n_rules = 2,
    };
    status.totals.requests = 12345;
    status.totals.requests_blocked = 17;
    status.totals.connections_open = 5;
    status.totals.ended[END_OK] = 12000;
    status.totals.ended[END_RULE_BLOCK] = 17;
    status.rules = calloc(2, sizeof(*status.rules));
    status.servers = calloc(1, sizeof(*status.servers));
    status.certificates = calloc(1, sizeof(*status.certificates));
    if (status.rules == NULL || status.servers == NULL || status.certificates == NULL)
        abort();
    status.n_servers = 1;
    status.n_certificates = 1;
    status.certificates[0] = (struct certificate_status){.path = "/etc/stopgap/\x1b[2J\".pem",
                                                         .sha256 = "ab",
                                                         .until_unix = 4102444800, /* 2100 */
                                                         .has_staple = true,
                                                         .staple_until_unix = 4102444801,
                                                         .staple_problem = ""};
    status.servers[0] = (struct server_status){
        .url = "https://exch01",
        .weight = 10,
        .connections_open = 3,
        .connections = 9,
        .failures = 2,
        .vdirs = {{.name = "owa", .state = "up", .since_unix = 1767225661, .checks = 6},
                  {.name = "mapi",
                   .state = "down",
                   .is_down = true,
                   .since_unix = 1767225662,
                   .checks = 6,
                   .failed = 4,
                   .error = "\x1b[2J status 503 instead of 200"}},
        .n_vdirs = 2,
        .parity = "differs",
        .is_parity_known = true,
        .parity_names = "mail.example.com",
        .parity_error = "\x1b[2J connection refused",
        .ours_sha256 = "ab",
        .certificate_sha256 = "cd",
        .certificate_until_unix = 4102444802};
    status.rules[0] = (struct rule_status){.info = {.id = "SG-1",
                                                    .title = "first rule",
                                                    .cve = "CVE-2021-26855",
                                                    .severity = "critical",
                                                    .action = "block",
                                                    .side_effects = "none known",
                                                    .source = "builtin",
                                                    .is_enforced = true},
                                           .hits = 17};
    status.rules[1] = (struct rule_status){.info = {.id = "SG-\"2\"\n\\",
                                                    .title = "\x1b[2J\xff\xc2\x9bq\xc3\xa4",
                                                    .action = "detect",
                                                    .source = "own"},
                                           .hits = 1};
    return status;
}

static inline void fixture_refuse_reload(struct status *status)
{
    (void)snprintf(status->reload_error, sizeof(status->reload_error), "1 of 2 signatures");
    (void)snprintf(status->reload_error_code, sizeof(status->reload_error_code), "E_SIG_THRESHOLD");
    status->reload_error_unix = 1767225722;
}
