/* Taking an address, and the errors of the client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy_limits.h"

#include "admin/server_fixture.h"

/* Start a server on one address and let it go again; false with err when it does not start. */
static bool try_start(struct admin_config *address, struct err *err)
{
    uv_loop_t loop;
    struct config config = {.admin = address, .n_admin = 1};
    assert_int_equal(uv_loop_init(&loop), 0);
    struct inherited pool = {.n = 0};
    struct admin *admin = admin_start(&loop, &config, &pool, &fixture_backend, err);
    bool started = admin != NULL;
    admin_stop(admin);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return started;
}

static void make_address(struct admin_config *ret_address, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/test.sock", fixture_folder);
    *ret_address = (struct admin_config){.url = path, .unix_path = path};
}

static void test_the_socket_file_is_for_owner_and_group(void **state)
{
    (void)state;
    struct stat st;
    mode_t mask = umask(0077);
    struct server *server = server_start();
    (void)umask(mask);
    assert_int_equal(stat(server->socket_path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0660);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s", server->socket_path);
    server_stop(server);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_a_stale_socket_file_is_replaced(void **state)
{
    (void)state;
    struct admin_config address;
    struct err err = {0};
    char path[128];
    make_address(&address, path, sizeof(path));
    struct sockaddr_un name = unix_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    (void)close(fd);
    assert_int_equal(access(path, F_OK), 0);
    assert_true(try_start(&address, &err));
}

static void test_a_running_program_keeps_its_socket(void **state)
{
    (void)state;
    struct server *server = server_start();
    struct err err = {0};
    struct admin_response answer = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
    assert_false(try_start(&server->addresses[0], &err));
    assert_non_null(strstr(err.text, "already in use"));
    assert_false(try_start(&server->addresses[1], &err)); /* the port, too */
    assert_non_null(strstr(err.text, "address already in use"));
    assert_true(admin_request(server->unix_url, "GET", "/healthz", DEADLINE_MS, &answer, &err));
    buf_done(&answer.body);
    server_stop(server);
}

static void test_a_file_that_is_no_socket_stays(void **state)
{
    (void)state;
    struct admin_config address;
    struct err err = {0};
    char path[128];
    make_address(&address, path, sizeof(path));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_false(try_start(&address, &err));
    assert_non_null(strstr(err.text, "no socket"));
    assert_int_equal(unlink(path), 0);
}

static void test_the_socket_of_a_successor_stays(void **state)
{
    (void)state;
    struct server *server = server_start();
    char path[128];
    (void)snprintf(path, sizeof(path), "%s", server->socket_path);
    assert_int_equal(unlink(path), 0);
    struct server *successor = server_start();
    server_stop(server);
    assert_int_equal(access(path, F_OK), 0);
    server_stop(successor);
}

static void test_bad_addresses_are_refused(void **state)
{
    (void)state;
    static char any[] = "0.0.0.0";
    static char public_v4[] = "192.0.2.1";
    static char any_v6[] = "::";
    static char name[] = "mail.example.com";
    static char no_folder[] = "/no/such/folder/a.sock";
    static char long_path[200];
    memset(long_path, 'a', sizeof(long_path) - 1);
    struct admin_config rows[] = {
        {.host = any, .port = 1},  {.host = public_v4, .port = 1}, {.host = any_v6, .port = 1},
        {.host = name, .port = 1}, {.unix_path = no_folder},       {.unix_path = long_path},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        rows[i].url = rows[i].host != NULL ? rows[i].host : rows[i].unix_path;
        print_message("  %s\n", rows[i].url);
        assert_false(try_start(&rows[i], &err));
        assert_string_not_equal(err.text, "");
    }
}

static void test_the_client_refuses_what_is_no_admin_address(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "",
        "unix:",
        "/run/stopgap/admin.sock",
        "https://127.0.0.1:1",
        "http://127.0.0.1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:1x",
        "http://192.0.2.1:80",
        "http://mail.example.com:80",
        "http://[2001:db8::1]:80",
        "http://:80",
        "http://[]:80",
        "http://:",
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct err err = {0};
        struct admin_response answer = {.body = {.max = 100}};
        print_message("  %s\n", urls[i]);
        assert_false(admin_request(urls[i], "GET", "/", 1000, &answer, &err));
        assert_int_equal(err.kind, ERR_USAGE);
        assert_int_equal(answer.status, 0);
    }
}

static void test_the_client_says_when_nobody_is_there(void **state)
{
    (void)state;
    char tcp[64];
    char ipv6[64];
    (void)snprintf(tcp, sizeof(tcp), "http://localhost:%u/", free_port());
    (void)snprintf(ipv6, sizeof(ipv6), "http://[::1]:%u", free_port());
    const char *const urls[] = {"unix:/no/such/folder/a.sock", tcp, ipv6};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct err err = {0};
        struct admin_response answer = {.body = {.max = 100}};
        assert_false(admin_request(urls[i], "GET", "/", 1000, &answer, &err));
        assert_string_equal(err.code, "E_UNREACHABLE");
    }
}

/* A listener that never accepts: the kernel completes the connection. */
static int silent_listener(const char *path)
{
    struct sockaddr_un name = unix_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void test_the_client_waits_no_longer_than_it_is_told(void **state)
{
    (void)state;
    char url[160];
    struct err err = {0};
    struct admin_response answer = {.body = {.max = 100}};
    (void)snprintf(url, sizeof(url), "unix:%s/test.sock", fixture_folder);
    int fd = silent_listener(url + 5);
    assert_false(admin_request(url, "GET", "/", 20, &answer, &err));
    assert_string_equal(err.code, "E_TIMEOUT");
    (void)close(fd);
    assert_int_equal(unlink(url + 5), 0);
}

struct canned {
    int listener;
    const char *answer;
};

static void serve_once(void *arg)
{
    const struct canned *canned = arg;
    char request[1024];
    int fd = accept(canned->listener, NULL, NULL);
    (void)recv(fd, request, sizeof(request), 0);
    (void)send(fd, canned->answer, strlen(canned->answer), MSG_NOSIGNAL);
    (void)close(fd);
}

static void test_the_client_takes_whole_answers_only(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *answer;
        const char *body; /* NULL: refused */
    } rows[] = {
        {"with length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"},
        {"until the end", "HTTP/1.0 200 OK\r\n\r\nok", "ok"},
        {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
         "ok"},
        {"cut off", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", NULL},
        {"no answer", "", NULL},
        {"no HTTP", "220 mail.example.com ESMTP\r\n", NULL},
        {"longer than allowed", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789", NULL},
    };
    char url[160];
    (void)snprintf(url, sizeof(url), "unix:%s/test.sock", fixture_folder);
    int listener = silent_listener(url + 5);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct canned canned = {listener, rows[i].answer};
        struct err err = {0};
        struct admin_response answer = {.body = {.max = 8}};
        uv_thread_t thread;
        print_message("  %s\n", rows[i].name);
        assert_int_equal(uv_thread_create(&thread, serve_once, &canned), 0);
        bool ok = admin_request(url, "GET", "/", DEADLINE_MS, &answer, &err);
        (void)uv_thread_join(&thread);
        assert_int_equal(ok, rows[i].body != NULL);
        if (ok)
            assert_true(slice_equal(buf_slice(&answer.body), slice_str(rows[i].body)));
        else
            assert_string_equal(err.code, "E_ANSWER");
        buf_done(&answer.body);
    }
    (void)close(listener);
    assert_int_equal(unlink(url + 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_socket_file_is_for_owner_and_group),
        cmocka_unit_test(test_a_stale_socket_file_is_replaced),
        cmocka_unit_test(test_a_running_program_keeps_its_socket),
        cmocka_unit_test(test_a_file_that_is_no_socket_stays),
        cmocka_unit_test(test_the_socket_of_a_successor_stays),
        cmocka_unit_test(test_bad_addresses_are_refused),
        cmocka_unit_test(test_the_client_refuses_what_is_no_admin_address),
        cmocka_unit_test(test_the_client_says_when_nobody_is_there),
        cmocka_unit_test(test_the_client_waits_no_longer_than_it_is_told),
        cmocka_unit_test(test_the_client_takes_whole_answers_only),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
