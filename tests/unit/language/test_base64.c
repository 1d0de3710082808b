/* The vectors of RFC 4648 section 10, and everything that a strict reader refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stopgap/base64.h"

#include "stopgap/banned.h"

static void test_base64_decodes_the_vectors_of_the_rfc(void **state)
{
    static const struct {
        const char *text;
        struct slice expected;
    } cases[] = {
        {"", SLICE("")},
        {"Zg==", SLICE("f")},
        {"Zm8=", SLICE("fo")},
        {"Zm9v", SLICE("foo")},
        {"Zm9vYg==", SLICE("foob")},
        {"Zm9vYmE=", SLICE("fooba")},
        {"Zm9vYmFy", SLICE("foobar")},
        {"+/+/AA==", SLICE("\xfb\xff\xbf\x00")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[16];
        size_t len = 99;
        if (!base64_decode(slice_str(cases[i].text), out, &len) ||
            !slice_equal(slice_make(out, len), cases[i].expected))
            fail_msg("%s", cases[i].text);
        assert_true(len <= base64_decoded_max(strlen(cases[i].text)));
    }
}

static void test_base64_refuses_everything_else(void **state)
{
    static const char *const cases[] = {"Z",
                                        "Zg",
                                        "Zg=",
                                        "Zg===",
                                        "====",
                                        "Z===",
                                        "Zh==",
                                        "Zm9=",
                                        "Zm 9v",
                                        "Zm9v\n",
                                        "Zm9-",
                                        "Zg==Zg==",
                                        "Zm9v====",
                                        "=Zm9",
                                        "Zm=9",
                                        "Zm9v\x80"
                                        "aaa"};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[16];
        size_t len;
        if (base64_decode(slice_str(cases[i]), out, &len))
            fail_msg("accepted: %s", cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_decodes_the_vectors_of_the_rfc),
        cmocka_unit_test(test_base64_refuses_everything_else),
    };
    return cmocka_run_group_tests_name("language/base64", tests, NULL, NULL);
}
