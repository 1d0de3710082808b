/* Where rules stand: order, places of a configuration, inheritance, and what real files look like.
 */
#include "iis_test.h"

#include "stopgap/banned.h"

#define BLOCK(name, pattern) "<rule name='" name "'><match url='" pattern "'/>" IIS_ABORT "</rule>"
#define STOP(name, pattern, action)                                                                \
    "<rule name='" name "' stopProcessing='true'><match url='" pattern "'/><action " action        \
    "/></rule>"

struct place_case {
    const char *name;
    const char *xml;
    const char *site;
    const char *base;
    const char *target;
    bool is_blocked;
};

static const struct place_case orders[] = {
    {"an earlier None that stops shields",
     IIS_RULES_FILE(STOP("a", "^owa/", "type='None'") BLOCK("b", "logon")), NULL, NULL,
     "/owa/logon", false},
    {"what it does not fit is blocked",
     IIS_RULES_FILE(STOP("a", "^owa/", "type='None'") BLOCK("b", "logon")), NULL, NULL,
     "/ecp/logon", true},
    {"a later one does not shield",
     IIS_RULES_FILE(BLOCK("b", "logon") STOP("a", "^owa/", "type='None'")), NULL, NULL,
     "/owa/logon", true},
    {"one that does not stop does not shield",
     IIS_RULES_FILE(
         "<rule name='a'><match url='^owa/'/><action type='None'/></rule>" BLOCK("b", "logon")),
     NULL, NULL, "/owa/logon", true},
    {"a disabled one does not shield",
     IIS_RULES_FILE("<rule name='a' enabled='false' stopProcessing='true'><match url='^owa/'/>"
                    "<action type='None'/></rule>" BLOCK("b", "logon")),
     NULL, NULL, "/owa/logon", true},
    {"a redirect ends the evaluation",
     IIS_RULES_FILE(STOP("a", "^owa/", "type='Redirect' url='/x'") BLOCK("b", "logon")), NULL, NULL,
     "/owa/logon", false},
    {"a shield holds only where every reading of its input fits",
     IIS_RULES_FILE("<rule name='a' stopProcessing='true'><match url='.*'/><conditions><add "
                    "input='{REQUEST_URI}' pattern='^/owa/'/></conditions><action type='None'/>"
                    "</rule>" BLOCK("b", "logon")),
     NULL, NULL, "/%6fwa/logon", true},
    {"and it holds there",
     IIS_RULES_FILE("<rule name='a' stopProcessing='true'><match url='.*'/><conditions><add "
                    "input='{REQUEST_URI}' pattern='^/owa/'/></conditions><action type='None'/>"
                    "</rule>" BLOCK("b", "logon")),
     NULL, NULL, "/owa/logon", false},
};

#define SERVER(locations)                                                                          \
    "<configuration><system.applicationHost/><system.webServer><rewrite><globalRules>" BLOCK(      \
        "g", "^bad$") "</globalRules><rules>" BLOCK("s",                                           \
                                                    "^server$") "</rules></rewrite>"               \
                                                                "</system.webServer>" locations    \
                                                                "</configuration>"
#define LOCATION(path, rules)                                                                      \
    "<location path='" path "'><system.webServer><rewrite><rules>" rules                           \
    "</rules></rewrite></system.webServer></location>"

static const struct place_case places[] = {
    {"a web.config below a path", IIS_RULES_FILE(BLOCK("a", "^auth/")), NULL, "/owa", "/owa/auth/x",
     true},
    {"is not for other paths", IIS_RULES_FILE(BLOCK("a", "^auth/")), NULL, "/owa", "/ecp/auth/x",
     false},
    {"nor for longer names", IIS_RULES_FILE(BLOCK("a", "auth/")), NULL, "/owa", "/owa2/auth/x",
     false},
    {"a floating pattern stays below it", IIS_RULES_FILE(BLOCK("a", "owa")), NULL, "/owa", "/owa/x",
     false},
    {"and is found there", IIS_RULES_FILE(BLOCK("a", "owa")), NULL, "/owa", "/owa/x/owa", true},
    {"the path itself is empty below it", IIS_RULES_FILE(BLOCK("a", "^$")), NULL, "/owa", "/owa",
     true},
    {"also with a slash", IIS_RULES_FILE(BLOCK("a", "^$")), NULL, "/owa", "/owa/", true},
    {"a pattern for everything is for everything below it", IIS_RULES_FILE(BLOCK("a", ".*")), NULL,
     "/owa", "/owa/x", true},
    {"and nothing beside it", IIS_RULES_FILE(BLOCK("a", ".*")), NULL, "/owa", "/ecp/x", false},
    {"negate stays below it, too",
     IIS_RULES_FILE("<rule name='a'><match url='^auth' negate='true'/>" IIS_ABORT "</rule>"), NULL,
     "/owa", "/ecp/x", false},
    {"a location of a web.config",
     "<configuration>" LOCATION("owa", BLOCK("a", "^auth")) "</configuration>", NULL, NULL,
     "/owa/auth", true},
    {"rules of the server", SERVER(LOCATION("Default Web Site", BLOCK("a", "^x$"))), NULL, NULL,
     "/server", true},
    {"global rules", SERVER(LOCATION("Default Web Site", BLOCK("a", "^x$"))), NULL, NULL, "/bad",
     true},
    {"rules of the only site", SERVER(LOCATION("Default Web Site", BLOCK("a", "^x$"))), NULL, NULL,
     "/x", true},
    {"rules of a path of the site", SERVER(LOCATION("Default Web Site/owa", BLOCK("a", "^x$"))),
     NULL, NULL, "/owa/x", true},
    {"the site that is named",
     SERVER(LOCATION("A", BLOCK("a", "^x$")) LOCATION("B", BLOCK("a", "^y$"))), "b", NULL, "/y",
     true},
    {"not the other one", SERVER(LOCATION("A", BLOCK("a", "^x$")) LOCATION("B", BLOCK("a", "^y$"))),
     "b", NULL, "/x", false},
    {"clear cuts what is inherited", SERVER(LOCATION("A/owa", "<clear/>" BLOCK("a", "^x$"))), NULL,
     NULL, "/server", true},
    {"below its path",
     "<configuration><system.webServer><rewrite><rules>" BLOCK(
         "s",
         "logon") "</rules></rewrite></system.webServer>" LOCATION("owa",
                                                                   "<clear/>") "</configuration>",
     NULL, NULL, "/owa/logon", false},
    {"and not beside it",
     "<configuration><system.webServer><rewrite><rules>" BLOCK(
         "s",
         "logon") "</rules></rewrite></system.webServer>" LOCATION("owa",
                                                                   "<clear/>") "</configuration>",
     NULL, NULL, "/ecp/logon", true},
    {"remove cuts one by its name",
     "<configuration><system.webServer><rewrite><rules>" BLOCK("s", "logon")
         BLOCK("t", "logoff") "</rules></rewrite></system.webServer>" LOCATION(
             "owa", "<remove name='s'/>") "</configuration>",
     NULL, NULL, "/owa/logoff", true},
    {"which is gone",
     "<configuration><system.webServer><rewrite><rules>" BLOCK("s", "logon")
         BLOCK("t", "logoff") "</rules></rewrite></system.webServer>" LOCATION(
             "owa", "<remove name='s'/>") "</configuration>",
     NULL, NULL, "/owa/logon", false},
};

static void run(const struct place_case *cases, size_t n)
{
    unsigned n_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        struct iis_answer answer;
        struct iis_request request = {.target = cases[i].target};
        struct iis_import *import = iis_test_read(cases[i].xml, cases[i].site, cases[i].base);
        struct lease *lease = iis_test_load(import);
        iis_test_ask(lease, &request, NULL, &answer);
        bool is_blocked = answer.verdict.action == VERDICT_ABORT;
        if (is_blocked != cases[i].is_blocked)
            print_error("%s: %s %s\n", cases[i].name, request.target,
                        is_blocked ? "blocked" : "passed");
        n_wrong += is_blocked != cases[i].is_blocked;
        lease_free(lease);
        iis_import_free(import);
    }
    assert_int_equal(n_wrong, 0);
}

static void test_earlier_rules_that_end_the_evaluation(void **state)
{
    (void)state;
    run(orders, sizeof(orders) / sizeof(orders[0]));
}

static void test_places_and_inheritance(void **state)
{
    (void)state;
    run(places, sizeof(places) / sizeof(places[0]));
}

static void test_rules_behind_what_cannot_be_said(void **state)
{
    (void)state;
    static const struct {
        const char *first;
        const char *words; /* of the refusal of the second; NULL: it is not refused */
    } cases[] = {
        {"<rule name='a'><match url='^x'/><action type='Rewrite' url='y'/></rule>", "changes"},
        {STOP("a", ".*", "type='None'"), "always ends"},
        {"<rule name='a' stopProcessing='true'><match url='.*'/><conditions><add "
         "input='{REQUEST_FILENAME}' matchType='IsFile'/></conditions><action type='None'/></rule>",
         "may end"},
        {"<rule name='a'><match url='.*'/><conditions><add input='{REQUEST_FILENAME}' "
         "matchType='IsFile'/></conditions>" IIS_ABORT "</rule>",
         NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char xml[2048];
        (void)snprintf(xml, sizeof(xml), IIS_RULES_FILE("%s" BLOCK("b", "logon")), cases[i].first);
        struct iis_import *import = iis_test_read(xml, NULL, NULL);
        const struct iis_outcome *second = iis_import_outcome(import, 1);
        bool is_right = cases[i].words != NULL ? second->fate == IIS_REFUSED &&
                                                     strstr(second->text, cases[i].words) != NULL
                                               : second->fate == IIS_TRANSLATED;
        if (!is_right)
            fail_msg("%s: %s", cases[i].first, second->text);
        iis_import_free(import);
    }
}

static void test_the_noise_of_real_files(void **state)
{
    (void)state;
    static const char noisy[] =
        "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n"
        "<configuration xmlns=\"http://schemas.microsoft.com/.NetConfiguration/v2.0\">\r\n"
        "  <configSections><section name=\"x\" type=\"y\"/></configSections>\r\n"
        "  <system.web><httpRuntime maxRequestLength=\"1\"/></system.web>\r\n"
        "  <system.webServer><!-- a comment --><httpProtocol><customHeaders>"
        "<clear/><add name=\"X\" value=\"y\"/></customHeaders></httpProtocol>\r\n"
        "    <rewrite><rules><!-- another --><rule name=\"r\" lockItem=\"true\">"
        "<match url=\"^bad$\"/><!-- one more --><action type=\"AbortRequest\"/></rule></rules>"
        "</rewrite></system.webServer></configuration>\r\n";
    struct iis_request bad = {.target = "/bad"};
    struct iis_request good = {.target = "/good"};
    assert_int_equal(iis_test_run(noisy, &bad), VERDICT_ABORT);
    assert_int_equal(iis_test_run(noisy, &good), VERDICT_PASS);
}

static void test_utf16_as_editors_write_it(void **state)
{
    (void)state;
    static const char text[] =
        "<?xml version='1.0' encoding='utf-16'?><configuration><system.webServer><rewrite><rules>"
        "<rule name='r'><match url='^bad$'/><action type='AbortRequest'/></rule></rules></rewrite>"
        "</system.webServer></configuration>";
    for (int is_big = 0; is_big < 2; is_big++) {
        char wide[2 * sizeof(text) + 2];
        size_t len = 0;
        wide[len++] = (char)(is_big ? 0xfe : 0xff);
        wide[len++] = (char)(is_big ? 0xff : 0xfe);
        for (size_t i = 0; i + 1 < sizeof(text); i++) {
            wide[len++] = (char)(is_big ? 0 : text[i]);
            wide[len++] = (char)(is_big ? text[i] : 0);
        }
        struct iis_options options = {.file = "web.config"};
        struct err err = {0};
        struct iis_import *import = iis_import_read(slice_make(wide, len), &options, &err);
        if (import == NULL)
            fail_msg("%s", err.text);
        assert_int_equal(iis_import_count(import, IIS_TRANSLATED), 1);
        iis_import_free(import);
    }
}

static void test_lines_and_names_reach_the_reader(void **state)
{
    (void)state;
    static const char xml[] =
        "<configuration>\n<system.webServer>\n<rewrite>\n<rules>\n"
        "<rule name='first'>\n<match url='^a'/>\n<action type='AbortRequest'/>\n</rule>\n"
        "<rule name='first'>\n<match url='^b'/>\n<conditions>\n"
        "<add input='{HTTPS}' pattern='on'/>\n</conditions>\n<action type='AbortRequest'/>\n"
        "</rule>\n<rule name='first'>\n<match url='^c'/>\n<action type='AbortRequest'/>\n</rule>\n"
        "</rules>\n</rewrite>\n</system.webServer>\n</configuration>\n";
    struct iis_import *import = iis_test_read(xml, NULL, NULL);
    assert_int_equal(iis_import_n_outcomes(import), 3);
    assert_int_equal(iis_import_outcome(import, 0)->line, 5);
    assert_int_equal(iis_import_outcome(import, 1)->line, 12);
    assert_int_equal(iis_import_outcome(import, 1)->fate, IIS_REFUSED);
    assert_string_equal(iis_import_outcome(import, 0)->file, "001-IIS-first.yaml");
    assert_string_equal(iis_import_outcome(import, 2)->file, "003-IIS-first-2.yaml");
    iis_import_free(import);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_earlier_rules_that_end_the_evaluation),
        cmocka_unit_test(test_places_and_inheritance),
        cmocka_unit_test(test_rules_behind_what_cannot_be_said),
        cmocka_unit_test(test_the_noise_of_real_files),
        cmocka_unit_test(test_utf16_as_editors_write_it),
        cmocka_unit_test(test_lines_and_names_reach_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
