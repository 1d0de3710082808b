/* URLs of listeners, upstream and admin interface. */
#include "config/config_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *name;
    const char *input;
    const char *host; /* NULL: refused */
    unsigned port;
    bool tls;
    const char *complaint;
} urls[] = {
    {"http has port 80", "http://exch01", "exch01", 80, false, NULL},
    {"https has port 443", "https://exchange.example.com", "exchange.example.com", 443, true, NULL},
    {"a port", "https://0.0.0.0:8443", "0.0.0.0", 8443, true, NULL},
    {"the highest port", "http://h:65535", "h", 65535, false, NULL},
    {"IPv6 stands in brackets", "https://[2001:db8::1]:444", "2001:db8::1", 444, true, NULL},
    {"IPv6 without port", "http://[::]", "::", 80, false, NULL},
    {"capital schemes", "HTTPS://exch01", "exch01", 443, true, NULL},
    {"names with digits and lines", "http://ex-01_a.local", "ex-01_a.local", 80, false, NULL},
    {"another scheme is refused", "ftp://h", NULL, 0, false, "http"},
    {"no scheme is refused", "0.0.0.0:443", NULL, 0, false, "https://HOST:PORT"},
    {"an empty text is refused", "", NULL, 0, false, "empty"},
    {"only a scheme is refused", "https://", NULL, 0, false, "no valid host"},
    {"a port without host is refused", "https://:443", NULL, 0, false, "0.0.0.0"},
    {"a star is refused", "https://*:443", NULL, 0, false, "no valid host"},
    {"IPv6 without brackets is refused", "http://::1:80", NULL, 0, false, "brackets"},
    {"IPv6 must be valid", "http://[::g]:80", NULL, 0, false, "brackets"},
    {"an open bracket is refused", "http://[::1", NULL, 0, false, "brackets"},
    {"IPv4 in brackets is refused", "http://[127.0.0.1]", NULL, 0, false, "brackets"},
    {"text behind brackets is refused", "http://[::1]x", NULL, 0, false, "port"},
    {"what looks like IPv4 must be valid", "http://10.0.0.300", NULL, 0, false, "no valid host"},
    {"a number is no name", "http://8080", NULL, 0, false, "no valid host"},
    {"an empty label is refused", "http://a..b", NULL, 0, false, "no valid host"},
    {"a label does not begin with a line", "http://-a", NULL, 0, false, "no valid host"},
    {"port 0 is refused", "http://h:0", NULL, 0, false, "1 to 65535"},
    {"a port beyond 16 bits is refused", "http://h:65536", NULL, 0, false, "1 to 65535"},
    {"an empty port is refused", "http://h:", NULL, 0, false, "1 to 65535"},
    {"a signed port is refused", "http://h:+80", NULL, 0, false, "1 to 65535"},
    {"two ports are refused", "http://h:80:80", NULL, 0, false, "1 to 65535"},
    {"a slash is refused", "https://h/", NULL, 0, false, "without a /"},
    {"a path is refused", "https://h:443/owa", NULL, 0, false, "without a /"},
    {"a query is refused", "https://h?a", NULL, 0, false, "without a /"},
    {"a fragment is refused", "https://h#a", NULL, 0, false, "without a /"},
    {"a user is refused", "https://user:pw@h", NULL, 0, false, "@"},
    {"a blank is refused", "https://h h", NULL, 0, false, "no valid host"},
    {"a percent sign is refused", "https://h%41", NULL, 0, false, "no valid host"},
    {"a line break is refused", "https://h\n", NULL, 0, false, "control"},
};

static void test_urls_are_scheme_host_and_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct config config;
        struct err err = {0};
        struct err upstream_err = {0};
        config_init(&config);
        print_message("  %s\n", urls[i].name);
        assert_int_equal(config_add_listen(&config, urls[i].input, &err), urls[i].host != NULL);
        assert_int_equal(config_set_upstream(&config, urls[i].input, &upstream_err),
                         urls[i].host != NULL);
        assert_int_equal(config.n_listen, urls[i].host != NULL);
        if (urls[i].host != NULL) {
            assert_string_equal(config.listen[0].url, urls[i].input);
            assert_string_equal(config.listen[0].host, urls[i].host);
            assert_int_equal(config.listen[0].port, urls[i].port);
            assert_int_equal(config.listen[0].tls, urls[i].tls);
            assert_string_equal(config.upstream.one.host, urls[i].host);
            assert_int_equal(config.upstream.one.port, urls[i].port);
            assert_int_equal(config.upstream.one.tls, urls[i].tls);
        } else {
            assert_non_null(strstr(err.text, urls[i].complaint));
            assert_non_null(strstr(upstream_err.text, urls[i].complaint));
        }
        config_done(&config);
    }
}

static const struct {
    const char *name;
    const char *input;
    const char *path;
    const char *host;
    unsigned port;
    const char *complaint;
} admins[] = {
    {"a socket", "unix:/run/stopgap/admin.sock", "/run/stopgap/admin.sock", NULL, 0, NULL},
    {"loopback", "http://127.0.0.1:9100", NULL, "127.0.0.1", 9100, NULL},
    {"all of 127/8 is loopback", "http://127.8.9.10:9100", NULL, "127.8.9.10", 9100, NULL},
    {"IPv6 loopback", "http://[::1]:9100", NULL, "::1", 9100, NULL},
    {"localhost is not resolved", "http://localhost:9100", NULL, "127.0.0.1", 9100, NULL},
    {"no other address", "http://10.0.0.1:9100", NULL, NULL, 0, "loopback only"},
    {"not all addresses", "http://0.0.0.0:9100", NULL, NULL, 0, "loopback only"},
    {"not all IPv6 addresses", "http://[::]:9100", NULL, NULL, 0, "loopback only"},
    {"no name", "http://exch01:9100", NULL, NULL, 0, "loopback only"},
    {"no name that looks like loopback", "http://127.0.0.1.nip.io:9100", NULL, NULL, 0,
     "loopback only"},
    {"no TLS", "https://127.0.0.1:9100", NULL, NULL, 0, "TLS"},
    {"a port is needed", "http://127.0.0.1", NULL, NULL, 0, "port"},
    {"a path is needed", "unix:", NULL, NULL, 0, "unix:PATH"},
    {"a path has 107 bytes at most",
     "unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     NULL, NULL, 0, "107"},
    {"no other scheme", "tcp:9100", NULL, NULL, 0, "http://"},
};

static void test_admin_is_a_socket_or_loopback(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(admins) / sizeof(admins[0]); i++) {
        struct config config;
        struct err err = {0};
        config_init(&config);
        print_message("  %s\n", admins[i].name);
        bool is_good = config_add_admin(&config, admins[i].input, &err);
        assert_int_equal(is_good, admins[i].complaint == NULL);
        if (!is_good) {
            assert_int_equal(config.n_admin, 0);
            assert_non_null(strstr(err.text, admins[i].complaint));
        } else if (admins[i].path != NULL) {
            assert_string_equal(config.admin[0].unix_path, admins[i].path);
            assert_null(config.admin[0].host);
        } else {
            assert_null(config.admin[0].unix_path);
            assert_string_equal(config.admin[0].host, admins[i].host);
            assert_int_equal(config.admin[0].port, admins[i].port);
        }
        config_done(&config);
    }
}

static void test_lists_end_at_their_limit(void **state)
{
    (void)state;
    struct config config;
    struct err err = {0};
    config_init(&config);
    size_t n = 0;
    while (n < 1000 && config_add_listen(&config, "http://127.0.0.1:80", &err))
        n++;
    assert_int_equal(n, 16);
    assert_non_null(strstr(err.text, "more than 16"));
    for (n = 0; n < 1000 && config_set(&config, "trusted_proxies[]", "::1", &err);)
        n++;
    assert_int_equal(n, 64);
    for (n = 0; n < 1000 && config_add_admin(&config, "unix:/x", &err);)
        n++;
    assert_int_equal(n, 8);
    config_done(&config);
}

static const struct {
    const char *url, *shown; /* NULL: no URL of a webhook */
} secrets[] = {
    {"https://hooks.example.com", "https://hooks.example.com"},
    {"https://hooks.example.com/", "https://hooks.example.com/"},
    {"https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
     "https://hooks.slack.com/services/***/***/***"},
    {"https://example.webhook.office.com/webhookb2/0a1b2c3d-1111@2222-3333/IncomingWebhook/0123/4",
     "https://example.webhook.office.com/***/***/***/0123/4"},
    {"https://api.telegram.org/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage",
     "https://api.telegram.org/***/sendMessage"},
    {"http://u:p@h:8080/a?token=1", "http://***@h:8080/a?***"},
    {"https://u@p@h/x", "https://***@h/x"},
    {"https://h?token", "https://h?***"},
    {"https://h#token", "https://h***"},
    {"https://h/a\\token", "https://h/a***"},
    {"https://[::1]:8443/v1/events", "https://[::1]:8443/v1/events"},
    {"https://[::1", NULL},
    {"https://", NULL},
    {"https:///path", NULL},
    {"https://u@/path", NULL},
    {"https://h:0/", NULL},
    {"https://h:port/", NULL},
    {"https://h/a b", NULL},
    {"https://h/\xc3\xa9", NULL},
    {"ftp://h/x", NULL},
    {"hooks.example.com/x", NULL},
};

static void test_what_may_be_a_secret_in_a_url_is_not_shown(void **state)
{
    (void)state;
    char longest[4000] = "https://h";
    struct err refused = {0};
    assert_false(config_check_secret_url("x", &refused));
    for (size_t len = strlen(longest); len + 3 < sizeof(longest); len += 2)
        memcpy(longest + len, "/a", 3);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        struct config config;
        struct err err = {0};
        config_init(&config);
        print_message("  %s\n", secrets[i].url);
        bool is_good = config_set(&config, "events.webhook", secrets[i].url, &err);
        assert_int_equal(is_good, secrets[i].shown != NULL);
        if (is_good)
            assert_string_equal(config_mask_url(secrets[i].url).text, secrets[i].shown);
        else
            assert_string_equal(err.text, refused.text); /* so it shows nothing of the URL */
        config_done(&config);
    }
    assert_string_equal(config_mask_url("proxy.example.com:3128").text, "proxy.example.com:3128");
    assert_string_equal(config_mask_url("u:p@proxy.example.com:3128").text,
                        "***@proxy.example.com:3128");
    assert_int_equal(strncmp(config_mask_url(longest).text, "https://h/a/a", 13), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls_are_scheme_host_and_port),
        cmocka_unit_test(test_admin_is_a_socket_or_loopback),
        cmocka_unit_test(test_lists_end_at_their_limit),
        cmocka_unit_test(test_what_may_be_a_secret_in_a_url_is_not_shown),
    };
    return cmocka_run_group_tests_name("config URLs", tests, NULL, NULL);
}
