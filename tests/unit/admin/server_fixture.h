/* An admin server on a loop of its own thread, with a backend that a test steers. */
#pragma once

#include "admin/status_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 };

enum reload_behaviour { RELOAD_OK, RELOAD_FAILS, RELOAD_HANGS };

struct server {
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t stop;   /* stop the server, then end the loop */
    uv_async_t finish; /* end a reload that hangs */
    struct config config;
    struct admin_config addresses[2];
    char socket_path[128];
    char unix_url[160];
    char tcp_url[64];
    struct admin *admin;
    _Atomic int behaviour;
    _Atomic int n_reloads;
    _Atomic int n_drains;
    _Atomic bool is_ready;
    admin_reload_cb done;
    void *done_ctx;
};

static char fixture_folder[] = "/tmp/stopgap-admin-XXXXXX";

static inline void fixture_collect(void *ctx, struct status *ret_status)
{
    struct server *server = ctx;
    *ret_status = fixture_status();
    ret_status->is_ready = server->is_ready;
}

static inline void fixture_reload(void *ctx, admin_reload_cb done, void *done_ctx)
{
    struct server *server = ctx;
    server->done = done;
    server->done_ctx = done_ctx;
    server->n_reloads++;
    if (server->behaviour != RELOAD_HANGS)
        (void)uv_async_send(&server->finish);
}

static inline void on_finish(uv_async_t *async)
{
    struct server *server = async->data;
    admin_reload_cb done = server->done;
    server->done = NULL;
    if (done != NULL && server->behaviour == RELOAD_OK)
        done(server->done_ctx, true, "loaded builtin@1.0.0");
    else if (done != NULL)
        done(server->done_ctx, false, "E_SIG_THRESHOLD: 1 of 2 signatures");
}

static inline void fixture_drain(void *ctx)
{
    ((struct server *)ctx)->n_drains++;
}

static inline void on_stop(uv_async_t *async)
{
    struct server *server = async->data;
    admin_stop(server->admin);
    uv_close((uv_handle_t *)&server->stop, NULL);
    uv_close((uv_handle_t *)&server->finish, NULL);
}

static inline void run_loop(void *arg)
{
    struct server *server = arg;
    (void)uv_run(&server->loop, UV_RUN_DEFAULT);
}

/* A port that was free a moment ago. */
static inline uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static const struct admin_backend fixture_backend = {
    .collect = fixture_collect, .reload = fixture_reload, .drain = fixture_drain};

static inline struct server *server_start(void)
{
    static char loopback[] = "127.0.0.1";
    struct server *server = calloc(1, sizeof(*server));
    struct admin_backend backend = fixture_backend;
    struct inherited pool = {.n = 0};
    struct err err = {0};
    assert_non_null(server);
    backend.ctx = server;
    server->is_ready = true;
    uint16_t port = free_port();
    (void)snprintf(server->socket_path, sizeof(server->socket_path), "%s/admin.sock",
                   fixture_folder);
    (void)snprintf(server->unix_url, sizeof(server->unix_url), "unix:%s", server->socket_path);
    (void)snprintf(server->tcp_url, sizeof(server->tcp_url), "http://127.0.0.1:%u", port);
    server->addresses[0] =
        (struct admin_config){.url = server->unix_url, .unix_path = server->socket_path};
    server->addresses[1] =
        (struct admin_config){.url = server->tcp_url, .host = loopback, .port = port};
    server->config.admin = server->addresses;
    server->config.n_admin = 2;
    assert_int_equal(uv_loop_init(&server->loop), 0);
    assert_int_equal(uv_async_init(&server->loop, &server->stop, on_stop), 0);
    assert_int_equal(uv_async_init(&server->loop, &server->finish, on_finish), 0);
    server->stop.data = server->finish.data = server;
    server->admin = admin_start(&server->loop, &server->config, &pool, &backend, &err);
    if (server->admin == NULL)
        print_error("%s\n", err.text);
    assert_non_null(server->admin);
    assert_int_equal(uv_thread_create(&server->thread, run_loop, server), 0);
    return server;
}

/* Ends the loop; a reload that hangs ends after the server has gone. */
static inline void server_stop(struct server *server)
{
    (void)uv_async_send(&server->stop);
    (void)uv_thread_join(&server->thread);
    if (server->done != NULL)
        server->done(server->done_ctx, true, "too late");
    assert_int_equal(uv_loop_close(&server->loop), 0);
    free(server);
}

static inline struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    return address;
}

static inline int connect_unix(const char *path)
{
    struct sockaddr_un address = unix_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* All that comes until the other side closes, as a text; the caller frees. */
static inline char *read_all(int fd)
{
    size_t size = 256 * 1024;
    size_t len = 0;
    char *text = calloc(1, size);
    assert_non_null(text);
    for (;;) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&pfd, 1, DEADLINE_MS), 1);
        ssize_t n = recv(fd, text + len, size - 1 - len, 0);
        if (n <= 0)
            return text;
        len += (size_t)n;
    }
}

static inline int fixture_setup(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    return mkdtemp(fixture_folder) != NULL ? 0 : -1;
}

static inline int fixture_teardown(void **state)
{
    (void)state;
    return rmdir(fixture_folder); /* fails when a socket file was left behind */
}
