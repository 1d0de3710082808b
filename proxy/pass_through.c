/* Two TCP streams and the bytes between them. */
#include "pass_through.h"

#include "balance.h"
#include "conn.h"
#include "net/client_hello.h"
#include "proxy_limits.h"
#include "upstream.h"
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum { SERVER_OWN = -1 }; /* not one of the upstream's */

struct pass_through {
    struct tcp_stream tcp; /* to the server */
    struct conn *conn;     /* NULL: it is over */
    struct worker *worker;
    size_t index;    /* in config->pass_through */
    int server;      /* position of the upstream's server, or SERVER_OWN */
    int counted;     /* the server whose count of connections this one is in, or SERVER_OWN */
    uint32_t failed; /* a bit for each server that was tried in vain */
    unsigned n_tried;
    bool has_handle; /* tcp must be closed */
    bool tries_next; /* when it has */
    bool is_open;
    bool has_ended;          /* the server sends nothing more */
    bool has_told_end;       /* that the client sends nothing more */
    bool has_told_client;    /* that the server sends nothing more */
    enum end_reason failure; /* END_OK: none */
    char failure_text[128];
    uint64_t started_us, connect_us;
    uint64_t bytes_in, bytes_out;
    char name[CLIENT_HELLO_NAME_BYTES];
};

static void on_server_open(struct stream *stream);
static void on_server_data(struct stream *stream, struct piece piece);
static void on_server_end(struct stream *stream);
static void on_server_sent(struct stream *stream);
static void on_server_failed(struct stream *stream, enum stream_failure failure, const char *text);
static void on_server_closed(struct stream *stream);

static const struct stream_events server_events = {
    .on_open = on_server_open,
    .on_data = on_server_data,
    .on_end = on_server_end,
    .on_sent = on_server_sent,
    .on_failed = on_server_failed,
    .on_closed = on_server_closed,
};

/* ---- whom to connect to */

static const struct server_config *server_of(const struct pass_through *pass)
{
    const struct config *config = pass->worker->config;
    return pass->server != SERVER_OWN ? config_server(config, (size_t)pass->server)
                                      : &config->pass_through[pass->index].server;
}

static const struct upstream_addresses *addresses_of(const struct pass_through *pass)
{
    const struct server_table *table = pass->worker->table;
    return pass->server != SERVER_OWN ? &table->states[pass->server].addresses
                                      : &table->pass_through[pass->index];
}

static bool pick_server(struct pass_through *pass)
{
    struct server_query query = {.client = &pass->conn->address,
                                 .column = SERVERS_OTHER,
                                 .tried = pass->failed,
                                 .wanted = -1};
    int server = servers_pick(pass->worker, &query);
    pass->n_tried = 0;
    if (server == BALANCE_NONE)
        return false;
    pass->server = server;
    return true;
}

/* The next address, or the next server. False: there is none. */
static bool move_on(struct pass_through *pass)
{
    if (pass->n_tried < addresses_of(pass)->n)
        return true;
    if (pass->server == SERVER_OWN)
        return false;
    servers_fail(pass->worker, (size_t)pass->server);
    pass->failed |= UINT32_C(1) << pass->server;
    return pick_server(pass);
}

static void set_failure(struct pass_through *pass, enum end_reason failure, const char *text)
{
    pass->failure = failure;
    (void)snprintf(pass->failure_text, sizeof(pass->failure_text), "%s", text);
}

/* False: there is no server left, or no memory. */
static bool connect_server(struct pass_through *pass)
{
    struct worker *worker = pass->worker;
    while (pass->n_tried >= addresses_of(pass)->n)
        if (!move_on(pass)) {
            set_failure(pass, END_UPSTREAM_CONNECT, "the upstream's name does not resolve");
            return false;
        }
    tcp_stream_init(&pass->tcp, &worker->loop, &worker->hub, &server_events, pass);
    pass->has_handle = true;
    pass->counted = pass->server;
    if (pass->counted != SERVER_OWN)
        servers_begin(worker, (size_t)pass->counted);
    if (!upstream_send_proxy_header(pass->conn, &pass->tcp.stream)) {
        set_failure(pass, END_NO_MEMORY, "no memory for an upstream connection");
        return false;
    }
    size_t first = pass->server != SERVER_OWN ? worker->next_address[pass->server] : 0;
    const struct upstream_addresses *addresses = addresses_of(pass);
    size_t index = (first + pass->n_tried++) % addresses->n;
    counter_add(&worker->stats.upstream_connections, 1);
    tcp_stream_connect(&pass->tcp, (const struct sockaddr *)&addresses->items[index]);
    return true;
}

bool pass_through_begin(struct conn *conn, size_t index, const char *name)
{
    struct pass_through *pass = calloc(1, sizeof(*pass));
    if (pass == NULL)
        return false;
    *pass = (struct pass_through){.conn = conn,
                                  .worker = conn->worker,
                                  .index = index,
                                  .server = SERVER_OWN,
                                  .counted = SERVER_OWN,
                                  .failure = END_OK,
                                  .started_us = clock_now_us()};
    (void)snprintf(pass->name, sizeof(pass->name), "%s", name);
    conn->pass = pass;
    counter_add(&conn->worker->stats.passed_through, 1);
    if (conn->worker->config->pass_through[index].server.url == NULL && !pick_server(pass))
        set_failure(pass, END_UPSTREAM_DOWN, "");
    else
        (void)connect_server(pass); /* pass_through_run sees the failure */
    return true;
}

/* ---- moving bytes */

static void send_to_server(struct conn *conn, struct pass_through *pass)
{
    while (!piece_queue_is_empty(&conn->in)) {
        struct piece piece = *piece_queue_front(&conn->in);
        stream_send(&pass->tcp.stream, piece);
        pass->bytes_in += piece.bytes.len;
        piece_queue_consume(&conn->in, piece.bytes.len);
    }
    if (conn->has_ended && !pass->has_told_end) {
        pass->has_told_end = true;
        stream_end(&pass->tcp.stream);
    }
}

static bool is_over(const struct pass_through *pass)
{
    return pass->has_told_end && pass->has_told_client;
}

static void set_reading(struct conn *conn, struct pass_through *pass)
{
    bool server_is_full = stream_queued(&pass->tcp.stream) >= LIMIT_QUEUE_HIGH_BYTES;
    if (!conn->has_ended)
        stream_read(conn->client, conn->in.n_bytes < LIMIT_READ_BYTES && !server_is_full);
    if (pass->is_open && !pass->has_ended)
        stream_read(&pass->tcp.stream, stream_queued(conn->client) < LIMIT_QUEUE_HIGH_BYTES);
}

void pass_through_run(struct conn *conn)
{
    struct pass_through *pass = conn->pass;
    if (pass->failure != END_OK) {
        conn_close(conn, pass->failure, true);
        return;
    }
    if (pass->is_open)
        send_to_server(conn, pass);
    if (pass->has_ended && !pass->has_told_client) {
        pass->has_told_client = true;
        stream_end(conn->client);
    }
    if (is_over(pass)) {
        /* Its last bytes: nobody watches the queue of a connection that was let go. */
        pass->tcp.stream.ops->flush(&pass->tcp.stream);
        if (pass->failure == END_OK && stream_queued(&pass->tcp.stream) == 0) {
            conn_close(conn, END_OK, false);
            return;
        }
    }
    if (pass->has_handle && !pass->tries_next)
        set_reading(conn, pass);
}

/* ---- time-outs */

static bool is_blocked(const struct conn *conn)
{
    return stream_queued(conn->client) != 0 || stream_queued(&conn->pass->tcp.stream) != 0;
}

uint64_t pass_through_timeout(const struct conn *conn)
{
    const struct timeouts_config *timeouts = &conn->worker->config->timeouts;
    const struct pass_through *pass = conn->pass;
    if (!pass->is_open)
        return timeouts->connect_ms;
    /* TLS has no half of a connection: after the server's end the client's is near. */
    if (is_over(pass) || (pass->has_told_client && !is_blocked(conn)))
        return LIMIT_DRAIN_MS;
    return is_blocked(conn) && timeouts->write_ms < timeouts->relay_ms ? timeouts->write_ms
                                                                       : timeouts->relay_ms;
}

size_t pass_through_pending(const struct conn *conn)
{
    return conn->pass->is_open ? stream_pending(&conn->pass->tcp.stream) : 0;
}

void pass_through_expire(struct conn *conn)
{
    struct pass_through *pass = conn->pass;
    if (!pass->is_open && pass->has_handle && move_on(pass)) {
        pass->tries_next = true;
        conn_touch(conn);
        stream_close(&pass->tcp.stream, true);
        conn_set_deadline(conn);
    } else if (!pass->is_open) {
        conn_close(conn, END_UPSTREAM_CONNECT_TIMEOUT, true);
    } else if (pass->has_told_client && !is_blocked(conn)) {
        conn_close(conn, END_OK, false);
    } else {
        conn_close(conn, is_blocked(conn) ? END_WRITE_TIMEOUT : END_RELAY_TIMEOUT, true);
    }
}

/* ---- the end */

static void write_record(const struct pass_through *pass, enum end_reason reason)
{
    const struct conn *conn = pass->conn;
    struct access_record record = {
        .wall_us = clock_wall_us(),
        .connection_id = conn->id,
        .client = conn->address,
        .client_port = conn->port,
        .listener = slice_str(conn->listener->config->url),
        .upstream = slice_str(pass->has_handle ? server_of(pass)->url : ""),
        .host = slice_str(pass->name),
        .bytes_in = pass->bytes_in,
        .bytes_out = pass->bytes_out,
        .connect_us = pass->connect_us,
        .total_us = clock_now_us() - pass->started_us,
        .reason = reason,
        .detail = slice_str(pass->failure_text),
        .decision = SLICE("pass_through"),
    };
    if (pass->worker->log != NULL)
        access_log_write(pass->worker->log, &record);
}

void pass_through_end(struct conn *conn, enum end_reason reason, bool reset)
{
    struct pass_through *pass = conn->pass;
    write_record(pass, reason);
    counter_add(&conn->worker->stats.ended[reason], 1);
    conn->pass = NULL;
    pass->conn = NULL;
    if (pass->has_handle)
        stream_close(&pass->tcp.stream, reset || stream_queued(&pass->tcp.stream) != 0);
    else
        free(pass);
}

/* ---- events */

static void on_server_open(struct stream *stream)
{
    struct pass_through *pass = stream->owner;
    if (pass->conn == NULL)
        return;
    pass->is_open = true;
    pass->connect_us = clock_now_us() - pass->started_us;
    if (pass->server != SERVER_OWN) {
        pass->worker->next_address[pass->server] += pass->n_tried - 1; /* what works */
        servers_reach(pass->worker, (size_t)pass->server);
    }
    conn_touch(pass->conn);
    conn_run(pass->conn);
}

static void on_server_data(struct stream *stream, struct piece piece)
{
    struct pass_through *pass = stream->owner;
    if (pass->conn == NULL)
        return;
    pass->bytes_out += piece.bytes.len;
    counter_add(&pass->worker->stats.client_bytes_out, piece.bytes.len);
    stream_send(pass->conn->client, piece);
    conn_touch(pass->conn);
    conn_run(pass->conn);
}

static void on_server_end(struct stream *stream)
{
    struct pass_through *pass = stream->owner;
    pass->has_ended = true;
    if (pass->conn == NULL)
        return;
    conn_touch(pass->conn); /* the client's end has its time from here */
    conn_run(pass->conn);
}

static void on_server_sent(struct stream *stream)
{
    struct pass_through *pass = stream->owner;
    if (pass->conn == NULL)
        return;
    conn_touch(pass->conn);
    conn_run(pass->conn);
}

static void on_server_failed(struct stream *stream, enum stream_failure failure, const char *text)
{
    struct pass_through *pass = stream->owner;
    if (pass->conn == NULL)
        return;
    if (!pass->is_open && failure == STREAM_UNREACHABLE && move_on(pass)) {
        pass->tries_next = true;
        stream_close(stream, true);
        return;
    }
    set_failure(pass,
                failure == STREAM_MEMORY ? END_NO_MEMORY
                : pass->is_open          ? END_UPSTREAM_RESET
                                         : END_UPSTREAM_CONNECT,
                text);
    conn_run(pass->conn);
}

static void on_server_closed(struct stream *stream)
{
    struct pass_through *pass = stream->owner;
    struct conn *conn = pass->conn;
    pass->has_handle = false;
    if (pass->counted != SERVER_OWN)
        servers_end(pass->worker, (size_t)pass->counted);
    if (conn == NULL) {
        free(pass);
        return;
    }
    pass->tries_next = false;
    conn_touch(conn);
    if (connect_server(pass))
        conn_set_deadline(conn);
    else
        conn_run(conn); /* which closes: pass may be gone */
}
