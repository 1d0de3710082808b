/* Counting connections by client address. */
#include "address_table.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <uv.h>

#include <cmocka.h>

#include "stopgap/banned.h"

static struct net_address address_of(const char *text)
{
    struct in_addr v4;
    struct net_address address;
    if (inet_pton(AF_INET, text, &v4) == 1)
        return net_address_from_ipv4(&v4);
    assert_int_equal(inet_pton(AF_INET6, text, address.bytes), 1);
    return address;
}

static struct address_table *table_of(size_t max_places, uint64_t max_each)
{
    struct err err = {0};
    struct address_table *table = address_table_new(max_places, max_each, &err);
    if (table == NULL)
        fail_msg("%s", err.text);
    return table;
}

static struct address_place *take(struct address_table *table, const char *text)
{
    struct net_address address = address_of(text);
    return address_table_take(table, &address);
}

static void test_an_address_has_as_many_as_it_may(void **state)
{
    (void)state;
    struct address_table *table = table_of(10, 2);
    struct address_place *first = take(table, "192.0.2.1");
    struct address_place *second = take(table, "192.0.2.1");
    assert_non_null(first);
    assert_non_null(second);
    assert_null(take(table, "192.0.2.1"));
    assert_non_null(take(table, "192.0.2.2"));
    address_table_release(table, first);
    assert_non_null(take(table, "192.0.2.1"));
    assert_null(take(table, "192.0.2.1"));
    address_table_release(table, NULL);
    address_table_free(table);
}

static void test_ipv6_counts_by_its_64_bit_network(void **state)
{
    (void)state;
    struct address_table *table = table_of(10, 1);
    assert_non_null(take(table, "2001:db8::1"));
    assert_null(take(table, "2001:db8::ffff:ffff:ffff:ffff"));
    assert_non_null(take(table, "2001:db8:0:1::1"));
    assert_non_null(take(table, "::ffff:192.0.2.1"));
    assert_null(take(table, "192.0.2.1"));
    assert_non_null(take(table, "192.0.2.2"));
    address_table_free(table);
}

/* Places come back in another order than they were given, and none is lost. */
static void test_places_are_used_again(void **state)
{
    enum { PLACES = 500 };
    static struct address_place *places[PLACES];
    (void)state;
    struct address_table *table = table_of(PLACES, 1);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < PLACES; i++) {
            char text[32];
            (void)snprintf(text, sizeof(text), "10.%u.%u.%u", round, i / 256, i % 256);
            places[i] = take(table, text);
            assert_non_null(places[i]);
        }
        assert_null(take(table, "192.0.2.1")); /* no place is left */
        for (unsigned i = 0; i < PLACES; i++)
            address_table_release(table, places[(i * 7 + round) % PLACES]);
    }
    address_table_free(table);
}

enum { THREADS = 4, TURNS = 20000 };

static void take_and_release(void *arg)
{
    struct address_table *table = arg;
    for (unsigned i = 0; i < TURNS; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "198.51.100.%u", i % 5);
        struct net_address address = address_of(text);
        address_table_release(table, address_table_take(table, &address));
    }
}

static void test_workers_count_together(void **state)
{
    uv_thread_t threads[THREADS];
    (void)state;
    struct address_table *table = table_of(THREADS, 1);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_create(&threads[i], take_and_release, table), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_join(&threads[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) { /* every place is free again */
        char text[32];
        (void)snprintf(text, sizeof(text), "203.0.113.%u", i);
        assert_non_null(take(table, text));
    }
    address_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_has_as_many_as_it_may),
        cmocka_unit_test(test_ipv6_counts_by_its_64_bit_network),
        cmocka_unit_test(test_places_are_used_again),
        cmocka_unit_test(test_workers_count_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
