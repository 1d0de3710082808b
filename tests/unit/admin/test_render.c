/* Metrics, JSON and the page for people, from a status written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "proxy_limits.h"

#include "admin/status_fixture.h"

/* The metrics as a NUL-terminated text in out. */
static void render_metrics(const struct status *status, struct buf *out)
{
    buf_init(out, LIMIT_ADMIN_RESPONSE_BYTES);
    assert_true(metrics_render(status, out));
    assert_true(buf_append(out, slice_make("", 1)));
}

static void test_metrics_show_what_the_status_says(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "# TYPE stopgap_requests_total counter\nstopgap_requests_total 12345\n",
        "# HELP stopgap_requests_blocked_total Requests stopped by a rule.\n",
        "\nstopgap_requests_blocked_total 17\n",
        "# TYPE stopgap_connections_open gauge\nstopgap_connections_open 5\n",
        "\nstopgap_ended_total{reason=\"ok\"} 12000\n",
        "\nstopgap_ended_total{reason=\"rule_block\"} 17\n",
        "\nstopgap_ended_total{reason=\"shutdown\"} 0\n",
        "\nstopgap_rule_hits_total{rule=\"SG-1\",action=\"block\",enforced=\"true\"} 17\n",
        "\nstopgap_rule_hits_total{rule=\"SG-\\\"2\\\"\\n\\\\\",action=\"detect\",enforced="
        "\"false\"} "
        "1\n",
        "\nstopgap_ruleset_info{name=\"builtin@1.0.0\",hash=\"00ff\"} 1\n",
        "\nstopgap_ruleset_rules 2\n",
        "\nstopgap_ruleset_loaded_timestamp_seconds 1767225661\n",
        "\nstopgap_reloads_total{result=\"ok\"} 3\n",
        "\nstopgap_reloads_total{result=\"failed\"} 1\n",
        "stopgap_build_info{version=\"1.0.0\"} 1\n",
        "\nstopgap_mode_info{mode=\"block\"} 1\n",
        "\nstopgap_ready 1\n",
        "\nstopgap_server_connections{server=\"https://exch01\"} 3\n",
        "\nstopgap_server_connect_failures_total{server=\"https://exch01\"} 2\n",
        "\nstopgap_server_up{server=\"https://exch01\",vdir=\"owa\"} 1\n",
        "\nstopgap_server_up{server=\"https://exch01\",vdir=\"mapi\"} 0\n",
        "\nstopgap_server_checks_failed_total{server=\"https://exch01\",vdir=\"mapi\"} 4\n",
        "\nstopgap_certificate_expiry_timestamp_seconds{certificate=\"/etc/stopgap/"
        "\x1b[2J\\\".pem\","
        "sha256=\"ab\"} 4102444800\n",
        "\",sha256=\"ab\"} 4102444801\n",
        "\nstopgap_certificate_parity{server=\"https://exch01\"} 0\n",
        "\nstopgap_server_certificate_expiry_timestamp_seconds{server=\"https://exch01\"} "
        "4102444802\n",
        "\nstopgap_last_reload_successful 1\n",
    };
    struct status status = fixture_status();
    struct buf out;
    render_metrics(&status, &out);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        print_message("  %s\n", lines[i]);
        assert_non_null(strstr(out.ptr, lines[i]));
    }
    buf_done(&out);
    fixture_refuse_reload(&status);
    status.mode = RULES_DETECT;
    status.is_ready = false;
    render_metrics(&status, &out);
    assert_non_null(strstr(out.ptr, "\nstopgap_last_reload_successful 0\n"));
    assert_non_null(strstr(out.ptr, "\nstopgap_mode_info{mode=\"detect\"} 1\n"));
    assert_non_null(strstr(out.ptr, "\nstopgap_ready 0\n"));
    buf_done(&out);
    status_done(&status);
}

static void test_metrics_are_bounded(void **state)
{
    (void)state;
    struct status status = fixture_status();
    struct buf out;
    buf_init(&out, 2000);
    assert_false(metrics_render(&status, &out));
    buf_done(&out);
    buf_init(&out, 100);
    assert_false(status_render_json(&status, &out));
    buf_done(&out);
    status_done(&status);
}

static void test_promtool_likes_the_metrics(void **state)
{
    (void)state;
    if (system("command -v promtool >/dev/null 2>&1") != 0) {
        print_message("skipped: promtool is not installed\n");
        skip();
    }
    struct status status = fixture_status();
    struct buf out;
    buf_init(&out, LIMIT_ADMIN_RESPONSE_BYTES);
    assert_true(metrics_render(&status, &out));
    FILE *pipe = popen("promtool check metrics", "w");
    assert_non_null(pipe);
    assert_int_equal(fwrite(out.ptr, 1, out.len, pipe), out.len);
    assert_int_equal(pclose(pipe), 0);
    buf_done(&out);
    status_done(&status);
}

static json_t *render_json(const struct status *status)
{
    struct buf out;
    buf_init(&out, LIMIT_ADMIN_RESPONSE_BYTES);
    assert_true(status_render_json(status, &out));
    json_t *root = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    buf_done(&out);
    return root;
}

static void test_the_json_says_all_of_the_status(void **state)
{
    (void)state;
    struct status status = fixture_status();
    json_t *root = render_json(&status);
    const char *mode, *name, *id, *cve, *listener;
    json_int_t v, since, requests, open, ok_loads, hits, blocked;
    int ready, enforced;
    assert_int_equal(json_unpack(root, "{s:I, s:s, s:b, s:I, s:[s,s]}", "v", &v, "mode", &mode,
                                 "ready", &ready, "connections_open", &open, "listeners", &listener,
                                 &name),
                     0);
    assert_string_equal(mode, "block");
    assert_string_equal(listener, "https://0.0.0.0:443");
    assert_true(v == 1 && ready && open == 5);
    assert_int_equal(json_unpack(root, "{s:{s:s, s:I}, s:{s:I}, s:{s:I}, s:{s:I}}", "ruleset",
                                 "name", &name, "since_unix", &since, "counters", "requests",
                                 &requests, "reload", "ok", &ok_loads, "ended", "rule_block",
                                 &blocked),
                     0);
    assert_string_equal(name, "builtin@1.0.0");
    assert_true(since == 1767225661 && requests == 12345 && ok_loads == 3 && blocked == 17);
    assert_int_equal(json_unpack(root, "{s:[{s:s, s:s, s:I, s:b}, {}]}", "rules", "id", &id, "cve",
                                 &cve, "hits", &hits, "enforced", &enforced),
                     0);
    assert_string_equal(id, "SG-1");
    assert_string_equal(cve, "CVE-2021-26855");
    assert_true(hits == 17 && enforced);
    assert_null(json_object_get(json_object_get(root, "reload"), "error"));
    json_decref(root);
    status_done(&status);
}

static void test_a_refused_load_stands_in_the_json_with_its_remedy(void **state)
{
    (void)state;
    struct status status = fixture_status();
    fixture_refuse_reload(&status);
    json_t *root = render_json(&status);
    const char *code, *text, *remedy;
    assert_int_equal(json_unpack(root, "{s:{s:{s:s, s:s, s:s}}}", "reload", "error", "code", &code,
                                 "text", &text, "remedy", &remedy),
                     0);
    assert_string_equal(code, "E_SIG_THRESHOLD");
    assert_string_equal(text, "1 of 2 signatures");
    assert_non_null(strstr(remedy, "signatures"));
    json_decref(root);
    status_done(&status);
}

static void test_an_empty_status_renders_too(void **state)
{
    (void)state;
    struct status status = {0};
    json_decref(render_json(&status));
    struct buf out;
    render_metrics(&status, &out);
    assert_non_null(strstr(out.ptr, "stopgap_ruleset_info{name=\"\",hash=\"\"} 1\n"));
    buf_done(&out);
}

/* The page as text; the caller frees. */
static char *render_page(const struct status *status)
{
    struct buf json;
    struct err err;
    char *page = NULL;
    size_t size = 0;
    buf_init(&json, LIMIT_ADMIN_RESPONSE_BYTES);
    assert_true(status_render_json(status, &json));
    FILE *out = open_memstream(&page, &size);
    assert_non_null(out);
    assert_true(status_render_text(buf_slice(&json), out, &err));
    (void)fclose(out);
    buf_done(&json);
    return page;
}

static void test_the_page_tells_a_person_the_state(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "state         ready\n",
        "server        https://exch01: 3 connections open, 2 of 9 could not be made; 1 of 2 "
        "directories up\n",
        "  DOWN        mapi since 2026-01-01 00:01:02 UTC, 4 of 6 checks failed, last: ?[2J status "
        "503 instead of 200\n",
        "mode          block: rules do what they say\n",
        "since         2026-01-01 00:00:00 UTC\n",
        "listens       https://0.0.0.0:443\n",
        "              https://[::]:443\n",
        "upstream      https://exch01.example.com:443\n",
        "rule set      builtin@1.0.0\n",
        "active since  2026-01-01 00:01:01 UTC\n",
        "2 rules, 7 patterns, 4 KiB, loaded in 1500 ms\n",
        "loads         3 good, 1 refused\n",
        "enforced  block          first rule\n",
        "  CERTIFICATE differs from what clients see here for mail.example.com",
        "  certificate was not seen at the last try: ?[2J connection refused\n",
        ".pem until 2100-01-01 00:00:00 UTC, OCSP response until 2100-01-01 00:00:01 UTC\n",
        "           12345  Requests that ended, whatever the end\n",
        "              17  a rule blocked the request\n",
    };
    struct status status = fixture_status();
    char *page = render_page(&status);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        print_message("  %s\n", parts[i]);
        assert_non_null(strstr(page, parts[i]));
    }
    assert_null(strstr(page, "REFUSED"));
    free(page);
    fixture_refuse_reload(&status);
    status.mode = RULES_OFF;
    status.is_draining = true;
    status.trust_is_expired = true;
    page = render_page(&status);
    assert_non_null(strstr(page, "mode          OFF: no request is inspected\n"));
    assert_non_null(strstr(page, "DRAINING"));
    assert_non_null(strstr(page, "EXPIRED"));
    assert_non_null(strstr(page, "THE LAST LOAD WAS REFUSED; the set above stays in force.\n"));
    assert_non_null(strstr(page, "  code        E_SIG_THRESHOLD\n"));
    assert_non_null(strstr(page, "  when        2026-01-01 00:02:02 UTC\n"));
    assert_non_null(strstr(page, "  remedy      "));
    free(page);
    status_done(&status);
}

static void test_no_control_byte_reaches_the_terminal(void **state)
{
    (void)state;
    struct status status = fixture_status();
    char *page = render_page(&status);
    for (const char *c = page; *c != '\0'; c++)
        assert_true((unsigned char)*c >= 0x20 || *c == '\n');
    assert_null(strstr(page, "\xc2\x9b"));
    free(page);
    status_done(&status);
}

static void test_a_page_is_made_of_a_status_only(void **state)
{
    (void)state;
    static const char *const inputs[] = {"", "x", "[]", "{}", "{\"v\":2}", "{\"v\":\"1\"}"};
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        struct err err = {0};
        assert_false(status_render_text(slice_str(inputs[i]), stdout, &err));
        assert_string_equal(err.code, "E_ANSWER");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics_show_what_the_status_says),
        cmocka_unit_test(test_metrics_are_bounded),
        cmocka_unit_test(test_promtool_likes_the_metrics),
        cmocka_unit_test(test_the_json_says_all_of_the_status),
        cmocka_unit_test(test_a_refused_load_stands_in_the_json_with_its_remedy),
        cmocka_unit_test(test_an_empty_status_renders_too),
        cmocka_unit_test(test_the_page_tells_a_person_the_state),
        cmocka_unit_test(test_no_control_byte_reaches_the_terminal),
        cmocka_unit_test(test_a_page_is_made_of_a_status_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
