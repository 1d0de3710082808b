/* Listening sockets from elsewhere: over a socket from another program, and by address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/pass_fds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

struct link {
    int ends[2];
};

static struct link link_make(void)
{
    struct link link;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link.ends), 0);
    return link;
}

static void link_close(struct link *link)
{
    assert_int_equal(close(link->ends[0]), 0);
    assert_int_equal(close(link->ends[1]), 0);
}

static int listen_tcp(struct sockaddr_in *ret_address)
{
    socklen_t len = sizeof(*ret_address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)ret_address, sizeof(*ret_address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &len), 0);
    return fd;
}

static void test_sockets_arrive_as_another_descriptor_of_the_same_queue(void **state)
{
    struct link link = link_make();
    struct inherited pool = {.n = 0};
    struct sockaddr_in address;
    char byte;
    (void)state;
    int fd = listen_tcp(&address);
    assert_true(pass_fds_send(link.ends[0], SLICE("."), &fd, 1));
    assert_int_equal(pass_fds_receive(link.ends[1], &byte, 1, &pool), 1);
    assert_int_equal(pool.n, 1);
    assert_int_equal(fcntl(pool.fds[0], F_GETFD), FD_CLOEXEC);
    assert_int_equal(close(fd), 0);

    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    int taken = inherited_take(&pool, (struct sockaddr *)&address);
    assert_true(taken >= 0);
    int accepted = accept4(taken, NULL, NULL, SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    assert_int_equal(close(accepted), 0);
    assert_int_equal(close(client), 0);
    assert_int_equal(close(taken), 0);
    link_close(&link);
}

static void test_a_full_batch_arrives_and_the_bytes_around_it(void **state)
{
    struct link link = link_make();
    struct inherited pool = {.n = 0};
    struct sockaddr_in address;
    int fds[LIMIT_PASSED_FDS];
    char bytes[16];
    (void)state;
    int fd = listen_tcp(&address);
    for (size_t i = 0; i < LIMIT_PASSED_FDS; i++)
        fds[i] = fd;
    assert_true(pass_fds_send(link.ends[0], SLICE("head"), NULL, 0));
    for (int batch = 0; batch < 2; batch++)
        assert_true(pass_fds_send(link.ends[0], SLICE("."), fds, LIMIT_PASSED_FDS));
    size_t n_bytes = 0;
    while (n_bytes < 6) {
        ssize_t n = pass_fds_receive(link.ends[1], bytes, sizeof(bytes), &pool);
        assert_true(n > 0);
        n_bytes += (size_t)n;
    }
    assert_int_equal(pool.n, 2 * LIMIT_PASSED_FDS);
    inherited_close(&pool);
    assert_int_equal(close(fd), 0);
    link_close(&link);
}

static void test_what_does_not_listen_is_closed_on_arrival(void **state)
{
    struct link link = link_make();
    struct inherited pool = {.n = 0};
    int pipes[2];
    char byte;
    (void)state;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_true(pass_fds_send(link.ends[0], SLICE("."), &pipes[1], 1));
    assert_int_equal(close(pipes[1]), 0);
    assert_int_equal(pass_fds_receive(link.ends[1], &byte, 1, &pool), 1);
    assert_int_equal(pool.n, 0);
    assert_int_equal(read(pipes[0], &byte, 1), 0); /* no writer is left */
    assert_int_equal(close(pipes[0]), 0);
    link_close(&link);
}

static void test_more_than_the_pool_has_room_for_is_an_error(void **state)
{
    struct link link = link_make();
    struct inherited pool = {.n = LIMIT_INHERITED_SOCKETS};
    struct sockaddr_in address;
    char byte;
    (void)state;
    int fd = listen_tcp(&address);
    assert_true(pass_fds_send(link.ends[0], SLICE("."), &fd, 1));
    assert_int_equal(pass_fds_receive(link.ends[1], &byte, 1, &pool), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(close(fd), 0);
    link_close(&link);
}

static void test_a_peer_that_takes_nothing_is_an_error_and_not_a_wait(void **state)
{
    struct link link = link_make();
    (void)state;
    static const char filler[1024] = {'x'};
    bool ok = true;
    for (int i = 0; ok && i < 10000; i++)
        ok = pass_fds_send(link.ends[0], slice_make(filler, sizeof(filler)), NULL, 0);
    assert_false(ok);
    assert_int_equal(errno, EAGAIN);
    link_close(&link);
}

static void test_an_address_is_told_by_port_family_and_path(void **state)
{
    struct inherited pool = {.n = 0};
    struct sockaddr_in address;
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/stopgap-inherit-XXXXXX";
    char name[INHERITED_NAME_BYTES];
    char wanted[INHERITED_NAME_BYTES];
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path.sun_path, sizeof(path.sun_path), "%s/a.sock", folder);
    int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(local, (struct sockaddr *)&path, sizeof(path)), 0);
    assert_int_equal(listen(local, 1), 0);
    int fd = listen_tcp(&address);
    assert_true(inherited_add(&pool, fd));
    assert_true(inherited_add(&pool, local));

    inherited_name(fd, name);
    (void)snprintf(wanted, sizeof(wanted), "127.0.0.1:%u", ntohs(address.sin_port));
    assert_string_equal(name, wanted);
    inherited_name(local, name);
    assert_string_equal(name, path.sun_path);

    struct sockaddr_in other = address;
    other.sin_addr.s_addr = htonl(INADDR_ANY);
    assert_int_equal(inherited_take(&pool, (struct sockaddr *)&other), -1);
    other = address;
    other.sin_port = htons((uint16_t)(ntohs(address.sin_port) ^ 1));
    assert_int_equal(inherited_take(&pool, (struct sockaddr *)&other), -1);
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = address.sin_port};
    assert_int_equal(inherited_take(&pool, (struct sockaddr *)&v6), -1);
    assert_int_equal(inherited_take(&pool, (struct sockaddr *)&path), local);
    assert_int_equal(inherited_take(&pool, (struct sockaddr *)&path), -1);
    assert_int_equal(inherited_take(&pool, (struct sockaddr *)&address), fd);
    assert_int_equal(pool.n, 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(local), 0);
    assert_int_equal(unlink(path.sun_path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sockets_arrive_as_another_descriptor_of_the_same_queue),
        cmocka_unit_test(test_a_full_batch_arrives_and_the_bytes_around_it),
        cmocka_unit_test(test_what_does_not_listen_is_closed_on_arrival),
        cmocka_unit_test(test_more_than_the_pool_has_room_for_is_an_error),
        cmocka_unit_test(test_a_peer_that_takes_nothing_is_an_error_and_not_a_wait),
        cmocka_unit_test(test_an_address_is_told_by_port_family_and_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
