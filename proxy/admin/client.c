/* The command line's side of the admin listener: one request over a plain, blocking socket. */
#include "admin/admin.h"
#include "admin/socket.h"
#include "net/pass_fds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <llhttp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum { RECEIVE_BYTES = 16 * 1024, REQUEST_BYTES = 1024 + LIMIT_ADMIN_KEPT_BYTES };

union address {
    struct sockaddr any;
    struct sockaddr_un local;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct client {
    const char *url;
    int fd;
    uint64_t deadline_ms;
    struct buf *body;
    struct inherited *pool;
    bool is_complete;
    struct err *err;
};

static uint64_t clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* host of "http://host:port": loopback only, as numbers or "localhost". */
static bool parse_host(struct slice host, unsigned port, union address *ret, socklen_t *ret_len)
{
    char text[INET6_ADDRSTRLEN];
    if (slice_equal_nocase(host, SLICE("localhost")))
        host = SLICE("127.0.0.1");
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = slice_make(host.ptr + 1, host.len - 2);
    if (host.len >= sizeof(text))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    *ret = (union address){0};
    if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons((uint16_t)port);
        *ret_len = sizeof(ret->v4);
        return ntohl(ret->v4.sin_addr.s_addr) >> 24 == 127;
    }
    if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) != 1)
        return false;
    ret->v6.sin6_family = AF_INET6;
    ret->v6.sin6_port = htons((uint16_t)port);
    *ret_len = sizeof(ret->v6);
    return IN6_IS_ADDR_LOOPBACK(&ret->v6.sin6_addr);
}

static bool parse_url(const char *url, union address *ret, socklen_t *ret_len, struct err *err)
{
    struct slice text = slice_str(url);
    if (slice_starts_with(text, SLICE("unix:"))) {
        *ret_len = sizeof(ret->local);
        return admin_socket_address(url + sizeof("unix:") - 1, &ret->local, err);
    }
    if (slice_starts_with(text, SLICE("http://"))) {
        text = slice_from(text, sizeof("http://") - 1);
        if (text.len != 0 && text.ptr[text.len - 1] == '/')
            text.len--;
        size_t colon = text.len;
        while (colon != 0 && text.ptr[colon - 1] != ':')
            colon--;
        uint64_t port;
        if (colon != 0 && slice_to_u64(slice_from(text, colon), &port) && port != 0 &&
            port <= UINT16_MAX &&
            parse_host(slice_head(text, colon - 1), (unsigned)port, ret, ret_len))
            return true;
    }
    return err_set(err, ERR_USAGE, "",
                   "'%s' is no admin address; write unix:/path or http://127.0.0.1:port", url);
}

static bool client_fail(const struct client *client, const char *what, int error)
{
    if (error == ETIMEDOUT)
        return err_set(client->err, ERR_IO, "E_TIMEOUT", "%s: no answer in time (%s)", client->url,
                       what);
    return err_set(client->err, ERR_IO, "E_UNREACHABLE",
                   "%s: %s: %s; is stopgap running, and may this user open the socket?",
                   client->url, what, strerror(error));
}

/* Wait until the socket is ready or the deadline has passed. */
static bool client_wait(const struct client *client, short events, const char *what)
{
    for (;;) {
        uint64_t now_ms = clock_ms();
        if (now_ms >= client->deadline_ms)
            return client_fail(client, what, ETIMEDOUT);
        uint64_t left_ms = client->deadline_ms - now_ms;
        struct pollfd pfd = {.fd = client->fd, .events = events};
        int n = poll(&pfd, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return client_fail(client, what, errno);
    }
}

static bool client_connect(struct client *client, const union address *address, socklen_t len)
{
    client->fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client->fd < 0)
        return client_fail(client, "cannot make a socket", errno);
    if (connect(client->fd, &address->any, len) == 0)
        return true;
    if (errno != EINPROGRESS)
        return client_fail(client, "cannot connect", errno);
    int error = 0;
    socklen_t size = sizeof(error);
    if (!client_wait(client, POLLOUT, "connecting"))
        return false;
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    return error == 0 || client_fail(client, "cannot connect", error);
}

/* Whoever hands us sockets sees what comes in on them, so it must be one of us. */
static bool client_trusts_peer(const struct client *client)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (client->pool == NULL)
        return true;
    if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return client_fail(client, "cannot see who answers", errno);
    return peer.uid == 0 || peer.uid == geteuid() ||
           err_set(client->err, ERR_IO, "E_TAKE_OVER",
                   "%s belongs to user %lu, who is neither root nor the user of this program",
                   client->url, (unsigned long)peer.uid);
}

static bool client_send(const struct client *client, struct slice bytes)
{
    while (bytes.len != 0) {
        ssize_t n = send(client->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n >= 0)
            bytes = slice_from(bytes, (size_t)n);
        else if (errno == EAGAIN && !client_wait(client, POLLOUT, "sending"))
            return false;
        else if (errno != EAGAIN && errno != EINTR)
            return client_fail(client, "cannot send", errno);
    }
    return true;
}

static int on_body(llhttp_t *http, const char *at, size_t len)
{
    struct client *client = http->data;
    return buf_append(client->body, slice_make(at, len)) ? 0 : HPE_USER;
}

static int on_message_complete(llhttp_t *http)
{
    struct client *client = http->data;
    client->is_complete = true;
    return HPE_PAUSED;
}

/* Read until the answer is whole. */
static bool client_receive(struct client *client, unsigned *ret_status)
{
    static const llhttp_settings_t settings = {
        .on_body = on_body,
        .on_message_complete = on_message_complete,
    };
    llhttp_t http;
    llhttp_init(&http, HTTP_RESPONSE, &settings);
    http.data = client;
    while (!client->is_complete) {
        char bytes[RECEIVE_BYTES];
        ssize_t n = client->pool != NULL
                        ? pass_fds_receive(client->fd, bytes, sizeof(bytes), client->pool)
                        : recv(client->fd, bytes, sizeof(bytes), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            if (!client_wait(client, POLLIN, "waiting for the answer"))
                return false;
            continue;
        }
        if (n < 0)
            return client_fail(client, "cannot read the answer", errno);
        llhttp_errno_t error =
            n == 0 ? llhttp_finish(&http) : llhttp_execute(&http, bytes, (size_t)n);
        if (!client->is_complete && (n == 0 || error != HPE_OK))
            return err_set(client->err, ERR_IO, "E_ANSWER",
                           "%s: the answer is cut off, too long or no HTTP", client->url);
    }
    *ret_status = (unsigned)llhttp_get_status_code(&http);
    return true;
}

bool admin_request(const char *url, const char *method, const char *path, unsigned timeout_ms,
                   struct admin_response *response, struct err *err)
{
    struct admin_question question = {
        .url = url, .method = method, .path = path, .timeout_ms = timeout_ms};
    return admin_ask(&question, response, err);
}

bool admin_ask(const struct admin_question *question, struct admin_response *response,
               struct err *err)
{
    struct client client = {.url = question->url,
                            .fd = -1,
                            .deadline_ms = clock_ms() + question->timeout_ms,
                            .body = &response->body,
                            .pool = question->pool,
                            .err = err};
    union address address = {0};
    socklen_t len = 0;
    char request[REQUEST_BYTES];
    if (!parse_url(question->url, &address, &len, err))
        return false;
    int n =
        snprintf(request, sizeof(request),
                 "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n"
                 "Connection: close\r\n\r\n" SLICE_FMT,
                 question->method, question->path, question->body.len, SLICE_ARG(question->body));
    if (n < 0 || (size_t)n >= sizeof(request))
        return err_set(err, ERR_USAGE, "", "the request is too long");
    bool ok = client_connect(&client, &address, len) && client_trusts_peer(&client) &&
              client_send(&client, slice_make(request, (size_t)n)) &&
              client_receive(&client, &response->status);
    if (client.fd >= 0)
        (void)close(client.fd);
    return ok;
}
