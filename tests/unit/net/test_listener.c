/* Binding of listeners: one socket a worker, and never a port that somebody else has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket of another program on a port of the kernel's choice. */
static int other_socket(bool reuse_port, bool listens, uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (reuse_port)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (listens)
        assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void test_every_worker_gets_a_socket_of_the_same_port(void **state)
{
    struct err err;
    uint16_t port;
    struct inherited pool = {.n = 0};
    struct listener_sockets sockets;
    (void)state;
    assert_int_equal(close(other_socket(false, false, &port)), 0);
    if (!listener_bind(&(struct listener_place){"127.0.0.1", port, "http://127.0.0.1"}, &pool, 3,
                       &sockets, &err))
        fail_msg("%s", err.text);
    assert_int_equal(sockets.n, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct sockaddr_in address;
        socklen_t len = sizeof(address);
        assert_int_equal(getsockname(sockets.fds[i], (struct sockaddr *)&address, &len), 0);
        assert_int_equal(ntohs(address.sin_port), port);
        assert_int_equal(listen(sockets.fds[i], 1), 0);
        assert_int_equal(close(sockets.fds[i]), 0);
    }
}

static void test_inherited_sockets_go_on_in_place_of_new_ones(void **state)
{
    (void)state;
    for (unsigned reuse_port = 0; reuse_port < 2; reuse_port++) {
        struct err err;
        uint16_t port;
        struct inherited pool = {.n = 0};
        struct listener_sockets sockets;
        assert_true(inherited_add(&pool, other_socket(reuse_port != 0, true, &port)));
        int first = pool.fds[0];
        if (!listener_bind(&(struct listener_place){"127.0.0.1", port, "http://127.0.0.1"}, &pool,
                           2, &sockets, &err))
            fail_msg("%s", err.text);
        assert_int_equal(pool.n, 0);
        assert_int_equal(sockets.n, 2);
        assert_int_equal(sockets.fds[0], first);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(close(sockets.fds[i]), 0);
    }
}

static void test_more_inherited_sockets_than_workers_are_all_kept(void **state)
{
    struct err err;
    uint16_t port, other_port;
    struct inherited pool = {.n = 0};
    struct listener_sockets sockets;
    (void)state;
    int fd = other_socket(false, true, &port);
    assert_true(inherited_add(&pool, other_socket(false, true, &other_port)));
    for (unsigned i = 0; i < 3; i++)
        assert_true(inherited_add(&pool, dup(fd)));
    assert_true(listener_bind(&(struct listener_place){"127.0.0.1", port, "http://127.0.0.1"},
                              &pool, 1, &sockets, &err));
    assert_int_equal(sockets.n, 3);
    assert_int_equal(pool.n, 1); /* of another port */
    inherited_close(&pool);
    assert_int_equal(pool.n, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(close(sockets.fds[i]), 0);
    assert_int_equal(close(fd), 0);
}

static void test_what_does_not_listen_is_not_inherited(void **state)
{
    uint16_t port;
    struct inherited pool = {.n = 0};
    (void)state;
    assert_false(inherited_add(&pool, other_socket(false, false, &port)));
    assert_false(inherited_add(&pool, dup(STDERR_FILENO)));
    assert_int_equal(pool.n, 0);
}

static void test_a_port_in_use_is_an_error_even_when_it_could_be_shared(void **state)
{
    (void)state;
    for (unsigned reuse_port = 0; reuse_port < 2; reuse_port++) {
        struct err err;
        uint16_t port;
        struct inherited pool = {.n = 0};
        struct listener_sockets sockets;
        int other = other_socket(reuse_port != 0, true, &port);
        assert_false(listener_bind(&(struct listener_place){"127.0.0.1", port, "https://mail:1"},
                                   &pool, 2, &sockets, &err));
        assert_int_equal(err.kind, ERR_IO);
        assert_string_equal(err.code, "E_PORT_IN_USE");
        assert_non_null(strstr(err.text, "https://mail:1"));
        assert_int_equal(close(other), 0);
    }
}

static void test_an_address_of_another_machine_is_an_error(void **state)
{
    struct err err;
    struct inherited pool = {.n = 0};
    struct listener_sockets sockets;
    (void)state;
    assert_false(listener_bind(&(struct listener_place){"192.0.2.1", 8080, "http://192.0.2.1:8080"},
                               &pool, 1, &sockets, &err));
    assert_string_equal(err.code, "E_LISTEN");
    assert_false(listener_bind(&(struct listener_place){"no address", 8080, "http://no address"},
                               &pool, 1, &sockets, &err));
    assert_string_equal(err.code, "E_LISTEN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_worker_gets_a_socket_of_the_same_port),
        cmocka_unit_test(test_inherited_sockets_go_on_in_place_of_new_ones),
        cmocka_unit_test(test_more_inherited_sockets_than_workers_are_all_kept),
        cmocka_unit_test(test_what_does_not_listen_is_not_inherited),
        cmocka_unit_test(test_a_port_in_use_is_an_error_even_when_it_could_be_shared),
        cmocka_unit_test(test_an_address_of_another_machine_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
