/* No secret of a target or of an excerpt gets into a log, and attacks stay readable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "log/mask.h"

struct row {
    const char *name;
    const char *input;
    const char *expected;
};

static void test_targets_lose_their_secrets(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"no query", "/owa/auth/logon.aspx", "/owa/auth/logon.aspx"},
        {"harmless query", "/ecp/y.js?a=1&b=2", "/ecp/y.js?a=1&b=2"},
        {"a word in the path only", "/owa/auth/x.js?v=15.2", "/owa/auth/x.js?v=15.2"},
        {"password", "/l?username=u&password=p%26q&x=1", "/l?username=u&password=***&x=1"},
        {"upper case", "/l?PassWord=abc", "/l?PassWord=***"},
        {"part of a name", "/l?newPwd2=abc&n=1", "/l?newPwd2=***&n=1"},
        {"token", "/l?access_token=eyJ.e30.x", "/l?access_token=***"},
        {"secret", "/l?client_secret=s", "/l?client_secret=***"},
        {"auth", "/l?authorization=Basic+YTpi", "/l?authorization=***"},
        {"cadata", "/l?cadataKey=x&cadata=y", "/l?cadataKey=***&cadata=***"},
        {"key", "/l?apikey=1/2+3==&z", "/l?apikey=***&z"},
        {"sid", "/l?sid=9", "/l?sid=***"},
        {"Exchange's delegation token", "/a.json?@x/powershell&X-Rps-CAT=VgEAVAdX",
         "/a.json?@x/powershell&X-Rps-CAT=***"},
        {"encoded name", "/l?p%61ss=abc&x=1", "/l?p%61ss=***&x=1"},
        {"twice encoded name", "/l?p%2561ss=abc", "/l?p%2561ss=***"},
        {"encoded separators", "/a.json%3f@x%26token%3dabc", "/a.json%3f@x%26token%3d***"},
        {"inside another value", "/l?url=https%3a%2f%2fh%2fowa%3ftoken%3dabc%26x&n=1",
         "/l?url=https%3a%2f%2fh%2fowa%3ftoken%3d***&n=1"},
        {"an empty value", "/l?password=&x=1", "/l?password=&x=1"},
        {"no value", "/l?password", "/l?password"},
        {"semicolon before the name", "/l?x;token=abc", "/l?x;token=***"},
        {"semicolon in the value", "/l?token=a;b&c", "/l?token=***&c"},
        {"a second equals sign", "/l?a=token=abc", "/l?a=token=***"},
        {"broken encoding", "/l?pass%=abc&x%4", "/l?pass%=***&x%4"},
        {"user of an absolute form", "http://user:pw@mail.example.com/owa/",
         "http://***@mail.example.com/owa/"},
        {"user of an authority form", "user:pw@mail:443", "***@mail:443"},
        {"an at sign in the path is no user", "/autodiscover.json?@a.example/",
         "/autodiscover.json?@a.example/"},
        {"absolute form without user", "http://mail.example.com/a@b",
         "http://mail.example.com/a@b"},
        {"asterisk", "*", "*"},
        {"nothing", "", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[MASK_TARGET_BYTES + MASK_MARK_BYTES];
        char text[256];
        print_message("  %s\n", rows[i].name);
        struct slice masked = mask_target(slice_str(rows[i].input), out);
        (void)snprintf(text, sizeof(text), SLICE_FMT, SLICE_ARG(masked));
        assert_string_equal(text, rows[i].expected);
    }
}

static void test_a_long_target_is_shortened_and_says_by_how_much(void **state)
{
    (void)state;
    static const struct {
        const char *query; /* before it stands "/", behind it "x" up to 5000 bytes */
        const char *expected_end;
    } rows[] = {
        {"", "xx...[+2952]"},
        {"?a=1&b=", "xx...[+2952]"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char target[5000];
        char out[MASK_TARGET_BYTES + MASK_MARK_BYTES];
        memset(target, 'x', sizeof(target));
        target[0] = '/';
        memcpy(target + 1, rows[i].query, strlen(rows[i].query));
        struct slice masked = mask_target(slice_make(target, sizeof(target)), out);
        assert_int_equal(masked.len, 2048 + strlen("...[+2952]"));
        assert_memory_equal(masked.ptr, target, 2048);
        assert_true(slice_ends_with_nocase(masked, slice_str(rows[i].expected_end)));
    }
    char secret[5000];
    char out[MASK_TARGET_BYTES + MASK_MARK_BYTES];
    memset(secret, 's', sizeof(secret));
    memcpy(secret, "/?token=", 8);
    struct slice masked = mask_target(slice_make(secret, sizeof(secret)), out);
    assert_true(slice_equal(masked, SLICE("/?token=***")));
}

static void test_excerpts_lose_their_credentials(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"plain attack", "a]@mail.example.com:444/ecp/x#~1", "a]@mail.example.com:444/ecp/x#~1"},
        {"authorization field", "Authorization: Basic YTpi\r\nX: y", "Authorization:***\r\nX: y"},
        {"basic alone", "x Basic YWxhZGRpbg== y", "x Basic *** y"},
        {"bearer", "BEARER eyJhbGciOi.J9.abc", "BEARER ***"},
        {"NTLM", "NTLM TlRMTVNTUAAB, Negotiate", "NTLM ***, Negotiate"},
        {"negotiate", "a,negotiate YIIGhgYG\r\nb", "a,negotiate ***\r\nb"},
        {"blank as plus", "h=Basic+YTpi&x=1", "h=Basic+***&x=1"},
        {"form", "username=u&password=hunter2&flags=4", "username=u&password=***&flags=4"},
        {"encoded form", "p%61ssword%3Dhunter2&a=1", "p%61ssword%3D***&a=1"},
        {"JSON", "{\"user\":\"u\",\"password\":\"hunter2\"}", "{\"user\":\"u\",\"password\":***"},
        {"XML", "<User>u</User><Password>hunter2</Password>",
         "<User>u</User><Password>***</Password>"},
        {"cookie field", "Cookie: cadata=abc; x=y\nZ", "Cookie:***\nZ"},
        {"nothing", "", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[256];
        char text[257];
        print_message("  %s\n", rows[i].name);
        struct slice masked = mask_excerpt(slice_str(rows[i].input), out, sizeof(out));
        (void)snprintf(text, sizeof(text), SLICE_FMT, SLICE_ARG(masked));
        assert_string_equal(text, rows[i].expected);
    }
}

static void test_a_masked_excerpt_stays_within_its_size(void **state)
{
    (void)state;
    char text[256];
    char out[256];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = "pwd=a&"[i % 6];
    struct slice masked = mask_excerpt(slice_make(text, sizeof(text)), out, sizeof(out));
    assert_true(masked.len <= sizeof(out));
    assert_true(slice_starts_with(masked, SLICE("pwd=***&pwd=***&")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets_lose_their_secrets),
        cmocka_unit_test(test_a_long_target_is_shortened_and_says_by_how_much),
        cmocka_unit_test(test_excerpts_lose_their_credentials),
        cmocka_unit_test(test_a_masked_excerpt_stays_within_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
