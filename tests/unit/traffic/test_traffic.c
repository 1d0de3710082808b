/* Requests come out of each format as a client would send them. */
#include "traffic/traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "stopgap/banned.h"

static const struct {
    const char *name;
    const char *text;
    const char *first;  /* the first request */
    const char *second; /* NULL: there is none */
    size_t n_skipped;
} cases[] = {
    {"raw requests behind each other",
     "GET /owa/ HTTP/1.1\r\nHost: a\r\nCookie: b=c\r\n\r\nGET /ecp/ HTTP/1.1\r\nHost: b\r\n\r\n",
     "GET /owa/ HTTP/1.1\r\nHost: a\r\nCookie: b=c\r\n\r\n",
     "GET /ecp/ HTTP/1.1\r\nHost: b\r\n\r\n", 0},
    {"a raw body, with line ends of an editor",
     "\nPOST /ews/ HTTP/1.1\nHost: a\nContent-Length: 3\n\nabcGET / HTTP/1.0\nHost: a\n\n",
     "POST /ews/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
     "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"what is between raw requests", "nonsense\nGET / HTTP/1.1\nHost: a\n\n",
     "GET / HTTP/1.1\r\nHost: a\r\n\r\n", NULL, 1},
    {"a raw target with quotes", "GET /ecp/x.js?a=\"b\" HTTP/1.1\nHost: a\n\n",
     "GET /ecp/x.js?a=\"b\" HTTP/1.1\r\nHost: a\r\n\r\n", NULL, 0},
    {"a corpus",
     "{\"id\":\"1\",\"method\":\"POST\",\"target\":\"/ews/\",\"headers\":[[\"Host\","
     "\"a\"],[\"Content-Length\",\"9\"]],\"body_b64\":\"YWJj\"}\n"
     "{\"method\":\"GET\",\"target\":\"/\",\"headers\":[\"Host: b\"]}\n",
     "POST /ews/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
     "GET / HTTP/1.1\r\nHost: b\r\n\r\n", 0},
    {"a body in chunks",
     "{\"method\":\"POST\",\"target\":\"/\",\"headers\":[[\"Host\",\"a\"],[\"Transfer-Encoding\","
     "\"chunked\"]],\"body_framing\":\"chunked\",\"body_b64\":\"MQ0KYQ0KMA0KDQo=\"}",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", NULL,
     0},
    {"an access log of ours",
     "{\"v\":1,\"time\":\"x\",\"method\":\"GET\",\"host\":\"mail\",\"target\":\"/owa/?a=b\"}\n"
     "{\"v\":1,\"decision\":\"block\"}\ncut off\n",
     "GET /owa/?a=b HTTP/1.1\r\nHost: mail\r\n\r\n", NULL, 2},
    {"HAR",
     "\xef\xbb\xbf{\"log\":{\"entries\":[{\"request\":{\"method\":\"POST\",\"url\":"
     "\"https://mail/owa/?a=b#c\",\"headers\":[{\"name\":\":path\",\"value\":\"/\"},{\"name\":"
     "\"Host\",\"value\":\"mail\"}],\"postData\":{\"text\":\"x=y\"}}},{\"request\":{}},"
     "{\"request\":{\"method\":\"GET\",\"url\":\"https://mail\"}}]}}",
     "POST /owa/?a=b HTTP/1.1\r\nHost: mail\r\nContent-Length: 3\r\n\r\nx=y",
     "GET / HTTP/1.1\r\nHost: mail.example.com\r\n\r\n", 1},
    {"the Combined log format",
     "192.0.2.1 - - [24/Nov/2026:10:00:00 +0000] \"GET /a\\x22\\\\b HTTP/1.1\" 200 5 "
     "\"https://a/\" \"x \\\"y\\\"\"\n192.0.2.1 - - [x] \"-\" 408 0 \"-\" \"-\"\n"
     "192.0.2.1 - - [x] \"GET / HTTP/1.0\" 200 5\n",
     "GET /a\"\\b HTTP/1.1\r\nReferer: https://a/\r\nUser-Agent: x \"y\"\r\nHost: "
     "mail.example.com\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: mail.example.com\r\n\r\n", 1},
    {"line ends in a JSON text do not make fields",
     "{\"method\":\"GET\",\"target\":\"/\",\"headers\":[[\"Host\",\"a\\r\\nEvil: b\"]]}",
     "GET / HTTP/1.1\r\nHost: aEvil: b\r\n\r\n", NULL, 0},
};

static void test_each_format_becomes_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct traffic traffic;
        struct err err = {0};
        traffic_init(&traffic);
        if (!traffic_parse(&traffic, slice_str(cases[i].text), "a file", &err))
            fail_msg("%s: %s", cases[i].name, err.text);
        size_t n = cases[i].second != NULL ? 2 : 1;
        if (traffic.n != n || traffic.n_skipped != cases[i].n_skipped)
            fail_msg("%s: %zu requests, %zu skipped", cases[i].name, traffic.n, traffic.n_skipped);
        const char *wanted[] = {cases[i].first, cases[i].second};
        for (size_t k = 0; k < n; k++) {
            struct slice got = traffic_request(&traffic, k);
            if (!slice_equal(got, slice_str(wanted[k])))
                fail_msg("%s: request %zu is\n" SLICE_FMT, cases[i].name, k, SLICE_ARG(got));
        }
        traffic_done(&traffic);
    }
}

static void test_a_file_without_requests_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "words\nmore words\n", "{\"a\":1}\n", "\xff\x00\x01"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct traffic traffic;
        struct err err = {0};
        traffic_init(&traffic);
        assert_false(traffic_parse(&traffic, slice_str(texts[i]), "a file", &err));
        assert_string_equal(err.code, "E_TRAFFIC");
        assert_string_equal(err.file, "a file");
        traffic_done(&traffic);
    }
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_a_folder_is_read_in_the_order_of_its_names(void **state)
{
    (void)state;
    char folder[] = "/tmp/stopgap-traffic-XXXXXX";
    char path[256];
    struct traffic traffic;
    struct err err = {0};
    assert_non_null(mkdtemp(folder));
    put(folder, "b", "GET /b HTTP/1.1\nHost: a\n\n");
    put(folder, "a", "{\"method\":\"GET\",\"target\":\"/a\",\"host\":\"a\"}\n");
    put(folder, ".hidden", "nonsense");
    traffic_init(&traffic);
    assert_true(traffic_read(&traffic, folder, &err));
    assert_int_equal(traffic.n, 2);
    assert_true(slice_starts_with(traffic_request(&traffic, 0), SLICE("GET /a ")));
    assert_true(slice_starts_with(traffic_request(&traffic, 1), SLICE("GET /b ")));
    traffic_done(&traffic);
    static const char *const names[] = {"a", "b", ".hidden"};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_false(traffic_read(&traffic, folder, &err));
    assert_string_equal(err.text, "there is no file in the folder");
    assert_int_equal(rmdir(folder), 0);
    assert_false(traffic_read(&traffic, folder, &err));
    assert_string_equal(err.code, "E_IO");
    traffic_done(&traffic);
}

static void test_files_that_are_too_many_are_not_left_out_in_silence(void **state)
{
    (void)state;
    char folder[] = "/tmp/stopgap-traffic-XXXXXX";
    char path[256];
    struct traffic traffic;
    struct err err = {0};
    assert_non_null(mkdtemp(folder));
    put(folder, "0", "GET /a HTTP/1.1\nHost: a\n\n");
    (void)snprintf(path, sizeof(path), "%s/0", folder);
    for (int i = 1; i <= TRAFFIC_MAX_FILES; i++) {
        char other[256];
        (void)snprintf(other, sizeof(other), "%s/%d", folder, i);
        assert_int_equal(link(path, other), 0);
    }
    traffic_init(&traffic);
    assert_false(traffic_read(&traffic, folder, &err));
    assert_string_equal(err.code, "E_TRAFFIC");
    traffic_done(&traffic);
    for (int i = 0; i <= TRAFFIC_MAX_FILES; i++) {
        (void)snprintf(path, sizeof(path), "%s/%d", folder, i);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_format_becomes_requests),
        cmocka_unit_test(test_a_file_without_requests_is_refused_by_name),
        cmocka_unit_test(test_a_folder_is_read_in_the_order_of_its_names),
        cmocka_unit_test(test_files_that_are_too_many_are_not_left_out_in_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
