/* Parsing and answering. One read buffer serves all connections, since each read is used up before
 * the next one starts; so an idle connection costs its struct and its socket. */
#include "connection.h"
#include "pages.h"

#include <llhttp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    READ_BYTES = 64 * 1024, /* one read */
    TARGET_BYTES = 512,     /* of a target that are kept: enough to pick a page and to print */
    METHOD_BYTES = 24,      /* longest method is VERSION-CONTROL */
    NAME_BYTES = 16,        /* of a field name: "authorization" is the longest one looked for */
};

struct connection {
    uv_tcp_t tcp;
    llhttp_t parser;
    struct standin *standin;
    bool in_message; /* the method is complete and llhttp has it */
    bool has_authorization;
    bool wants_continue;
    bool close_after;  /* the answer that is going out is the last one */
    unsigned n_writes; /* queued writes; the connection closes when the last one is done */
    size_t method_len;
    size_t target_len;
    size_t name_len;
    char method[METHOD_BYTES];
    char target[TARGET_BYTES];
    char name[NAME_BYTES];
};

static char read_buffer[READ_BYTES];
static llhttp_settings_t settings;

static struct connection *connection_of(llhttp_t *parser)
{
    return (struct connection *)(void *)((char *)parser - offsetof(struct connection, parser));
}

static struct connection *connection_of_stream(uv_stream_t *stream)
{
    return (struct connection *)(void *)((char *)stream - offsetof(struct connection, tcp));
}

static void on_closed(uv_handle_t *handle)
{
    free(connection_of_stream((uv_stream_t *)handle));
}

static void connection_close(struct connection *conn)
{
    if (!uv_is_closing((uv_handle_t *)&conn->tcp))
        uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

void connection_end(uv_handle_t *handle)
{
    connection_close(connection_of_stream((uv_stream_t *)handle));
}

/* ---- writing */

static void on_written(uv_write_t *request, int status)
{
    struct connection *conn = connection_of_stream(request->handle);
    free(request);
    conn->n_writes--;
    if (status < 0 || (conn->close_after && conn->n_writes == 0))
        connection_close(conn);
}

/* All that is written lives as long as the program, so nothing is copied. */
static bool write_later(struct connection *conn, uv_buf_t *bufs, unsigned n, size_t skip)
{
    while (skip >= bufs->len) {
        skip -= bufs->len;
        bufs++;
        n--;
    }
    bufs->base += skip;
    bufs->len -= skip;
    uv_write_t *request = malloc(sizeof(*request));
    if (request == NULL)
        return false;
    if (uv_write(request, (uv_stream_t *)&conn->tcp, bufs, n, on_written) != 0) {
        free(request);
        return false;
    }
    conn->n_writes++;
    return true;
}

static bool write_bufs(struct connection *conn, uv_buf_t *bufs, unsigned n)
{
    size_t len = 0;
    for (unsigned i = 0; i < n; i++)
        len += bufs[i].len;
    int sent = uv_try_write((uv_stream_t *)&conn->tcp, bufs, n);
    if (sent < 0 && sent != UV_EAGAIN)
        return false;
    size_t done = sent < 0 ? 0 : (size_t)sent;
    return done == len || write_later(conn, bufs, n, done);
}

static uv_buf_t buf_of(struct slice s)
{
    union {
        const char *given;
        char *wanted;
    } bytes = {.given = s.ptr}; /* libuv does not write through it */
    return uv_buf_init(bytes.wanted, (unsigned)s.len);
}

static void print_request(const struct connection *conn)
{
    if (!conn->standin->print_requests)
        return;
    (void)printf("%.*s %.*s\n", (int)conn->method_len, conn->method, (int)conn->target_len,
                 conn->target);
    (void)fflush(stdout);
}

/* Send the page of the request that is complete now. */
static bool answer(struct connection *conn)
{
    struct slice method = slice_make(conn->method, conn->method_len);
    struct page_request request = {
        .method = method,
        .target = slice_make(conn->target, conn->target_len),
        .has_authorization = conn->has_authorization,
    };
    const struct page *page = pages_find(&request);
    bool is_old = conn->parser.http_major == 1 && conn->parser.http_minor == 0;
    bool keep_alive = llhttp_should_keep_alive(&conn->parser) != 0;
    struct slice end = SLICE("\r\n");
    if (!keep_alive)
        end = SLICE("Connection: close\r\n\r\n");
    else if (is_old)
        end = SLICE("Connection: keep-alive\r\n\r\n");
    uv_buf_t bufs[] = {
        buf_of(page->head),
        buf_of(is_old ? page->plain_length : page->framing),
        buf_of(end),
        buf_of(is_old ? page->plain_body : page->body),
    };
    bool is_head = slice_equal(method, SLICE("HEAD"));
    print_request(conn);
    conn->close_after = !keep_alive;
    return write_bufs(conn, bufs, is_head || bufs[3].len == 0 ? 3 : 4);
}

/* ---- llhttp callbacks: they collect, and stop the parser at the end of a message */

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct connection *conn = connection_of(parser);
    size_t room = sizeof(conn->target) - conn->target_len;
    size_t take = len < room ? len : room;
    memcpy(conn->target + conn->target_len, at, take);
    conn->target_len += take;
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct connection *conn = connection_of(parser);
    for (size_t i = 0; i < len && conn->name_len < sizeof(conn->name); i++)
        conn->name[conn->name_len++] = at[i];
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct connection *conn = connection_of(parser);
    struct slice name = slice_make(conn->name, conn->name_len);
    conn->has_authorization |= slice_equal_nocase(name, SLICE("authorization"));
    conn->wants_continue |= slice_equal_nocase(name, SLICE("expect"));
    conn->name_len = 0;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct connection *conn = connection_of(parser);
    uv_buf_t interim = buf_of(SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    if (conn->wants_continue && !write_bufs(conn, &interim, 1))
        return -1;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

/* ---- reading */

static void message_begin(struct connection *conn)
{
    llhttp_reset(&conn->parser);
    conn->in_message = false;
    conn->has_authorization = false;
    conn->wants_continue = false;
    conn->method_len = 0;
    conn->target_len = 0;
    conn->name_len = 0;
}

/* Take the method off the front. llhttp does not know the verbs of Outlook Anywhere, so it gets
 * POST for them. Returns bytes used, or SIZE_MAX when this is no method. */
static size_t feed_method(struct connection *conn, const char *data, size_t len)
{
    size_t i = 0;
    for (; i < len && data[i] != ' '; i++) {
        if (conn->method_len == 0 && (data[i] == '\r' || data[i] == '\n'))
            continue; /* empty lines between messages */
        if (conn->method_len == sizeof(conn->method))
            return SIZE_MAX;
        conn->method[conn->method_len++] = data[i];
    }
    if (i == len)
        return len;
    struct slice method = slice_make(conn->method, conn->method_len);
    if (slice_equal(method, SLICE("RPC_IN_DATA")) || slice_equal(method, SLICE("RPC_OUT_DATA")))
        method = SLICE("POST");
    if (llhttp_execute(&conn->parser, method.ptr, method.len) != HPE_OK)
        return SIZE_MAX;
    conn->in_message = true;
    return i; /* the space is llhttp's */
}

/* Feed llhttp up to the end of the message. Returns bytes used, or SIZE_MAX on an error. */
static size_t feed_message(struct connection *conn, const char *data, size_t len)
{
    llhttp_errno_t result = llhttp_execute(&conn->parser, data, len);
    if (result == HPE_OK)
        return len;
    if (result != HPE_PAUSED)
        return SIZE_MAX;
    size_t used = (size_t)(llhttp_get_error_pos(&conn->parser) - data);
    if (!answer(conn))
        return SIZE_MAX;
    message_begin(conn);
    return used;
}

static void refuse(struct connection *conn)
{
    uv_buf_t reply = buf_of(SLICE("HTTP/1.1 400 Bad Request\r\nServer: exchange-standin\r\n"
                                  "Content-Length: 0\r\nConnection: close\r\n\r\n"));
    conn->close_after = true;
    if (!write_bufs(conn, &reply, 1) || conn->n_writes == 0)
        connection_close(conn);
    else
        (void)uv_read_stop((uv_stream_t *)&conn->tcp);
}

static void on_data(struct connection *conn, const char *data, size_t len)
{
    size_t at = 0;
    while (at < len && !conn->close_after) {
        size_t used = conn->in_message ? feed_message(conn, data + at, len - at)
                                       : feed_method(conn, data + at, len - at);
        if (used == SIZE_MAX) {
            refuse(conn);
            return;
        }
        at += used;
    }
    if (conn->close_after && conn->n_writes == 0)
        connection_close(conn);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(read_buffer, sizeof(read_buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n_read, const uv_buf_t *buf)
{
    struct connection *conn = connection_of_stream(stream);
    if (n_read > 0)
        on_data(conn, buf->base, (size_t)n_read);
    else if (n_read < 0)
        connection_close(conn);
}

void connection_setup(void)
{
    llhttp_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_header_field = on_header_field;
    settings.on_header_value_complete = on_header_value_complete;
    settings.on_headers_complete = on_headers_complete;
    settings.on_message_complete = on_message_complete;
}

void connection_accept(struct standin *standin)
{
    struct connection *conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        return;
    conn->standin = standin;
    llhttp_init(&conn->parser, HTTP_REQUEST, &settings);
    if (uv_tcp_init(standin->loop, &conn->tcp) != 0) {
        free(conn);
        return;
    }
    if (uv_accept((uv_stream_t *)&standin->listener, (uv_stream_t *)&conn->tcp) != 0 ||
        uv_tcp_nodelay(&conn->tcp, 1) != 0 ||
        uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) != 0)
        connection_close(conn);
}
