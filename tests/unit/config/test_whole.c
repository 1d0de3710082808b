/* A whole config: defaults, what must hold, the printed form, and the shipped example. */
#include "config/config_test.h"

#include "proxy_limits.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/stopgap-config-XXXXXX";
static char file_path[64]; /* a file that can be read */
static char dir_path[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(file_path, sizeof(file_path), "%s/file", folder);
    (void)snprintf(dir_path, sizeof(dir_path), "%s/dir", folder);
    FILE *file = fopen(file_path, "w");
    return file == NULL || fclose(file) != 0 || mkdir(dir_path, 0700) != 0 ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(file_path);
    (void)rmdir(dir_path);
    return rmdir(folder);
}

static void make_valid(struct config *config)
{
    config_init(config);
    assert_true(config_add_listen(config, "https://0.0.0.0:443", NULL));
    assert_true(config_set_upstream(config, "https://exch01", NULL));
}

/* Each row breaks a valid config by up to two settings; FILE and DIR stand for ones that exist. */
static const struct {
    const char *name;
    const char *settings[3][2];
    const char *complaint; /* NULL: still valid */
} rows[] = {
    {"nothing", {{0}}, NULL},
    {"cert and key", {{"listen[].cert", "FILE"}, {"listen[].key", "FILE"}}, NULL},
    {"cert alone", {{"listen[].cert", "FILE"}}, "has a cert but no key: add"},
    {"key alone", {{"listen[].key", "FILE"}}, "has a key but no cert: add"},
    {"cert of http",
     {{"listen[].url", "http://h"}, {"listen[].cert", "FILE"}, {"listen[].key", "FILE"}},
     "which only https needs"},
    {"no cert file",
     {{"listen[].cert", "/nowhere/c"}, {"listen[].key", "FILE"}},
     "listen.cert: '/nowhere/c' cannot be read: No such file or directory: check"},
    {"no key file",
     {{"listen[].cert", "FILE"}, {"listen[].key", "/nowhere/k"}},
     "listen.key: '/nowhere/k' cannot be read"},
    {"a directory as cert", {{"listen[].cert", "DIR"}, {"listen[].key", "FILE"}}, "is not a file"},
    {"no CA file", {{"upstream.ca", "/nowhere/ca"}}, "upstream.ca: '/nowhere/ca' cannot be read"},
    {"the upstream is the listener",
     {{"upstream.url", "https://0.0.0.0"}},
     "is a listener of this"},
    {"bundle and trust", {{"rules.bundles[]", "FILE"}, {"rules.trust", "FILE"}}, NULL},
    {"bundle and state", {{"rules.bundles[]", "FILE"}, {"state", "DIR"}}, NULL},
    {"bundle without trust", {{"rules.bundles[]", "FILE"}}, "(--trust) with a root file, or state"},
    {"watch without trust", {{"rules.watch", "DIR"}}, "(--trust) with a root file, or state"},
    {"no bundle file",
     {{"rules.bundles[]", "/nowhere/b"}, {"rules.trust", "FILE"}},
     "rules.bundles: '/nowhere/b' cannot be read"},
    {"no trust file", {{"rules.trust", "/nowhere/t"}}, "rules.trust: '/nowhere/t' cannot be read"},
    {"no watched directory",
     {{"rules.watch", "/nowhere"}, {"state", "DIR"}},
     "rules.watch: '/nowhere' cannot be used: No such file or directory: create"},
    {"a file as watched directory", {{"rules.watch", "FILE"}, {"state", "DIR"}}, "not a directory"},
    {"a file as state", {{"state", "FILE"}}, "not a directory"},
    {"a state that is not yet there", {{"state", "/nowhere/state"}}, NULL},
    {"field beyond head",
     {{"limits.field", "16KiB"}, {"limits.head", "8KiB"}, {"limits.target", "8KiB"}},
     "field (16KiB) is larger than head (8KiB)"},
    {"target beyond head",
     {{"limits.target", "64KiB"}, {"limits.head", "32KiB"}, {"limits.field", "8KiB"}},
     "target (64KiB) is larger than head (32KiB)"},
    {"PROXY protocol from nobody", {{"proxy_protocol", "true"}}, "needs trusted_proxies"},
    {"PROXY protocol from somebody",
     {{"proxy_protocol", "true"}, {"trusted_proxies[]", "10.0.0.0/8"}},
     NULL},
    {"inspection switched off", {{"mode", "off"}, {"rules.builtin", "false"}}, NULL},
};

static const char *value_of(const char *value)
{
    if (strcmp(value, "FILE") == 0)
        return file_path;
    return strcmp(value, "DIR") == 0 ? dir_path : value;
}

static void test_a_config_holds_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct report report = {0};
        struct config config;
        print_message("  %s\n", rows[i].name);
        make_valid(&config);
        for (size_t j = 0; j < 3 && rows[i].settings[j][0] != NULL; j++)
            set(&config, rows[i].settings[j][0], value_of(rows[i].settings[j][1]));
        bool is_good = config_validate(&config, on_error, &report);
        print_message("    %s\n", report.text);
        assert_int_equal(is_good, rows[i].complaint == NULL);
        assert_int_equal(report.n, rows[i].complaint != NULL);
        if (rows[i].complaint != NULL)
            assert_non_null(strstr(report.text, rows[i].complaint));
        config_done(&config);
    }
}

static void test_an_empty_config_lacks_listener_and_upstream(void **state)
{
    (void)state;
    struct report report = {0};
    struct config config;
    config_init(&config);
    assert_false(config_validate(&config, on_error, &report));
    assert_int_equal(report.n, 2);
    assert_non_null(strstr(report.text, "no listener: add one under 'listen' or with --listen"));
    assert_non_null(strstr(report.text, "no upstream: add 'upstream: url' or --upstream"));
    config_done(&config);
}

static void test_two_listeners_cannot_have_one_address(void **state)
{
    (void)state;
    struct report report = {0};
    struct config config;
    make_valid(&config);
    assert_true(config_add_listen(&config, "http://0.0.0.0:443", NULL));
    assert_true(config_add_listen(&config, "http://0.0.0.0:80", NULL));
    assert_false(config_validate(&config, on_error, &report));
    assert_int_equal(report.n, 1);
    assert_non_null(strstr(report.text, "twice"));
    config_done(&config);
}

static void test_an_empty_config_is_safe_by_default(void **state)
{
    (void)state;
    struct config config;
    config_init(&config);
    assert_int_equal(config.mode, RULES_BLOCK);
    assert_int_equal(config.fail_mode, FAIL_CLOSED);
    assert_true(config.use_builtin);
    assert_true(config.upstream.verify);
    assert_false(config.allow_upgrade);
    assert_false(config.proxy_protocol);
    assert_int_equal(config.trusted_proxies.n, 0);
    assert_int_equal(config.n_admin, 0);
    assert_int_equal(config.workers, 0);
    assert_string_equal(config.access_log, "-");
    assert_string_equal(config.decision_log, "-");
    assert_int_equal(config.timeouts.relay_ms, TIMEOUT_RELAY_MS);
    assert_int_equal(config.timeouts.upstream_ms, TIMEOUT_RELAY_MS);
    assert_int_equal(config.timeouts.drain_ms, TIMEOUT_DRAIN_MS);
    assert_int_equal(config.timeouts.drain_delay_ms, 0);
    assert_int_equal(config.limits.field_bytes, LIMIT_FIELD_BYTES);
    assert_int_equal(config.limits.body_bytes, 0);
    assert_int_equal(config.limits.connections, LIMIT_CONNECTIONS);
    config_done(&config);
    config_done(&config); /* does no harm */
}

static void test_every_default_lies_in_its_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->kind != KEY_COUNT && key->kind != KEY_DURATION && key->kind != KEY_SIZE)
            continue;
        print_message("  %s\n", key->path);
        assert_true(key->min <= key->max);
        assert_true((key->standard >= key->min && key->standard <= key->max) ||
                    (key->standard == 0 && key->is_zero_allowed));
    }
}

static void test_what_is_printed_is_read_again(void **state)
{
    (void)state;
    static const char *const settings[][2] = {
        {"listen[].cert", "/etc/null"},
        {"listen[].key", "a: b #c"},
        {"upstream.ca", "null"},
        {"upstream.name", "~"},
        {"upstream.verify", "no"},
        {"workers", "64"},
        {"mode", "detect"},
        {"fail_mode", "open"},
        {"rules.builtin", "off"},
        {"rules.bundles[]", "/a\"b\\c"},
        {"rules.bundles[]", "- 'x'"},
        {"rules.watch", " leading and trailing "},
        {"rules.trust", "*alias"},
        {"rules.enabled[]", "1"},
        {"harden.ecp_from[]", "10.0.0.0/8"},
        {"harden.shapes", "detect"},
        {"state", "/var/lib/\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x92"},
        {"log.access", "none"},
        {"log.decisions", "-"},
        {"admin[]", "unix:/x y"},
        {"admin[]", "http://[::1]:1"},
        {"trusted_proxies[]", "::/0"},
        {"trusted_proxies[]", "10.0.0.0/8"},
        {"allow_upgrade", "true"},
        {"proxy_protocol", "true"},
        {"timeouts.header", "1500ms"},
        {"timeouts.relay", "24h"},
        {"timeouts.upstream", "61s"},
        {"limits.head", "4097"},
        {"limits.body", "9223372036854775807"},
        {"limits.fields", "77"},
    };
    struct config config;
    config_init(&config);
    check_round_trip(&config);
    assert_true(config_add_listen(&config, "https://[::]:8443", NULL));
    assert_true(config_set_upstream(&config, "https://exch01", NULL));
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        set(&config, settings[i][0], settings[i][1]);
    check_round_trip(&config);
    config_done(&config);
}

static void test_a_long_path_is_not_folded(void **state)
{
    (void)state;
    struct config config;
    char path[LIMIT_CONFIG_VALUE_BYTES + 2];
    memset(path, ' ', sizeof(path));
    for (size_t i = 0; i < sizeof(path); i += 7)
        path[i] = 'a';
    path[LIMIT_CONFIG_VALUE_BYTES] = '\0';
    config_init(&config);
    set(&config, "state", path);
    check_round_trip(&config);
    path[LIMIT_CONFIG_VALUE_BYTES] = 'a';
    path[LIMIT_CONFIG_VALUE_BYTES + 1] = '\0';
    assert_false(config_set(&config, "state", path, NULL));
    config_done(&config);
}

static void test_a_value_that_yaml_cannot_hold_is_not_printed(void **state)
{
    (void)state;
    struct config config;
    FILE *out = fopen("/dev/null", "w");
    assert_non_null(out);
    config_init(&config);
    set(&config, "state", "/\xff");
    assert_false(config_print(&config, out));
    config_done(&config);
    (void)fclose(out);
}

/* The whole of a file of the source tree; the caller frees it. */
static char *read_source(const char *path)
{
    char full[512];
    (void)snprintf(full, sizeof(full), "%s/%s", SOURCE_DIR, path);
    FILE *file = fopen(full, "r");
    assert_non_null(file);
    char *text = calloc(1, 64 * 1024);
    assert_non_null(text);
    size_t len = fread(text, 1, 64 * 1024 - 1, file);
    assert_true(len > 0 && feof(file));
    (void)fclose(file);
    return text;
}

/* "#key: value" becomes "key: value"; prose has a blank behind the "#". */
static void uncomment(char *text)
{
    for (char *at = strchr(text, '#'); at != NULL; at = strchr(at + 1, '#'))
        if (at[1] >= 'a' && at[1] <= 'z')
            memmove(at, at + 1, strlen(at));
}

static void read_good(struct config *config, const char *text)
{
    struct report report = {0};
    config_init(config);
    bool is_good = config_read_text(config, "stopgap.yaml", slice_str(text), on_error, &report);
    print_message("%s", report.text);
    assert_true(is_good);
}

static void test_the_example_has_the_defaults(void **state)
{
    (void)state;
    char *text = read_source("conf/stopgap.yaml");
    struct config config;
    struct config standard;
    read_good(&config, text);
    make_valid(&standard);
    /* What the example sets, and says so. */
    assert_string_equal(config.listen[0].url, "https://0.0.0.0:443");
    assert_string_equal(config.upstream.one.url, "https://exchange.example.com");
    set(&standard, "listen[].cert", "/etc/stopgap/cert.pem");
    set(&standard, "listen[].key", "/etc/stopgap/key.pem");
    set(&standard, "upstream.url", "https://exchange.example.com");
    set(&standard, "state", "/var/lib/stopgap");
    set(&standard, "admin[]", "unix:/run/stopgap/admin.sock");
    char *printed = print_text(&config);
    char *expected = print_text(&standard);
    assert_string_equal(printed, expected);
    free(printed);
    free(expected);
    free(text);
    config_done(&config);
    config_done(&standard);
}

static void test_the_example_has_every_key(void **state)
{
    (void)state;
    char *text = read_source("conf/stopgap.yaml");
    struct config config;
    uncomment(text);
    read_good(&config, text);
    assert_string_equal(config.upstream.ca_path, "/etc/stopgap/exchange-ca.pem");
    assert_non_null(config.trust_path);
    for (size_t i = 0; i < config_n_keys; i++) {
        const char *dot = strrchr(config_keys[i].path, '.');
        struct slice word = slice_str(dot != NULL ? dot + 1 : config_keys[i].path);
        char line[64];
        (void)snprintf(line, sizeof(line), SLICE_FMT ":",
                       SLICE_ARG(slice_head(word, slice_find(word, '['))));
        print_message("  %s\n", config_keys[i].path);
        assert_non_null(strstr(text, line));
    }
    config_done(&config);
    free(text);
}

static void test_files_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    const char *const paths[] = {"/nowhere/stopgap.yaml", dir_path};
    for (size_t i = 0; i < 2; i++) {
        struct report report = {0};
        struct config config;
        config_init(&config);
        assert_false(config_read_file(&config, paths[i], on_error, &report));
        assert_int_equal(report.n, 1);
        assert_true(slice_starts_with(slice_str(report.text), slice_str(paths[i])));
        config_done(&config);
    }
}

static void test_a_file_is_read_and_remembered(void **state)
{
    (void)state;
    struct report report = {0};
    struct config config;
    FILE *file = fopen(file_path, "w");
    assert_non_null(file);
    (void)fputs("mode: detect\n", file);
    assert_int_equal(fclose(file), 0);
    config_init(&config);
    assert_true(config_read_file(&config, file_path, on_error, &report));
    assert_int_equal(config.mode, RULES_DETECT);
    assert_string_equal(config.source_path, file_path);
    config_done(&config);
}

static void test_setting_an_unknown_key_names_the_known_ones(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *complaint;
    } keys[] = {
        {"timeouts.heder", "unknown name 'heder': did you mean 'header'?"},
        {"timeouts.", "unknown name '': known here: header, keepalive"},
        {"nothing.header", "unknown name 'header'"},
        {"timeouts", "unknown name 'timeouts'"},
        {"rules.bundles", "unknown name 'bundles'"},
        {"", "unknown name ''"},
        {"limits.a_word_that_is_longer_than_any_key", "known here: field, head"},
        {"listen[].cert", "there is no listen"},
    };
    struct config config;
    config_init(&config);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct err err = {0};
        assert_false(config_set(&config, keys[i].path, "1", &err));
        assert_non_null(strstr(err.text, keys[i].complaint));
    }
    config_done(&config);
}

static void test_a_file_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    struct report report = {0};
    struct config config;
    FILE *file = fopen(file_path, "w");
    assert_non_null(file);
    for (size_t i = 0; i <= LIMIT_CONFIG_BYTES; i++)
        (void)fputc(i % 80 == 79 ? '\n' : '#', file);
    assert_int_equal(fclose(file), 0);
    config_init(&config);
    assert_false(config_read_file(&config, file_path, on_error, &report));
    assert_non_null(strstr(report.text, "larger than 1048576"));
    config_done(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_config_holds_together),
        cmocka_unit_test(test_an_empty_config_lacks_listener_and_upstream),
        cmocka_unit_test(test_two_listeners_cannot_have_one_address),
        cmocka_unit_test(test_an_empty_config_is_safe_by_default),
        cmocka_unit_test(test_every_default_lies_in_its_range),
        cmocka_unit_test(test_what_is_printed_is_read_again),
        cmocka_unit_test(test_a_long_path_is_not_folded),
        cmocka_unit_test(test_a_value_that_yaml_cannot_hold_is_not_printed),
        cmocka_unit_test(test_the_example_has_the_defaults),
        cmocka_unit_test(test_the_example_has_every_key),
        cmocka_unit_test(test_files_that_cannot_be_read_are_named),
        cmocka_unit_test(test_a_file_is_read_and_remembered),
        cmocka_unit_test(test_setting_an_unknown_key_names_the_known_ones),
        cmocka_unit_test(test_a_file_beyond_the_limit_is_refused),
    };
    return cmocka_run_group_tests_name("config as a whole", tests, make_folder, remove_folder);
}
