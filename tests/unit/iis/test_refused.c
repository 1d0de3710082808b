/* What cannot be said is refused with its reason, and what does nothing is left out. */
#include "iis_test.h"

#include "stopgap/banned.h"

#define ON(match, conditions, action)                                                              \
    IIS_RULES_FILE("<rule name='r'>" match conditions action "</rule>")
#define MATCH "<match url='^owa/'/>"
#define COND(attributes) "<conditions><add " attributes "/></conditions>"
#define OUT(match, action)                                                                         \
    IIS_FILE("<outboundRules><rule name='r'>" match action "</rule></outboundRules>")

static const struct {
    const char *xml;
    enum iis_fate fate;
    const char *text;
} rules[] = {
    {ON(MATCH, "", "<action type='Rewrite' url='/x'/>"), IIS_REFUSED, "a Rewrite"},
    {ON(MATCH, "", "<action type='Redirect' url='https://other.example/'/>"), IIS_REFUSED,
     "a Redirect"},
    {ON(MATCH, "", "<action type='Redirect' url='http://127.0.0.1/'/>"), IIS_TRANSLATED,
     "became a block"},
    {ON(MATCH, "", "<action type='CustomResponse' statusCode='200'/>"), IIS_REFUSED, "status 200"},
    {ON(MATCH, "", "<action type='CustomResponse' statusCode='abc'/>"), IIS_REFUSED, "statusCode"},
    {ON(MATCH, "", "<action type='Explode'/>"), IIS_REFUSED, "Explode"},
    {ON(MATCH, "", "<action type='None'/>"), IIS_IDLE, "None"},
    {ON(MATCH, "<serverVariables><set name='HTTP_X' value='1'/></serverVariables>",
        "<action type='None'/>"),
     IIS_REFUSED, "server variables"},
    {ON("<match url='.*'/>", "", IIS_ABORT), IIS_REFUSED, "everything"},
    {ON("<match url='.*' negate='true'/>", "", IIS_ABORT), IIS_IDLE, "never"},
    {ON("<match url='*'/>", "", IIS_ABORT), IIS_REFUSED, "answers 500"},
    {ON("<match url='a(b'/>", "", IIS_ABORT), IIS_REFUSED, "not closed"},
    {ON("<match url='(a)\\1'/>", "", IIS_ABORT), IIS_REFUSED, "refers back"},
    {ON("<match url='(?i)a'/>", "", IIS_ABORT), IIS_REFUSED, "does not know"},
    {ON("<match url='[]a]'/>", "", IIS_ABORT), IIS_REFUSED, "not the same"},
    {ON("<match url='stra\xc3\x9f'/>", "", IIS_ABORT), IIS_REFUSED, "ASCII"},
    {ON("<match url='[\xc3\x9f]'/>", "", IIS_ABORT), IIS_REFUSED, "ASCII"},
    {ON("<match url='a[b&#10;]c'/>", "", IIS_ABORT), IIS_REFUSED, "control"},
    {ON("<match url='a\\&#10;c'/>", "", IIS_ABORT), IIS_REFUSED, "control"},
    {ON(MATCH, COND("input='{HTTP_X&#10;Y}' pattern='x'"), IIS_ABORT), IIS_REFUSED, "{HTTP_X"},
    {ON("<match url='^OWA' ignoreCase='false'/>", "", IIS_ABORT), IIS_REFUSED, "lower case"},
    {ON("<match url='^owa' mystery='1'/>", "", IIS_ABORT), IIS_REFUSED, "mystery"},
    {ON("", "", IIS_ABORT), IIS_REFUSED, "no <match>"},
    {ON(MATCH, COND("input='{REQUEST_FILENAME}' matchType='IsFile'"), IIS_ABORT), IIS_REFUSED,
     "disk"},
    {ON(MATCH, COND("input='{HTTPS}' pattern='off'"), IIS_ABORT), IIS_REFUSED, "TLS"},
    {ON(MATCH, COND("input='{LOGON_USER}' pattern='.+'"), IIS_ABORT), IIS_REFUSED, "LOGON_USER"},
    {ON(MATCH, COND("input='{UrlEncode:{URL}}' pattern='x'"), IIS_ABORT), IIS_REFUSED, "UrlDecode"},
    {ON(MATCH, COND("input='{R:1}' pattern='x'"), IIS_ABORT), IIS_REFUSED, "{R:1}"},
    {ON(MATCH, COND("input='{C:1}' pattern='x'"), IIS_ABORT), IIS_REFUSED, "{C:1}"},
    {ON(MATCH, COND("input='{No:{URL}}' pattern='x'"), IIS_ABORT), IIS_REFUSED, "{No:"},
    {ON(MATCH, COND("input='{URL}' pattern='x' negate='perhaps'"), IIS_ABORT), IIS_REFUSED,
     "perhaps"},
    {ON(MATCH, COND("input='{QUERY_STRING}' pattern='^a(?=.*evil|x)b(|c(?=.*d))'"), IIS_ABORT),
     IIS_TRANSLATED, ""},
    {ON(MATCH, "<unknown/>", IIS_ABORT), IIS_REFUSED, "<unknown>"},
    {IIS_RULES_FILE("<rule name='r' enabled='False'>" MATCH IIS_ABORT "</rule>"), IIS_IDLE,
     "disabled"},
    {IIS_RULES_FILE("<rule name='r'>" MATCH IIS_ABORT "</rule><remove name='r'/>"), IIS_IDLE,
     "takes it away"},
    {OUT("<match filterByTags='A' pattern='^http'/>", "<action type='Rewrite' value='x'/>"),
     IIS_REFUSED, "body"},
    {OUT("<match serverVariable='RESPONSE_Location' pattern='^http://[^/]+/(.*)'/>",
         "<action type='Rewrite' value='https://mail.example.com/{R:1}'/>"),
     IIS_REFUSED, "parts of the old"},
    {OUT("<match serverVariable='HTTP_X' pattern='.*'/>", "<action type='Rewrite' value='x'/>"),
     IIS_REFUSED, "RESPONSE_"},
    {OUT("<match serverVariable='RESPONSE_X, value: y' pattern='.+'/>",
         "<action type='Rewrite' value='x'/>"),
     IIS_REFUSED, "names no header"},
    {OUT("<match serverVariable='RESPONSE_X}&#10;mode: detect' pattern='.+'/>",
         "<action type='Rewrite' value=''/>"),
     IIS_REFUSED, "names no header"},
    {OUT("<match serverVariable='RESPONSE_Server' pattern='.+'/>",
         "<action type='Rewrite' value=''/>"),
     IIS_TRANSLATED, ""},
    {OUT("<match serverVariable='RESPONSE_Content_Length' pattern='.+'/>",
         "<action type='Rewrite' value='1'/>"),
     IIS_REFUSED, "frames"},
};

static void test_rules_that_are_refused_or_left_out(void **state)
{
    (void)state;
    unsigned n_wrong = 0;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct iis_import *import = iis_test_read(rules[i].xml, NULL, NULL);
        const struct iis_outcome *outcome = iis_import_outcome(import, 0);
        bool is_right = outcome->fate == rules[i].fate &&
                        strstr(outcome->text, rules[i].text) != NULL && outcome->line == 1 &&
                        (outcome->file != NULL) == (outcome->fate == IIS_TRANSLATED);
        if (!is_right)
            print_error("%s\n  fate %u, line %u: %s\n", rules[i].xml, outcome->fate, outcome->line,
                        outcome->text);
        n_wrong += !is_right;
        iis_import_free(import);
    }
    assert_int_equal(n_wrong, 0);
}

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    static const struct {
        const char *xml;
        const char *code;
    } files[] = {
        {"", "E_IIS_LIMIT"},
        {"no xml", "E_IIS_XML"},
        {"<configuration>", "E_IIS_XML"},
        {"<configuration/>", "E_IIS_EMPTY"},
        {"<!DOCTYPE c [<!ENTITY a 'x'>]><configuration>&a;</configuration>", "E_IIS_DTD"},
        {"<!DOCTYPE c SYSTEM 'file:///etc/passwd'><configuration/>", "E_IIS_DTD"},
        {IIS_FILE("<rules configSource='other.config'/>"), "E_IIS_SOURCE"},
        {IIS_FILE("<rules><rulle/></rules>"), "E_IIS_XML"},
        {"<configuration><location path='A'><system.webServer><rewrite><rules><rule name='r'/>"
         "</rules></rewrite></system.webServer></location><location path='B'><system.webServer>"
         "<rewrite><rules><rule name='r'/></rules></rewrite></system.webServer></location>"
         "<system.applicationHost/></configuration>",
         "E_IIS_SITE"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct iis_options options = {.file = "web.config"};
        struct err err = {0};
        assert_null(iis_import_read(slice_str(files[i].xml), &options, &err));
        if (strcmp(err.code, files[i].code) != 0)
            fail_msg("%s: %s: %s", files[i].xml, err.code, err.text);
    }
}

static void test_a_deep_file_is_refused(void **state)
{
    (void)state;
    char xml[4096] = "";
    size_t len = 0;
    for (int i = 0; i < 200; i++)
        len += (size_t)snprintf(xml + len, sizeof(xml) - len, "<a>");
    struct iis_options options = {.file = "web.config"};
    struct err err = {0};
    assert_null(iis_import_read(slice_str(xml), &options, &err));
    assert_string_equal(err.code, "E_IIS_LIMIT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_that_are_refused_or_left_out),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_a_deep_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
