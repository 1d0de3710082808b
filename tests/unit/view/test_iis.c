/* What IIS URL Rewrite sees of a request, and which expressions are refused. */
#include "request_fixture.h"

#include "view/iis.h"

#include "stopgap/banned.h"

static const struct header_field two_cookies[] = {
    {SLICE_INIT("Cookie"), SLICE_INIT("a=1")},
    {SLICE_INIT("X-Two"), SLICE_INIT("p")},
    {SLICE_INIT("cookie"), SLICE_INIT("b=2")},
    {SLICE_INIT("x-two"), SLICE_INIT("q")},
    {SLICE_INIT("Content-Type"), SLICE_INIT("text/xml")},
};

static const struct {
    const char *input;
    const char *target;
    const char *values; /* each ends with a blank bar blank */
} inputs[] = {
    {"{REQUEST_URI}", "/owa/?a=b", "/owa/?a=b | "},
    {"{REQUEST_URI}", "/o%77a/?a=%62", "/o%77a/?a=%62 | /owa/?a=%62 | "},
    {"{REQUEST_URI}", "/owa?", "/owa? | "},
    {"{REQUEST_URI}", "https://mail.example.com", "/ | "},
    {"{UNENCODED_URL}", "/o%77a/?a=%62", "/o%77a/?a=%62 | "},
    {"{URL}", "/a%2fB/../c?x", "/a/c | "},
    {"{PATH_INFO}", "/owa/?x", "/owa/ | "},
    {"{QUERY_STRING}", "/?a=%62+c", "a=%62+c | "},
    {"{QUERY_STRING}", "/owa", " | "},
    {"{UrlDecode:{QUERY_STRING}}", "/?a=%62", "a=b | "},
    {"{UrlDecode:{QUERY_STRING}}", "/?a=%2562", "a=%62 | "},
    {"{UrlDecode:{QUERY_STRING}}", "/?a=%62+c", "a=b+c | a=b c | "},
    {"{UrlDecode:{REQUEST_URI}}", "/%2577?%41", "/%77?A | /w?A | "},
    {"{UrlDecode: {REQUEST_URI}}", "/?%41", "/?A | "},
    {"{urldecode:{urldecode:{query_string}}}", "/?%2541", "A | "},
    {"{ToLower:{QUERY_STRING}}", "/?AbC", "abc | "},
    {"{REQUEST_METHOD} {HTTP_HOST}{URL}", "/owa", "GET mail.example.com/owa | "},
    {"{HTTP_HOST}", "https://other.example/owa", "other.example | "},
    {"{HTTP_COOKIE}", "/", "a=1; b=2 | "},
    {"{HTTP_X_TWO}", "/", "p, q | "},
    {"{HTTP_X_THREE}", "/", " | "},
    {"{CONTENT_TYPE}", "/", "text/xml | "},
    {"{REMOTE_ADDR}", "/", "192.0.2.1 | "},
    {"plain", "/", "plain | "},
};

static void test_an_input_holds_what_iis_says(void **state)
{
    (void)state;
    unsigned n_failed = 0;
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        struct fixture fixture;
        struct slice values[IIS_MAX_VALUES];
        char text[256] = "";
        size_t len = 0;
        struct request_head head = {
            .method = SLICE("GET"),
            .target = slice_str(inputs[i].target),
            .host = SLICE("mail.example.com"),
            .fields = two_cookies,
            .n_fields = sizeof(two_cookies) / sizeof(two_cookies[0]),
            .client = {.bytes = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}},
        };
        const char *reason = NULL;
        fixture_begin(&fixture);
        assert_true(views_build(&head, &fixture.arena, &fixture.views));
        const struct iis_input *input =
            iis_input_parse(slice_str(inputs[i].input), &fixture.arena, &reason);
        assert_non_null(input);
        size_t n = iis_input_values(input, &head, &fixture.views, &fixture.arena, values);
        for (size_t v = 0; v < n; v++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, SLICE_FMT " | ",
                                    SLICE_ARG(values[v]));
        n_failed += !is_text(inputs[i].input, inputs[i].target, slice_str(text),
                             slice_str(inputs[i].values));
        fixture_end(&fixture);
    }
    assert_int_equal(n_failed, 0);
}

static void test_what_is_not_known_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "{",
        "}",
        "{URL",
        "{URL}}",
        "{UrlDecode:{URL}",
        "{UrlDecode:}",
        "{HTTPS}",
        "{SERVER_PORT}",
        "{REQUEST_FILENAME}",
        "{HTTP_X_ORIGINAL_URL}",
        "{HTTP_}",
        "{UrlEncode:{URL}}",
        "{R:1}",
        "{ToLower:{ToLower:{ToLower:{ToLower:{ToLower:a}}}}}",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct fixture fixture;
        const char *reason = NULL;
        fixture_begin(&fixture);
        if (iis_input_parse(slice_str(refused[i]), &fixture.arena, &reason) != NULL)
            fail_msg("'%s' was taken", refused[i]);
        assert_non_null(reason);
        fixture_end(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_input_holds_what_iis_says),
        cmocka_unit_test(test_what_is_not_known_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
