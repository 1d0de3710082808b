/* One connection: connect, TLS, send the request, read the answer. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum { READ_BYTES = 256 * 1024 };

static char read_buffer[READ_BYTES]; /* each read is used up before the next */

static void fail(struct client *client)
{
    bool was_idle = client->state == CLIENT_IDLE;
    client->load->counts.n_lost++;
    client_close(client);
    run_on_failure(client, was_idle);
}

static void watch(struct client *client, bool wants_write)
{
    if (client->wants_write == wants_write)
        return;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0U),
                                .data.ptr = client};
    client->wants_write = wants_write;
    (void)epoll_ctl(client->load->epoll, EPOLL_CTL_MOD, client->fd, &event);
}

/* ---- bytes in and out; -1 with EAGAIN: not now */

static ssize_t tls_result(struct client *client, int result)
{
    if (result > 0)
        return result;
    int error = SSL_get_error(client->tls, result);
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return -1;
}

static ssize_t put(struct client *client, const char *bytes, size_t len)
{
    if (client->tls == NULL)
        return send(client->fd, bytes, len, MSG_NOSIGNAL);
    int chunk = len < INT32_MAX ? (int)len : INT32_MAX;
    return tls_result(client, SSL_write(client->tls, bytes, chunk));
}

static ssize_t get_bytes(struct client *client)
{
    if (client->tls == NULL)
        return recv(client->fd, read_buffer, READ_BYTES, 0);
    return tls_result(client, SSL_read(client->tls, read_buffer, READ_BYTES));
}

/* ---- the answer */

static int on_message_complete(llhttp_t *parser)
{
    struct client *client =
        (struct client *)(void *)((char *)parser - offsetof(struct client, parser));
    client->is_answered = parser->status_code >= 200; /* an interim response is no answer */
    return 0;
}

void client_settings_init(llhttp_settings_t *settings)
{
    llhttp_settings_init(settings);
    settings->on_message_complete = on_message_complete;
}

static void finish(struct client *client)
{
    struct load *load = client->load;
    if (client->parser.status_code < 200 || client->parser.status_code >= 400)
        load->counts.n_bad_status++;
    client->state = CLIENT_IDLE;
    if (load->options->is_one_shot)
        client_close(client);
    run_on_answer(client);
}

static void read_answer(struct client *client)
{
    for (;;) {
        ssize_t n = get_bytes(client);
        if (n < 0 && errno == EAGAIN)
            return;
        bool is_expected = client->state == CLIENT_READING || client->state == CLIENT_SENDING;
        if (n <= 0 || !is_expected ||
            llhttp_execute(&client->parser, read_buffer, (size_t)n) != HPE_OK) {
            fail(client);
            return;
        }
        client->load->counts.n_bytes += (uint64_t)n;
        if (client->is_answered) {
            finish(client);
            return;
        }
        if (client->tls == NULL && n < READ_BYTES)
            return; /* that was all there is */
    }
}

/* ---- the request */

static void send_request(struct client *client)
{
    size_t len = client->load->form.len;
    client->state = CLIENT_SENDING;
    while (client->n_sent < len) {
        ssize_t n = put(client, client->request + client->n_sent, len - client->n_sent);
        if (n < 0 && errno == EAGAIN) {
            watch(client, true);
            return;
        }
        if (n <= 0) {
            fail(client);
            return;
        }
        client->n_sent += (size_t)n;
    }
    watch(client, false);
    client->state = CLIENT_READING;
}

static void handshake(struct client *client)
{
    client->state = CLIENT_HANDSHAKE;
    int result = SSL_do_handshake(client->tls);
    if (result == 1) {
        client->load->counts.n_handshakes++;
        client->load->counts.n_resumed += SSL_session_reused(client->tls) == 1;
        send_request(client);
    } else if (tls_result(client, result) == -1 && errno == EAGAIN) {
        watch(client, false);
    } else {
        fail(client);
    }
}

static void on_connected(struct client *client)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0 ||
        (client->load->tls != NULL && !tls_start(client)))
        fail(client);
    else if (client->load->tls != NULL)
        handshake(client);
    else
        send_request(client);
}

static bool open_socket(struct client *client)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(client->load->options->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return false;
    client->state = CLIENT_CONNECTING;
    client->wants_write = true;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = client};
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return epoll_ctl(client->load->epoll, EPOLL_CTL_ADD, client->fd, &event) == 0 &&
           (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
            errno == EINPROGRESS);
}

void client_ask(struct client *client, uint64_t due_ns)
{
    struct load *load = client->load;
    client->due_ns = due_ns;
    client->n_sent = 0;
    client->is_answered = false;
    form_fill(&load->form, &load->random, client->request);
    llhttp_init(&client->parser, HTTP_RESPONSE, &load->parser_settings);
    if (client->state == CLIENT_IDLE)
        send_request(client);
    else if (!open_socket(client))
        fail(client);
}

void client_on_event(struct client *client, uint32_t events)
{
    switch (client->state) {
    case CLIENT_CONNECTING:
        on_connected(client);
        break;
    case CLIENT_HANDSHAKE:
        handshake(client);
        break;
    case CLIENT_SENDING:
        if ((events & EPOLLOUT) != 0)
            send_request(client);
        else
            read_answer(client); /* before it has the request: an error of the server */
        break;
    case CLIENT_READING:
    case CLIENT_IDLE: /* tickets of TLS, or the end */
        read_answer(client);
        break;
    case CLIENT_CLOSED:
        break;
    }
}

void client_close(struct client *client)
{
    if (client->tls != NULL) {
        if (client->state == CLIENT_IDLE)
            (void)SSL_shutdown(client->tls); /* only says it; nobody waits for the answer */
        SSL_free(client->tls);
        client->tls = NULL;
    }
    if (client->fd >= 0)
        (void)close(client->fd);
    client->fd = -1;
    client->state = CLIENT_CLOSED;
}
