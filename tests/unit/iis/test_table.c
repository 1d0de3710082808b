/* Rules as Microsoft's reference of URL Rewrite explains them: rule, request, what IIS does. */
#include "iis_test.h"

#include "stopgap/banned.h"

struct row {
    const char *name;
    const char *rules;
    struct iis_request request;
    bool is_refused; /* the request, by the rule */
};

#define URL(pattern) IIS_RULE("url='" pattern "'", "")
#define WILDCARD(pattern)                                                                          \
    "<rule name='r' patternSyntax='Wildcard'><match url='" pattern "'/>" IIS_ABORT "</rule>"
#define EXACT(pattern)                                                                             \
    "<rule name='r' patternSyntax='ExactMatch'><match url='" pattern "'/>" IIS_ABORT "</rule>"
#define IF(input, pattern) IIS_IF("input='" input "' pattern='" pattern "'")
#define IF_NOT(input, pattern) IIS_IF("input='" input "' pattern='" pattern "' negate='true'")
#define LIST(attributes, conditions)                                                               \
    IIS_RULE("url='.*'", "<conditions " attributes ">" conditions "</conditions>")
#define ADD(input, pattern) "<add input='" input "' pattern='" pattern "'/>"

static const struct row urls[] = {
    {"the pattern sees the path without its first slash", URL("^owa/"), {.target = "/owa/x"}, true},
    {"and so no first slash", URL("^/owa/"), {.target = "/owa/x"}, false},
    {"it is a search", URL("auth"), {.target = "/owa/auth/logon.aspx"}, true},
    {"but not in the query", URL("auth"), {.target = "/owa/?auth"}, false},
    {"case is ignored", URL("^OWA/$"), {.target = "/owa/"}, true},
    {"the path is decoded", URL("^owa/auth"), {.target = "/o%77a/%61uth"}, true},
    {"once", URL("^owa/auth"), {.target = "/owa/%2561uth"}, false},
    {"an encoded slash is a slash", URL("^owa/auth$"), {.target = "/owa%2fauth"}, true},
    {"a backslash is a slash", URL("^owa/auth$"), {.target = "/owa\\auth"}, true},
    {"dot segments are gone", URL("^owa/auth$"), {.target = "/ecp/../owa/auth"}, true},
    {"the root is the empty path", URL("^$"), {.target = "/"}, true},
    {"and only the root", URL("^$"), {.target = "/owa"}, false},
    {"alternatives at the beginning", URL("^(owa|ecp)/x"), {.target = "/ecp/x"}, true},
    {"alternatives with anchors of their own", URL("^owa/x|^ecp/y"), {.target = "/ecp/y"}, true},
    {"do not float", URL("^owa/x|^ecp/y"), {.target = "/a/ecp/y"}, false},
    {"one of them may", URL("^owa/x|ecp/y"), {.target = "/a/ecp/y"}, true},
    {"a pattern of the reference",
     URL("^([_0-9a-zA-Z-]+/)?(wp-.*)"),
     {.target = "/blog/wp-login.php"},
     true},
    {"which wants its letters",
     URL("^([_0-9a-zA-Z-]+/)?(wp-.*)"),
     {.target = "/blog/login.php"},
     false},
    {"another one", URL("([0-9]+)/([a-z]+)\\.html"), {.target = "/07/article.html"}, true},
    {"whose dot is a dot", URL("([0-9]+)/([a-z]+)\\.html"), {.target = "/07/articlexhtml"}, false},
    {"negate", IIS_RULE("url='^owa/' negate='true'", ""), {.target = "/ecp/"}, true},
    {"negate, and it fits", IIS_RULE("url='^owa/' negate='true'", ""), {.target = "/owa/"}, false},
    {"a dollar is the end", URL("\\.asmx$"), {.target = "/ews/exchange.asmx"}, true},
    {"a dollar is not before more", URL("\\.asmx$"), {.target = "/ews/exchange.asmx/x"}, false},
    {"a lookahead", URL("^(?!owa/).*logon"), {.target = "/ecp/logon"}, true},
    {"a lookahead that forbids", URL("^(?!owa/).*logon"), {.target = "/owa/logon"}, false},
    {"counts", URL("^a{2,3}$"), {.target = "/aaa"}, true},
    {"counts that are exceeded", URL("^a{2,3}$"), {.target = "/aaaa"}, false},
    {"an identity escape is its letter", URL("^\\owa$"), {.target = "/owa"}, true},
    {"hex escapes", URL("^\\x6fw\\u0061$"), {.target = "/owa"}, true},
    {"a brace that counts nothing", URL("^a\\{b}$"), {.target = "/a%7bb%7d"}, true},
    {"classes", URL("^[^a-c\\d]+$"), {.target = "/xyz"}, true},
    {"classes that exclude", URL("^[^a-c\\d]+$"), {.target = "/xyz1"}, false},
};

static const struct row syntaxes[] = {
    {"wildcards fit the whole path", WILDCARD("owa/*"), {.target = "/owa/auth/x"}, true},
    {"and not a part of it", WILDCARD("auth"), {.target = "/owa/auth"}, false},
    {"of the reference", WILDCARD("Scripts/*_in.???"), {.target = "/scripts/x_in.asp"}, true},
    {"a question mark is one character",
     WILDCARD("Scripts/*_in.???"),
     {.target = "/scripts/x_in.aspx"},
     false},
    {"a dot is a dot", WILDCARD("a.b"), {.target = "/axb"}, false},
    {"captures of the reference", WILDCARD("*/*.html"), {.target = "/contoso/test.html"}, true},
    {"an exact match", EXACT("owa/auth.owa"), {.target = "/OWA/auth.owa"}, true},
    {"of nothing more", EXACT("owa/auth.owa"), {.target = "/owa/auth.owax"}, false},
    {"whose star is a star", EXACT("owa/*"), {.target = "/owa/x"}, false},
    {"conditions follow the rule's syntax",
     "<rule name='r' patternSyntax='Wildcard'><match url='*'/><conditions>" ADD(
         "{HTTP_HOST}", "localhost") "</conditions>" IIS_ABORT "</rule>",
     {.target = "/", .headers = {"Host: xlocalhost"}},
     false},
    {"the request blocking template",
     "<rule name='r' patternSyntax='Wildcard'><match url='*'/><conditions><add "
     "input='{HTTP_HOST}' pattern='localhost' negate='true'/></conditions>" IIS_ABORT "</rule>",
     {.target = "/iisstart.htm", .headers = {"Host: 127.0.0.1"}},
     true},
    {"lets its host through",
     "<rule name='r' patternSyntax='Wildcard'><match url='*'/><conditions><add "
     "input='{HTTP_HOST}' pattern='localhost' negate='true'/></conditions>" IIS_ABORT "</rule>",
     {.target = "/iisstart.htm", .headers = {"Host: localhost"}},
     false},
    {"words of old scripts",
     "<rule name='r' patternSyntax='Regular Expressions'><match url='.*'/><conditions><add "
     "input='{HTTP_COOKIE}' pattern='(.*)X-BEResource=(.+)/(.+)~(.+)' matchType='0' "
     "ignoreCase='True'/></conditions>" IIS_ABORT "</rule>",
     {.target = "/ecp/x.js", .headers = {"Cookie: a=1; X-BEResource=a/b~1"}},
     true},
};

static const struct row variables[] = {
    {"REQUEST_URI has path and query",
     IF("{REQUEST_URI}", "^/owa/\\?a=b$"),
     {.target = "/owa/?a=b"},
     true},
    {"REQUEST_URI is not decoded", IF("{REQUEST_URI}", "power"), {.target = "/?p%6fwer"}, false},
    {"REQUEST_URI may have its path decoded",
     IF("{REQUEST_URI}", "power"),
     {.target = "/p%6fwer?x"},
     true},
    {"QUERY_STRING is behind the question mark",
     IF("{QUERY_STRING}", "^a=b"),
     {.target = "/?a=b"},
     true},
    {"QUERY_STRING is empty without", IF("{QUERY_STRING}", "^$"), {.target = "/owa"}, true},
    {"QUERY_STRING is not decoded", IF("{QUERY_STRING}", "a=b"), {.target = "/?%61=b"}, false},
    {"URL has a first slash and no query", IF("{URL}", "^/owa$"), {.target = "/owa?x"}, true},
    {"PATH_INFO is the same", IF("{PATH_INFO}", "^/owa$"), {.target = "/owa?x"}, true},
    {"UNENCODED_URL is as sent", IF("{UNENCODED_URL}", "%6f"), {.target = "/%6fwa"}, true},
    {"UNENCODED_URL is not decoded", IF("{UNENCODED_URL}", "owa"), {.target = "/%6fwa"}, false},
    {"a header",
     IF("{HTTP_USER_AGENT}", "curl"),
     {.target = "/", .headers = {"User-Agent: curl/8"}},
     true},
    {"a header that is missing is empty", IF("{HTTP_USER_AGENT}", "^$"), {.target = "/"}, true},
    {"a header's other name",
     IF("{HTTP_X_FORWARDED_FOR}", "10"),
     {.target = "/", .headers = {"X-Forwarded-For: 10.1.1.1"}},
     true},
    {"headers of one name are joined",
     IF("{HTTP_X_A}", "^1, 2$"),
     {.target = "/", .headers = {"X-A: 1", "X-A: 2"}},
     true},
    {"cookies of two fields are joined",
     IF("{HTTP_COOKIE}", "a=1; b"),
     {.target = "/", .headers = {"Cookie: a=1", "Cookie: b=2"}},
     true},
    {"HTTP_HOST", IF("{HTTP_HOST}", "^mail\\."), {.target = "/"}, true},
    {"REQUEST_METHOD",
     IF("{REQUEST_METHOD}", "^(TRACE|TRACK)$"),
     {.target = "/", .method = "TRACE"},
     true},
    {"REQUEST_METHOD of others", IF("{REQUEST_METHOD}", "^(TRACE|TRACK)$"), {.target = "/"}, false},
    {"REMOTE_ADDR", IF("{REMOTE_ADDR}", "^10\\.1\\."), {.target = "/", .client = "10.1.2.3"}, true},
    {"REMOTE_ADDR of others",
     IF("{REMOTE_ADDR}", "^10\\.1\\."),
     {.target = "/", .client = "110.1.2.3"},
     false},
    {"UrlDecode", IF("{UrlDecode:{QUERY_STRING}}", "a=b"), {.target = "/?%61=b"}, true},
    {"UrlDecode decodes once",
     IF("{UrlDecode:{QUERY_STRING}}", "a=b"),
     {.target = "/?%2561=b"},
     false},
    {"UrlDecode of a plus, as a plus",
     IF("{UrlDecode:{QUERY_STRING}}", "a\\+b"),
     {.target = "/?a+b"},
     true},
    {"UrlDecode of a plus, as a blank",
     IF("{UrlDecode:{QUERY_STRING}}", "a b"),
     {.target = "/?a+b"},
     true},
    {"a dot is no line end", IF("{UrlDecode:{QUERY_STRING}}", "a.b"), {.target = "/?a%0ab"}, false},
    {"a dollar is not before a line end",
     IF("{UrlDecode:{QUERY_STRING}}", "a$"),
     {.target = "/?a%0a"},
     false},
    {"ToLower",
     IIS_IF("input='{ToLower:{QUERY_STRING}}' pattern='^abc$' ignoreCase='false'"),
     {.target = "/?ABC"},
     true},
    {"ignoreCase false",
     IIS_IF("input='{QUERY_STRING}' pattern='^abc$' ignoreCase='false'"),
     {.target = "/?ABC"},
     false},
    {"several variables",
     IF("{REQUEST_METHOD} {URL}", "^POST /ecp/"),
     {.target = "/ecp/x", .method = "POST"},
     true},
    {"text around them", IF("{HTTP_HOST}:{URL}", "^mail[^:]*:/owa$"), {.target = "/owa"}, true},
    {"negated conditions", IF_NOT("{HTTP_X_TOKEN}", "^secret$"), {.target = "/"}, true},
    {"negated conditions that fit",
     IF_NOT("{HTTP_X_TOKEN}", "^secret$"),
     {.target = "/", .headers = {"X-Token: secret"}},
     false},
};

static const struct row groupings[] = {
    {"MatchAll is the default",
     LIST("", ADD("{URL}", "^/ecp") ADD("{REQUEST_METHOD}", "POST")),
     {.target = "/ecp", .method = "POST"},
     true},
    {"MatchAll wants all",
     LIST("", ADD("{URL}", "^/ecp") ADD("{REQUEST_METHOD}", "POST")),
     {.target = "/ecp"},
     false},
    {"MatchAny wants one",
     LIST("logicalGrouping='MatchAny'", ADD("{URL}", "^/ecp") ADD("{REQUEST_METHOD}", "POST")),
     {.target = "/ecp"},
     true},
    {"MatchAny wants one, though",
     LIST("logicalGrouping='MatchAny'", ADD("{URL}", "^/ecp") ADD("{REQUEST_METHOD}", "POST")),
     {.target = "/owa"},
     false},
    {"MatchAny with what always holds",
     LIST("logicalGrouping='MatchAny'", ADD("{URL}", "^/ecp") ADD("{URL}", ".*"))
         IIS_RULE("url='^x'", ""),
     {.target = "/x"},
     true},
    {"MatchAny and the pattern of the rule",
     IIS_RULE("url='^owa'", "<conditions logicalGrouping='MatchAny'>" ADD("{QUERY_STRING}", "a")
                                ADD("{QUERY_STRING}", "b") "</conditions>"),
     {.target = "/ecp?a"},
     false},
    {"R:0 of a whole path",
     IIS_RULE("url='(.*)'", "<conditions>" ADD("{R:1}", "^owa/x") "</conditions>"),
     {.target = "/owa/x"},
     true},
    {"C:1 of a whole input",
     LIST("", ADD("{QUERY_STRING}", "(.*)") ADD("{UrlDecode:{C:1}}", "a=b")),
     {.target = "/?%61=b"},
     true},
    {"rewrite maps",
     "<rule name='r'><match url='.*'/><conditions>" ADD("{Bad:{HTTP_USER_AGENT}}",
                                                        "^1$") "</conditions>" IIS_ABORT "</rule>",
     {.target = "/", .headers = {"User-Agent: EvilBot"}},
     true},
    {"rewrite maps by default",
     "<rule name='r'><match url='.*'/><conditions>" ADD("{Bad:{HTTP_USER_AGENT}}",
                                                        "^1$") "</conditions>" IIS_ABORT "</rule>",
     {.target = "/", .headers = {"User-Agent: other"}},
     false},
    {"rewrite maps, negated",
     "<rule name='r'><match url='.*'/><conditions><add input='{Bad:{HTTP_USER_AGENT}}' "
     "pattern='^1$' negate='true'/></conditions>" IIS_ABORT "</rule>",
     {.target = "/", .headers = {"User-Agent: other"}},
     true},
    {"rewrite maps whose default fits",
     "<rule name='r'><match url='.*'/><conditions>" ADD("{Known:{URL}}",
                                                        "no") "</conditions>" IIS_ABORT "</rule>",
     {.target = "/x"},
     true},
    {"rewrite maps whose default does not count",
     "<rule name='r'><match url='.*'/><conditions>" ADD("{Known:{URL}}",
                                                        "no") "</conditions>" IIS_ABORT "</rule>",
     {.target = "/owa/"},
     false},
};

static bool is_as_expected(const struct row *row)
{
    char xml[4096];
    (void)snprintf(xml, sizeof(xml),
                   IIS_FILE("<rules>%s</rules><rewriteMaps>"
                            "<rewriteMap name='Bad'><add key='evilbot' value='1'/>"
                            "<add key='good' value='0'/></rewriteMap>"
                            "<rewriteMap name='Known' defaultValue='no'>"
                            "<add key='/owa/' value='yes'/></rewriteMap></rewriteMaps>"),
                   row->rules);
    struct iis_import *import = iis_test_read(xml, NULL, NULL);
    bool is_imported = true;
    for (size_t i = 0; i < iis_import_n_outcomes(import); i++) {
        const struct iis_outcome *outcome = iis_import_outcome(import, i);
        /* Only a rule for everything may be refused in these tables. */
        if (outcome->fate == IIS_REFUSED && strstr(outcome->text, "matches everything") == NULL) {
            print_error("%s: refused: %s\n", row->name, outcome->text);
            is_imported = false;
        }
        if (outcome->fate == IIS_UNPROVEN)
            print_message("%s: without samples\n", row->name);
    }
    iis_import_free(import);
    bool is_refused = is_imported && iis_test_run(xml, &row->request) == VERDICT_ABORT;
    if (is_refused != row->is_refused)
        print_error("%s: %s %s\n", row->name, row->request.target,
                    is_refused ? "refused" : "passed");
    return is_refused == row->is_refused;
}

static void run(const struct row *rows, size_t n)
{
    unsigned n_wrong = 0;
    for (size_t i = 0; i < n; i++)
        n_wrong += !is_as_expected(&rows[i]);
    assert_int_equal(n_wrong, 0);
}

#define RUN(rows) run(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_patterns_of_the_address(void **state)
{
    (void)state;
    RUN(urls);
}

static void test_the_three_syntaxes(void **state)
{
    (void)state;
    RUN(syntaxes);
}

static void test_server_variables_and_functions(void **state)
{
    (void)state;
    RUN(variables);
}

static void test_lists_references_and_maps(void **state)
{
    (void)state;
    RUN(groupings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_of_the_address),
        cmocka_unit_test(test_the_three_syntaxes),
        cmocka_unit_test(test_server_variables_and_functions),
        cmocka_unit_test(test_lists_references_and_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
