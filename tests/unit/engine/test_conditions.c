/* Fields, operators and views as rules/README.md defines them. */
#include "engine_test.h"

#include "stopgap/banned.h"

struct condition_case {
    const char *name;
    const char *when;
    struct test_request request;
    bool expected;
};

static const struct condition_case operators[] = {
    {"regex is unanchored", "{field: path, regex: 'b[0-9]c'}", {.target = "/ab5cd"}, true},
    {"regex ignores case", "{field: path, regex: 'B5C'}", {.target = "/ab5cd"}, true},
    {"regex minds case when told to",
     "{field: header, name: X-A, regex: 'Abc', case: sensitive}",
     {.headers = {"X-A: abc"}},
     false},
    {"a negated class minds case, too",
     "{field: header, name: X-A, regex: '^[^a]$', case: sensitive}",
     {.headers = {"X-A: A"}},
     true},
    {"caret is the beginning of the value",
     "{field: query, regex: '^b'}",
     {.target = "/?ab"},
     false},
    {"dollar is the end of the value", "{field: query, regex: 'a$'}", {.target = "/?ab"}, false},
    {"anchors hold on a value among others",
     "{field: arg, name: k, regex: '^ab$'}",
     {.target = "/?x=1&k=ab&z=2"},
     true},
    {"contains", "{field: query, contains: 'q.r'}", {.target = "/?pq.rs"}, true},
    {"contains is literal", "{field: query, contains: 'q.r'}", {.target = "/?pqxrs"}, false},
    {"equals", "{field: header, name: X-A, equals: 'a+b'}", {.headers = {"x-a: A+B"}}, true},
    {"equals is whole", "{field: header, name: X-A, equals: 'a'}", {.headers = {"x-a: ab"}}, false},
    {"starts_with", "{field: path, starts_with: /owa/}", {.target = "/OWA/x"}, true},
    {"starts_with elsewhere", "{field: path, starts_with: /owa/}", {.target = "/a/owa/x"}, false},
    {"ends_with", "{field: path, ends_with: .json}", {.target = "/a.json"}, true},
    {"ends_with elsewhere", "{field: path, ends_with: .json}", {.target = "/a.json/b"}, false},
    {"one_of", "{field: method, one_of: [PUT, POST]}", {.method = "POST"}, true},
    {"one_of none", "{field: method, one_of: [PUT, POST]}", {.method = "GET"}, false},
    {"not_one_of", "{field: method, not_one_of: [GET, HEAD]}", {.method = "POST"}, true},
    {"exists", "{field: arg, name: k, exists: true}", {.target = "/?K"}, true},
    {"exists without", "{field: arg, name: k, exists: true}", {.target = "/?kk=1"}, false},
    {"in_cidr", "{field: client, in_cidr: [198.51.100.0/24]}", {.client = "198.51.100.7"}, true},
    {"in_cidr outside", "{field: client, in_cidr: [198.51.100.0/24]}", {.client = NULL}, false},
    {"in_cidr of IPv6",
     "{field: client, in_cidr: ['2001:db8::/33']}",
     {.client = "2001:db8:7::1"},
     true},
    {"in_cidr of IPv6 outside",
     "{field: client, in_cidr: ['2001:db8::/33']}",
     {.client = "2001:db8:8000::1"},
     false},
    {"not_in_cidr",
     "{field: client, not_in_cidr: [10.0.0.0/8, 192.0.2.0/25]}",
     {.client = "192.0.2.200"},
     true},
};

static const struct condition_case negations[] = {
    {"a second, good cookie does not hide a bad one",
     "{field: cookie, name: X-BEResource, not_regex: '^[a-z0-9.-]+~[0-9]+$'}",
     {.headers = {"Cookie: X-BEResource=a]@b:444/x#~1; X-BEResource=a.example~1"}},
     true},
    {"a first, good cookie does not hide a bad one",
     "{field: cookie, name: X-BEResource, not_regex: '^[a-z0-9.-]+~[0-9]+$'}",
     {.headers = {"Cookie: X-BEResource=a.example~1", "Cookie: x-beresource=a/b~1"}},
     true},
    {"good cookies only",
     "{field: cookie, name: X-BEResource, not_regex: '^[a-z0-9.-]+~[0-9]+$'}",
     {.headers = {"Cookie: X-BEResource=a.example~1; Y=1"}},
     false},
    {"a missing field makes a negated test false",
     "{field: cookie, name: X-BEResource, not_regex: '^[a-z]+$'}",
     {.headers = {"Cookie: Y=1"}},
     false},
    {"none with exists finds a missing field",
     "{none: [{field: header, name: X-A, exists: true}]}",
     {.headers = {"X-B: 1"}},
     true},
    {"none with exists sees a field that is there",
     "{none: [{field: header, name: X-A, exists: true}]}",
     {.headers = {"X-A:"}},
     false},
    {"not_equals on a repeated header",
     "{field: header, name: X-A, not_equals: a}",
     {.headers = {"X-A: a", "X-A: b"}},
     true},
    {"not_contains without a name looks at every argument",
     "{field: arg, not_contains: a}",
     {.target = "/?x=a&y=b"},
     true},
    {"not_contains where every argument contains it",
     "{field: arg, not_contains: a}",
     {.target = "/?x=a&y=ba"},
     false},
    {"all",
     "{all: [{field: path, contains: a}, {field: query, contains: b}]}",
     {.target = "/a?b"},
     true},
    {"all but one",
     "{all: [{field: path, contains: a}, {field: query, contains: b}]}",
     {.target = "/a?c"},
     false},
    {"any",
     "{any: [{field: path, contains: a}, {field: query, contains: b}]}",
     {.target = "/c?b"},
     true},
    {"any of none",
     "{any: [{field: path, contains: xa}, {field: query, contains: xb}]}",
     {.target = "/c?c"},
     false},
};

static const struct condition_case inputs[] = {
    {"an input of IIS is not decoded by itself",
     "{field: iis_input, name: '{REQUEST_URI}', regex: powershell}",
     {.target = "/?p%6fwershell"},
     false},
    {"UrlDecode decodes once",
     "{field: iis_input, name: '{UrlDecode:{REQUEST_URI}}', regex: 'x.*powershell'}",
     {.target = "/?xp%6fwershell"},
     true},
    {"and only once",
     "{field: iis_input, name: '{UrlDecode:{REQUEST_URI}}', regex: powershell}",
     {.target = "/?p%256fwershell"},
     false},
    {"a missing header is empty",
     "{field: iis_input, name: '{HTTP_X_A}', regex: '^$'}",
     {.target = "/"},
     true},
    {"and not empty when it is there",
     "{field: iis_input, name: '{HTTP_X_A}', regex: '^$'}",
     {.headers = {"X-A: b"}},
     false},
    {"cookie fields are joined",
     "{field: iis_input, name: '{HTTP_COOKIE}', contains: 'a=1; b'}",
     {.headers = {"Cookie: a=1", "Cookie: b=2"}},
     true},
    {"two inputs of one rule",
     "{all: [{field: iis_input, name: '{URL}', equals: /owa}, "
     "{field: iis_input, name: '{REQUEST_METHOD}', not_regex: '^GET$'}]}",
     {.target = "/owa", .method = "PUT"},
     true},
};

static const struct condition_case fields[] = {
    {"method is as sent", "{field: method, equals: POST}", {.method = "POST"}, true},
    {"target holds path and query", "{field: target, regex: 'a\\?b'}", {.target = "/a?b"}, true},
    {"path ends before the query", "{field: path, contains: b}", {.target = "/a?b"}, false},
    {"arg_name", "{field: arg_name, equals: X-Rps-CAT}", {.target = "/?a=1&x-rps-cat=2"}, true},
    {"header_name",
     "{field: header_name, starts_with: X-Evil}",
     {.headers = {"x-evil-1: a"}},
     true},
    {"cookie_name", "{field: cookie_name, equals: Email}", {.headers = {"Cookie: email=a"}}, true},
    {"cookie without a name is any cookie",
     "{field: cookie, contains: evil}",
     {.headers = {"Cookie: a=1; b=evil"}},
     true},
    {"header Cookie is the whole field",
     "{field: header, name: Cookie, contains: 'a=1; b'}",
     {.headers = {"Cookie: a=1; b=2"}},
     true},
    {"host", "{field: host, equals: mail.example.com}", {.target = "/"}, true},
    {"vdir", "{field: vdir, equals: owa}", {.target = "/OWA/auth"}, true},
    {"vdir is empty at the root", "{field: vdir, not_one_of: [owa, ecp]}", {.target = "/"}, true},
    {"anomaly", "{field: anomaly, equals: encoded_slash}", {.target = "/a%2fb"}, true},
    {"anomaly is absent", "{field: anomaly, equals: encoded_slash}", {.target = "/a/b"}, false},
    {"anomaly one_of",
     "{field: anomaly, one_of: [backslash, above_root]}",
     {.target = "/../b"},
     true},
    {"query is there though empty", "{field: query, exists: true}", {.target = "/a?"}, true},
    {"query is not there", "{field: query, exists: true}", {.target = "/a"}, false},
    {"body",
     "{field: body, contains: BinaryData}",
     {.method = "POST", .body = "<t:binarydata/>"},
     true},
    {"body without one", "{field: body, contains: x}", {.method = "POST"}, false},
    {"none over a body that does not come",
     "{none: [{field: body, contains: x}]}",
     {.method = "GET"},
     true},
    {"none over a body that comes",
     "{none: [{field: body, contains: x}]}",
     {.method = "POST", .body = "axb"},
     false},
    {"form",
     "{field: form, name: p, equals: 'a b'}",
     {.method = "POST", .body = "q=1&P=a+b"},
     true},
    {"form under its media type",
     "{field: form, name: p, contains: x}",
     {.method = "POST",
      .headers = {"Content-Type: application/x-www-form-urlencoded"},
      .body = "p=x"},
     true},
    {"no form under another media type",
     "{field: form, name: p, contains: x}",
     {.method = "POST", .headers = {"Content-Type: text/xml"}, .body = "p=x"},
     false},
    {"body and path together",
     "{all: [{field: path, starts_with: /ews}, {field: body, regex: '<m:evil>'}]}",
     {.method = "POST", .target = "/EWS/x", .body = "..<m:evil>.."},
     true},
};

static const struct condition_case views[] = {
    {"path decoded once", "{field: path, equals: /owa/x}", {.target = "/%6fwa/y/../x"}, true},
    {"path decoded twice",
     "{field: path, contains: autodiscover}",
     {.target = "/%2561utodiscover"},
     true},
    {"raw path", "{field: path, contains: '%61'}", {.target = "/%61"}, true},
    {"argument decoded once",
     "{field: arg, name: email, regex: '[/?]'}",
     {.target = "/?Email=a%2fb"},
     true},
    {"argument decoded twice",
     "{field: arg, name: email, contains: a/b}",
     {.target = "/?Email=a%252fb"},
     true},
    {"argument name decoded", "{field: arg_name, equals: email}", {.target = "/?%65mail=1"}, true},
    {"header decoded",
     "{field: header, name: X-A, contains: /powershell}",
     {.headers = {"X-A: a%2Fpowershell"}},
     true},
    {"header decoded twice",
     "{field: header, name: X-A, contains: /powershell}",
     {.headers = {"X-A: a%252Fpowershell"}},
     true},
    {"cookie decoded",
     "{field: cookie, name: Email, contains: /}",
     {.headers = {"Cookie: Email=a%2fb"}},
     true},
    {"any cookie decoded",
     "{field: cookie, regex: '^a/b$'}",
     {.headers = {"Cookie: z=%25; Email=a%2fb"}},
     true},
    {"the tree is evaluated in one view at a time",
     "{all: [{field: query, contains: '%2f'}, {field: query, contains: a/b}]}",
     {.target = "/?a%2fb"},
     false},
    {"fields without views stand in each of them",
     "{all: [{field: method, equals: GET}, {field: query, contains: a/b}]}",
     {.target = "/?a%2fb"},
     true},
    {"body decoded",
     "{field: body, contains: '<script'}",
     {.method = "POST", .body = "x=%3Cscript"},
     true},
    {"body decoded twice",
     "{field: body, contains: '<script'}",
     {.method = "POST", .body = "x=%253Cscript"},
     true},
    {"form decoded",
     "{field: form, name: x, equals: '<b>'}",
     {.method = "POST", .body = "x=%3Cb%3e"},
     true},
    {"line breaks in a decoded value do not begin a value",
     "{field: arg, name: x, regex: '^b'}",
     {.target = "/?x=a%0ab"},
     false},
};

static const struct condition_case regexes[] = {
    {"lookaheads in either order",
     "{field: target, regex: '(?=.*autodiscover)(?=.*powershell)'}",
     {.target = "/powershell?autodiscover"},
     true},
    {"lookaheads, one missing",
     "{field: target, regex: '(?=.*autodiscover)(?=.*powershell)'}",
     {.target = "/autodiscover"},
     false},
    {"lookaheads may not join two fields",
     "{field: target, regex: '(?=.*autodiscover)(?=.*powershell)'}",
     {.target = "/autodiscover", .headers = {"X-A: powershell"}},
     false},
    {"lookahead with a rest", "{field: path, regex: '^(?=.*x).*y$'}", {.target = "/xy"}, true},
    {"negative lookahead", "{field: path, regex: '^/owa/(?!auth/)'}", {.target = "/owa/x"}, true},
    {"negative lookahead refuses",
     "{field: path, regex: '^/owa/(?!auth/)'}",
     {.target = "/owa/auth/x"},
     false},
    {"lookbehind", "{field: query, regex: '(?<!a)b'}", {.target = "/?cb"}, true},
    {"back-reference", "{field: query, regex: '([a-z]{3})=\\1$'}", {.target = "/?abc=abc"}, true},
    {"back-reference to other text",
     "{field: query, regex: '([a-z]{3})=\\1$'}",
     {.target = "/?abc=abd"},
     false},
    {"atomic group", "{field: query, regex: '(?>ab|a)c'}", {.target = "/?abc"}, true},
    {"possessive", "{field: query, regex: 'a++b'}", {.target = "/?aaab"}, true},
    {"only a negative lookahead", "{field: query, regex: '^(?!a).'}", {.target = "/?b"}, true},
    {"alternatives", "{field: query, regex: 'foo|bar'}", {.target = "/?xbar"}, true},
    {"word boundary", "{field: query, regex: '\\bcmd\\b'}", {.target = "/?x=cmd&"}, true},
    {"every byte is a character",
     "{field: arg, name: a, regex: '^.$'}",
     {.target = "/?a=%0a"},
     true},
    {"large repetition",
     "{field: query, regex: '^[a-z]{2,900}[0-9]$'}",
     {.target = "/?abc5"},
     true},
};

static void run_cases(const struct condition_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct test_rule rule = {.id = "T", .when = cases[i].when};
        struct err err = {0};
        struct test_set set = test_set_try(&rule, 1, &err);
        if (set.lease == NULL)
            fail_msg("%s: %s %s", cases[i].name, err.code, err.text);
        if (test_matches(&set, &cases[i].request, cases[i].name) != cases[i].expected)
            fail_msg("%s: expected %d", cases[i].name, cases[i].expected);
        test_set_done(&set);
    }
}

#define RUN(table) run_cases(table, sizeof(table) / sizeof((table)[0]))

static void test_operators(void **state)
{
    (void)state;
    RUN(operators);
}

static void test_negation_and_nodes(void **state)
{
    (void)state;
    RUN(negations);
}

static void test_fields(void **state)
{
    (void)state;
    RUN(fields);
}

static void test_inputs_of_iis(void **state)
{
    (void)state;
    RUN(inputs);
}

static void test_views(void **state)
{
    (void)state;
    RUN(views);
}

static void test_regular_expressions(void **state)
{
    (void)state;
    RUN(regexes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators), cmocka_unit_test(test_negation_and_nodes),
        cmocka_unit_test(test_fields),    cmocka_unit_test(test_inputs_of_iis),
        cmocka_unit_test(test_views),     cmocka_unit_test(test_regular_expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
