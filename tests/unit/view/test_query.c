/* Queries, arguments, forms and cookies. */
#include "request_fixture.h"

struct args_case {
    const char *name;
    const char *target;
    const char *expected[VIEW_COUNT]; /* "name=value|..."; NULL: as the view before */
};

static const struct args_case args_cases[] = {
    {"no query has no arguments", "/owa/", {"", NULL, NULL}},
    {"an empty query has none", "/owa/?", {"", NULL, NULL}},
    {"arguments are split at the ampersand", "/x?a=1&b=2&a=3", {"a=1|b=2|a=3", NULL, NULL}},
    {"an element without sign is a name", "/x?@zdi/Power&b", {"@zdi/Power=|b=", NULL, NULL}},
    {"the name ends at the first sign", "/x?a=b=c&=d", {"a=b=c|=d", NULL, NULL}},
    {"empty elements do not count", "/x?&&a=1&&", {"a=1", NULL, NULL}},
    {"values are decoded once", "/x?a=%41%u0042", {"a=%41%u0042", "a=AB", NULL}},
    {"names are decoded once", "/x?%45mail=y", {"%45mail=y", "Email=y", NULL}},
    {"plus is a blank", "/x?+a=b+c", {"+a=b+c", " a=b c", NULL}},
    {"an escaped plus stays one", "/x?a=u%2Btag", {"a=u%2Btag", "a=u+tag", NULL}},
    {"an escaped plus stays one beside a blank",
     "/x?a=u%2Btag+b",
     {"a=u%2Btag+b", "a=u+tag b", NULL}},
    {"letters keep their case", "/x?EMail=ABC", {"EMail=ABC", NULL, NULL}},
    {"a bad escape stays", "/x?a=100%&b=%zz", {"a=100%|b=%zz", NULL, NULL}},
    {"two encodings", "/x?a=%2541", {"a=%2541", "a=%41", "a=A"}},
    {"an escaped ampersand hides no name",
     "/x?a=1%26X-Rps-CAT=2",
     {"a=1%26X-Rps-CAT=2", "a=1&X-Rps-CAT=2", "a=1|X-Rps-CAT=2"}},
    {"an escaped equals sign hides no name",
     "/x?X-Rps-CAT%3D2",
     {"X-Rps-CAT%3D2=", "X-Rps-CAT=2=", "X-Rps-CAT=2"}},
    {"a second question mark begins an argument",
     "/x?a@b/owa/?X-Rps-CAT=1&c=d",
     {"a@b/owa/?X-Rps-CAT=1|c=d", NULL, "a@b/owa/=|X-Rps-CAT=1|c=d"}},
    {"an escaped question mark, too", "/x?a=b%3Fc=d", {"a=b%3Fc=d", "a=b?c=d", "a=b|c=d"}},
    {"absolute form", "http://h/x?a=1", {"a=1", NULL, NULL}},
};

static void test_arguments_are_named_in_each_view(void **state)
{
    (void)state;
    size_t n_bad = 0;
    for (size_t i = 0; i < sizeof(args_cases) / sizeof(args_cases[0]); i++) {
        const struct args_case *one = &args_cases[i];
        struct fixture fixture;
        const struct request_views *views = fixture_target(&fixture, slice_str(one->target));
        const char *expected = "";
        for (enum view_id id = VIEW_RAW; id < VIEW_COUNT; id++) {
            char text[512];
            const struct request_view *view = &views->view[id];
            expected = one->expected[id] != NULL ? one->expected[id] : expected;
            n_bad += !is_text(one->name, view_name(id),
                              list_text(view->args, view->n_args, text, sizeof(text)),
                              slice_str(expected));
        }
        fixture_end(&fixture);
    }
    assert_int_equal(n_bad, 0);
}

static const struct {
    const char *name;
    const char *target;
    const char *once;
    const char *stable;
} target_cases[] = {
    {"nothing to decode", "/owa/?a=B+c", "/owa/?a=B+c", "/owa/?a=B+c"},
    {"an empty query keeps its mark", "/OWA?", "/owa?", "/owa?"},
    {"path and query are decoded", "/%41?%41%2b+", "/a?A++", "/a?A++"},
    {"the query is not made canonical", "/a/../b?/../%5c//", "/b?/../\\//", "/b?/../\\//"},
    {"decoded twice", "/%2541?%2541", "/%41?%41", "/a?A"},
    {"absolute form without its authority", "http://h/A?b", "/a?b", "/a?b"},
    {"absolute form in canonical spelling", "http://h/a?b", "/a?b", "/a?b"},
    {"three decodings at most", "/x?%25252541", "/x?%252541", "/x?%41"},
};

static void test_target_is_the_path_and_the_decoded_query(void **state)
{
    (void)state;
    size_t n_bad = 0;
    for (size_t i = 0; i < sizeof(target_cases) / sizeof(target_cases[0]); i++) {
        const char *name = target_cases[i].name;
        struct fixture fixture;
        const struct request_view *view =
            fixture_target(&fixture, slice_str(target_cases[i].target))->view;
        n_bad += !is_text(name, "once", view[VIEW_ONCE].target, slice_str(target_cases[i].once));
        n_bad +=
            !is_text(name, "stable", view[VIEW_STABLE].target, slice_str(target_cases[i].stable));
        fixture_end(&fixture);
    }
    assert_int_equal(n_bad, 0);
}

static const struct {
    const char *name;
    const char *target;
    bool is_once_same;
    bool is_stable_same;
} same_cases[] = {
    {"a plain request is the same in all views", "/owa/x?a=1&b=c%", true, true},
    {"case of the path does not count", "/OWA/x?a=1", true, true},
    {"the asterisk is the same in all views", "*", true, true},
    {"an escape differs once", "/owa/%41?a=1", false, true},
    {"an escaped query differs once", "/owa/?a=%41", false, true},
    {"a plus sign differs once", "/owa/?a=b+c", false, true},
    {"absolute form differs once", "http://h/owa/", false, true},
    {"two encodings differ twice", "/owa/?a=%2541", false, false},
    {"a second question mark differs in STABLE", "/owa/?a?b", true, false},
    {"a trailing dot differs in STABLE", "/owa./?a", false, false},
    {"an escaped ampersand differs in STABLE", "/owa/?a=%26b", false, false},
};

static void test_views_that_are_the_same_say_so(void **state)
{
    (void)state;
    size_t n_bad = 0;
    for (size_t i = 0; i < sizeof(same_cases) / sizeof(same_cases[0]); i++) {
        struct fixture fixture;
        const struct request_view *view =
            fixture_target(&fixture, slice_str(same_cases[i].target))->view;
        bool is_right = view[VIEW_ONCE].is_same == same_cases[i].is_once_same &&
                        view[VIEW_STABLE].is_same == same_cases[i].is_stable_same;
        if (!is_right)
            print_error("%s: once %d, stable %d\n", same_cases[i].name, view[VIEW_ONCE].is_same,
                        view[VIEW_STABLE].is_same);
        n_bad += !is_right;
        fixture_end(&fixture);
    }
    assert_int_equal(n_bad, 0);
}

static void test_a_plain_request_shares_all_bytes(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct request_view *view = fixture_target(&fixture, SLICE("/owa/x?a=1&b=2"))->view;
    for (enum view_id id = VIEW_ONCE; id < VIEW_COUNT; id++) {
        assert_ptr_equal(view[id].target.ptr, view[VIEW_RAW].target.ptr);
        assert_ptr_equal(view[id].path.ptr, view[VIEW_RAW].path.ptr);
        assert_ptr_equal(view[id].query.ptr, view[VIEW_RAW].query.ptr);
        assert_ptr_equal(view[id].args, view[VIEW_RAW].args);
    }
    fixture_end(&fixture);
}

static void test_arguments_over_the_limit_are_not_named(void **state)
{
    (void)state;
    static char target[4 * LIMIT_QUERY_ARGS];
    size_t len = 0;
    target[len++] = '/';
    target[len++] = '?';
    for (size_t i = 0; i < LIMIT_QUERY_ARGS; i++) {
        target[len++] = 'a';
        target[len++] = '&';
    }
    struct fixture fixture;
    const struct request_views *views = fixture_target(&fixture, slice_make(target, len));
    assert_int_equal(views->view[VIEW_STABLE].n_args, LIMIT_QUERY_ARGS);
    assert_int_equal(views->anomalies & ANOMALY_TOO_MANY_ARGS, 0);
    fixture_end(&fixture);

    target[len++] = 'b';
    views = fixture_target(&fixture, slice_make(target, len));
    for (enum view_id id = VIEW_RAW; id < VIEW_COUNT; id++)
        assert_int_equal(views->view[id].n_args, LIMIT_QUERY_ARGS);
    assert_int_equal(views->view[VIEW_STABLE].query.len, len - 2);
    assert_int_equal(views->anomalies, ANOMALY_TOO_MANY_ARGS);
    fixture_end(&fixture);
}

/* ---- cookies */

static const struct {
    const char *name;
    struct header_field fields[3];
    const char *expected;
} cookie_cases[] = {
    {"no field, no cookie", {{SLICE("Host"), SLICE("a=b")}}, ""},
    {"cookies are split at the semicolon",
     {{SLICE("Cookie"), SLICE("a=b; c=d;e=f")}},
     "a=b|c=d|e=f"},
    {"the field's name ignores case", {{SLICE("cOOKIE"), SLICE("a=b")}}, "a=b"},
    {"all Cookie fields count",
     {{SLICE("Cookie"), SLICE("a=b")}, {SLICE("X"), SLICE("y=z")}, {SLICE("cookie"), SLICE("a=c")}},
     "a=b|a=c"},
    {"values are not decoded", {{SLICE("Cookie"), SLICE("a=%41+b")}}, "a=%41+b"},
    {"quotes belong to the value", {{SLICE("Cookie"), SLICE("a=\"b;c\"")}}, "a=\"b|c\"="},
    {"a comma is no separator", {{SLICE("Cookie"), SLICE("a=b,c=d")}}, "a=b,c=d"},
    {"the value may hold equals signs", {{SLICE("Cookie"), SLICE("a=b=c~1==")}}, "a=b=c~1=="},
    {"a name alone has an empty value", {{SLICE("Cookie"), SLICE("foo; bar=")}}, "foo=|bar="},
    {"blanks around name and value go",
     {{SLICE("Cookie"), SLICE(" \ta\t = b \t;c=d ")}},
     "a=b|c=d"},
    {"empty elements do not count", {{SLICE("Cookie"), SLICE(";; a=b;;")}}, "a=b"},
    {"white space of .NET before a name goes",
     {{SLICE("Cookie"), SLICE("a=b;\xC2\xA0"
                              "c=d;\xA0\x0B"
                              "e=f")}},
     "a=b|c=d|e=f"},
};

static void test_cookies_are_split_as_aspnet_does(void **state)
{
    (void)state;
    size_t n_bad = 0;
    for (size_t i = 0; i < sizeof(cookie_cases) / sizeof(cookie_cases[0]); i++) {
        struct fixture fixture;
        char text[512];
        struct request_head head = {
            .target = SLICE("/"), .fields = cookie_cases[i].fields, .n_fields = 3};
        fixture_begin(&fixture);
        assert_true(views_build(&head, &fixture.arena, &fixture.views));
        struct slice got =
            list_text(fixture.views.cookies, fixture.views.n_cookies, text, sizeof(text));
        n_bad +=
            !is_text(cookie_cases[i].name, "cookies", got, slice_str(cookie_cases[i].expected));
        fixture_end(&fixture);
    }
    assert_int_equal(n_bad, 0);
}

static void test_too_many_cookies_are_an_anomaly(void **state)
{
    (void)state;
    struct header_field fields[LIMIT_COOKIES + 1];
    for (size_t i = 0; i <= LIMIT_COOKIES; i++)
        fields[i] = (struct header_field){SLICE("Cookie"), SLICE("a=b")};
    for (size_t n = LIMIT_COOKIES; n <= LIMIT_COOKIES + 1; n++) {
        struct fixture fixture;
        struct request_head head = {.target = SLICE("/"), .fields = fields, .n_fields = n};
        fixture_begin(&fixture);
        assert_true(views_build(&head, &fixture.arena, &fixture.views));
        assert_int_equal(fixture.views.n_cookies, LIMIT_COOKIES);
        assert_int_equal(fixture.views.anomalies,
                         n > LIMIT_COOKIES ? (unsigned)ANOMALY_TOO_MANY_COOKIES : 0);
        fixture_end(&fixture);
    }
}

/* ---- values and forms */

static void test_values_are_decoded_as_the_view_says(void **state)
{
    static const struct {
        const char *value;
        const char *expected[VIEW_COUNT];
    } cases[] = {
        {"a+b~1", {"a+b~1", "a+b~1", "a+b~1"}},
        {"%2F%u0041", {"%2F%u0041", "/A", "/A"}},
        {"%252F+", {"%252F+", "%2F+", "/+"}},
        {"%25252541", {"%25252541", "%252541", "%41"}},
        {"100% %zz", {"100% %zz", "100% %zz", "100% %zz"}},
        {"", {"", "", ""}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (enum view_id id = VIEW_RAW; id < VIEW_COUNT; id++) {
            struct fixture fixture;
            struct slice value = slice_str(cases[i].value);
            struct slice got;
            fixture_begin(&fixture);
            assert_true(view_decode_value(value, id, &fixture.arena, &got));
            assert_true(
                is_text(cases[i].value, view_name(id), got, slice_str(cases[i].expected[id])));
            if (slice_equal(got, value))
                assert_ptr_equal(got.ptr, value.ptr);
            fixture_end(&fixture);
        }
    }
}

static void test_form_fields_are_decoded_as_a_query(void **state)
{
    static const char *const expected[VIEW_COUNT] = {
        "user=a%2Bb+c|x%5B%5D=%252526d=1|flag=", "user=a+b c|x[]=%2526d=1|flag=",
        "user=a+b c|x[]=|d=1|flag="};
    (void)state;
    for (enum view_id id = VIEW_RAW; id < VIEW_COUNT; id++) {
        struct fixture fixture;
        bool is_truncated = true;
        const struct named_value *fields;
        size_t n;
        char text[256];
        fixture_begin(&fixture);
        assert_true(view_form_fields(SLICE("user=a%2Bb+c&x%5B%5D=%252526d=1&flag"), id,
                                     &fixture.arena, &fields, &n, &is_truncated));
        assert_true(is_text("form", view_name(id), list_text(fields, n, text, sizeof(text)),
                            slice_str(expected[id])));
        assert_true(view_form_fields(SLICE(""), id, &fixture.arena, &fields, &n, &is_truncated));
        assert_int_equal(n, 0);
        fixture_end(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_are_named_in_each_view),
        cmocka_unit_test(test_target_is_the_path_and_the_decoded_query),
        cmocka_unit_test(test_views_that_are_the_same_say_so),
        cmocka_unit_test(test_a_plain_request_shares_all_bytes),
        cmocka_unit_test(test_arguments_over_the_limit_are_not_named),
        cmocka_unit_test(test_cookies_are_split_as_aspnet_does),
        cmocka_unit_test(test_too_many_cookies_are_an_anomaly),
        cmocka_unit_test(test_values_are_decoded_as_the_view_says),
        cmocka_unit_test(test_form_fields_are_decoded_as_a_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
