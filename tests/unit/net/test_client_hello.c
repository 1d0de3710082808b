/* Which name a ClientHello asks for, in one piece and in many, and what is none. */
#include "net/tls_pair.h"

#include "net/client_hello.h"

#include <openssl/ssl.h>

/* What OpenSSL sends for this name; NULL: none. */
static struct buf hello_for(struct tls_world *world, const char *name)
{
    struct buf out;
    const char *bytes = NULL;
    SSL *ssl = SSL_new(world->client);
    BIO *sink = BIO_new(BIO_s_mem());
    assert_true(ssl != NULL && sink != NULL);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), sink);
    if (name != NULL)
        assert_int_equal(SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                  (void *)(uintptr_t)name),
                         1);
    assert_int_equal(SSL_connect(ssl), -1); /* it waits for the answer */
    long len = BIO_ctrl(sink, BIO_CTRL_INFO, 0, &bytes);
    buf_init(&out, 64 * 1024);
    assert_true(len > 0 && buf_append(&out, slice_make(bytes, (size_t)len)));
    SSL_free(ssl);
    return out;
}

/* The same message in records of at most n bytes. */
static struct buf in_records(struct slice hello, size_t n)
{
    struct buf out;
    struct slice body = slice_from(hello, 5);
    buf_init(&out, 64 * 1024);
    while (body.len != 0) {
        struct slice part = slice_head(body, n);
        char header[5] = {22, 3, 1, (char)(part.len >> 8), (char)part.len};
        assert_true(buf_append(&out, slice_make(header, 5)) && buf_append(&out, part));
        body = slice_from(body, part.len);
    }
    return out;
}

static void test_a_name_is_found_and_folded(void **state)
{
    static const struct {
        const char *sent, *found;
    } rows[] = {
        {"mail.example.test", "mail.example.test"},
        {"MAIL.Example.Test", "mail.example.test"},
        {"a", "a"},
    };
    char name[CLIENT_HELLO_NAME_BYTES];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf hello = hello_for(*state, rows[i].sent);
        assert_int_equal(client_hello_read(buf_slice(&hello), name), CLIENT_HELLO_NAME);
        assert_string_equal(name, rows[i].found);
        buf_done(&hello);
    }
    struct buf hello = hello_for(*state, NULL);
    assert_int_equal(client_hello_read(buf_slice(&hello), name), CLIENT_HELLO_OTHER);
    buf_done(&hello);
}

static void test_every_beginning_of_a_hello_asks_for_more(void **state)
{
    static const size_t sizes[] = {1, 4, 50, 16384};
    char name[CLIENT_HELLO_NAME_BYTES];
    struct buf hello = hello_for(*state, "mail.example.test");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct buf cut = in_records(buf_slice(&hello), sizes[i]);
        for (size_t len = 0; len < cut.len; len++)
            assert_int_equal(client_hello_read(slice_head(buf_slice(&cut), len), name),
                             CLIENT_HELLO_MORE);
        assert_int_equal(client_hello_read(buf_slice(&cut), name), CLIENT_HELLO_NAME);
        assert_string_equal(name, "mail.example.test");
        /* What follows the message is nobody's business here. */
        assert_true(buf_append(&cut, SLICE("\x17\x03\x03\x00\x01x")));
        assert_int_equal(client_hello_read(buf_slice(&cut), name), CLIENT_HELLO_NAME);
        buf_done(&cut);
    }
    buf_done(&hello);
}

/* A hello with these extensions. */
static struct buf made_hello(struct slice extensions)
{
    struct buf out;
    char head[64] = {22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3};
    size_t fixed = 2 + 32 + 1 + 2 + 2 + 1 + 1;
    size_t body = fixed + 2 + extensions.len;
    head[3] = (char)((body + 4) >> 8);
    head[4] = (char)(body + 4);
    head[7] = (char)(body >> 8);
    head[8] = (char)body;
    size_t at = 5 + 4 + 2 + 32 + 1;
    head[at + 1] = 2; /* one cipher */
    head[at + 4] = 1; /* one compression */
    at += 6;
    head[at] = (char)(extensions.len >> 8);
    head[at + 1] = (char)extensions.len;
    buf_init(&out, 64 * 1024);
    assert_true(buf_append(&out, slice_make(head, at + 2)) && buf_append(&out, extensions));
    return out;
}

static void test_only_an_exact_extension_is_a_name(void **state)
{
#define NAME_A "\0\0\0\6\0\4\0\0\1a"
    static const struct {
        const char *what;
        struct slice extensions;
        enum client_hello result;
    } rows[] = {
        {"one name", SLICE_INIT(NAME_A), CLIENT_HELLO_NAME},
        {"behind another extension", SLICE_INIT("\0\x17\0\0" NAME_A), CLIENT_HELLO_NAME},
        {"no extension", SLICE_INIT(""), CLIENT_HELLO_OTHER},
        {"twice", SLICE_INIT(NAME_A NAME_A), CLIENT_HELLO_OTHER},
        {"two names", SLICE_INIT("\0\0\0\xa\0\x8\0\0\1a\0\0\1b"), CLIENT_HELLO_OTHER},
        {"another type", SLICE_INIT("\0\0\0\6\0\4\1\0\1a"), CLIENT_HELLO_OTHER},
        {"an empty name", SLICE_INIT("\0\0\0\5\0\3\0\0\0"), CLIENT_HELLO_OTHER},
        {"an empty list", SLICE_INIT("\0\0\0\2\0\0"), CLIENT_HELLO_OTHER},
        {"a NUL in it", SLICE_INIT("\0\0\0\7\0\5\0\0\2a\0"), CLIENT_HELLO_OTHER},
        {"a list that is too long", SLICE_INIT("\0\0\0\6\0\5\0\0\1a"), CLIENT_HELLO_OTHER},
        {"bytes behind the list", SLICE_INIT("\0\0\0\7\0\4\0\0\1ax"), CLIENT_HELLO_OTHER},
        {"an extension that is cut", SLICE_INIT("\0\0\0\7\0\4\0\0\1a"), CLIENT_HELLO_OTHER},
        {"half an extension", SLICE_INIT(NAME_A "\0"), CLIENT_HELLO_OTHER},
    };
    char name[CLIENT_HELLO_NAME_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf hello = made_hello(rows[i].extensions);
        print_message("  %s\n", rows[i].what);
        assert_int_equal(client_hello_read(buf_slice(&hello), name), rows[i].result);
        assert_string_equal(name, rows[i].result == CLIENT_HELLO_NAME ? "a" : "");
        buf_done(&hello);
    }
}

static void test_what_is_no_hello_is_seen_at_its_first_bytes(void **state)
{
    static const struct slice rows[] = {
        SLICE_INIT("GET / HTTP/1.1\r\n"),
        SLICE_INIT("\x16\x02"),
        SLICE_INIT("\x80\x2e\x01\x03\x01"),
        SLICE_INIT("\x15\x03\x01\x00\x02\x01\x00"),
        SLICE_INIT("\x16\x03\x01\x00\x00"),
        SLICE_INIT("\x16\x03\x01\x40\x01"),
        SLICE_INIT("\x16\x03\x01\x00\x05\x02"),
        SLICE_INIT("\x16\x03\x01\x00\x09\x01\x00\x40\x00"),
        SLICE_INIT("\x16\x03\x01\x00\x04\x01\x00\x00\x00"),
    };
    char name[CLIENT_HELLO_NAME_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(client_hello_read(rows[i], name), CLIENT_HELLO_OTHER);
    assert_int_equal(client_hello_read(SLICE(""), name), CLIENT_HELLO_MORE);
    assert_int_equal(client_hello_read(SLICE("\x16"), name), CLIENT_HELLO_MORE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_is_found_and_folded),
        cmocka_unit_test(test_every_beginning_of_a_hello_asks_for_more),
        cmocka_unit_test(test_only_an_exact_extension_is_a_name),
        cmocka_unit_test(test_what_is_no_hello_is_seen_at_its_first_bytes),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
