/* Which server a new connection gets: loads, weights, slow start with a clock of the test's own,
 * and how few clients move when a server comes or goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "balance.h"

#include <stdio.h>

enum { N = 3, CLIENTS = 10000, MINUTE_MS = 60000 };

static const struct net_address anybody = {{0}};

static struct balance_query query_of(enum balance_method method)
{
    return (struct balance_query){
        .method = method, .client = &anybody, .now_ms = 1000000, .slow_start_ms = MINUTE_MS};
}

static void fill(struct balance_server servers[N])
{
    for (size_t i = 0; i < N; i++) {
        char url[64];
        int len = snprintf(url, sizeof(url), "https://exch0%zu.example.com", i);
        servers[i] =
            (struct balance_server){.key = balance_key(slice_make(url, (size_t)len)), .weight = 10};
    }
}

static struct net_address client_at(unsigned number)
{
    return (struct net_address){{[10] = 0xff,
                                 [11] = 0xff,
                                 [12] = 10,
                                 [13] = (unsigned char)(number >> 16),
                                 [14] = (unsigned char)(number >> 8),
                                 [15] = (unsigned char)number}};
}

/* How many of `count` new connections, all of which stay, each server gets. */
static void connect_many(struct balance_query *query, struct balance_server servers[N],
                         unsigned count, unsigned got[N])
{
    memset(got, 0, N * sizeof(got[0]));
    for (unsigned i = 0; i < count; i++) {
        query->turn++;
        int server = balance_pick(query, servers, N);
        assert_in_range(server, 0, N - 1);
        servers[server].n_connections++;
        got[server]++;
    }
}

static void test_the_server_with_the_fewest_connections_is_next(void **state)
{
    (void)state;
    struct balance_query query = query_of(BALANCE_LEAST_CONNECTIONS);
    struct balance_server servers[N];
    fill(servers);
    servers[0].n_connections = 7;
    servers[1].n_connections = 5;
    servers[2].n_connections = 6;
    for (query.turn = 0; query.turn < N; query.turn++)
        assert_int_equal(balance_pick(&query, servers, N), 1);
}

static void test_equals_take_turns(void **state)
{
    (void)state;
    struct balance_query query = query_of(BALANCE_LEAST_CONNECTIONS);
    struct balance_server servers[N];
    fill(servers);
    for (unsigned turn = 0; turn < 2 * N; turn++) {
        query.turn = turn;
        assert_int_equal(balance_pick(&query, servers, N), turn % N);
    }
}

static void test_connections_follow_the_weights(void **state)
{
    (void)state;
    struct balance_query query = query_of(BALANCE_LEAST_CONNECTIONS);
    struct balance_server servers[N];
    unsigned got[N];
    fill(servers);
    servers[0].weight = 10;
    servers[1].weight = 20;
    servers[2].weight = 70;
    connect_many(&query, servers, 1000, got);
    assert_in_range(got[0], 95, 105);
    assert_in_range(got[1], 195, 205);
    assert_in_range(got[2], 695, 705);
}

static void test_the_weights_hold_for_the_source_hash(void **state)
{
    (void)state;
    struct balance_query query = query_of(BALANCE_SOURCE_HASH);
    struct balance_server servers[N];
    unsigned got[N] = {0};
    fill(servers);
    servers[2].weight = 20;
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct net_address client = client_at(i);
        query.client = &client;
        got[balance_pick(&query, servers, N)]++;
    }
    assert_in_range(got[0], CLIENTS * 23 / 100, CLIENTS * 27 / 100);
    assert_in_range(got[1], CLIENTS * 23 / 100, CLIENTS * 27 / 100);
    assert_in_range(got[2], CLIENTS * 48 / 100, CLIENTS * 52 / 100);
}

static void test_nobody_is_chosen_who_is_down_or_was_tried(void **state)
{
    (void)state;
    for (unsigned method = 0; method < 2; method++) {
        struct balance_query query = query_of((enum balance_method)method);
        struct balance_server servers[N];
        fill(servers);
        servers[0].is_down = true;
        servers[2].was_tried = true;
        for (query.turn = 0; query.turn < N; query.turn++)
            assert_int_equal(balance_pick(&query, servers, N), 1);
        servers[1].is_down = true;
        assert_int_equal(balance_pick(&query, servers, N), BALANCE_NONE);
    }
}

static void test_who_refused_just_now_is_the_last_resort(void **state)
{
    (void)state;
    struct balance_query query = query_of(BALANCE_LEAST_CONNECTIONS);
    struct balance_server servers[N];
    fill(servers);
    servers[0].is_avoided = true;
    servers[1].n_connections = 1000;
    servers[2].n_connections = 1000;
    assert_int_not_equal(balance_pick(&query, servers, N), 0);
    servers[1].is_down = servers[2].is_down = true;
    assert_int_equal(balance_pick(&query, servers, N), 0);
}

static void test_a_server_that_leaves_moves_only_its_own_clients(void **state)
{
    (void)state;
    struct balance_query query = query_of(BALANCE_SOURCE_HASH);
    struct balance_server servers[N];
    unsigned moved[N] = {0};
    fill(servers);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct net_address client = client_at(i);
        query.client = &client;
        servers[1].is_down = false;
        int before = balance_pick(&query, servers, N);
        query.turn++;
        assert_int_equal(balance_pick(&query, servers, N), before);
        servers[1].is_down = true;
        int after = balance_pick(&query, servers, N);
        assert_true(before == 1 ? after != 1 : after == before);
        if (before == 1)
            moved[after]++;
    }
    assert_in_range(moved[0], CLIENTS * 15 / 100, CLIENTS * 19 / 100); /* half of a third each */
    assert_in_range(moved[2], CLIENTS * 15 / 100, CLIENTS * 19 / 100);
}

static void test_the_order_of_the_list_does_not_matter_to_the_hash(void **state)
{
    (void)state;
    struct balance_query query = query_of(BALANCE_SOURCE_HASH);
    struct balance_server servers[N];
    fill(servers);
    struct balance_server other[N] = {servers[2], servers[0], servers[1]};
    for (unsigned i = 0; i < 100; i++) {
        struct net_address client = client_at(i);
        query.client = &client;
        assert_int_equal(servers[balance_pick(&query, servers, N)].key,
                         other[balance_pick(&query, other, N)].key);
    }
}

static void test_the_second_half_of_an_ipv6_address_moves_nobody(void **state)
{
    (void)state;
    struct balance_query query = query_of(BALANCE_SOURCE_HASH);
    struct balance_server servers[N];
    fill(servers);
    struct net_address a = {{0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}};
    for (unsigned i = 0; i < 256; i++) {
        struct net_address b = a;
        b.bytes[15] = (unsigned char)i;
        query.client = &a;
        int expected = balance_pick(&query, servers, N);
        query.client = &b;
        assert_int_equal(balance_pick(&query, servers, N), expected);
    }
}

static void test_a_recovered_server_gets_its_share_little_by_little(void **state)
{
    (void)state;
    static const struct {
        uint64_t age_ms;
        unsigned least, most; /* of 300 connections, among three equals */
    } ages[] = {{0, 1, 3}, {MINUTE_MS / 4, 30, 37}, {MINUTE_MS / 2, 57, 63}, {MINUTE_MS, 99, 101}};
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        struct balance_query query = query_of(BALANCE_LEAST_CONNECTIONS);
        struct balance_server servers[N];
        unsigned got[N];
        fill(servers);
        servers[1].recovered_at_ms = query.now_ms;
        query.now_ms += ages[i].age_ms;
        connect_many(&query, servers, 300, got);
        assert_in_range(got[1], ages[i].least, ages[i].most);
    }
}

static void test_a_slow_start_can_be_switched_off(void **state)
{
    (void)state;
    struct balance_query query = query_of(BALANCE_LEAST_CONNECTIONS);
    struct balance_server servers[N];
    unsigned got[N];
    fill(servers);
    query.slow_start_ms = 0;
    servers[1].recovered_at_ms = query.now_ms;
    connect_many(&query, servers, 300, got);
    assert_int_equal(got[1], 100);
}

static void test_a_slow_server_that_is_alone_gets_everything(void **state)
{
    (void)state;
    struct balance_query query = query_of(BALANCE_LEAST_CONNECTIONS);
    struct balance_server servers[N];
    unsigned got[N];
    fill(servers);
    servers[0].is_down = servers[2].is_down = true;
    servers[1].recovered_at_ms = query.now_ms;
    connect_many(&query, servers, 100, got);
    assert_int_equal(got[1], 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_server_with_the_fewest_connections_is_next),
        cmocka_unit_test(test_equals_take_turns),
        cmocka_unit_test(test_connections_follow_the_weights),
        cmocka_unit_test(test_the_weights_hold_for_the_source_hash),
        cmocka_unit_test(test_nobody_is_chosen_who_is_down_or_was_tried),
        cmocka_unit_test(test_who_refused_just_now_is_the_last_resort),
        cmocka_unit_test(test_a_server_that_leaves_moves_only_its_own_clients),
        cmocka_unit_test(test_the_order_of_the_list_does_not_matter_to_the_hash),
        cmocka_unit_test(test_the_second_half_of_an_ipv6_address_moves_nobody),
        cmocka_unit_test(test_a_recovered_server_gets_its_share_little_by_little),
        cmocka_unit_test(test_a_slow_start_can_be_switched_off),
        cmocka_unit_test(test_a_slow_server_that_is_alone_gets_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
