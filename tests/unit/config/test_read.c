/* Reading YAML: every mistake has its line, column and remedy. */
#include "config/config_internal.h"
#include "proxy_limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The errors of one reading, one a line, with the file name left out. */
struct report {
    char text[64 * 1024];
    size_t len;
    unsigned n;
};

static void on_error(void *ctx, const struct err *err)
{
    struct report *report = ctx;
    int n = snprintf(report->text + report->len, sizeof(report->text) - report->len, "%u:%u: %s\n",
                     err->line, err->column, err->text);
    assert_true(n > 0 && (size_t)n < sizeof(report->text) - report->len);
    report->len += (size_t)n;
    report->n++;
    assert_string_equal(err->file, "f");
    assert_null(strchr(err->text, '\n'));
}

static bool read_text(struct config *config, struct slice text, struct report *report)
{
    report->len = report->n = 0;
    report->text[0] = '\0';
    return config_read_text(config, "f", text, on_error, report);
}

/* Each row is one mistake: where it must be reported, and words of cause and remedy. */
static const struct {
    const char *name;
    const char *yaml;
    const char *place;
    const char *words[2];
} mistakes[] = {
    {"an unknown key at the top",
     "workers: 1\nlisten_on: x\n",
     "2:1: ",
     {"unknown key 'listen_on'", "known here: listen, certificates,"}},
    {"a mistyped key at the top",
     "wokers: 1\n",
     "1:1: ",
     {"unknown key 'wokers'", "did you mean 'workers'?"}},
    {"an unknown key in a section",
     "timeouts:\n  header: 1s\n  heder: 1s\n",
     "3:3: ",
     {"unknown key 'heder'", "did you mean 'header'?"}},
    {"an unknown key of a listener",
     "listen:\n  - url: http://h\n    chain: x\n",
     "3:5: ",
     {"unknown key 'chain'", "url, cert, key"}},
    {"a key of another section",
     "log:\n  header: 1s\n",
     "2:3: ",
     {"unknown key", "access, decisions"}},
    {"a path as a key", "timeouts.header: 1s\n", "1:1: ", {"unknown key 'timeouts.header'", NULL}},
    {"capital letters in a key", "Mode: block\n", "1:1: ", {"did you mean 'mode'?", NULL}},
    {"an empty key", "'': block\n", "1:1: ", {"unknown key ''", "known here"}},
    {"a merge key", "<<: {mode: block}\n", "1:1: ", {"unknown key '<<'", NULL}},
    {"a key with a terminal escape", "\"a\\e[2J\": 1\n", "1:1: ", {"unknown key 'a?[2J'", NULL}},
    {"a duplicate key",
     "mode: block\nstate: /s\nmode: off\n",
     "3:1: ",
     {"duplicate key 'mode'", "only once"}},
    {"a duplicate section",
     "log: {access: none}\nlog: {decisions: none}\n",
     "2:1: ",
     {"duplicate key 'log'", "only once"}},
    {"a duplicate key of a listener",
     "listen:\n  - {url: http://h, url: http://g}\n",
     "2:21: ",
     {"duplicate key 'url'", NULL}},
    {"text where a mapping belongs",
     "timeouts: 15s\n",
     "1:11: ",
     {"timeouts must be a mapping", "indented below"}},
    {"a list where a mapping belongs",
     "upstream:\n  - url\n",
     "2:3: ",
     {"upstream must be a mapping", NULL}},
    {"text where a list belongs",
     "admin: unix:/x\n",
     "1:8: ",
     {"admin must be a list", "begin with '- '"}},
    {"a mapping where a list belongs",
     "listen:\n  url: http://h\n",
     "2:3: ",
     {"listen must be a list", "begin with '- '"}},
    {"text where a listener belongs",
     "listen:\n  - http://h\n",
     "2:5: ",
     {"listen must be a mapping", NULL}},
    {"a list where a value belongs",
     "mode: [block]\n",
     "1:7: ",
     {"mode must be a single value", "behind the colon"}},
    {"a mapping where an element belongs",
     "admin:\n  - a: b\n",
     "2:5: ",
     {"admin must be a single value", NULL}},
    {"a list at the top", "- mode\n", "1:1: ", {"the file must be a mapping", "key: value"}},
    {"only a word", "mode\n", "1:1: ", {"the file must be a mapping", NULL}},
    {"a list as a key", "[a, b]: c\n", "1:1: ", {"key must be a word", "remove"}},
    {"a section without keys",
     "mode: off\ntimeouts:\nstate: /s\n",
     "2:10: ",
     {"timeouts has no value", "remove the line"}},
    {"a key without value", "state:\n", "1:7: ", {"state has no value", "remove the line"}},
    {"null", "state: null\n", "1:8: ", {"state has no value", NULL}},
    {"a tilde", "rules:\n  watch: ~\n", "2:10: ", {"rules.watch has no value", NULL}},
    {"an empty text", "state: ''\n", "1:8: ", {"state: the value is empty", "leave the key out"}},
    {"a control character", "state: \"a\\tb\"\n", "1:8: ", {"control character", "remove it"}},
    {"a zero byte", "state: \"a\\0b\"\n", "1:8: ", {"control character", "remove it"}},
    {"a folded text", "state: >\n  a\n", "1:8: ", {"line break", NULL}},
    {"a duration without unit",
     "timeouts:\n  header: 15\n",
     "2:11: ",
     {"timeouts.header: '15' has no unit", "15s"}},
    {"a duration that is too short",
     "timeouts:\n  header: 99ms\n",
     "2:11: ",
     {"out of range", "from 100ms to 10m"}},
    {"a duration that is too long",
     "timeouts: {relay: 25h}\n",
     "1:19: ",
     {"timeouts.relay: '25h' is out of range", "to 24h"}},
    {"a decimal size", "limits:\n  head: 1MB\n", "2:9: ", {"limits.head: '1MB'", "10MiB"}},
    {"a size that is too small",
     "limits:\n  field: 100\n",
     "2:10: ",
     {"out of range", "1KiB to 128KiB"}},
    {"a body limit that is too small",
     "limits:\n  body: 1\n",
     "2:9: ",
     {"out of range", "0 for no limit"}},
    {"a body limit beyond 2^63-1",
     "limits:\n  body: 9223372036854775808\n",
     "2:9: ",
     {"out of range", NULL}},
    {"a count with a unit", "limits:\n  fields: 1KiB\n", "2:11: ", {"not a number", "digits"}},
    {"a count that is too large",
     "limits:\n  fields: 1001\n",
     "2:11: ",
     {"out of range", "16 to 1000"}},
    {"too many workers", "workers: 65\n", "1:10: ", {"workers: '65'", "auto"}},
    {"negative workers", "workers: -1\n", "1:10: ", {"workers: '-1'", "up to 64"}},
    {"an unknown mode", "mode: blocking\n", "1:7: ", {"mode: 'blocking'", "block detect off"}},
    {"an unknown fail mode", "fail_mode: yes\n", "1:12: ", {"fail_mode: 'yes'", "closed open"}},
    {"a number as a boolean", "allow_upgrade: 1\n", "1:16: ", {"allow_upgrade: '1'", "true"}},
    {"a bad listener",
     "listen:\n  - url: 0.0.0.0:443\n",
     "2:10: ",
     {"listen.url: '0.0.0.0:443'", "https://HOST:PORT"}},
    {"a listener without url",
     "listen:\n  - cert: /c\n",
     "2:5: ",
     {"no url", "https://0.0.0.0:443"}},
    {"an upstream with a path",
     "upstream:\n  url: https://h/owa\n",
     "2:8: ",
     {"upstream.url: 'https://h/owa' has a path", "without a /"}},
    {"an admin port for everybody",
     "admin: ['http://0.0.0.0:9100']\n",
     "1:9: ",
     {"loopback only", "unix:PATH"}},
    {"a bad network",
     "trusted_proxies:\n  - 10.0.0.0/8\n  - 10.0.0.1/8\n",
     "3:5: ",
     {"trusted_proxies: '10.0.0.1/8'", "10.0.0.0/8"}},
    {"a bad rule id",
     "rules:\n  enabled: ['SG 1']\n",
     "2:13: ",
     {"rules.enabled: 'SG 1' is not a rule id", "rules list"}},
    {"a mode without a mode", "modes:\n  - rule: A\n", "2:5: ", {"has no mode", "detect"}},
    {"a mode of a path", "modes: [{vdir: /owa, mode: off}]\n", "1:16: ", {"'/owa'", "owa"}},
    {"an exclusion of no rule", "exclusions: [{path: /owa}]\n", "1:14: ", {"has no rule", "*"}},
    {"an exclusion of an escape",
     "exclusions: [{rule: A, path: '/owa/%78'}]\n",
     "1:30: ",
     {"'/owa/%78' is not a plain path", "decode it"}},
    {"a method of small letters",
     "exclusions: [{rule: A, methods: [post]}]\n",
     "1:34: ",
     {"'post' is not a method", NULL}},
    {"an end that no calendar has",
     "exclusions: [{rule: A, until: 2027-02-30}]\n",
     "1:31: ",
     {"'2027-02-30' is not a day", "2027-01-31"}},
    {"an anchor", "state: &a /s\n", "1:8: ", {"anchors", "not accepted"}},
    {"an anchor of a list", "admin: &a []\n", "1:8: ", {"anchors", "not accepted"}},
    {"an anchor of a mapping", "log: &a {access: none}\n", "1:6: ", {"anchors", NULL}},
    {"an alias", "state: *a\n", "1:8: ", {"alias", NULL}},
    {"a tag", "state: !!str /s\n", "1:8: ", {"tags", "not accepted"}},
    {"a tag of our own", "state: !env HOME\n", "1:8: ", {"tags", "not accepted"}},
    {"a tag of a mapping", "log: !x {access: none}\n", "1:6: ", {"tags", NULL}},
    {"a second document", "mode: off\n---\nmode: block\n", "2:1: ", {"second document", "remove"}},
    {"a tab as indent", "log:\n\taccess: none\n", "2:1: ", {"not valid YAML", "a tab"}},
    {"an open quote", "state: \"/var\n", "2:1: ", {"not valid YAML", "cut off"}},
    {"an open bracket", "admin: [unix:/a\n", "2:1: ", {"not valid YAML", "cut off"}},
    {"an open brace", "log: {access: none\n", "2:1: ", {"not valid YAML", "cut off"}},
    {"a key that was cut off", "mode: off\nst", "3:1: ", {"not valid YAML", "cut off"}},
    {"a value that was cut off", "workers: 1", "1:11: ", {"line break", "complete it"}},
    {"an indent that does not fit",
     "log:\n    access: none\n  decisions: none\n",
     "3:3: ",
     {"not valid YAML", "indent"}},
    {"bytes that are not UTF-8", "state: /\xff\xfe\n", "1:1: ", {"not valid YAML", "byte 8"}},
    {"an empty file", "", "1:1: ", {"says nothing", "cut off"}},
    {"only comments", "# mode: off\n", "1:1: ", {"says nothing", "comment"}},
};

static void test_each_mistake_has_its_place_and_a_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct config config;
        static struct report report;
        config_init(&config);
        print_message("  %s\n", mistakes[i].name);
        assert_false(read_text(&config, slice_str(mistakes[i].yaml), &report));
        print_message("    %s", report.text);
        assert_true(slice_starts_with(slice_str(report.text), slice_str(mistakes[i].place)));
        for (size_t j = 0; j < 2 && mistakes[i].words[j] != NULL; j++)
            assert_non_null(strstr(report.text, mistakes[i].words[j]));
        config_done(&config);
    }
}

static void test_all_mistakes_of_a_file_are_reported_in_order(void **state)
{
    (void)state;
    static const char yaml[] = "lisen:\n"
                               "  - url: http://h\n"
                               "    deep: {a: [b, {c: d}]}\n"
                               "mode: maybe\n"
                               "listen:\n"
                               "  - url: ftp://h\n"
                               "    key: [a, b]\n"
                               "    port: 1\n"
                               "  - http://h\n"
                               "timeouts:\n"
                               "  relay: 65\n"
                               "  drian: 1s\n"
                               "mode: off\n"
                               "limits: {head: 1, field: 64KiB, fields: x}\n"
                               "workers: 4\n";
    static const char *const expected[] = {
        "1:1: unknown key 'lisen'",    "4:7: mode: 'maybe'",        "6:10: listen.url: 'ftp://h'",
        "7:10: listen.key must be",    "8:5: unknown key 'port'",   "9:5: listen must be a mapping",
        "11:10: timeouts.relay: '65'", "12:3: unknown key 'drian'", "13:1: duplicate key 'mode'",
        "14:16: limits.head: '1'",     "14:41: limits.fields: 'x'",
    };
    static struct report report;
    struct config config;
    config_init(&config);
    assert_false(read_text(&config, slice_str(yaml), &report));
    const char *line = report.text;
    assert_int_equal(report.n, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < report.n; i++) {
        assert_true(slice_starts_with(slice_str(line), slice_str(expected[i])));
        line = strchr(line, '\n') + 1;
    }
    assert_int_equal(config.workers, 4);
    config_done(&config);
}

static void test_a_file_full_of_mistakes_is_not_repeated_to_the_end(void **state)
{
    (void)state;
    static struct report report;
    static char yaml[8 * 1000];
    struct config config;
    for (size_t i = 0; i + 8 <= sizeof(yaml); i += 8)
        memcpy(yaml + i, "modus: \n", 8);
    config_init(&config);
    assert_false(read_text(&config, slice_make(yaml, sizeof(yaml)), &report));
    assert_int_equal(report.n, LIMIT_CONFIG_ERRORS);
    config_done(&config);
}

static void test_deep_nesting_is_one_mistake(void **state)
{
    (void)state;
    static struct report report;
    static char yaml[800];
    struct config config;
    memset(yaml, '[', sizeof(yaml));
    memcpy(yaml, "mode: ", 6);
    memset(yaml + 6 + 397, ']', 397);
    config_init(&config);
    assert_false(read_text(&config, slice_make(yaml, sizeof(yaml)), &report));
    assert_true(slice_starts_with(slice_str(report.text), SLICE("1:7: mode must be a single")));
    config_done(&config);
}

static void test_a_list_that_is_too_long_is_reported_at_its_end(void **state)
{
    (void)state;
    static struct report report;
    char yaml[1024] = "listen:\n";
    struct config config;
    size_t len = strlen(yaml);
    for (unsigned i = 1; i <= LIMIT_LISTENERS + 1; i++)
        len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, "  - url: http://h:%u\n", i);
    config_init(&config);
    assert_false(read_text(&config, slice_make(yaml, len), &report));
    assert_string_equal(report.text, "18:5: there are more than 16 entries: remove some\n");
    config_done(&config);
}

static const char complete[] =
    "listen:\n"
    "  - {cert: /c, url: 'https://[::]:8443', key: /k}\n"
    "  - url: http://127.0.0.1:8080\n"
    "upstream: {url: https://exch01, ca: /ca, name: mail, verify: off}\n"
    "workers: 3\n"
    "mode: detect\n"
    "fail_mode: open\n"
    "rules:\n"
    "  builtin: no\n"
    "  bundles: [/a.sgb, /b.sgb]\n"
    "  watch: /in\n"
    "  trust: /r.txt\n"
    "  enabled: [SG-1, SG-2]\n"
    "modes: [{rule: SG-3, mode: off}, {vdir: ecp, mode: detect}]\n"
    "exclusions:\n"
    "  - {rule: SG-4, path: /owa/x, methods: [GET, POST], networks: [10.0.0.0/8],\n"
    "     comment: ticket 1, until: 2027-01-31}\n"
    "harden: {ecp_from: [10.0.0.0/8], owa_light: deny, shapes: detect}\n"
    "state: /state\n"
    "log: {access: none, decisions: /d.log}\n"
    "admin: [unix:/run/x.sock, http://127.0.0.1:9100]\n"
    "trusted_proxies: [10.0.0.0/8, '::1']\n"
    "allow_upgrade: yes\n"
    "proxy_protocol: on\n"
    "timeouts: {header: 1s, keepalive: 2s, connect: 3s, handshake: 4s, relay: 5m, body: 6s,\n"
    "           write: 7s, upstream: 8s, upstream_idle: 10s, drain: 9s, drain_delay: 10s}\n"
    "limits: {field: 2KiB, head: 8KiB, fields: 16, target: 1KiB, body: 1GiB, connections: 7,\n"
    "         connections_per_address: 5}\n";

static void check_complete(const struct config *config)
{
    assert_int_equal(config->n_listen, 2);
    assert_string_equal(config->listen[0].host, "::");
    assert_int_equal(config->listen[0].port, 8443);
    assert_true(config->listen[0].tls);
    assert_string_equal(config->listen[0].cert_path, "/c");
    assert_string_equal(config->listen[0].key_path, "/k");
    assert_int_equal(config->listen[1].port, 8080);
    assert_null(config->listen[1].cert_path);
    assert_string_equal(config->upstream.one.url, "https://exch01");
    assert_string_equal(config->upstream.ca_path, "/ca");
    assert_string_equal(config->upstream.name, "mail");
    assert_false(config->upstream.verify);
    assert_int_equal(config->workers, 3);
    assert_int_equal(config->mode, RULES_DETECT);
    assert_int_equal(config->fail_mode, FAIL_OPEN);
    assert_false(config->use_builtin);
    assert_int_equal(config->rules.n, 2);
    assert_string_equal(config->rules.items[1], "/b.sgb");
    assert_string_equal(config->rules_watch, "/in");
    assert_string_equal(config->trust_path, "/r.txt");
    assert_int_equal(config->rules_enabled.n, 2);
    assert_string_equal(config->rules_enabled.items[1], "SG-2");
    assert_string_equal(config->state_dir, "/state");
    assert_null(config->access_log);
    assert_string_equal(config->decision_log, "/d.log");
    assert_int_equal(config->n_admin, 2);
    assert_string_equal(config->admin[0].unix_path, "/run/x.sock");
    assert_int_equal(config->trusted_proxies.n, 2);
    assert_int_equal(config->trusted_proxies.items[0].bits, 104);
    assert_true(config->allow_upgrade);
    assert_true(config->proxy_protocol);
}

static void check_policy(const struct config *config)
{
    assert_int_equal(config->n_modes, 2);
    assert_string_equal(config->modes[0].rule, "SG-3");
    assert_null(config->modes[0].vdir);
    assert_int_equal(config->modes[0].mode, RULES_OFF);
    assert_string_equal(config->modes[1].vdir, "ecp");
    assert_int_equal(config->modes[1].mode, RULES_DETECT);
    assert_int_equal(config->n_exclusions, 1);
    assert_string_equal(config->exclusions[0].path, "/owa/x");
    assert_int_equal(config->exclusions[0].methods.n, 2);
    assert_int_equal(config->exclusions[0].networks.n, 1);
    assert_string_equal(config->exclusions[0].until, "2027-01-31");
    assert_int_equal(config->harden.ecp_from.n, 1);
    assert_int_equal(config->harden.powershell_from.n, 0);
    assert_int_equal(config->harden.owa_light, OWA_LIGHT_DENY);
    assert_int_equal(config->harden.shapes, SHAPES_DETECT);
}

static void check_numbers(const struct config *config)
{
    const struct timeouts_config *timeouts = &config->timeouts;
    assert_int_equal(timeouts->header_ms, 1000);
    assert_int_equal(timeouts->keepalive_ms, 2000);
    assert_int_equal(timeouts->connect_ms, 3000);
    assert_int_equal(timeouts->handshake_ms, 4000);
    assert_int_equal(timeouts->relay_ms, 300000);
    assert_int_equal(timeouts->body_ms, 6000);
    assert_int_equal(timeouts->write_ms, 7000);
    assert_int_equal(timeouts->upstream_ms, 8000);
    assert_int_equal(timeouts->upstream_idle_ms, 10000);
    assert_int_equal(timeouts->drain_ms, 9000);
    assert_int_equal(timeouts->drain_delay_ms, 10000);
    assert_int_equal(config->limits.field_bytes, 2048);
    assert_int_equal(config->limits.head_bytes, 8192);
    assert_int_equal(config->limits.fields, 16);
    assert_int_equal(config->limits.target_bytes, 1024);
    assert_int_equal(config->limits.body_bytes, 1073741824);
    assert_int_equal(config->limits.connections, 7);
    assert_int_equal(config->limits.connections_per_address, 5);
}

static void test_every_key_is_read(void **state)
{
    (void)state;
    static struct report report;
    struct config config;
    config_init(&config);
    bool is_good = read_text(&config, SLICE(complete), &report);
    print_message("%s", report.text);
    assert_true(is_good);
    check_complete(&config);
    check_policy(&config);
    check_numbers(&config);
    config_done(&config);
}

/* What an editor that writes in place leaves when the disk is full. */
static void test_no_cut_of_a_file_inside_a_line_is_accepted(void **state)
{
    (void)state;
    static struct report report;
    for (size_t len = 0; len < sizeof(complete) - 1; len++) {
        struct config config;
        config_init(&config);
        bool is_good = read_text(&config, slice_make(complete, len), &report);
        bool is_whole_line = len != 0 && (complete[len - 1] == '\n' || complete[len - 1] == '}');
        if (is_good && !is_whole_line)
            print_error("accepted: %.*s\n", (int)len, complete);
        assert_true(!is_good || is_whole_line);
        config_done(&config);
    }
}

static void test_other_spellings_of_yaml_are_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"mode\": \"detect\", \"admin\": [\"unix:/x\"], \"timeouts\": {\"relay\": \"5m\"}}",
        "---\nmode: 'detect'\nadmin:\n- unix:/x\ntimeouts:\n    relay: 5m\n...\n",
        "%YAML 1.1\n---\nmode: detect # why\nadmin: [\n  unix:/x,\n]\ntimeouts: {relay: 5m}\n",
        "\xef\xbb\xbfmode: detect\r\nadmin:\r\n  - unix:/x\r\ntimeouts:\r\n  relay: 5m\r\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        static struct report report;
        struct config config;
        config_init(&config);
        bool is_good = read_text(&config, slice_str(texts[i]), &report);
        print_message("%s", report.text);
        assert_true(is_good);
        assert_int_equal(config.mode, RULES_DETECT);
        assert_string_equal(config.admin[0].unix_path, "/x");
        assert_int_equal(config.timeouts.relay_ms, 300000);
        /* The upstream's patience follows relay unless it is set. */
        assert_int_equal(config.timeouts.upstream_ms, 300000);
        config_done(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_mistake_has_its_place_and_a_remedy),
        cmocka_unit_test(test_all_mistakes_of_a_file_are_reported_in_order),
        cmocka_unit_test(test_a_file_full_of_mistakes_is_not_repeated_to_the_end),
        cmocka_unit_test(test_deep_nesting_is_one_mistake),
        cmocka_unit_test(test_a_list_that_is_too_long_is_reported_at_its_end),
        cmocka_unit_test(test_every_key_is_read),
        cmocka_unit_test(test_no_cut_of_a_file_inside_a_line_is_accepted),
        cmocka_unit_test(test_other_spellings_of_yaml_are_the_same),
    };
    return cmocka_run_group_tests_name("config reading", tests, NULL, NULL);
}
