/* Single values: durations, sizes, booleans, networks. */
#include "config/config_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct number_row {
    const char *name;
    const char *input;
    uint64_t expected;
    const char *complaint; /* a word of the error; NULL: it is a value */
};

static const struct number_row durations[] = {
    {"seconds", "15s", 15000, NULL},
    {"minutes", "65m", 3900000, NULL},
    {"hours", "2h", 7200000, NULL},
    {"milliseconds", "500ms", 500, NULL},
    {"capital units", "500MS", 500, NULL},
    {"nothing needs a unit, too", "0s", 0, NULL},
    {"leading zeros", "007s", 7000, NULL},
    {"the largest number of milliseconds", "18446744073709551615ms", UINT64_MAX, NULL},
    {"a number without unit is refused", "15", 0, "no unit"},
    {"zero without unit is refused", "0", 0, "no unit"},
    {"days are refused", "3d", 0, "one known unit"},
    {"two numbers are refused", "1h30m", 0, "one known unit"},
    {"fractions are refused", "1.5s", 0, "one known unit"},
    {"a blank is refused", "15 s", 0, "one known unit"},
    {"a blank behind it is refused", "15s ", 0, "one known unit"},
    {"a sign is refused", "-15s", 0, "digit"},
    {"a plus is refused", "+15s", 0, "digit"},
    {"only a unit is refused", "s", 0, "digit"},
    {"nothing is refused", "", 0, "digit"},
    {"a number beyond 64 bits is refused", "18446744073709551616ms", 0, "too large"},
    {"a product beyond 64 bits is refused", "18446744073709551615s", 0, "too large"},
};

static const struct number_row sizes[] = {
    {"plain bytes", "4096", 4096, NULL},
    {"zero", "0", 0, NULL},
    {"kibibytes", "64KiB", 65536, NULL},
    {"mebibytes", "1MiB", 1048576, NULL},
    {"gibibytes", "2GiB", 2147483648, NULL},
    {"small letters", "64kib", 65536, NULL},
    {"decimal units are refused, nobody knows which are meant", "64KB", 0, "KiB"},
    {"one letter is refused", "64k", 0, "KiB"},
    {"fractions are refused", "1.5MiB", 0, "KiB"},
    {"a sign is refused", "-1", 0, "digit"},
    {"words are refused", "unlimited", 0, "digit"},
    {"a product beyond 64 bits is refused", "18446744073709551615KiB", 0, "too large"},
};

static void check_numbers(const struct number_row *rows, size_t n,
                          bool (*parse)(struct slice, uint64_t *, struct err *))
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = 12345;
        struct err err = {0};
        bool is_good = parse(slice_str(rows[i].input), &value, &err);
        print_message("  %s\n", rows[i].name);
        assert_int_equal(is_good, rows[i].complaint == NULL);
        if (is_good)
            assert_true(value == rows[i].expected);
        else
            assert_non_null(strstr(err.text, rows[i].complaint));
        if (!is_good)
            assert_true(value == 12345); /* written on success only */
    }
}

static void test_durations_have_one_number_and_one_unit(void **state)
{
    (void)state;
    check_numbers(durations, sizeof(durations) / sizeof(durations[0]), config_parse_duration);
}

static void test_sizes_are_bytes_or_have_a_binary_unit(void **state)
{
    (void)state;
    check_numbers(sizes, sizeof(sizes) / sizeof(sizes[0]), config_parse_size);
}

static void test_numbers_are_printed_in_the_form_that_is_read(void **state)
{
    (void)state;
    static const struct {
        uint64_t ms;
        const char *expected;
    } rows[] = {{0, "0ms"},     {1, "1ms"},       {1500, "1500ms"}, {15000, "15s"},  {60000, "1m"},
                {90000, "90s"}, {2400000, "40m"}, {7200000, "2h"},  {3900000, "65m"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(config_format_duration(rows[i].ms).text, rows[i].expected);
    assert_string_equal(config_format_size(0).text, "0");
    assert_string_equal(config_format_size(1000).text, "1000");
    assert_string_equal(config_format_size(65536).text, "64KiB");
    assert_string_equal(config_format_size(1048576).text, "1MiB");
    assert_string_equal(config_format_size(INT64_MAX).text, "9223372036854775807");
}

static void test_booleans_have_three_pairs_of_words(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        int expected; /* -1: refused */
    } rows[] = {{"true", 1},  {"yes", 1}, {"on", 1},  {"True", 1}, {"ON", 1},
                {"false", 0}, {"no", 0},  {"off", 0}, {"NO", 0},   {"1", -1},
                {"0", -1},    {"", -1},   {"y", -1},  {"tru", -1}, {"true ", -1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool value = false;
        struct err err = {0};
        bool is_good = config_parse_bool(slice_str(rows[i].input), &value, &err);
        assert_int_equal(is_good ? value : -1, rows[i].expected);
    }
}

static const struct {
    const char *name;
    const char *input;
    const char *expected; /* as printed; with '!' in front: a word of the error */
} networks[] = {
    {"IPv4 network", "10.0.0.0/8", "10.0.0.0/8"},
    {"IPv4 address", "192.0.2.7", "192.0.2.7/32"},
    {"all of IPv4", "0.0.0.0/0", "0.0.0.0/0"},
    {"odd prefix", "192.0.2.128/25", "192.0.2.128/25"},
    {"IPv6 network", "2001:db8::/32", "2001:db8::/32"},
    {"IPv6 address", "::1", "::1/128"},
    {"all addresses", "::/0", "::/0"},
    {"mapped IPv4 is IPv4", "::ffff:10.0.0.0/104", "10.0.0.0/8"},
    {"bits behind the prefix are a slip", "10.1.2.3/8", "!10.0.0.0/8"},
    {"the same in IPv6", "2001:db8::1/32", "!2001:db8::/32"},
    {"IPv4 has 32 bits", "10.0.0.0/33", "!0 to 32"},
    {"IPv6 has 128 bits", "::/129", "!0 to 128"},
    {"a slash without number", "10.0.0.0/", "!0 to 32"},
    {"a negative prefix", "10.0.0.0/-1", "!0 to 32"},
    {"a netmask", "10.0.0.0/255.0.0.0", "!0 to 32"},
    {"leading zeros could be octal", "010.0.0.0/8", "!not a network"},
    {"three numbers", "10.0.0/8", "!not a network"},
    {"a name", "localhost", "!not a network"},
    {"brackets", "[::1]", "!not a network"},
    {"blanks", " 10.0.0.0/8", "!not a network"},
    {"nothing", "", "!not a network"},
    {"only a prefix", "/8", "!not a network"},
    {"a long text", "10.0.0.0000000000000000000000000000000000000000000000000000",
     "!not a network"},
};

static void test_networks_are_read_and_printed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        struct net_prefix network = {0};
        struct err err = {0};
        print_message("  %s\n", networks[i].name);
        bool is_good = config_parse_network(slice_str(networks[i].input), &network, &err);
        assert_int_equal(is_good, networks[i].expected[0] != '!');
        if (is_good)
            assert_string_equal(config_format_network(&network).text, networks[i].expected);
        else
            assert_non_null(strstr(err.text, networks[i].expected + 1));
    }
}

static void test_a_network_contains_its_addresses_only(void **state)
{
    (void)state;
    static const struct {
        const char *network;
        const char *address;
        bool expected;
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.9", true},
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct net_prefix network;
        struct net_prefix address;
        assert_true(config_parse_network(slice_str(rows[i].network), &network, NULL));
        assert_true(config_parse_network(slice_str(rows[i].address), &address, NULL));
        assert_int_equal(net_list_contains(&(struct net_list){&network, 1}, &address.address),
                         rows[i].expected);
        assert_false(net_list_contains(&(struct net_list){&network, 0}, &address.address));
    }
}

static void test_an_echo_is_short_and_printable(void **state)
{
    (void)state;
    assert_string_equal(config_echo(SLICE("a\x1b[2Jb\n\xc2\x9b")).text, "a?[2Jb???");
    struct config_echo echo = config_echo(
        SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    assert_int_equal(strlen(echo.text), 63);
    assert_string_equal(echo.text + 60, "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_have_one_number_and_one_unit),
        cmocka_unit_test(test_sizes_are_bytes_or_have_a_binary_unit),
        cmocka_unit_test(test_numbers_are_printed_in_the_form_that_is_read),
        cmocka_unit_test(test_booleans_have_three_pairs_of_words),
        cmocka_unit_test(test_networks_are_read_and_printed),
        cmocka_unit_test(test_a_network_contains_its_addresses_only),
        cmocka_unit_test(test_an_echo_is_short_and_printable),
    };
    return cmocka_run_group_tests_name("config values", tests, NULL, NULL);
}
