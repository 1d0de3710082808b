/* Paths: every spelling that http.sys, IIS, Win32 or ASP.NET read as the same place. */
#include "request_fixture.h"

struct path_case {
    const char *name;
    struct slice target;
    struct slice once;
    struct slice stable;
};

/* .stable is left out where it is the same as .once. */
static const struct path_case path_cases[] = {
    {"a plain path stays", SLICE("/owa/auth/logon.aspx"), SLICE("/owa/auth/logon.aspx"), {0}},
    {"ASCII letters become lower case", SLICE("/OWA/Auth/X.JS"), SLICE("/owa/auth/x.js"), {0}},
    {"the query is no part of the path", SLICE("/owa/?a=/../b"), SLICE("/owa/"), {0}},
    {"the root is a slash", SLICE("/"), SLICE("/"), {0}},
    {"an asterisk stays", SLICE("*"), SLICE("*"), {0}},
    {"an asterisk in a path is a byte", SLICE("/*"), SLICE("/*"), {0}},

    {"absolute form loses scheme and authority",
     SLICE("https://mail.example.com/owa/"),
     SLICE("/owa/"),
     {0}},
    {"the scheme ignores case", SLICE("HTTP://h:443/ECP"), SLICE("/ecp"), {0}},
    {"absolute form without path is the root", SLICE("http://h"), SLICE("/"), {0}},
    {"absolute form with only a query is the root", SLICE("http://h?a=b"), SLICE("/"), {0}},
    {"a backslash ends the authority", SLICE("http://h\\owa/x"), SLICE("/owa/x"), {0}},
    {"user information belongs to the authority", SLICE("http://u:p@h/owa"), SLICE("/owa"), {0}},
    {"an address in the path is no scheme", SLICE("/owa/http://h/x"), SLICE("/owa/http:/h/x"), {0}},

    {"%XX is decoded", SLICE("/%6fwa/%41uth"), SLICE("/owa/auth"), {0}},
    {"hex digits ignore case", SLICE("/m%c3%BC"), SLICE("/m\xC3\xBC"), {0}},
    {"%uXXXX is decoded", SLICE("/%u006fwa/%U0041"), SLICE("/owa/a"), {0}},
    {"%u gives UTF-8", SLICE("/m%u00fcller"), SLICE("/m\xC3\xBCller"), {0}},
    {"%u joins surrogates", SLICE("/%uD83D%uDE00"), SLICE("/\xF0\x9F\x98\x80"), {0}},
    {"a lone %u surrogate is replaced", SLICE("/%uD83Dx"), SLICE("/\xEF\xBF\xBDx"), {0}},
    {"a decoded question mark stays in the path",
     SLICE("/a.json%3F@b?c"),
     SLICE("/a.json?@b"),
     {0}},
    {"plus is no blank in a path", SLICE("/a+b"), SLICE("/a+b"), {0}},
    {"a malformed escape stays", SLICE("/a%2gb%"), SLICE("/a%2gb%"), {0}},
    {"a short %u escape stays", SLICE("/a%u00fz"), SLICE("/a%u00fz"), {0}},
    {"an escape cut off at the end stays", SLICE("/a%4"), SLICE("/a%4"), {0}},
    {"an escaped percent sign is decoded once", SLICE("/100%25"), SLICE("/100%"), {0}},

    {"only STABLE decodes twice", SLICE("/%256fwa"), SLICE("/%6fwa"), SLICE("/owa")},
    {"STABLE decodes three times", SLICE("/%25256fwa"), SLICE("/%256fwa"), SLICE("/owa")},
    {"STABLE stops after three rounds", SLICE("/%2525256fwa"), SLICE("/%25256fwa"),
     SLICE("/%6fwa")},
    {"escapes may hide in escapes", SLICE("/%2%35%36fwa"), SLICE("/%256fwa"), SLICE("/owa")},
    {"doubly encoded dot segments show in STABLE", SLICE("/owa/%252e%252e/ecp"),
     SLICE("/owa/%2e%2e/ecp"), SLICE("/ecp")},

    {"backslash is a slash",
     SLICE("/autodiscover\\autodiscover.json"),
     SLICE("/autodiscover/autodiscover.json"),
     {0}},
    {"%5C is a slash", SLICE("/owa%5Cauth"), SLICE("/owa/auth"), {0}},
    {"%2F is a slash", SLICE("/owa%2fauth"), SLICE("/owa/auth"), {0}},
    {"backslashes come before dot segments", SLICE("/a\\b/../../X"), SLICE("/x"), {0}},
    {"a path may begin with a backslash", SLICE("\\owa"), SLICE("/owa"), {0}},
    {"a missing slash is added", SLICE("owa/x"), SLICE("/owa/x"), {0}},

    {"a dot segment goes",
     SLICE("/autodiscover/./autodiscover.json"),
     SLICE("/autodiscover/autodiscover.json"),
     {0}},
    {"a parent segment goes", SLICE("/owa/../ecp/x"), SLICE("/ecp/x"), {0}},
    {"encoded dots are dots", SLICE("/owa/%2e%2E/ecp/%2e/x"), SLICE("/ecp/x"), {0}},
    {"a final dot leaves the slash", SLICE("/owa/."), SLICE("/owa/"), {0}},
    {"a final parent leaves the slash", SLICE("/owa/auth/.."), SLICE("/owa/"), {0}},
    {"the root is not left", SLICE("/../../owa"), SLICE("/owa"), {0}},
    {"only dots above the root are the root", SLICE("/.."), SLICE("/"), {0}},
    {"names with dots are names",
     SLICE("/.well-known/..a/a..b"),
     SLICE("/.well-known/..a/a..b"),
     {0}},

    {"slashes are merged", SLICE("//owa///auth//"), SLICE("/owa/auth/"), {0}},
    {"the two orders of merging and parents", SLICE("/owa//../ecp/x"), SLICE("/owa/ecp/x"),
     SLICE("/ecp/x")},

    {"valid UTF-8 stays, its case too",
     SLICE("/%C3%9Cber"),
     SLICE("/\xC3\x9C"
           "ber"),
     {0}},
    {"what is no UTF-8 is Windows-1252", SLICE("/m%FCller"), SLICE("/m\xC3\xBCller"), {0}},
    {"Windows-1252 has characters below A0", SLICE("/%80"), SLICE("/\xE2\x82\xAC"), {0}},
    {"a form that is cut off is Windows-1252",
     SLICE("/%E2%82/x"),
     SLICE("/\xC3\xA2\xE2\x80\x9A/x"),
     {0}},
    {"an overlong slash is one in STABLE only", SLICE("/owa%c0%afx"),
     SLICE("/owa\xC3\x80\xC2\xAFx"), SLICE("/owa/x")},
    {"overlong dots of three bytes", SLICE("/owa/%e0%80%ae%e0%80%ae/ecp"),
     SLICE("/owa/\xC3\xA0\xE2\x82\xAC\xC2\xAE\xC3\xA0\xE2\x82\xAC\xC2\xAE/ecp"), SLICE("/ecp")},
    {"a surrogate in UTF-8 is replaced in STABLE", SLICE("/%ED%A0%80"),
     SLICE("/\xC3\xAD\xC2\xA0\xE2\x82\xAC"), SLICE("/\xEF\xBF\xBD")},

    {"full-width letters fold in STABLE", SLICE("/%EF%BD%8F%EF%BC%B7a"),
     SLICE("/\xEF\xBD\x8F\xEF\xBC\xB7"
           "a"),
     SLICE("/owa")},
    {"look-alike slashes fold in STABLE", SLICE("/owa%u2215a%u2044b%u29F8c"),
     SLICE("/owa\xE2\x88\x95"
           "a\xE2\x81\x84"
           "b\xE2\xA7\xB8"
           "c"),
     SLICE("/owa/a/b/c")},
    {"a yen sign is a backslash in STABLE", SLICE("/owa%C2%A5x"), SLICE("/owa\xC2\xA5x"),
     SLICE("/owa/x")},
    {"a full-width percent sign begins an escape", SLICE("/%EF%BC%8541"),
     SLICE("/\xEF\xBC\x85"
           "41"),
     SLICE("/a")},
    {"one-dot leaders are dots", SLICE("/owa/%u2024%u2024/ecp"),
     SLICE("/owa/\xE2\x80\xA4\xE2\x80\xA4/ecp"), SLICE("/ecp")},

    {"trailing dots go in STABLE", SLICE("/ecp./x.aspx..."), SLICE("/ecp./x.aspx..."),
     SLICE("/ecp/x.aspx")},
    {"trailing blanks go in STABLE", SLICE("/owa%20/x.aspx%20."), SLICE("/owa /x.aspx ."),
     SLICE("/owa/x.aspx")},
    {"a parent with a blank is a parent", SLICE("/owa/..%20/ecp"), SLICE("/owa/.. /ecp"),
     SLICE("/ecp")},
    {"three dots are nothing", SLICE("/owa/.../ecp"), SLICE("/owa/.../ecp"), SLICE("/owa/ecp")},
    {"a stream is cut in STABLE", SLICE("/x/a.aspx::$DATA"), SLICE("/x/a.aspx::$data"),
     SLICE("/x/a.aspx")},
    {"a named stream is cut whole", SLICE("/x/a.aspx:s:$data/y"), SLICE("/x/a.aspx:s:$data/y"),
     SLICE("/x/a.aspx/y")},
    {"an index stream of a folder is cut", SLICE("/owa:$i30:$index_allocation/x"),
     SLICE("/owa:$i30:$index_allocation/x"), SLICE("/owa/x")},
    {"a lone colon stays", SLICE("/owa/a:b"), SLICE("/owa/a:b"), {0}},

    {"a cookieless segment goes in STABLE", SLICE("/(S(abc))/owa/x"), SLICE("/(s(abc))/owa/x"),
     SLICE("/owa/x")},
    {"several cookieless values go together", SLICE("/owa/(A(a)F(f1)S(s))/x"),
     SLICE("/owa/(a(a)f(f1)s(s))/x"), SLICE("/owa/x")},
    {"a cookieless token joins its neighbours", SLICE("/owa/b/(S(x))in/y"),
     SLICE("/owa/b/(s(x))in/y"), SLICE("/owa/bin/y")},
    {"a cookieless token at the end", SLICE("/owa/(S(x))"), SLICE("/owa/(s(x))"), SLICE("/owa")},
    {"only a cookieless token is the root", SLICE("/(S(x))"), SLICE("/(s(x))"), SLICE("/")},
    {"other parentheses stay",
     SLICE("/api/Users('a@b')/(x)/(S(y)"),
     SLICE("/api/users('a@b')/(x)/(s(y)"),
     {0}},
};

static void test_paths_are_read_as_the_server_reads_them(void **state)
{
    (void)state;
    size_t n_bad = 0;
    for (size_t i = 0; i < sizeof(path_cases) / sizeof(path_cases[0]); i++) {
        const struct path_case *one = &path_cases[i];
        struct fixture fixture;
        const struct request_views *views = fixture_target(&fixture, one->target);
        struct slice stable = one->stable.ptr != NULL ? one->stable : one->once;
        n_bad += !is_text(one->name, "once", views->view[VIEW_ONCE].path, one->once);
        n_bad += !is_text(one->name, "stable", views->view[VIEW_STABLE].path, stable);
        n_bad += !is_text(one->name, "raw target", views->view[VIEW_RAW].target, one->target);
        fixture_end(&fixture);
    }
    assert_int_equal(n_bad, 0);
}

static void test_raw_path_is_as_sent(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct request_views *views =
        fixture_target(&fixture, SLICE("https://H/OWA/%2e./x\\y?Q=%41"));
    assert_true(is_text("raw", "path", views->view[VIEW_RAW].path, SLICE("/OWA/%2e./x\\y")));
    assert_true(is_text("raw", "query", views->view[VIEW_RAW].query, SLICE("Q=%41")));
    fixture_end(&fixture);
}

static void test_vdir_is_the_first_segment_of_the_once_path(void **state)
{
    static const struct {
        struct slice target;
        struct slice vdir;
    } cases[] = {
        {SLICE("/OWA/auth"), SLICE("owa")},     {SLICE("/"), SLICE("")},
        {SLICE("/ecp"), SLICE("ecp")},          {SLICE("*"), SLICE("")},
        {SLICE("//x/../%45CP/"), SLICE("ecp")}, {SLICE("http://h/ews?x"), SLICE("ews")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture fixture;
        const struct request_views *views = fixture_target(&fixture, cases[i].target);
        assert_true(is_text(cases[i].target.ptr, "vdir", views->vdir, cases[i].vdir));
        fixture_end(&fixture);
    }
}

static void test_a_full_arena_is_reported(void **state)
{
    (void)state;
    _Alignas(16) char memory[64];
    struct arena arena;
    struct request_head head = {.target = SLICE("/%41/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA?a=b&c"
                                                "=%41&d=%20%20")};
    for (size_t max = 0; max < 512; max += 16) {
        struct request_views views = {.anomalies = 0x5A};
        arena_init(&arena, memory, sizeof(memory), max);
        bool is_built = views_build(&head, &arena, &views);
        assert_true(is_built || views.anomalies == 0x5A);
        arena_done(&arena);
        if (max == 0)
            assert_false(is_built);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_are_read_as_the_server_reads_them),
        cmocka_unit_test(test_raw_path_is_as_sent),
        cmocka_unit_test(test_vdir_is_the_first_segment_of_the_once_path),
        cmocka_unit_test(test_a_full_arena_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
