/* The request that a curl command line would send. */
#include "cli/curl.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "stopgap/banned.h"

#define AGENT "User-Agent: curl/8.0.0\r\n"
#define HOST "Host: mail\r\n"
#define ACCEPT "Accept: */*\r\n"
#define USUAL HOST AGENT ACCEPT
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"

struct row {
    const char *command;
    const char *expected; /* the request, or a part of the error */
};

static const struct row good[] = {
    {"curl http://mail/owa/", "GET /owa/ HTTP/1.1\r\n" USUAL "\r\n"},
    {"curl https://mail", "GET / HTTP/1.1\r\n" USUAL "\r\n"},
    {"curl https://mail:443?a=b", "GET /?a=b HTTP/1.1\r\n" USUAL "\r\n"},
    {"curl https://mail:8443/#x", "GET / HTTP/1.1\r\nHost: mail:8443\r\n" AGENT ACCEPT "\r\n"},
    {"curl\t-sSkL -XPOST --url\\\n 'https://mail/ab'\"c\\\"d\"",
     "POST /abc\"d HTTP/1.1\r\n" USUAL "\r\n"},
    {"curl http://mail/ -d a=1 --data-raw '@b' --data-binary \"c\"",
     "POST / HTTP/1.1\r\n" USUAL "Content-Length: 8\r\n" FORM "\r\na=1&@b&c"},
    {"curl http://mail/ --data-raw $'it\\'s \\u00e4\\x41\\101\\r\\n'",
     "POST / HTTP/1.1\r\n" USUAL "Content-Length: 11\r\n" FORM "\r\nit's \xc3\xa4"
     "AA\r\n"},
    {"curl http://mail/ -d x -H 'content-type: text/xml' -X PUT",
     "PUT / HTTP/1.1\r\n" USUAL "content-type: text/xml\r\nContent-Length: 1\r\n\r\nx"},
    {"curl -G -d a=1 -d b=2 http://mail/?c", "GET /?c&a=1&b=2 HTTP/1.1\r\n" USUAL "\r\n"},
    {"curl -I http://mail/", "HEAD / HTTP/1.1\r\n" USUAL "\r\n"},
    {"curl -A me -e http://from/ -b 'a=1; b=2' -b c=3 --compressed http://mail/",
     "GET / HTTP/1.1\r\n" HOST "User-Agent: me\r\n" ACCEPT "Accept-Encoding: deflate, gzip\r\n"
     "Referer: http://from/\r\nCookie: a=1; b=2; c=3\r\n\r\n"},
    {"curl -u user:pass http://mail/",
     "GET / HTTP/1.1\r\n" HOST "Authorization: Basic dXNlcjpwYXNz\r\n" AGENT ACCEPT "\r\n"},
    {"curl -H 'Host: other' -H Accept: -H 'X-Empty;' -H 'User-Agent: x' http://mail/",
     "GET / HTTP/1.1\r\nHost: other\r\nX-Empty:\r\nUser-Agent: x\r\n\r\n"},
    {"curl 'http://mail/?a=\\[1\\]'", "GET /?a=[1] HTTP/1.1\r\n" USUAL "\r\n"},
    {"curl -g 'http://mail/?a={1}'", "GET /?a={1} HTTP/1.1\r\n" USUAL "\r\n"},
    {"curl --path-as-is http://mail/a/../b", "GET /a/../b HTTP/1.1\r\n" USUAL "\r\n"},
    {"curl -0 http://mail/", "GET / HTTP/1.0\r\n" USUAL "\r\n"},
};

static const struct row bad[] = {
    {"wget http://mail/", "begins with 'curl'"},
    {"", "begins with 'curl'"},
    {"curl", "no URL"},
    {"curl http://a/ http://b/", "second URL"},
    {"curl --proxy x http://mail/", "--proxy: this option of curl is not known"},
    {"curl -kZ http://mail/", "-kZ: this option of curl is not known"},
    {"curl -X", "needs a value"},
    {"curl --data", "needs a value"},
    {"curl http://mail/ -d @file", "--data-raw"},
    {"curl http://mail/ -H @file", "would read a file"},
    {"curl http://mail/ -b jar", "file of cookies"},
    {"curl 'http://mail/a b'", "blanks"},
    {"curl 'http://mail/{a,b}'", "add -g"},
    {"curl http://mail/a/../b", "--path-as-is"},
    {"curl http://u:p@mail/", "-u USER:PASSWORD"},
    {"curl ftp://mail/", "https://"},
    {"curl https:///x", "no host"},
    {"curl 'http://mail/", "is not closed"},
    {"curl \"http://mail/", "is not closed"},
    {"curl $'http://mail/", "is not closed"},
    {"curl $'http://mail/\\q'", "escape"},
    {"curl \"http://mail/$HOME\"", "need a shell"},
    {"curl http://mail/ | sh", "need a shell"},
    {"curl http://mail/;id", "need a shell"},
    {"curl ^\"http://mail/^\"", "copy it as cURL (bash)"},
    {"curl -H 'Transfer-Encoding: chunked' -d x http://mail/", "raw file"},
};

static bool make(const char *command, struct buf *request, struct err *err)
{
    struct curl_words words = {.n = 0};
    memset(err, 0, sizeof(*err));
    buf_init(request, 4096);
    bool is_made =
        curl_words_read(&words, slice_str(command), err) && curl_request(&words, request, err);
    curl_words_done(&words);
    return is_made;
}

static void test_commands_become_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct buf request;
        struct err err;
        bool is_made = make(good[i].command, &request, &err);
        if (is_made != (good[i].expected != NULL))
            fail_msg("%s: %s", good[i].command, err.text);
        if (is_made && !slice_equal(buf_slice(&request), slice_str(good[i].expected)))
            fail_msg("%s: " SLICE_FMT, good[i].command, SLICE_ARG(buf_slice(&request)));
        buf_done(&request);
    }
}

static void test_what_is_not_understood_is_refused_with_a_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf request;
        struct err err;
        if (make(bad[i].command, &request, &err) || strstr(err.text, bad[i].expected) == NULL ||
            err.kind != ERR_USAGE)
            fail_msg("%s: %s", bad[i].command, err.text);
        buf_done(&request);
    }
}

/* What an error shows of a command is its options: a value may be a password or a cookie. */
static void test_no_error_repeats_a_value(void **state)
{
    static const char *const commands[] = {
        "S3CRET http://mail/",
        "curl http://mail/ -b S3CRET",
        "curl http://mail/ -bS3CRET",
        "curl http://mail/ -d @S3CRET",
        "curl http://mail/ -d@S3CRET",
        "curl http://mail/ --data @S3CRET",
        "curl http://mail/ -H @S3CRET",
        "curl http://mail/ -H 'Transfer-Encoding: S3CRET'",
        "curl http://mail/ -H Cookie: S3CRET",
        "curl http://mail/ --cookie=S3CRET",
        "curl http://mail/ -kZS3CRET",
        "curl http://mail/ http://other/S3CRET",
        "curl ftp://mail/S3CRET",
        "curl https:///S3CRET",
        "curl 'http://mail/S3CRET b'",
        "curl 'http://mail/{S3CRET}'",
        "curl http://mail/a/../S3CRET",
        "curl http://S3CRET:p@mail/",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct buf request;
        struct err err;
        if (make(commands[i], &request, &err) || strstr(err.text, "S3CRET") != NULL)
            fail_msg("%s: %s", commands[i], err.text);
        buf_done(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_become_requests),
        cmocka_unit_test(test_what_is_not_understood_is_refused_with_a_remedy),
        cmocka_unit_test(test_no_error_repeats_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
