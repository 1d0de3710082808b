/* struct stream over uv_tcp_t: straight to the socket, libuv's queue only for the rest. */
#include "net/tcp.h"

#include "proxy_limits.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum {
    WRITE_MAX_PIECES = 32,         /* in one writev */
    COALESCE_MAX_BYTES = 2 * 1024, /* copying is cheaper than another iovec, up to here */
};

static void tcp_send(struct stream *stream, struct piece piece);
static void tcp_flush(struct stream *stream);
static void tcp_read(struct stream *stream, bool wanted);
static void tcp_end(struct stream *stream);
static void tcp_close(struct stream *stream, bool reset);
static size_t tcp_queued(const struct stream *stream);
static size_t tcp_pending(const struct stream *stream);

static const struct stream_ops tcp_ops = {
    .send = tcp_send,
    .flush = tcp_flush,
    .read = tcp_read,
    .end = tcp_end,
    .close = tcp_close,
    .queued = tcp_queued,
    .pending = tcp_pending,
};

static struct tcp_stream *tcp_of(struct stream *stream)
{
    return (struct tcp_stream *)((char *)stream - offsetof(struct tcp_stream, stream));
}

static struct tcp_stream *tcp_of_handle(void *handle)
{
    return (struct tcp_stream *)((char *)handle - offsetof(struct tcp_stream, handle));
}

/* What libuv keeps of an operation that is under way. Most connections have none most of the time,
 * so it is not part of the stream; an idle one is 184 bytes smaller. */
union tcp_request {
    uv_req_t any;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
};

static union tcp_request *tcp_request_new(struct tcp_stream *tcp)
{
    union tcp_request *request = malloc(sizeof(*request));
    if (request != NULL)
        request->any.data = tcp;
    return request;
}

/* libuv calls back for each request before the stream's on_closed. */
static struct tcp_stream *tcp_request_end(void *request)
{
    struct tcp_stream *tcp = ((uv_req_t *)request)->data;
    free(request);
    return tcp;
}

static uv_stream_t *tcp_uv(struct tcp_stream *tcp)
{
    return (uv_stream_t *)&tcp->handle;
}

void tcp_stream_init(struct tcp_stream *tcp, uv_loop_t *loop, struct stream_hub *hub,
                     const struct stream_events *events, void *owner)
{
    memset(tcp, 0, sizeof(*tcp));
    stream_init(&tcp->stream, hub, &tcp_ops, events, owner);
    (void)uv_tcp_init(loop, &tcp->handle); /* cannot fail without a socket */
}

/* Report the first failure only; what follows it is its consequence. */
static void tcp_fail(struct tcp_stream *tcp, enum stream_failure failure, int uv_error)
{
    if (tcp->has_failed || tcp->is_closing)
        return;
    tcp->has_failed = true;
    if (!tcp->is_writing) { /* else libuv still reads these bytes; they go when it has closed */
        piece_queue_clear(&tcp->queue);
        tcp->sending = 0;
    }
    if (tcp->wants_close)
        tcp_close(&tcp->stream, true);
    else
        tcp->stream.events->on_failed(&tcp->stream, failure, uv_strerror(uv_error));
}

bool tcp_stream_accept(struct tcp_stream *tcp, int fd)
{
    if (uv_tcp_open(&tcp->handle, fd) != 0) {
        (void)close(fd);
        return false;
    }
    tcp->is_open = true;
    (void)uv_tcp_nodelay(&tcp->handle, 1); /* a socket that has gone fails later anyway */
    return true;
}

static void on_connect(uv_connect_t *req, int status)
{
    struct tcp_stream *tcp = tcp_request_end(req);
    if (tcp->is_closing)
        return;
    if (status != 0) {
        tcp_fail(tcp, STREAM_UNREACHABLE, status);
        return;
    }
    tcp->is_open = true;
    (void)uv_tcp_nodelay(&tcp->handle, 1);
    if (tcp->queue.n != 0 || tcp->wants_end)
        stream_mark_dirty(&tcp->stream);
    tcp->stream.events->on_open(&tcp->stream);
}

/* What ran out on our side says nothing about the peer. */
static bool is_local(int uv_error)
{
    return uv_error == UV_EMFILE || uv_error == UV_ENFILE || uv_error == UV_ENOBUFS ||
           uv_error == UV_ENOMEM || uv_error == UV_EADDRNOTAVAIL;
}

void tcp_stream_connect(struct tcp_stream *tcp, const struct sockaddr *address)
{
    union tcp_request *request = tcp_request_new(tcp);
    int status = request != NULL
                     ? uv_tcp_connect(&request->connect, &tcp->handle, address, on_connect)
                     : UV_ENOMEM;
    if (status == 0)
        return;
    free(request);
    tcp_fail(tcp, is_local(status) ? STREAM_MEMORY : STREAM_UNREACHABLE, status);
}

static void read_address(const struct sockaddr_storage *storage, struct net_address *ret_address,
                         uint16_t *ret_port)
{
    if (storage->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)storage;
        *ret_address = net_address_from_ipv4(&v4->sin_addr);
        *ret_port = ntohs(v4->sin_port);
        return;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)storage;
    memcpy(ret_address->bytes, &v6->sin6_addr, 16);
    *ret_port = ntohs(v6->sin6_port);
}

static bool end_address(const struct tcp_stream *tcp,
                        int (*get)(const uv_tcp_t *, struct sockaddr *, int *),
                        struct net_address *ret_address, uint16_t *ret_port)
{
    struct sockaddr_storage storage;
    int len = sizeof(storage);
    if (get(&tcp->handle, (struct sockaddr *)&storage, &len) != 0)
        return false;
    read_address(&storage, ret_address, ret_port);
    return true;
}

bool tcp_stream_peer(const struct tcp_stream *tcp, struct net_address *ret_address,
                     uint16_t *ret_port)
{
    return end_address(tcp, uv_tcp_getpeername, ret_address, ret_port);
}

bool tcp_stream_local(const struct tcp_stream *tcp, struct net_address *ret_address,
                      uint16_t *ret_port)
{
    return end_address(tcp, uv_tcp_getsockname, ret_address, ret_port);
}

/* ---- reading */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct tcp_stream *tcp = tcp_of_handle(handle);
    (void)suggested;
    struct chunk_pool *pool = &tcp->stream.hub->pool;
    struct slice space = fill_space(pool, &pool->read, LIMIT_READ_BYTES);
    /* Without memory libuv reports UV_ENOBUFS to on_read. */
    ret_buf->base = space.ptr != NULL ? pool->read.chunk->data + pool->read.used : NULL;
    ret_buf->len = space.len;
}

static void on_read(uv_stream_t *handle, ssize_t n_read, const uv_buf_t *buf)
{
    struct tcp_stream *tcp = tcp_of_handle(handle);
    (void)buf;
    if (tcp->is_closing || tcp->wants_close || n_read == 0)
        return;
    if (n_read > 0) {
        struct piece piece = fill_take(&tcp->stream.hub->pool.read, (size_t)n_read);
        tcp->stream.events->on_data(&tcp->stream, piece);
    } else if (n_read == UV_EOF) {
        tcp->is_reading = false;
        (void)uv_read_stop(handle);
        tcp->stream.events->on_end(&tcp->stream);
    } else {
        tcp_fail(tcp, n_read == UV_ENOBUFS ? STREAM_MEMORY : STREAM_RESET, (int)n_read);
    }
}

static void tcp_read(struct stream *stream, bool wanted)
{
    struct tcp_stream *tcp = tcp_of(stream);
    if (tcp->is_reading == wanted || tcp->is_closing || tcp->wants_close || tcp->has_failed)
        return;
    tcp->is_reading = wanted;
    if (!wanted) {
        (void)uv_read_stop(tcp_uv(tcp));
        return;
    }
    int status = uv_read_start(tcp_uv(tcp), on_alloc, on_read);
    if (status != 0)
        tcp_fail(tcp, STREAM_RESET, status);
}

/* ---- writing */

static size_t tcp_queued(const struct stream *stream)
{
    const struct tcp_stream *tcp =
        (const struct tcp_stream *)((const char *)stream - offsetof(struct tcp_stream, stream));
    return tcp->queue.n_bytes;
}

/* The queue shrinks when libuv has written all it was given; in between only libuv knows. */
static size_t tcp_pending(const struct stream *stream)
{
    const struct tcp_stream *tcp =
        (const struct tcp_stream *)((const char *)stream - offsetof(struct tcp_stream, stream));
    size_t unwritten = uv_stream_get_write_queue_size((const uv_stream_t *)&tcp->handle);
    int in_kernel = 0;
    uv_os_fd_t fd;
    if (tcp->is_closing || uv_fileno((const uv_handle_t *)&tcp->handle, &fd) != 0 ||
        ioctl(fd, SIOCOUTQ, &in_kernel) != 0)
        in_kernel = 0;
    return tcp->queue.n_bytes - tcp->sending + unwritten + (size_t)in_kernel;
}

/* A short piece behind bytes that end where the write fill ends: copy it there. */
static bool tcp_coalesce(struct tcp_stream *tcp, struct piece piece)
{
    struct fill *fill = &tcp->stream.hub->pool.write;
    if (tcp->queue.n == 0 || tcp->is_writing || fill->chunk == NULL)
        return false;
    struct piece *last = piece_queue_at(&tcp->queue, tcp->queue.n - 1);
    const char *end = last->bytes.ptr + last->bytes.len;
    if (last->chunk != fill->chunk)
        return false;
    if (piece.chunk == fill->chunk && piece.bytes.ptr == end) { /* was put there already */
        last->bytes.len += piece.bytes.len;
        tcp->queue.n_bytes += piece.bytes.len;
        return true;
    }
    if (piece.bytes.len > COALESCE_MAX_BYTES || end != fill->chunk->data + fill->used ||
        fill->chunk->size - fill->used < piece.bytes.len)
        return false;
    memcpy(fill->chunk->data + fill->used, piece.bytes.ptr, piece.bytes.len);
    fill->used += piece.bytes.len;
    last->bytes.len += piece.bytes.len;
    tcp->queue.n_bytes += piece.bytes.len;
    return true;
}

static void tcp_send(struct stream *stream, struct piece piece)
{
    struct tcp_stream *tcp = tcp_of(stream);
    if (tcp->has_failed || tcp->is_closing || tcp->wants_end)
        return;
    if (!tcp_coalesce(tcp, piece) && !piece_queue_push(&tcp->queue, piece)) {
        tcp_fail(tcp, STREAM_MEMORY, UV_ENOMEM);
        return;
    }
    if (tcp->queue.n_bytes > LIMIT_QUEUE_LOW_BYTES)
        tcp->was_high = true;
    if (!tcp->is_writing && tcp->is_open)
        stream_mark_dirty(stream);
}

/* The queue got shorter: tell the owner, shut down or close when that was waiting for it. */
static void tcp_sent(struct tcp_stream *tcp);

static void on_written(uv_write_t *req, int status)
{
    struct tcp_stream *tcp = tcp_request_end(req);
    tcp->is_writing = false;
    if (tcp->is_closing)
        return;
    if (status != 0) {
        tcp_fail(tcp, STREAM_RESET, status);
        return;
    }
    piece_queue_consume(&tcp->queue, tcp->sending);
    tcp->sending = 0;
    if (tcp->queue.n != 0)
        stream_mark_dirty(&tcp->stream);
    tcp_sent(tcp);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    (void)tcp_request_end(req);
    (void)status; /* a peer that has gone shows when we read */
}

static void tcp_shut_down(struct tcp_stream *tcp)
{
    union tcp_request *request = tcp_request_new(tcp);
    if (request == NULL) {
        tcp_fail(tcp, STREAM_MEMORY, UV_ENOMEM);
        return;
    }
    if (uv_shutdown(&request->shutdown, tcp_uv(tcp), on_shutdown) != 0)
        free(request); /* the peer has gone, which shows when we read */
}

static void tcp_sent(struct tcp_stream *tcp)
{
    if (tcp->was_high && tcp->queue.n_bytes <= LIMIT_QUEUE_LOW_BYTES) {
        tcp->was_high = false;
        if (!tcp->wants_close)
            tcp->stream.events->on_sent(&tcp->stream);
    }
    if (tcp->queue.n != 0 || tcp->is_writing || tcp->is_closing)
        return;
    if (tcp->wants_close) {
        tcp_close(&tcp->stream, false);
    } else if (tcp->wants_end && !tcp->has_ended) {
        tcp->has_ended = true;
        tcp_shut_down(tcp);
    }
}

static unsigned tcp_gather(struct tcp_stream *tcp, uv_buf_t *ret_bufs, size_t *ret_bytes)
{
    unsigned n = tcp->queue.n < WRITE_MAX_PIECES ? tcp->queue.n : WRITE_MAX_PIECES;
    size_t bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        struct slice part = piece_queue_at(&tcp->queue, i)->bytes;
        union { /* libuv's buffers are not const, but it only reads them here */
            const char *from;
            char *to;
        } ptr = {.from = part.ptr};
        ret_bufs[i] = uv_buf_init(ptr.to, (unsigned)part.len);
        bytes += part.len;
    }
    *ret_bytes = bytes;
    return n;
}

static void tcp_write_rest(struct tcp_stream *tcp)
{
    uv_buf_t bufs[WRITE_MAX_PIECES];
    if (!piece_queue_settle(&tcp->queue, &tcp->stream.hub->pool)) {
        tcp_fail(tcp, STREAM_MEMORY, UV_ENOMEM);
        return;
    }
    unsigned n = tcp_gather(tcp, bufs, &tcp->sending);
    union tcp_request *request = tcp_request_new(tcp);
    int status =
        request != NULL ? uv_write(&request->write, tcp_uv(tcp), bufs, n, on_written) : UV_ENOMEM;
    tcp->is_writing = status == 0;
    if (status == 0)
        return;
    free(request);
    tcp_fail(tcp, is_local(status) ? STREAM_MEMORY : STREAM_RESET, status);
}

/* What the kernel takes now, or an error of libuv. Not uv_try_write: its checks hold here anyway,
 * and its write(2) goes through the layer of files. Only for streams that are open and not writing.
 */
static ssize_t tcp_write_now(const struct tcp_stream *tcp, uv_buf_t *bufs, unsigned n)
{
    uv_os_fd_t fd;
    int status = uv_fileno((const uv_handle_t *)&tcp->handle, &fd);
    if (status != 0)
        return status;
    ssize_t written;
    do {
        struct msghdr message = {.msg_iov = (struct iovec *)bufs, .msg_iovlen = n};
        written = n == 1 ? send(fd, bufs->base, bufs->len, MSG_NOSIGNAL | MSG_DONTWAIT)
                         : sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (written < 0 && errno == EINTR);
    return written < 0 ? uv_translate_sys_error(errno) : written;
}

static void tcp_flush(struct stream *stream)
{
    struct tcp_stream *tcp = tcp_of(stream);
    while (tcp->queue.n != 0 && !tcp->is_writing && !tcp->is_closing) {
        uv_buf_t bufs[WRITE_MAX_PIECES];
        size_t bytes;
        unsigned n = tcp_gather(tcp, bufs, &bytes);
        ssize_t written = tcp_write_now(tcp, bufs, n);
        if (written < 0 && written != UV_EAGAIN && written != UV_ENOBUFS) {
            tcp_fail(tcp, STREAM_RESET, (int)written);
            return;
        }
        if (written > 0)
            piece_queue_consume(&tcp->queue, (size_t)written);
        if (written < 0 || (size_t)written < bytes)
            tcp_write_rest(tcp);
    }
    tcp_sent(tcp);
}

/* ---- the end */

static void tcp_end(struct stream *stream)
{
    struct tcp_stream *tcp = tcp_of(stream);
    if (tcp->has_failed || tcp->is_closing || tcp->wants_end)
        return;
    tcp->wants_end = true;
    if (tcp->is_open)
        stream_mark_dirty(stream);
}

static void on_tcp_closed(uv_handle_t *handle)
{
    struct tcp_stream *tcp = tcp_of_handle(handle);
    piece_queue_clear(&tcp->queue); /* libuv is done with the bytes only now */
    tcp->stream.events->on_closed(&tcp->stream);
}

static void tcp_close(struct stream *stream, bool reset)
{
    struct tcp_stream *tcp = tcp_of(stream);
    if (tcp->is_closing)
        return;
    bool has_more = tcp->queue.n != 0 && tcp->is_open && !tcp->has_failed;
    if (!reset && has_more) {
        tcp_read(stream, false);
        tcp->wants_close = true;
        if (!tcp->is_writing)
            stream_mark_dirty(stream);
        return;
    }
    tcp->is_closing = true;
    stream_unmark_dirty(stream);
    if (!reset || !tcp->is_open || uv_tcp_close_reset(&tcp->handle, on_tcp_closed) != 0)
        uv_close((uv_handle_t *)&tcp->handle, on_tcp_closed);
}
