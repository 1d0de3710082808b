/* One connection to the admin listener: one request, one answer, then it closes. */
#include "admin/server.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum { SWEEP_MS = 1000, HEAD_BYTES = 1024 };

static struct admin_conn *conn_of_handle(uv_handle_t *handle)
{
    return handle->data;
}

static void on_closed(uv_handle_t *handle)
{
    struct admin_conn *conn = conn_of_handle(handle);
    struct admin *admin = conn->admin;
    buf_done(&conn->head);
    buf_done(&conn->body);
    free(conn);
    admin_release(admin);
}

void admin_conn_close(struct admin_conn *conn)
{
    if (conn->state == ADMIN_CONN_CLOSING)
        return;
    struct admin *admin = conn->admin;
    conn->state = ADMIN_CONN_CLOSING;
    if (conn->wait != NULL)
        conn->wait->conn = NULL;
    LIST_REMOVE(conn, link);
    admin->n_conns--; /* the timer stops by itself */
    admin->n_tcp_conns -= !conn->is_unix;
    uv_close(&conn->uv.handle, on_closed);
}

bool admin_conn_peer(struct admin_conn *conn, struct ucred *ret_peer)
{
    uv_os_fd_t fd;
    socklen_t size = sizeof(*ret_peer);
    return uv_fileno(&conn->uv.handle, &fd) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &size) == 0;
}

static void on_sweep(uv_timer_t *timer)
{
    struct admin *admin = timer->data;
    uint64_t now_ms = uv_now(admin->loop);
    struct admin_conn *conn = LIST_FIRST(&admin->conns);
    while (conn != NULL) {
        struct admin_conn *next = LIST_NEXT(conn, link);
        if (now_ms >= conn->deadline_ms)
            admin_conn_close(conn);
        conn = next;
    }
    if (admin->n_conns == 0)
        (void)uv_timer_stop(timer);
    for (size_t i = 0; i < admin->n_listeners; i++)
        if (admin->listeners[i].is_started)
            acceptor_resume(&admin->listeners[i].acceptor); /* it starts the timer if it must */
}

void admin_sweep_start(struct admin *admin)
{
    if (!uv_is_active((uv_handle_t *)&admin->timer))
        (void)uv_timer_start(&admin->timer, on_sweep, SWEEP_MS, SWEEP_MS);
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    (void)suggested;
    struct admin_conn *conn = conn_of_handle(handle);
    *ret_buf = uv_buf_init(conn->input, sizeof(conn->input));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct admin_conn *conn = stream->data;
    bool is_busy = conn->state == ADMIN_CONN_WAITING || conn->state == ADMIN_CONN_WRITING;
    if (n == UV_EOF && is_busy) {
        conn->saw_eof = true; /* half closed: it still wants its answer */
        return;
    }
    if (n < 0) {
        admin_conn_close(conn);
        return;
    }
    if (n == 0 || conn->state != ADMIN_CONN_READING)
        return;
    switch (admin_parser_feed(&conn->parser, slice_make(buf->base, (size_t)n))) {
    case ADMIN_PARSE_MORE:
        return;
    case ADMIN_PARSE_DONE:
        admin_route(conn);
        return;
    case ADMIN_PARSE_REFUSED:
        admin_conn_answer_text(conn, conn->parser.refused_status, "the request is refused");
        return;
    }
}

/* Takes fd. */
static bool stream_open(struct admin_conn *conn, int fd)
{
    int error = conn->is_unix ? uv_pipe_open(&conn->uv.pipe, fd) : uv_tcp_open(&conn->uv.tcp, fd);
    if (error != 0)
        (void)close(fd);
    return error == 0;
}

/* The memory comes first: without it the client waits in the queue instead of being dropped. */
enum acceptor_result admin_conn_accept(struct admin_listener *listener)
{
    struct admin *admin = listener->admin;
    struct admin_conn *conn = calloc(1, sizeof(*conn));
    int fd = -1;
    if (conn == NULL) {
        errno = ENOMEM;
        return ACCEPTOR_FAILED;
    }
    enum acceptor_result result = acceptor_take(&listener->acceptor, &fd);
    if (fd < 0) {
        int error = errno;
        free(conn);
        errno = error;
        return result;
    }
    conn->admin = admin;
    conn->is_unix = listener->is_unix;
    conn->deadline_ms = uv_now(admin->loop) + TIMEOUT_ADMIN_MS;
    buf_init(&conn->head, HEAD_BYTES);
    admin_parser_init(&conn->parser);
    if (conn->is_unix)
        (void)uv_pipe_init(admin->loop, &conn->uv.pipe, 0); /* these cannot fail */
    else
        (void)uv_tcp_init(admin->loop, &conn->uv.tcp);
    conn->uv.handle.data = conn;
    admin->n_handles++;
    admin->n_conns++;
    admin->n_tcp_conns += !conn->is_unix;
    LIST_INSERT_HEAD(&admin->conns, conn, link);
    bool is_over = admin->n_conns > LIMIT_ADMIN_CONNECTIONS ||
                   (!conn->is_unix && admin->n_tcp_conns > LIMIT_ADMIN_TCP_CONNECTIONS);
    if (!stream_open(conn, fd) || is_over ||
        uv_read_start(&conn->uv.stream, on_buffer, on_read) != 0)
        admin_conn_close(conn);
    else
        admin_sweep_start(admin);
    return result;
}

static void on_shutdown(uv_shutdown_t *request, int error)
{
    (void)request;
    (void)error; /* on_read or the sweep closes */
}

void admin_conn_linger(struct admin_conn *conn)
{
    conn->state = ADMIN_CONN_LINGERING;
    /* Closing with unread bytes would reset the connection under the answer. */
    if (conn->saw_eof || uv_shutdown(&conn->shutdown, &conn->uv.stream, on_shutdown) != 0)
        admin_conn_close(conn);
}

static void on_written(uv_write_t *request, int error)
{
    struct admin_conn *conn = request->data;
    if (conn->state == ADMIN_CONN_CLOSING)
        return;
    if (error == 0)
        admin_conn_linger(conn);
    else
        admin_conn_close(conn);
}

static const char *reason_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {202, "Accepted"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "";
}

void admin_conn_answer(struct admin_conn *conn, unsigned status, const char *type, struct buf *body)
{
    conn->state = ADMIN_CONN_WRITING;
    conn->deadline_ms = uv_now(conn->admin->loop) + TIMEOUT_ADMIN_MS;
    conn->body = *body;
    *body = (struct buf){.max = body->max};
    bool is_head = admin_parser_method(&conn->parser) == ADMIN_HEAD;
    if (!buf_printf(&conn->head,
                    "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s"
                    "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
                    status, reason_phrase(status),
                    type != NULL ? type : "text/plain; charset=utf-8", conn->body.len,
                    conn->allow != NULL ? conn->allow : "")) {
        admin_conn_close(conn);
        return;
    }
    const uv_buf_t bufs[] = {
        uv_buf_init(conn->head.ptr, (unsigned)conn->head.len),
        uv_buf_init(conn->body.ptr, (unsigned)conn->body.len),
    };
    bool has_body = !is_head && conn->body.len != 0;
    conn->write.data = conn;
    if (uv_write(&conn->write, &conn->uv.stream, bufs, has_body ? 2 : 1, on_written) != 0)
        admin_conn_close(conn);
}

void admin_conn_answer_text(struct admin_conn *conn, unsigned status, const char *text)
{
    struct buf body;
    buf_init(&body, LIMIT_ADMIN_RESPONSE_BYTES);
    if (!buf_printf(&body, "%s\n", text)) {
        buf_done(&body);
        admin_conn_close(conn);
        return;
    }
    admin_conn_answer(conn, status, NULL, &body);
}
