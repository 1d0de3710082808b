/* Access and decision records: their fields, and that no input breaks a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "log/log.h"
#include "proxy_limits.h"

#include "log/log_test.h"

static const struct net_address client_v4 = {{[10] = 0xff, [11] = 0xff, 203, 0, 113, 9}};

static struct access_record full_access_record(void)
{
    return (struct access_record){
        .wall_us = UINT64_C(1767225600123456),
        .connection_id = 7,
        .request_number = 2,
        .client = client_v4,
        .client_port = 51000,
        .listener = SLICE("https://0.0.0.0:443"),
        .upstream = SLICE("https://exch01:443"),
        .method = SLICE("GET"),
        .host = SLICE("mail.example.com"),
        .target = SLICE("/owa/?a=1&password=x"),
        .vdir = SLICE("owa"),
        .http_minor = 1,
        .status = 403,
        .upstream_status = 200,
        .bytes_in = 1,
        .bytes_out = 22,
        .head_us = 3,
        .inspect_us = 4,
        .connect_us = 5,
        .response_us = 6,
        .total_us = 7,
        .reason = END_RULE_BLOCK,
        .detail = SLICE("say \"x\""),
        .ruleset = SLICE("builtin@1.0.0"),
        .rule_id = SLICE("SG-1"),
        .incident_id = SLICE("I1"),
        .decision = SLICE("block"),
    };
}

/* The file that a program with these records leaves behind. */
static char *log_access(const struct access_record *records, size_t n)
{
    struct err err;
    struct log_writer *writer = log_writer_start("access.log", NULL, &err);
    assert_non_null(writer);
    struct log_buffer *buffer = log_buffer_new(writer);
    assert_non_null(buffer);
    for (size_t i = 0; i < n; i++)
        access_log_write(buffer, &records[i]);
    assert_int_equal(log_buffer_dropped(buffer), 0);
    log_buffer_free(buffer);
    log_writer_stop(writer);
    return take_file("access.log", NULL);
}

static char *log_decisions(const struct decision_record *records, size_t n)
{
    struct err err;
    struct log_writer *writer = log_writer_start(NULL, "decisions.log", &err);
    assert_non_null(writer);
    struct log_buffer *buffer = log_buffer_new(writer);
    for (size_t i = 0; i < n; i++)
        decision_log_write(buffer, &records[i]);
    log_buffer_free(buffer);
    log_writer_stop(writer);
    return take_file("decisions.log", NULL);
}

static void test_an_access_line_has_all_fields_in_order(void **state)
{
    (void)state;
    struct access_record record = full_access_record();
    char *text = log_access(&record, 1);
    assert_string_equal(
        text, "{\"v\":1,\"time\":\"2026-01-01T00:00:00.123456Z\",\"conn\":7,\"req\":2,"
              "\"client\":\"203.0.113.9\",\"port\":51000,\"listener\":\"https://0.0.0.0:443\","
              "\"upstream\":\"https://exch01:443\",\"method\":\"GET\","
              "\"host\":\"mail.example.com\",\"target\":\"/owa/?a=1&password=***\","
              "\"vdir\":\"owa\",\"http\":\"1.1\",\"status\":403,\"upstream_status\":200,"
              "\"bytes_in\":1,\"bytes_out\":22,\"head_us\":3,\"inspect_us\":4,\"connect_us\":5,"
              "\"response_us\":6,\"total_us\":7,\"end\":\"rule_block\","
              "\"detail\":\"say \\\"x\\\"\",\"ruleset\":\"builtin@1.0.0\",\"rule\":\"SG-1\","
              "\"incident\":\"I1\",\"decision\":\"block\"}\n");
    free(text);
}

static void test_what_is_not_known_is_left_out_of_an_access_line(void **state)
{
    (void)state;
    struct access_record record = {.client = client_v4, .reason = END_TLS_FAILED};
    char *text = log_access(&record, 1);
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    static const char *const absent[] = {
        "listener",        "upstream", "method",  "host", "target",   "vdir",    "status",
        "upstream_status", "detail",   "ruleset", "rule", "incident", "decision"};
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        assert_null(json_object_get(object, absent[i]));
    assert_string_equal(json_string_value(json_object_get(object, "end")), "tls_failed");
    assert_int_equal(json_integer_value(json_object_get(object, "bytes_in")), 0);
    assert_true(json_is_integer(json_object_get(object, "bytes_in")));
    json_decref(object);
    free(text);
}

static void test_a_decision_line_names_the_rules_that_matched(void **state)
{
    (void)state;
    const struct rule_hit hits[] = {
        {.rule_id = SLICE("SG-1"),
         .cve = SLICE("CVE-2021-26855"),
         .title = SLICE("a title"),
         .action = SLICE("block"),
         .field = SLICE("query"),
         .excerpt = SLICE("x=1&password=hunter2"),
         .view = VIEW_ONCE,
         .is_enforced = true},
        {.rule_id = SLICE("SG-2"), .excerpt = SLICE("hunter2"), .is_secret = true},
    };
    struct decision_record record = {
        .wall_us = 1,
        .connection_id = 3,
        .request_number = 4,
        .client = client_v4,
        .incident_id = SLICE("I1"),
        .decision = SLICE("block"),
        .method = SLICE("GET"),
        .host = SLICE("h"),
        .target = SLICE("/ecp/?token=hunter2"),
        .vdir = SLICE("ecp"),
        .ruleset = SLICE("builtin@1.0.0"),
        .status = 403,
        .hits = hits,
        .n_hits = 2,
        .hits_truncated = true,
    };
    char *text = log_decisions(&record, 1);
    assert_string_equal(
        text, "{\"v\":1,\"time\":\"1970-01-01T00:00:00.000001Z\",\"conn\":3,\"req\":4,"
              "\"client\":\"203.0.113.9\",\"incident\":\"I1\",\"decision\":\"block\","
              "\"method\":\"GET\",\"host\":\"h\",\"target\":\"/ecp/?token=***\",\"vdir\":\"ecp\","
              "\"ruleset\":\"builtin@1.0.0\",\"status\":403,\"rules\":["
              "{\"id\":\"SG-1\",\"cve\":\"CVE-2021-26855\",\"title\":\"a title\","
              "\"action\":\"block\",\"enforced\":true,\"field\":\"query\",\"view\":\"once\","
              "\"excerpt\":\"x=1&password=***\"},"
              "{\"id\":\"SG-2\",\"enforced\":false,\"view\":\"raw\",\"excerpt\":\"***\"}],"
              "\"rules_truncated\":true}\n");
    free(text);
}

/* A small generator of its own: the same bytes on every machine. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static struct slice random_slice(const char *bytes, size_t size, uint32_t *seed)
{
    size_t len = next_random(seed) % 4 == 0 ? next_random(seed) % 6000 : next_random(seed) % 40;
    size_t from = next_random(seed) % (size - len);
    return slice_make(bytes + from, len);
}

static void check_lines(char *text, size_t n_expected)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    size_t n = 0;
    for (char *line = text; *line != '\0'; n++) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_true((size_t)(end + 1 - line) <= LIMIT_LOG_LINE_BYTES);
        json_t *object = json_loadb(line, (size_t)(end - line), flags, NULL);
        assert_non_null(object);
        json_decref(object);
        line = end + 1;
    }
    assert_int_equal(n, n_expected);
    free(text);
}

enum { N_HOSTILE = 300, HOSTILE_BYTES = 16 * 1024 };

/* Kind 0: random bytes; the others: one byte only, which needs the longest escape. */
static char *hostile_bytes(unsigned kind, uint32_t *seed)
{
    char *bytes = malloc(HOSTILE_BYTES);
    assert_non_null(bytes);
    for (size_t i = 0; i < HOSTILE_BYTES; i++)
        bytes[i] = kind == 0 ? (char)next_random(seed) : (kind == 1 ? '\x01' : '"');
    return bytes;
}

static void test_hostile_bytes_never_break_an_access_line(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (unsigned kind = 0; kind < 3; kind++) {
        char *bytes = hostile_bytes(kind, &seed);
        struct access_record *records = calloc(N_HOSTILE, sizeof(*records));
        assert_non_null(records);
        for (size_t i = 0; i < N_HOSTILE; i++) {
            struct access_record *record = &records[i];
            struct slice *const fields[] = {
                &record->listener, &record->upstream, &record->method,     &record->host,
                &record->target,   &record->vdir,     &record->detail,     &record->ruleset,
                &record->rule_id,  &record->decision, &record->incident_id};
            *record = (struct access_record){.wall_us = INT64_MAX,
                                             .connection_id = INT64_MAX,
                                             .request_number = INT64_MAX,
                                             .client = {{0xff, 0xff, 0xff}},
                                             .http_minor = 9,
                                             .status = 999,
                                             .upstream_status = 999,
                                             .bytes_in = INT64_MAX,
                                             .bytes_out = INT64_MAX,
                                             .total_us = INT64_MAX,
                                             .head_us = INT64_MAX,
                                             .inspect_us = INT64_MAX};
            for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
                *fields[f] = i == 0 ? slice_make(bytes, HOSTILE_BYTES)
                                    : random_slice(bytes, HOSTILE_BYTES, &seed);
        }
        /* 300 lines of 16 KiB would not all fit into the queue while the test holds the thread. */
        for (size_t i = 0; i < N_HOSTILE; i += 20)
            check_lines(log_access(records + i, 20), 20);
        free(records);
        free(bytes);
    }
}

static void fill_hostile_hits(struct rule_hit *hits, const char *bytes, uint32_t *seed,
                              bool longest)
{
    for (size_t i = 0; i < LIMIT_HITS_PER_REQUEST + 2; i++) {
        struct slice *const fields[] = {&hits[i].rule_id, &hits[i].cve,   &hits[i].title,
                                        &hits[i].action,  &hits[i].field, &hits[i].excerpt};
        hits[i] = (struct rule_hit){.view = (enum view_id)(i % (VIEW_COUNT + 1))};
        for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
            *fields[f] = longest ? slice_make(bytes, HOSTILE_BYTES)
                                 : random_slice(bytes, HOSTILE_BYTES, seed);
    }
}

static void test_hostile_bytes_never_break_a_decision_line(void **state)
{
    (void)state;
    uint32_t seed = 2;
    for (unsigned kind = 0; kind < 3; kind++) {
        char *bytes = hostile_bytes(kind, &seed);
        for (size_t i = 0; i < 40; i++) {
            struct rule_hit hits[LIMIT_HITS_PER_REQUEST + 2];
            struct decision_record record = {.wall_us = INT64_MAX,
                                             .connection_id = INT64_MAX,
                                             .request_number = INT64_MAX,
                                             .client = {{0xff, 0xff, 0xff}},
                                             .status = 999,
                                             .hits = hits,
                                             .n_hits = LIMIT_HITS_PER_REQUEST + 2};
            struct slice *const fields[] = {&record.incident_id, &record.decision, &record.method,
                                            &record.host,        &record.target,   &record.vdir,
                                            &record.ruleset};
            fill_hostile_hits(hits, bytes, &seed, i == 0);
            for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
                *fields[f] = i == 0 ? slice_make(bytes, HOSTILE_BYTES)
                                    : random_slice(bytes, HOSTILE_BYTES, &seed);
            check_lines(log_decisions(&record, 1), 1);
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_access_line_has_all_fields_in_order),
        cmocka_unit_test(test_what_is_not_known_is_left_out_of_an_access_line),
        cmocka_unit_test(test_a_decision_line_names_the_rules_that_matched),
        cmocka_unit_test(test_hostile_bytes_never_break_an_access_line),
        cmocka_unit_test(test_hostile_bytes_never_break_a_decision_line),
    };
    test_folder_enter();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_folder_leave();
    return failed;
}
