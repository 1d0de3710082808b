/* Several servers: which keys they stand under, what they inherit, what is refused. */
#include "config/config_test.h"

#include "proxy_limits.h"

#include <stdlib.h>

static void test_several_servers_are_printed_and_read_again(void **state)
{
    (void)state;
    struct config config;
    config_init(&config);
    assert_true(config_add_listen(&config, "https://[::]:8443", NULL));
    assert_true(config_add_upstream(&config, "https://exch01", NULL));
    assert_int_equal(config_n_servers(&config), 1);
    assert_false(config_checks_health(&config));
    assert_true(config_add_upstream(&config, "https://exch02:444", NULL));
    assert_true(config_checks_health(&config));
    set(&config, "upstream.servers[].name", "mail.example.com");
    set(&config, "upstream.servers[].weight", "100");
    set(&config, "upstream.balance", "source_hash");
    set(&config, "upstream.proxy_protocol", "v2");
    set(&config, "upstream.slow_start", "0s");
    set(&config, "health.enabled", "true");
    set(&config, "health.interval", "1500ms");
    set(&config, "health.rise", "7");
    set(&config, "health.status", "204");
    set(&config, "health.vdirs[]", "owa");
    set(&config, "health.vdirs[]", "null");
    assert_int_equal(config_n_servers(&config), 2);
    assert_true(config_has_upstream_tls(&config));
    assert_string_equal(config_server(&config, 0)->url, "https://exch01");
    assert_string_equal(config_server_name(&config, 0), "exch01");
    assert_string_equal(config_server_name(&config, 1), "mail.example.com");
    check_round_trip(&config);
    config_done(&config);
}

static void test_directories_that_are_set_replace_those_of_exchange(void **state)
{
    (void)state;
    struct slice vdirs[LIMIT_HEALTH_VDIRS];
    struct err err = {0};
    struct config config;
    config_init(&config);
    assert_int_equal(config_health_vdirs(&config, vdirs, LIMIT_HEALTH_VDIRS), 8);
    assert_true(slice_equal(vdirs[7], SLICE("Microsoft-Server-ActiveSync")));
    set(&config, "health.vdirs[]", "owa");
    assert_int_equal(config_health_vdirs(&config, vdirs, LIMIT_HEALTH_VDIRS), 1);
    assert_false(config_set(&config, "health.vdirs[]", "OWA", &err));
    assert_non_null(strstr(err.text, "twice"));
    assert_false(config_set(&config, "health.vdirs[]", "owa/auth", &err));
    assert_non_null(strstr(err.text, "without slashes"));
    config_done(&config);
}

static void test_servers_stand_under_one_key_and_once(void **state)
{
    (void)state;
    static const char text[] =
        "upstream:\n"
        "  url: https://exch01\n"
        "  servers: [{url: 'https://exch02'}, {url: 'https://EXCH02:443'}]\n";
    struct report report = {0};
    struct config config;
    config_init(&config);
    assert_true(config_add_listen(&config, "https://0.0.0.0:443", NULL));
    assert_true(config_read_text(&config, "text", SLICE(text), on_error, &report));
    assert_false(config_validate(&config, on_error, &report));
    assert_non_null(strstr(report.text, "upstream has a url and servers"));
    config_clear_upstream(&config);
    assert_true(config_add_upstream(&config, "https://exch02", NULL));
    assert_true(config_add_upstream(&config, "https://EXCH02:443", NULL));
    assert_false(config_validate(&config, on_error, &report));
    assert_non_null(strstr(report.text, "stands there twice"));
    config_done(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_servers_are_printed_and_read_again),
        cmocka_unit_test(test_directories_that_are_set_replace_those_of_exchange),
        cmocka_unit_test(test_servers_stand_under_one_key_and_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
