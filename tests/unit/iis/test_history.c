/* Microsoft's mitigations as they were published, one after the other: an import blocks the attack
 * that each was made for, and lets through the request that made Microsoft replace it. */
#include "iis_test.h"

#include "stopgap/banned.h"

#define INBOUND(stops, input, pattern)                                                             \
    IIS_RULES_FILE("<rule name='PowerShell - inbound' stopProcessing='" stops                      \
                   "'><match url='.*'/><conditions><add input='" input "' pattern='" pattern       \
                   "'/></conditions>" IIS_ABORT "</rule>")

static const struct {
    const char *name;
    const char *xml;
    const char *attack;
    const char *bypass;
} revisions[] = {
    {"of 30 September 2022: it wants an at sign as it is",
     INBOUND("False", "{REQUEST_URI}", ".*autodiscover\\.json.*\\@.*Powershell.*"),
     "/autodiscover/autodiscover.json?@nordwind.example/PowerShell/?x",
     "/autodiscover/autodiscover.json?a..nordwind.example/PowerShell/?x"},
    {"the same: an encoded at sign",
     INBOUND("False", "{REQUEST_URI}", ".*autodiscover\\.json.*\\@.*Powershell.*"),
     "/autodiscover/autodiscover.json?@nordwind.example/powershell",
     "/autodiscover/autodiscover.json?%40nordwind.example/powershell"},
    {"of 3 October: it does not decode",
     INBOUND("True", "{REQUEST_URI}", ".*autodiscover\\.json.*Powershell.*"),
     "/autodiscover/autodiscover.json?a..nordwind.example/PowerShell/?x",
     "/autodiscover/autodiscover.json?a..nordwind.example/P%6fwerShell/?x"},
    {"of 5 October: the order of the words",
     INBOUND("True", "{UrlDecode: {REQUEST_URI}}", ".*autodiscover\\.json.*Powershell.*"),
     "/autodiscover/autodiscover.json?a..nordwind.example/P%6fwerShell/?x",
     "/powershell/?x=/autodiscover/autodiscover.json"},
    {"of 6 October: the ending of the first word",
     INBOUND("True", "{UrlDecode:{REQUEST_URI}}", ".*autodiscover\\.json.*Powershell.*"),
     "/autodiscover/autodiscover.json?a..nordwind.example/P%6fwerShell/?x",
     "/autodiscover/k?a..nordwind.example/P%6fwerShell/?x"},
    {"of 7 October, M1.1: OWASSRF has no autodiscover",
     INBOUND("true", "{UrlDecode:{REQUEST_URI}}", "(?=.*autodiscover)(?=.*powershell)"),
     "/powershell/?x=/autodiscover/k", "/owa/t.brandt@nordwind.example/powershell"},
    {"of 7 October: it decodes once",
     INBOUND("true", "{UrlDecode:{REQUEST_URI}}", "(?=.*autodiscover)(?=.*powershell)"),
     "/autodiscover/k?p%6fwershell", "/autodiscover/k?p%256fwershell"},
    {"of 7 October: a line end parts the words",
     INBOUND("true", "{UrlDecode:{REQUEST_URI}}", "(?=.*autodiscover)(?=.*powershell)"),
     "/autodiscover/k?a%20powershell", "/autodiscover/k?a%0apowershell"},
};

static void test_each_revision_blocks_its_attack_and_has_its_hole(void **state)
{
    (void)state;
    unsigned n_wrong = 0;
    for (size_t i = 0; i < sizeof(revisions) / sizeof(revisions[0]); i++) {
        struct iis_request attack = {.target = revisions[i].attack};
        struct iis_request bypass = {.target = revisions[i].bypass};
        bool is_blocked = iis_test_run(revisions[i].xml, &attack) == VERDICT_ABORT;
        bool is_missed = iis_test_run(revisions[i].xml, &bypass) == VERDICT_PASS;
        if (!is_blocked || !is_missed)
            print_error("%s: attack %s, bypass %s\n", revisions[i].name,
                        is_blocked ? "blocked" : "passed", is_missed ? "passed" : "blocked");
        n_wrong += !is_blocked || !is_missed;
    }
    assert_int_equal(n_wrong, 0);
}

static const char eomt[] = IIS_RULES_FILE(
    "<rule name='X-AnonResource-Backend Abort - inbound' enabled='True' stopProcessing='False' "
    "patternSyntax='Regular Expressions'><match url='.*'/><conditions><add input='{HTTP_COOKIE}' "
    "matchType='0' pattern='(.*)X-AnonResource-Backend(.*)' ignoreCase='True' negate='False'/>"
    "</conditions>" IIS_ABORT "</rule>"
    "<rule name='X-BEResource Abort - inbound' stopProcessing='True' "
    "patternSyntax='Regular Expressions'><match url='.*'/><conditions><add input='{HTTP_COOKIE}' "
    "pattern='(.*)X-BEResource=(.+)/(.+)~(.+)'/></conditions>" IIS_ABORT "</rule>");

static void test_the_rules_against_proxylogon(void **state)
{
    (void)state;
    static const struct {
        const char *cookie;
        enum verdict_action action;
    } cases[] = {
        {"Cookie: X-BEResource=k]@mx7.nordwind.example:444/ecp/x#~1942062522", VERDICT_ABORT},
        {"Cookie: a=1; x-anonresource-backend=mx9.invalid", VERDICT_ABORT},
        {"Cookie: X-BEResource=mx7.nordwind.example~1942125442; PBack=0", VERDICT_PASS},
        {"Cookie: X-BEResource=mx7~1; k=a/b~c", VERDICT_ABORT}, /* the known false alarm */
        {"Cookie: X-AnonResource=true", VERDICT_PASS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct iis_request request = {.target = "/ecp/k.js", .headers = {cases[i].cookie}};
        assert_int_equal(iis_test_run(eomt, &request), cases[i].action);
    }
}

static void test_the_action_for_exchange_2026(void **state)
{
    (void)state;
    static const char xml[] = IIS_FILE(
        "<outboundRules><rule name='EEMS M2.1 OWA CSP - outbound' preCondition='EEMS M2.1 OWA SPA "
        "HTML shell - precondition' stopProcessing='false'><match "
        "serverVariable='RESPONSE_Content_Security_Policy' pattern='(.*)'/><action type='Rewrite' "
        "value='{R:1}; script-src-attr &apos;none&apos;'/></rule><preConditions><preCondition "
        "name='EEMS M2.1 OWA SPA HTML shell - precondition' logicalGrouping='MatchAll' "
        "patternSyntax='ECMAScript'><add input='{RESPONSE_CONTENT_TYPE}' pattern='^text/html'/>"
        "<add input='{REQUEST_URI}' pattern='^/owa/?($|\\?|default\\.aspx|projection\\.aspx|"
        "readingPane\\.aspx|popout\\.aspx)'/></preCondition></preConditions></outboundRules>");
    static const struct {
        const char *target;
        const char *type;
        size_t n_edits;
    } cases[] = {
        {"/owa/", "text/html; charset=utf-8", 1},
        {"/owa", "text/html", 1},
        {"/OWA/ReadingPane.aspx?x", "text/html", 1},
        {"/owa/?x", "text/html", 1},
        {"/owa/", "application/json", 0},
        {"/owa/auth/logon.aspx", "text/html", 0},
        {"/owa/service.svc", "text/html", 0},
        {"/ecp/", "text/html", 0},
    };
    struct iis_import *import = iis_test_read(xml, NULL, NULL);
    struct lease *lease = iis_test_load(import);
    assert_int_equal(iis_import_outcome(import, 0)->fate, IIS_TRANSLATED);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct header_field field = {.name = SLICE("Content-Type"),
                                     .value = slice_str(cases[i].type)};
        struct response_head response = {.status = 200, .fields = &field, .n_fields = 1};
        struct iis_request request = {.target = cases[i].target};
        struct iis_answer answer;
        iis_test_ask(lease, &request, &response, &answer);
        assert_int_equal(answer.n_edits, cases[i].n_edits);
        if (answer.n_edits == 0)
            continue;
        assert_int_equal(answer.edits[0].kind, EDIT_APPEND);
        assert_true(slice_equal_nocase(answer.edits[0].name, SLICE("Content-Security-Policy")));
        assert_true(slice_equal(answer.edits[0].value, SLICE("script-src-attr 'none'")));
        assert_true(slice_equal(answer.edits[0].separator, SLICE("; ")));
    }
    lease_free(lease);
    iis_import_free(import);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_revision_blocks_its_attack_and_has_its_hole),
        cmocka_unit_test(test_the_rules_against_proxylogon),
        cmocka_unit_test(test_the_action_for_exchange_2026),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
