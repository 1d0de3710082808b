/* A tiny client of HTTP/1.1: one request, the head of one response, nothing more. */
#include "health_check.h"

#include "http/parse.h"
#include "net/proxy_protocol.h"
#include "net/tcp.h"
#include "proxy_limits.h"

#include "stopgap/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

static const struct http_limits check_limits = {
    .target_bytes = LIMIT_TARGET_BYTES,
    .field_bytes = LIMIT_HEALTH_HEAD_BYTES,
    .head_bytes = LIMIT_HEALTH_HEAD_BYTES,
    .fields = LIMIT_FIELDS,
};

struct health_check {
    struct health_question question; /* .done NULL: nobody waits any more */
    struct tcp_stream tcp;
    struct tls_stream tls; /* in use when stream points to it */
    struct stream *stream; /* the upper one */
    size_t n_tried;        /* addresses */
    bool tries_next;       /* when this one has closed */
    unsigned status;       /* the result, told when the last connection has closed */
    char error[128];
    struct http_parser parser;
    unsigned n_interim; /* 1xx before the answer */
    struct arena arena;
    _Alignas(16) char memory[2048]; /* the begin of the arena; an ordinary head needs no more */
    struct buf in;
};

static void on_check_open(struct stream *stream);
static void on_check_data(struct stream *stream, struct piece piece);
static void on_check_end(struct stream *stream);
static void on_check_sent(struct stream *stream);
static void on_check_failed(struct stream *stream, enum stream_failure failure, const char *text);
static void on_check_closed(struct stream *stream);

static const struct stream_events check_events = {
    .on_open = on_check_open,
    .on_data = on_check_data,
    .on_end = on_check_end,
    .on_sent = on_check_sent,
    .on_failed = on_check_failed,
    .on_closed = on_check_closed,
};

static void check_free(struct health_check *check)
{
    buf_done(&check->in);
    arena_done(&check->arena);
    free(check);
}

/* Note how it ended and close. To connect can fail at once, while the caller of health_check_start
 * does not know this check yet; so nobody is told before the loop has closed the connection. */
static void check_finish(struct health_check *check, unsigned status, const char *error)
{
    check->status = status;
    (void)snprintf(check->error, sizeof(check->error), "%s", error);
    stream_close(check->stream, true);
}

/* We speak for ourselves: no client is behind this connection. */
static bool send_proxy_header(struct health_check *check)
{
    const struct proxy_protocol_ends ends = {.is_known = false};
    enum proxy_protocol_version version = check->question.proxy_protocol;
    char header[PROXY_PROTOCOL_WRITE_BYTES];
    if (version == PROXY_PROTOCOL_NONE)
        return true;
    size_t len = proxy_protocol_write(version == PROXY_PROTOCOL_V2, &ends, header);
    return stream_send_copy(&check->tcp.stream, slice_make(header, len));
}

static void check_connect(struct health_check *check)
{
    const struct health_question *question = &check->question;
    tcp_stream_init(&check->tcp, question->loop, question->hub, &check_events, check);
    check->stream = &check->tcp.stream;
    bool ok = send_proxy_header(check);
    if (ok && question->context != NULL) {
        struct tls_peer peer = {.name = question->name}; /* no session: each check verifies */
        ok = tls_stream_init(&check->tls, &check->tcp.stream, question->context, &peer,
                             &check_events, check);
        check->stream = &check->tls.stream;
    }
    const struct upstream_addresses *addresses = question->addresses;
    if (!ok || addresses->n == 0) {
        check_finish(check, 0, ok ? "its name does not resolve" : "out of memory");
        return;
    }
    size_t index = check->n_tried++ % addresses->n;
    tcp_stream_connect(&check->tcp, (const struct sockaddr *)&addresses->items[index]);
}

struct health_check *health_check_start(const struct health_question *question)
{
    struct health_check *check = calloc(1, sizeof(*check));
    if (check == NULL)
        return NULL;
    check->question = *question;
    buf_init(&check->in, LIMIT_HEALTH_HEAD_BYTES);
    arena_init(&check->arena, check->memory, sizeof(check->memory), LIMIT_ARENA_BYTES);
    http_parser_init_response(&check->parser, &check_limits, false);
    check_connect(check);
    return check;
}

void health_check_cancel(struct health_check *check)
{
    check->question.done = NULL;
    check->tries_next = false;
    stream_close(check->stream, true);
}

/* ---- events */

static void on_check_open(struct stream *stream)
{
    struct health_check *check = stream->owner;
    char request[512];
    if (check->question.on_leaf != NULL) {
        if (check->question.done != NULL)
            check->question.on_leaf(check->question.ctx, SSL_get0_peer_certificate(check->tls.ssl));
        check_finish(check, 0, "");
        return;
    }
    int len = snprintf(request, sizeof(request),
                       "GET /" SLICE_FMT "/healthcheck.htm HTTP/1.1\r\nHost: %s\r\n"
                       "User-Agent: stopgap-health\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                       SLICE_ARG(check->question.vdir), check->question.name);
    if (len < 0 || (size_t)len >= sizeof(request) ||
        !stream_send_copy(check->stream, slice_make(request, (size_t)len))) {
        check_finish(check, 0, "the question is too long, or out of memory");
        return;
    }
    stream_read(check->stream, true);
}

/* Parse a head from what came. An interim one (RFC 9110 15.2) is no answer: it makes room for the
 * next. */
static enum parse_result read_head(struct health_check *check)
{
    for (;;) {
        struct slice bytes = buf_slice(&check->in);
        enum parse_result result = http_parse_head(&check->parser, bytes, &check->arena, false);
        unsigned status = check->parser.head.status;
        if (result != PARSE_HEAD || status >= 200 || status == 101 ||
            ++check->n_interim > LIMIT_INTERIM_RESPONSES)
            return result;
        struct slice rest = slice_from(bytes, check->parser.head_len);
        memmove(check->in.ptr, rest.ptr, rest.len);
        check->in.len = rest.len;
        http_parser_init_response(&check->parser, &check_limits, false);
    }
}

static void on_check_data(struct stream *stream, struct piece piece)
{
    struct health_check *check = stream->owner;
    if (check->question.done == NULL)
        return;
    if (!buf_append(&check->in, piece.bytes)) {
        check_finish(check, 0, "the head of the answer is too long");
        return;
    }
    enum parse_result result = read_head(check);
    if (result == PARSE_HEAD)
        check_finish(check, check->parser.head.status, "");
    else if (result == PARSE_REFUSED)
        check_finish(check, 0, check->parser.refusal.text);
}

static void on_check_end(struct stream *stream)
{
    check_finish(stream->owner, 0, "closed without an answer");
}

static void on_check_sent(struct stream *stream)
{
    (void)stream; /* the request is short */
}

static void on_check_failed(struct stream *stream, enum stream_failure failure, const char *text)
{
    struct health_check *check = stream->owner;
    if (failure != STREAM_UNREACHABLE || check->question.done == NULL ||
        check->n_tried >= check->question.addresses->n) {
        check_finish(check, 0, text);
        return;
    }
    check->tries_next = true;
    stream_close(check->stream, true);
}

static void on_check_closed(struct stream *stream)
{
    struct health_check *check = stream->owner;
    if (check->stream == &check->tls.stream)
        tls_stream_done(&check->tls);
    if (check->tries_next) {
        check->tries_next = false;
        check_connect(check);
        return;
    }
    if (check->question.done != NULL)
        check->question.done(check->question.ctx, check->status, check->error);
    check_free(check);
}
