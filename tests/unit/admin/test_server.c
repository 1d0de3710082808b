/* What the admin server answers, to good and to hostile clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy_limits.h"

#include "admin/server_fixture.h"

static void test_every_page_answers_on_its_address(void **state)
{
    (void)state;
    static const struct {
        bool over_tcp;
        const char *method;
        const char *path;
        unsigned status;
        const char *part; /* of the body */
    } rows[] = {
        {false, "GET", "/healthz", 200, "ok\n"},
        {true, "GET", "/healthz", 200, "ok\n"},
        {false, "GET", "/readyz", 200, "ready\n"},
        {false, "GET", "/metrics", 200, "stopgap_requests_total 12345\n"},
        {true, "GET", "/metrics", 200, "stopgap_requests_total 12345\n"},
        {true, "GET", "/metrics?name[]=x", 200, "stopgap_requests_total 12345\n"},
        {false, "GET", "/status.json", 200, "\"requests\":12345"},
        {true, "GET", "/status.json", 200, "\"requests\":12345"},
        {false, "POST", "/reload", 200, "loaded builtin@1.0.0\n"},
        {false, "POST", "/drain", 202, "draining\n"},
        {true, "POST", "/reload", 403, "Unix socket"},
        {true, "POST", "/drain", 403, "Unix socket"},
        {false, "GET", "/", 404, "/metrics"},
        {false, "GET", "/metrics/", 404, "no such page"},
        {false, "GET", "/reload", 405, "use POST"},
        {true, "GET", "/reload", 405, "use POST"},
        {false, "POST", "/metrics", 405, "use GET"},
        {false, "DELETE", "/status.json", 405, "use GET"},
    };
    struct server *server = server_start();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct admin_response answer = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
        struct err err = {0};
        print_message("  %s %s over %s\n", rows[i].method, rows[i].path,
                      rows[i].over_tcp ? "tcp" : "unix");
        bool ok = admin_request(rows[i].over_tcp ? server->tcp_url : server->unix_url,
                                rows[i].method, rows[i].path, DEADLINE_MS, &answer, &err);
        assert_string_equal(err.text, "");
        assert_true(ok);
        assert_int_equal(answer.status, rows[i].status);
        assert_true(buf_append(&answer.body, slice_make("", 1)));
        assert_non_null(strstr(answer.body.ptr, rows[i].part));
        buf_done(&answer.body);
    }
    assert_int_equal(server->n_reloads, 1);
    assert_int_equal(server->n_drains, 1);
    server_stop(server);
}

static unsigned request_status(struct server *server, const char *method, const char *path,
                               struct buf *ret_body)
{
    struct admin_response answer = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
    struct err err = {0};
    assert_true(admin_request(server->unix_url, method, path, DEADLINE_MS, &answer, &err));
    *ret_body = answer.body;
    return answer.status;
}

static void test_a_refused_reload_is_a_conflict_with_its_reason(void **state)
{
    (void)state;
    struct server *server = server_start();
    struct buf body;
    server->behaviour = RELOAD_FAILS;
    assert_int_equal(request_status(server, "POST", "/reload", &body), 409);
    assert_true(slice_equal(buf_slice(&body), SLICE("E_SIG_THRESHOLD: 1 of 2 signatures\n")));
    buf_done(&body);
    server_stop(server);
}

static void test_readyz_says_when_the_program_is_not_ready(void **state)
{
    (void)state;
    struct server *server = server_start();
    struct buf body;
    server->is_ready = false;
    assert_int_equal(request_status(server, "GET", "/readyz", &body), 503);
    buf_done(&body);
    assert_int_equal(request_status(server, "GET", "/healthz", &body), 200);
    buf_done(&body);
    server_stop(server);
}

static void test_raw_requests_get_the_right_status(void **state)
{
    (void)state;
    static char long_head[LIMIT_ADMIN_HEAD_BYTES + 8192];
    static char long_path[LIMIT_ADMIN_PATH_BYTES + 64];
    memset(long_head, 'a', sizeof(long_head) - 1);
    memcpy(long_head, "GET /healthz HTTP/1.1\r\nX: ", 26);
    memset(long_path, 'a', sizeof(long_path) - 1);
    memcpy(long_path, "GET /", 5);
    memcpy(long_path + sizeof(long_path) - 14, " HTTP/1.1\r\n\r\n", 14);
    const struct {
        const char *name;
        const char *request;
        const char *expected; /* beginning of the answer */
    } rows[] = {
        {"no HTTP", "hello\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"TLS", "\x16\x03\x01\x02", "HTTP/1.1 400 Bad Request\r\n"},
        {"long head", long_head, "HTTP/1.1 431 "},
        {"long path", long_path, "HTTP/1.1 414 "},
        {"long body", "POST /drain HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n",
         "HTTP/1.1 413 "},
        {"two framings",
         "POST /drain HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "HTTP/1.1 400 "},
        {"a body that is not needed", "POST /drain HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
         "HTTP/1.1 202 Accepted\r\n"},
        {"HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"a second request is not read", "GET /healthz HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n"
         "Cache-Control: no-store\r\nConnection: close\r\n\r\nok\n"},
        {"CONNECT", "CONNECT a:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 404 "},
        {"what may be used instead", "PUT /reload HTTP/1.1\r\n\r\n",
         "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Length: 9\r\nAllow: POST\r\n"},
    };
    struct server *server = server_start();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("  %s\n", rows[i].name);
        int fd = connect_unix(server->socket_path);
        size_t len = strlen(rows[i].request);
        (void)send(fd, rows[i].request, len, MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR); /* a half-closed client still gets its answer */
        char *answer = read_all(fd);
        assert_memory_equal(answer, rows[i].expected, strlen(rows[i].expected));
        free(answer);
        (void)close(fd);
    }
    server_stop(server);
}

static void test_head_has_the_length_and_no_body(void **state)
{
    (void)state;
    struct server *server = server_start();
    int fd = connect_unix(server->socket_path);
    (void)send(fd, "HEAD /healthz HTTP/1.1\r\n\r\n", 26, MSG_NOSIGNAL);
    char *answer = read_all(fd);
    assert_non_null(strstr(answer, "\r\nContent-Length: 3\r\n"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
    (void)close(fd);
    server_stop(server);
}

static void test_a_request_may_come_byte_by_byte(void **state)
{
    (void)state;
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    struct server *server = server_start();
    int fd = connect_unix(server->socket_path);
    for (size_t i = 0; i < sizeof(request) - 1; i++)
        assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
    char *answer = read_all(fd);
    assert_non_null(strstr(answer, "\r\n\r\nok\n"));
    free(answer);
    (void)close(fd);
    server_stop(server);
}

/* The closes above reach the server a moment later. */
static void wait_for_room(struct server *server)
{
    uint64_t deadline = uv_hrtime() + DEADLINE_MS * UINT64_C(1000000);
    bool ok = false;
    while (!ok) {
        struct admin_response answer = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
        struct err err = {0};
        assert_true(uv_hrtime() < deadline);
        ok = admin_request(server->unix_url, "GET", "/healthz", DEADLINE_MS, &answer, &err);
        buf_done(&answer.body);
    }
}

static void test_too_many_connections_are_closed_at_once(void **state)
{
    (void)state;
    struct server *server = server_start();
    int fds[LIMIT_ADMIN_CONNECTIONS + 1];
    for (size_t i = 0; i < LIMIT_ADMIN_CONNECTIONS + 1; i++)
        fds[i] = connect_unix(server->socket_path);
    char *nothing = read_all(fds[LIMIT_ADMIN_CONNECTIONS]);
    assert_string_equal(nothing, "");
    free(nothing);
    (void)send(fds[0], "GET /healthz HTTP/1.1\r\n\r\n", 25, MSG_NOSIGNAL);
    char *answer = read_all(fds[0]);
    assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
    free(answer);
    for (size_t i = 0; i < LIMIT_ADMIN_CONNECTIONS + 1; i++)
        (void)close(fds[i]);
    wait_for_room(server);
    server_stop(server);
}

static int connect_tcp(const struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons(server->addresses[1].port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Every user of the machine may connect over loopback; who may manage must still come in. */
static void test_connections_over_loopback_leave_room_on_the_unix_socket(void **state)
{
    (void)state;
    struct server *server = server_start();
    int fds[LIMIT_ADMIN_CONNECTIONS];
    struct buf body;
    for (size_t i = 0; i < LIMIT_ADMIN_CONNECTIONS; i++)
        fds[i] = connect_tcp(server);
    char *nothing = read_all(fds[LIMIT_ADMIN_CONNECTIONS - 1]);
    assert_string_equal(nothing, "");
    free(nothing);
    assert_int_equal(request_status(server, "POST", "/reload", &body), 200);
    buf_done(&body);
    for (size_t i = 0; i < LIMIT_ADMIN_CONNECTIONS; i++)
        (void)close(fds[i]);
    wait_for_room(server);
    server_stop(server);
}

static void wait_for_reloads(struct server *server, int n)
{
    uint64_t deadline = uv_hrtime() + DEADLINE_MS * UINT64_C(1000000);
    while (server->n_reloads < n)
        assert_true(uv_hrtime() < deadline);
}

static void test_a_client_may_leave_while_the_rules_load(void **state)
{
    (void)state;
    struct server *server = server_start();
    struct buf body;
    server->behaviour = RELOAD_HANGS;
    int fd = connect_unix(server->socket_path);
    (void)send(fd, "POST /reload HTTP/1.1\r\n\r\n", 25, MSG_NOSIGNAL);
    wait_for_reloads(server, 1);
    (void)close(fd);
    assert_int_equal(request_status(server, "GET", "/healthz", &body), 200);
    buf_done(&body);
    (void)uv_async_send(&server->finish);
    assert_int_equal(request_status(server, "GET", "/healthz", &body), 200);
    buf_done(&body);
    server_stop(server);
}

static void test_the_server_may_stop_while_the_rules_load(void **state)
{
    (void)state;
    struct server *server = server_start();
    server->behaviour = RELOAD_HANGS;
    int fd = connect_unix(server->socket_path);
    (void)send(fd, "POST /reload HTTP/1.1\r\n\r\n", 25, MSG_NOSIGNAL);
    wait_for_reloads(server, 1);
    server_stop(server); /* the backend's call comes after it */
    char *nothing = read_all(fd);
    assert_string_equal(nothing, "");
    free(nothing);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_page_answers_on_its_address),
        cmocka_unit_test(test_a_refused_reload_is_a_conflict_with_its_reason),
        cmocka_unit_test(test_readyz_says_when_the_program_is_not_ready),
        cmocka_unit_test(test_raw_requests_get_the_right_status),
        cmocka_unit_test(test_head_has_the_length_and_no_body),
        cmocka_unit_test(test_a_request_may_come_byte_by_byte),
        cmocka_unit_test(test_too_many_connections_are_closed_at_once),
        cmocka_unit_test(test_connections_over_loopback_leave_room_on_the_unix_socket),
        cmocka_unit_test(test_a_client_may_leave_while_the_rules_load),
        cmocka_unit_test(test_the_server_may_stop_while_the_rules_load),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
