/* exchange-standin: answers HTTP in the shape of Exchange's virtual directories, for the demo, the
 * tests and the benchmark. It is not Exchange, has no mailbox and checks no password. */
#include "connection.h"
#include "pages.h"

#include "stopgap/slice.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum { BACKLOG = 4096 }; /* load generators open all connections at once */

static const char usage[] =
    "exchange-standin: a test program that answers like Exchange's virtual directories.\n\n"
    "  exchange-standin --port N [--print-requests]\n\n"
    "  --port N           listen on 127.0.0.1:N; 0 takes a free port and prints it\n"
    "  --print-requests   print method and target of every request\n";

static void on_connection(uv_stream_t *listener, int status)
{
    struct standin *standin =
        (struct standin *)(void *)((char *)listener - offsetof(struct standin, listener));
    if (status == 0)
        connection_accept(standin);
}

static void on_stop(uv_signal_t *signal, int number)
{
    (void)number;
    uv_stop(signal->loop);
}

/* Every handle but the listener and the signals is a connection's. */
static void on_walk(uv_handle_t *handle, void *ctx)
{
    struct standin *standin = ctx;
    if (uv_is_closing(handle))
        return;
    if (handle->type == UV_TCP && handle != (uv_handle_t *)&standin->listener)
        connection_end(handle);
    else
        uv_close(handle, NULL);
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
    uint64_t value = 0;
    if (!slice_to_u64(slice_str(text), &value) || value > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)value;
    return true;
}

/* Returns 0, or a libuv error. */
static int listen_on(struct standin *standin, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int len = sizeof(address);
    int result = uv_tcp_init(standin->loop, &standin->listener);
    if (result == 0)
        result = uv_tcp_bind(&standin->listener, (const struct sockaddr *)&address, 0);
    if (result == 0)
        result = uv_listen((uv_stream_t *)&standin->listener, BACKLOG, on_connection);
    if (result == 0)
        result = uv_tcp_getsockname(&standin->listener, (struct sockaddr *)&address, &len);
    if (result != 0)
        return result;
    (void)printf("exchange-standin (not Microsoft Exchange) listens on http://127.0.0.1:%u\n",
                 (unsigned)ntohs(address.sin_port));
    (void)fflush(stdout);
    return 0;
}

static int serve(uint16_t port, bool print_requests)
{
    uv_loop_t loop;
    struct standin standin = {.loop = &loop, .print_requests = print_requests};
    uv_signal_t term;
    uv_signal_t interrupt;
    if (uv_loop_init(&loop) != 0)
        return 1;
    (void)uv_signal_init(&loop, &term);
    (void)uv_signal_init(&loop, &interrupt);
    (void)uv_signal_start(&term, on_stop, SIGTERM);
    (void)uv_signal_start(&interrupt, on_stop, SIGINT);
    int result = listen_on(&standin, port);
    if (result != 0) {
        (void)fprintf(stderr, "exchange-standin: cannot listen on 127.0.0.1:%u: %s\n",
                      (unsigned)port, uv_strerror(result));
        return 1;
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    uv_walk(&loop, on_walk, &standin);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},
        {"print-requests", no_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint16_t port = 0;
    bool has_port = false;
    bool print_requests = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p') {
            has_port = parse_port(optarg, &port);
        } else if (option == 'r') {
            print_requests = true;
        } else {
            (void)fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (!has_port || optind != argc) {
        (void)fputs(usage, stderr);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a client that left is a write error, not a death */
    connection_setup();
    pages_init();
    int status = serve(port, print_requests);
    pages_done();
    return status;
}
