/* The client behind trusted proxies, read from X-Forwarded-For. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "forwarded.h"
#include "http/message.h"

#include <arpa/inet.h>
#include <stdio.h>

static struct net_address address_of(const char *text)
{
    struct net_address address;
    if (inet_pton(AF_INET6, text, address.bytes) != 1)
        fail_msg("bad address in a test: %s", text);
    return address;
}

static void test_addresses_are_read_in_the_forms_that_proxies_write(void **state)
{
    static const struct {
        const char *text;
        const char *expected; /* NULL: refused */
    } rows[] = {
        {"192.0.2.1", "::ffff:192.0.2.1"},
        {"192.0.2.1:8080", "::ffff:192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:443", "2001:db8::1"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"", NULL},
        {"unknown", NULL},
        {"_hidden", NULL},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.1.1", NULL},
        {"0300.0.2.1", NULL},
        {"[2001:db8::1", NULL},
        {"[]", NULL},
        {"[", NULL},
        {"2001:db8::1::2", NULL},
        {"192.0.2.1 192.0.2.2", NULL},
        {"example.test", NULL},
        {"fe80::1%eth0", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct net_address address;
        bool ok = forwarded_parse_address(slice_str(rows[i].text), &address);
        if (ok != (rows[i].expected != NULL))
            fail_msg("\"%s\": %s", rows[i].text, ok ? "taken" : "refused");
        if (ok) {
            struct net_address expected = address_of(rows[i].expected);
            assert_memory_equal(&address, &expected, sizeof(address));
        }
    }
}

static void test_the_client_is_the_last_address_that_is_no_trusted_proxy(void **state)
{
    static const struct {
        const char *name;
        const char *fields;
        const char *expected; /* the peer itself is 10.0.0.9 */
    } rows[] = {
        {"no field", "", "::ffff:10.0.0.9"},
        {"one client", "X-Forwarded-For: 192.0.2.1\r\n", "::ffff:192.0.2.1"},
        {"IPv6", "X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"},
        {"a client's own invention in front", "X-Forwarded-For: 198.51.100.1, 192.0.2.1\r\n",
         "::ffff:192.0.2.1"},
        {"trusted ones behind", "X-Forwarded-For: 192.0.2.1, 10.1.1.1,10.2.2.2\r\n",
         "::ffff:192.0.2.1"},
        {"two fields", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.1.1.1\r\n",
         "::ffff:192.0.2.1"},
        {"two fields, the last counts",
         "X-Forwarded-For: 198.51.100.1\r\nA: b\r\nx-forwarded-for: 192.0.2.1\r\n",
         "::ffff:192.0.2.1"},
        {"all trusted", "X-Forwarded-For: 10.3.3.3, 10.4.4.4\r\n", "::ffff:10.3.3.3"},
        {"garbage is no address", "X-Forwarded-For: unknown\r\n", "::ffff:10.0.0.9"},
        {"garbage in front of a trusted one", "X-Forwarded-For: 192.0.2.1, x, 10.1.1.1\r\n",
         "::ffff:10.1.1.1"},
        {"empty", "X-Forwarded-For:\r\n", "::ffff:10.0.0.9"},
        {"only commas", "X-Forwarded-For: ,,\r\n", "::ffff:10.0.0.9"},
        {"other fields do not count", "X-Real-IP: 192.0.2.1\r\nForwarded: for=192.0.2.2\r\n",
         "::ffff:10.0.0.9"},
    };
    struct net_prefix trusted = {.address = address_of("::ffff:10.0.0.0"), .bits = 104};
    struct config config = {.trusted_proxies = {&trusted, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char raw[300];
        int len = snprintf(raw, sizeof(raw), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", rows[i].fields);
        struct message message;
        struct message_spec spec = {.raw = slice_make(raw, (size_t)len)};
        struct net_address address = address_of("::ffff:10.0.0.9");
        struct net_address expected = address_of(rows[i].expected);
        message_read(&message, &spec);
        assert_true(message.is_head_parsed);
        forwarded_client(&message.parser.head, &config, &address);
        if (memcmp(&address, &expected, sizeof(address)) != 0)
            fail_msg("%s: another address", rows[i].name);
        message_done(&message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_read_in_the_forms_that_proxies_write),
        cmocka_unit_test(test_the_client_is_the_last_address_that_is_no_trusted_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
