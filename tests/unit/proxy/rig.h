/* One worker without a thread: the test turns its loop, plays its client and its upstream. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conn.h"
#include "net/listener.h"
#include "proxy_limits.h"
#include "txn.h"
#include "upstream.h"
#include "worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RIG_PATIENCE_US = 3 * 1000 * 1000 }; /* nothing here waits; this ends a broken test */

struct rig {
    struct config config;
    struct worker_shared shared;
    struct worker worker;
    int listener; /* of the upstream */
    int client;
    int upstream; /* the accepted connection, or -1 */
    char got[4096];
    size_t n_got;
};

static inline int rig_listen(struct sockaddr_in *ret_address)
{
    socklen_t len = sizeof(*ret_address);
    int small = 4096;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET};
    ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)ret_address, sizeof(*ret_address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &len), 0);
    return fd;
}

/* lease  NULL without rules; stays the caller's, to be freed after rig_stop */
static inline void rig_start_with(struct rig *rig, enum rules_mode mode, struct lease *lease)
{
    struct sockaddr_in upstream, front;
    struct err err = {0};
    char url[64];
    struct inherited pool = {.n = 0};
    struct listener_sockets sockets;
    *rig = (struct rig){.upstream = -1};
    rig->listener = rig_listen(&upstream);
    assert_int_equal(close(rig_listen(&front)), 0); /* a port that is free */
    config_init(&rig->config);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(upstream.sin_port));
    assert_true(config_set_upstream(&rig->config, url, &err));
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(front.sin_port));
    assert_true(config_add_listen(&rig->config, url, &err));
    rig->config.mode = mode;
    struct worker_parts parts = {.table = calloc(1, sizeof(*parts.table)), .lease = lease};
    assert_non_null(parts.table);
    struct http_limits limits = {LIMIT_TARGET_BYTES, LIMIT_FIELD_BYTES, LIMIT_HEAD_BYTES,
                                 LIMIT_FIELDS, 0};
    rig->shared = (struct worker_shared){
        .config = &rig->config,
        .http_limits = limits,
        .response_limits = limits,
        .max_connections = LIMIT_CONNECTIONS,
    };
    if (!listener_bind(&(struct listener_place){"127.0.0.1", ntohs(front.sin_port), url}, &pool, 1,
                       &sockets, &err) ||
        !worker_init(&rig->worker, 0, &rig->shared, &parts, &err) ||
        !worker_add_listener(&rig->worker, sockets.fds[0], &rig->config.listen[0], NULL, &err))
        fail_msg("%s", err.text);
    struct upstream_addresses *addresses = &rig->worker.table->states[0].addresses;
    memcpy(&addresses->items[0], &upstream, sizeof(upstream));
    addresses->n = 1;
    rig->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    assert_int_equal(setsockopt(rig->client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    assert_int_equal(connect(rig->client, (struct sockaddr *)&front, sizeof(front)), 0);
}

static inline void rig_start(struct rig *rig)
{
    rig_start_with(rig, RULES_OFF, NULL);
}

/* Turn the loop until holds(); fails the test when that does not come. */
static inline void rig_until(struct rig *rig, bool (*holds)(struct rig *rig), const char *what)
{
    uint64_t end = clock_now_us() + RIG_PATIENCE_US;
    while (!holds(rig)) {
        (void)uv_run(&rig->worker.loop, UV_RUN_NOWAIT);
        if (clock_now_us() > end)
            fail_msg("waited in vain: %s", what);
    }
}

static inline struct conn *rig_conn(struct rig *rig)
{
    return TAILQ_FIRST(&rig->worker.conns);
}

static uint64_t rig_wanted_bytes;

static inline bool rig_has_read(struct rig *rig)
{
    return rig->worker.stats.client_bytes_in >= rig_wanted_bytes;
}

/* Send as the client, and let the proxy take it in one piece of its own. */
static inline void rig_send(struct rig *rig, struct slice bytes)
{
    assert_int_equal(send(rig->client, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
    rig_wanted_bytes = rig->worker.stats.client_bytes_in + bytes.len;
    rig_until(rig, rig_has_read, "the proxy reads what the client sent");
}

static inline bool rig_has_upstream(struct rig *rig)
{
    if (rig->upstream < 0)
        rig->upstream = accept4(rig->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return rig->upstream >= 0;
}

static inline void rig_receive(struct rig *rig, int fd)
{
    ssize_t n = recv(fd, rig->got + rig->n_got, sizeof(rig->got) - 1 - rig->n_got, MSG_DONTWAIT);
    rig->n_got += n > 0 ? (size_t)n : 0;
    rig->got[rig->n_got] = '\0';
}

/* The upstream has a head, complete to its empty line. */
static inline bool rig_has_request(struct rig *rig)
{
    if (!rig_has_upstream(rig))
        return false;
    rig_receive(rig, rig->upstream);
    return strstr(rig->got, "\r\n\r\n") != NULL;
}

static inline void rig_upstream_sends(struct rig *rig, struct slice bytes)
{
    assert_int_equal(send(rig->upstream, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
    rig->n_got = 0;
    rig->got[0] = '\0';
}

static inline bool rig_has_response(struct rig *rig)
{
    rig_receive(rig, rig->client);
    return strstr(rig->got, "\r\n\r\n") != NULL;
}

/* A whole exchange, so that the upstream's connection is idle. */
static inline void rig_exchange(struct rig *rig, struct slice request)
{
    rig->n_got = 0;
    rig->got[0] = '\0';
    rig_send(rig, request);
    rig_until(rig, rig_has_request, "a request at the upstream");
    rig_upstream_sends(rig, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    rig_until(rig, rig_has_response, "a response at the client");
    rig->n_got = 0;
    rig->got[0] = '\0';
}

static inline bool rig_is_over(struct rig *rig)
{
    return uv_loop_alive(&rig->worker.loop) == 0;
}

/* Stop as the program does; the worker's loop must end whatever its peers do. */
static inline void rig_stop(struct rig *rig)
{
    assert_null(worker_post(&rig->worker, &(struct worker_mail){.stops = true}));
    rig_until(rig, rig_is_over, "the worker ends when it is told to stop");
    uv_ref((uv_handle_t *)&rig->worker.prepare); /* a last turn, which frees what has closed */
    (void)uv_run(&rig->worker.loop, UV_RUN_NOWAIT);
    uv_close((uv_handle_t *)&rig->worker.prepare, NULL);
    uv_close((uv_handle_t *)&rig->worker.check, NULL);
    (void)uv_run(&rig->worker.loop, UV_RUN_DEFAULT);
    worker_done(&rig->worker);
    config_done(&rig->config);
    (void)close(rig->client);
    (void)close(rig->listener);
    if (rig->upstream >= 0)
        (void)close(rig->upstream);
}
