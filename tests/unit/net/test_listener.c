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
    int fds[3];
    (void)state;
    assert_int_equal(close(other_socket(false, false, &port)), 0);
    if (!listener_bind("127.0.0.1", port, "http://127.0.0.1", fds, 3, &err))
        fail_msg("%s", err.text);
    for (unsigned i = 0; i < 3; i++) {
        struct sockaddr_in address;
        socklen_t len = sizeof(address);
        assert_int_equal(getsockname(fds[i], (struct sockaddr *)&address, &len), 0);
        assert_int_equal(ntohs(address.sin_port), port);
        assert_int_equal(listen(fds[i], 1), 0);
        assert_int_equal(close(fds[i]), 0);
    }
}

static void test_a_port_in_use_is_an_error_even_when_it_could_be_shared(void **state)
{
    (void)state;
    for (unsigned reuse_port = 0; reuse_port < 2; reuse_port++) {
        struct err err;
        uint16_t port;
        int fds[2] = {-1, -1};
        int other = other_socket(reuse_port != 0, true, &port);
        assert_false(listener_bind("127.0.0.1", port, "https://mail:1", fds, 2, &err));
        assert_int_equal(err.kind, ERR_IO);
        assert_string_equal(err.code, "E_PORT_IN_USE");
        assert_non_null(strstr(err.text, "https://mail:1"));
        assert_int_equal(close(other), 0);
    }
}

static void test_an_address_of_another_machine_is_an_error(void **state)
{
    struct err err;
    int fd = -1;
    (void)state;
    assert_false(listener_bind("192.0.2.1", 8080, "http://192.0.2.1:8080", &fd, 1, &err));
    assert_string_equal(err.code, "E_LISTEN");
    assert_false(listener_bind("no address", 8080, "http://no address", &fd, 1, &err));
    assert_string_equal(err.code, "E_LISTEN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_worker_gets_a_socket_of_the_same_port),
        cmocka_unit_test(test_a_port_in_use_is_an_error_even_when_it_could_be_shared),
        cmocka_unit_test(test_an_address_of_another_machine_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
