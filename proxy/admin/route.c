/* What the admin listener can be asked: one table. */
#include "admin/server.h"

#include <stdlib.h>

#include "stopgap/banned.h"

#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_JSON "application/json"

/* Collect, render, answer. */
static void answer_rendered(struct admin_conn *conn, const char *type,
                            bool (*render)(const struct status *status, struct buf *out))
{
    const struct admin_backend *backend = &conn->admin->backend;
    struct status status = {0};
    struct buf body;
    buf_init(&body, LIMIT_ADMIN_RESPONSE_BYTES);
    backend->collect(backend->ctx, &status);
    bool fits = render(&status, &body);
    status_done(&status);
    if (fits) {
        admin_conn_answer(conn, 200, type, &body);
        return;
    }
    buf_done(&body);
    admin_conn_answer_text(conn, 500, "no memory, or the answer is over its limit");
}

static void get_metrics(struct admin_conn *conn)
{
    answer_rendered(conn, TYPE_METRICS, metrics_render);
}

static void get_status(struct admin_conn *conn)
{
    answer_rendered(conn, TYPE_JSON, status_render_json);
}

/* The control loop turns: the process lives. */
static void get_health(struct admin_conn *conn)
{
    admin_conn_answer_text(conn, 200, "ok");
}

static void get_ready(struct admin_conn *conn)
{
    const struct admin_backend *backend = &conn->admin->backend;
    struct status status = {0};
    backend->collect(backend->ctx, &status);
    bool is_ready = status.is_ready;
    bool is_draining = status.is_draining;
    status_done(&status);
    admin_conn_answer_text(conn, is_ready ? 200 : 503,
                           is_ready ? "ready" : (is_draining ? "draining" : "not ready"));
}

void admin_conn_done(void *ctx, bool ok, const char *text)
{
    struct admin_wait *wait = ctx;
    struct admin_conn *conn = wait->conn;
    free(wait);
    if (conn == NULL)
        return;
    conn->wait = NULL;
    admin_conn_answer_text(conn, ok ? 200 : 409, text);
}

struct admin_wait *admin_conn_wait(struct admin_conn *conn)
{
    struct admin_wait *wait = malloc(sizeof(*wait));
    if (wait == NULL) {
        admin_conn_answer_text(conn, 500, "no memory");
        return NULL;
    }
    wait->conn = conn;
    conn->wait = wait;
    conn->state = ADMIN_CONN_WAITING;
    conn->deadline_ms = UINT64_MAX; /* a large set compiles for seconds; the backend will end */
    return wait;
}

static void post_reload(struct admin_conn *conn)
{
    struct admin_wait *wait = admin_conn_wait(conn);
    if (wait != NULL)
        conn->admin->backend.reload(conn->admin->backend.ctx, admin_conn_done, wait);
}

static void post_feed(struct admin_conn *conn)
{
    struct admin_wait *wait = admin_conn_wait(conn);
    if (wait != NULL)
        conn->admin->backend.fetch(conn->admin->backend.ctx, admin_conn_done, wait);
}

static void post_drain(struct admin_conn *conn)
{
    conn->admin->backend.drain(conn->admin->backend.ctx);
    admin_conn_answer_text(conn, 202, "draining");
}

static const struct route {
    const char *path;
    enum admin_method method;
    bool unix_only; /* it changes something: file permissions say who may */
    void (*handle)(struct admin_conn *conn);
} routes[] = {
    {"/metrics", ADMIN_GET, false, get_metrics},
    {"/healthz", ADMIN_GET, false, get_health},
    {"/readyz", ADMIN_GET, false, get_ready},
    {"/status.json", ADMIN_GET, false, get_status},
    {"/reload", ADMIN_POST, true, post_reload},
    {"/feed", ADMIN_POST, true, post_feed},
    {"/drain", ADMIN_POST, true, post_drain},
    {"/mitigations", ADMIN_POST, true, admin_post_mitigations},
    {"/trust", ADMIN_POST, true, admin_post_trust},
    {"/upgrade", ADMIN_POST, true, admin_post_upgrade},
    {"/listeners", ADMIN_POST, true, admin_post_listeners}, /* these two are for a successor */
    {"/taken", ADMIN_POST, true, admin_post_taken},
};

static const struct route *find_route(struct slice path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (slice_equal(path, slice_str(routes[i].path)))
            return &routes[i];
    return NULL;
}

static void answer_not_allowed(struct admin_conn *conn, const struct route *route)
{
    bool is_get = route->method == ADMIN_GET;
    conn->allow = is_get ? "Allow: GET, HEAD\r\n" : "Allow: POST\r\n";
    admin_conn_answer_text(conn, 405, is_get ? "use GET" : "use POST");
}

void admin_route(struct admin_conn *conn)
{
    const struct route *route = find_route(admin_parser_path(&conn->parser));
    enum admin_method method = admin_parser_method(&conn->parser);
    if (method == ADMIN_HEAD)
        method = ADMIN_GET;
    if (route == NULL)
        admin_conn_answer_text(conn, 404,
                               "no such page; see /metrics, /healthz, /readyz, /status.json, and "
                               "POST /reload, /feed, /drain, /upgrade, /mitigations, /trust");
    else if (method != route->method)
        answer_not_allowed(conn, route);
    else if (route->unix_only && !conn->is_unix)
        admin_conn_answer_text(conn, 403, "only on the Unix socket");
    else
        route->handle(conn);
}
