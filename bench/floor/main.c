/* floor: see floor.h. */
#include "floor.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "stopgap/banned.h"

enum { BACKLOG = 4096 };

static const char usage[] =
    "usage: floor --port N --upstream-port N [--cert FILE --key FILE]\n\n"
    "The least that an HTTP proxy on libuv and llhttp does, on 127.0.0.1: a lower bound for the\n"
    "benchmark. No limits, no time-outs: not for use.\n\n"
    "Example: floor --port 8080 --upstream-port 8081\n";

static void on_connection(uv_stream_t *listener, int status)
{
    struct floor *floor =
        (struct floor *)(void *)((char *)listener - offsetof(struct floor, listener));
    if (status == 0)
        relay_accept(floor);
}

static bool to_port(const char *text, int *ret_port)
{
    char *end;
    long port = strtol(text, &end, 10);
    if (end == text || *end != '\0' || port < 1 || port > 65535)
        return false;
    *ret_port = (int)port;
    return true;
}

/* Returns 0, or a libuv error. */
static int serve(struct floor *floor, int port, int upstream_port)
{
    struct sockaddr_in address;
    (void)uv_ip4_addr("127.0.0.1", upstream_port, &floor->upstream);
    (void)uv_ip4_addr("127.0.0.1", port, &address);
    int result = uv_loop_init(&floor->loop);
    if (result == 0)
        result = uv_tcp_init(&floor->loop, &floor->listener);
    if (result == 0)
        result = uv_tcp_bind(&floor->listener, (const struct sockaddr *)&address, 0);
    if (result == 0)
        result = uv_listen((uv_stream_t *)&floor->listener, BACKLOG, on_connection);
    if (result == 0)
        result = uv_run(&floor->loop, UV_RUN_DEFAULT);
    return result;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'}, {"upstream-port", required_argument, NULL, 'u'},
        {"cert", required_argument, NULL, 'c'}, {"key", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0},
    };
    static struct floor floor;
    const char *cert = NULL;
    const char *key = NULL;
    int port = 0;
    int upstream_port = 0;
    int option;
    struct rlimit files;
    bool is_good = true;
    while (is_good && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout) < 0;
        cert = option == 'c' ? optarg : cert;
        key = option == 'k' ? optarg : key;
        is_good = option != '?' && (option != 'p' || to_port(optarg, &port)) &&
                  (option != 'u' || to_port(optarg, &upstream_port));
    }
    if (!is_good || port == 0 || upstream_port == 0 || (cert == NULL) != (key == NULL)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    relay_settings_init(&floor);
    if (cert != NULL && !tls_init(&floor, cert, key))
        return 1;
    int result = serve(&floor, port, upstream_port);
    (void)fprintf(stderr, "floor: %s\n", uv_strerror(result));
    return 1;
}
