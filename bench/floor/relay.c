/* A client, its upstream connection, and what goes between them. */
#include "floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "stopgap/banned.h"

struct out out;

static char read_buffer[READ_BYTES]; /* each read is used up before the next */

struct rest { /* what the socket did not take */
    uv_write_t request;
    struct side *to;
    char bytes[];
};

static struct side *side_of(llhttp_t *parser)
{
    return (struct side *)(void *)((char *)parser - offsetof(struct side, parser));
}

static struct side *side_of_stream(uv_stream_t *stream)
{
    return (struct side *)(void *)((char *)stream - offsetof(struct side, tcp));
}

static struct side *other_side(struct side *side)
{
    struct pair *pair = side->pair;
    return side == &pair->client ? &pair->upstream : &pair->client;
}

/* ---- closing */

static void on_closed(uv_handle_t *handle)
{
    struct pair *pair = side_of_stream((uv_stream_t *)handle)->pair;
    if (--pair->n_open != 0)
        return;
    SSL_free(pair->tls);
    free(pair->client.head);
    free(pair->upstream.head);
    free(pair);
}

void relay_close(struct pair *pair)
{
    if (pair->is_closing)
        return;
    pair->is_closing = true;
    uv_close((uv_handle_t *)&pair->client.tcp, on_closed);
    uv_close((uv_handle_t *)&pair->upstream.tcp, on_closed);
}

/* ---- writing */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(read_buffer, sizeof(read_buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct side *side = side_of_stream(stream);
    struct pair *pair = side->pair;
    if (n < 0)
        relay_close(pair);
    else if (n > 0 && side == &pair->client && pair->tls != NULL)
        tls_read(pair, buf->base, (size_t)n);
    else if (n > 0)
        relay_feed(side, buf->base, (size_t)n);
}

static void on_written(uv_write_t *request, int status)
{
    struct rest *rest = (struct rest *)(void *)request;
    struct side *to = rest->to;
    free(rest);
    if (--to->n_writes == 0 && status == 0 && !to->pair->is_closing)
        (void)uv_read_start((uv_stream_t *)&other_side(to)->tcp, on_alloc, on_read);
    if (status < 0)
        relay_close(to->pair);
}

static bool send_later(struct side *to, const uv_buf_t *pieces, unsigned n, size_t skip)
{
    size_t len = 0;
    for (unsigned i = 0; i < n; i++)
        len += pieces[i].len;
    struct rest *rest = malloc(sizeof(*rest) + len);
    if (rest == NULL)
        return false;
    size_t at = 0;
    for (unsigned i = 0; i < n; i++) {
        memcpy(rest->bytes + at, pieces[i].base, pieces[i].len);
        at += pieces[i].len;
    }
    rest->to = to;
    uv_buf_t bytes = uv_buf_init(rest->bytes + skip, (unsigned)(len - skip));
    if (uv_write(&rest->request, (uv_stream_t *)&to->tcp, &bytes, 1, on_written) != 0) {
        free(rest);
        return false;
    }
    if (to->n_writes++ == 0)
        (void)uv_read_stop((uv_stream_t *)&other_side(to)->tcp);
    return true;
}

void relay_send(struct side *to, uv_buf_t *pieces, unsigned n)
{
    size_t len = 0;
    for (unsigned i = 0; i < n; i++)
        len += pieces[i].len;
    int sent = uv_try_write((uv_stream_t *)&to->tcp, pieces, n);
    size_t done = sent > 0 ? (size_t)sent : 0;
    if ((sent < 0 && sent != UV_EAGAIN) || (done < len && !send_later(to, pieces, n, done)))
        relay_close(to->pair);
}

/* ---- parsing: the head is written while it is read */

static int put(const char *bytes, size_t len)
{
    if (len > HEAD_BYTES - out.head_len)
        return -1;
    memcpy(out.head + out.head_len, bytes, len);
    out.head_len += len;
    return 0;
}

static int add_piece(const char *bytes, size_t len)
{
    union {
        const char *given;
        char *wanted;
    } piece = {.given = bytes}; /* libuv does not write through it */
    if (len == 0)
        return 0;
    if (out.n == MAX_PIECES)
        return -1;
    out.pieces[out.n++] = uv_buf_init(piece.wanted, (unsigned)len);
    return 0;
}

static int end_head(void)
{
    int result = add_piece(out.head + out.head_from, out.head_len - out.head_from);
    out.head_from = out.head_len;
    return result;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    if (out.head_len == out.head_from) { /* the first piece of it */
        const char *method = llhttp_method_name((llhttp_method_t)parser->method);
        if (put(method, strlen(method)) != 0 || put(" ", 1) != 0)
            return -1;
    }
    return put(at, len);
}

static int on_url_complete(llhttp_t *parser)
{
    side_of(parser)->name_at = SIZE_MAX;
    return put(" HTTP/1.1\r\n", 11);
}

static int on_status_complete(llhttp_t *parser)
{
    char line[32];
    int len = snprintf(line, sizeof(line), "HTTP/1.1 %03u OK\r\n", (unsigned)parser->status_code);
    side_of(parser)->name_at = SIZE_MAX;
    return put(line, (size_t)len);
}

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    struct side *side = side_of(parser);
    if (side->name_at == SIZE_MAX)
        side->name_at = out.head_len;
    return put(at, len);
}

static int on_field_complete(llhttp_t *parser)
{
    (void)parser;
    return put(": ", 2);
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    (void)parser;
    return put(at, len);
}

static bool is_hop_by_hop(const char *field)
{
    static const char *const names[] = {"Connection:", "Keep-Alive:", "Proxy-Connection:", "TE:",
                                        "Trailer:",    "Upgrade:",    "X-Forwarded-For:"};
    if (strchr("CKPTUXckptux", field[0]) == NULL)
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncasecmp(field, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static int on_value_complete(llhttp_t *parser)
{
    struct side *side = side_of(parser);
    int result = put("\r\n", 2);
    if (result == 0 && is_hop_by_hop(out.head + side->name_at))
        out.head_len = side->name_at;
    side->name_at = SIZE_MAX;
    return result;
}

static int on_head(llhttp_t *parser)
{
    static const char forwarded[] = "X-Forwarded-For: 127.0.0.1\r\n";
    if (parser->type == HTTP_REQUEST && put(forwarded, sizeof(forwarded) - 1) != 0)
        return -1;
    return put("\r\n", 2) == 0 && end_head() == 0 ? 0 : -1;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    (void)parser;
    return add_piece(at, len);
}

static int on_chunk(llhttp_t *parser)
{
    char line[32];
    int len = snprintf(line, sizeof(line), "%llx\r\n", (unsigned long long)parser->content_length);
    return put(line, (size_t)len) == 0 ? end_head() : -1;
}

static int on_chunk_complete(llhttp_t *parser)
{
    (void)parser;
    return put("\r\n", 2) == 0 ? end_head() : -1;
}

void relay_settings_init(struct floor *floor)
{
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_header_field = on_field;
    settings.on_header_field_complete = on_field_complete;
    settings.on_header_value = on_value;
    settings.on_header_value_complete = on_value_complete;
    settings.on_headers_complete = on_head;
    settings.on_body = on_body;
    settings.on_chunk_header = on_chunk;
    settings.on_chunk_complete = on_chunk_complete;
    floor->request = floor->response = settings;
    floor->request.on_url = on_url;
    floor->request.on_url_complete = on_url_complete;
    floor->response.on_status_complete = on_status_complete;
}

/* A head that is not complete yet waits for the next read. */
static bool keep_head(struct side *side)
{
    side->head_len = out.head_len - out.head_from;
    if (side->head_len == 0)
        return true;
    if (side->name_at != SIZE_MAX)
        side->name_at -= out.head_from;
    if (side->head == NULL)
        side->head = malloc(HEAD_BYTES);
    if (side->head != NULL)
        memcpy(side->head, out.head + out.head_from, side->head_len);
    return side->head != NULL;
}

void relay_feed(struct side *side, const char *bytes, size_t len)
{
    struct pair *pair = side->pair;
    struct side *to = other_side(side);
    out.n = 0;
    out.head_from = 0;
    out.head_len = side->head_len;
    if (side->head_len != 0)
        memcpy(out.head, side->head, side->head_len);
    if (llhttp_execute(&side->parser, bytes, len) != HPE_OK || !keep_head(side)) {
        relay_close(pair);
        return;
    }
    if (out.n == 0)
        return;
    if (to == &pair->client && pair->tls != NULL)
        tls_send(pair, out.pieces, out.n);
    else
        relay_send(to, out.pieces, out.n);
}

/* ---- connecting */

static void on_connected(uv_connect_t *request, int status)
{
    struct pair *pair = side_of_stream(request->handle)->pair;
    if (pair->is_closing)
        return;
    if (status < 0 || uv_tcp_nodelay(&pair->upstream.tcp, 1) != 0 ||
        uv_read_start((uv_stream_t *)&pair->client.tcp, on_alloc, on_read) != 0 ||
        uv_read_start((uv_stream_t *)&pair->upstream.tcp, on_alloc, on_read) != 0)
        relay_close(pair);
}

static void side_init(struct side *side, struct pair *pair, llhttp_type_t type)
{
    struct floor *floor = pair->floor;
    side->pair = pair;
    side->name_at = SIZE_MAX;
    llhttp_init(&side->parser, type, type == HTTP_REQUEST ? &floor->request : &floor->response);
    if (uv_tcp_init(&floor->loop, &side->tcp) != 0)
        abort(); /* it fails for a wrong loop only */
    pair->n_open++;
}

void relay_accept(struct floor *floor)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    if (pair == NULL)
        return;
    pair->floor = floor;
    side_init(&pair->client, pair, HTTP_REQUEST);
    side_init(&pair->upstream, pair, HTTP_RESPONSE);
    if (uv_accept((uv_stream_t *)&floor->listener, (uv_stream_t *)&pair->client.tcp) != 0 ||
        uv_tcp_nodelay(&pair->client.tcp, 1) != 0 || (floor->tls != NULL && !tls_start(pair)) ||
        uv_tcp_connect(&pair->connect, &pair->upstream.tcp,
                       (const struct sockaddr *)&floor->upstream, on_connected) != 0)
        relay_close(pair);
}
