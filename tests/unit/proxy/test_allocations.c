/* Keep-alive requests through the whole data path, with all shipped rules: once the worker is warm,
 * it asks malloc for nothing. What the arena and the pools hold is used again.
 *
 * Not part of this: a new connection, TLS (OpenSSL has its own memory) and the logs (a chunk of
 * 64 KiB for some 200 lines, used again), and characters that iconv converts (XML in an encoding
 * that is not UTF-8, UTF-16, ISO 8859-1 or ASCII), which no client of Exchange sends. */
#include "rig.h"

#include "stopgap/ruleset.h"

#include "stopgap/banned.h"

#ifdef __has_feature /* clang */
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OWN_MALLOC 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC 1 /* the sanitizer's; it cannot be counted */
#elif !defined(HAS_OWN_MALLOC)
#define HAS_OWN_MALLOC 0
#endif

static _Thread_local bool is_counting;
static _Thread_local unsigned n_allocations;

#if !HAS_OWN_MALLOC

/* The program's own definitions win over those of libc, also for the libraries. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    n_allocations += is_counting;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    n_allocations += is_counting;
    return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
    n_allocations += is_counting;
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    n_allocations += is_counting;
    return __libc_memalign(alignment, size);
}

#endif

static const struct exchange {
    const char *name;
    struct slice request;
    bool is_stopped; /* by a rule: nothing reaches the upstream */
} exchanges[] = {
    {"a page of Outlook on the web",
     SLICE("GET /owa/?ae=Item&id=a%2fb&t=IPM.Note HTTP/1.1\r\nHost: mail\r\n"
           "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)\r\nAccept-Language: de\r\n"
           "Referer: https://mail/owa/%C3%A4\r\n"
           "Cookie: ClientId=K1; X-BackEndCookie=u%40a=u56Lnp2ejJqBzJvJmc8; UC=5c6985f0%2b==\r\n"
           "\r\n"),
     false},
    {"synchronisation of a telephone",
     SLICE("POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=a%5Cb&DeviceId=K1 HTTP/1.1\r\n"
           "Host: mail\r\nContent-Type: application/vnd.ms-sync.wbxml\r\nContent-Length: 5\r\n\r\n"
           "\x03\x01\x6a\x01\x45"),
     false},
    {"a form",
     SLICE("POST /owa/auth.owa HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 40\r\n\r\n"
           "destination=https%3a%2f%2fmail&flags=4+5"),
     false},
    {"JSON to the control panel",
     SLICE("POST /ecp/DDI/DDIService.svc/GetList?schema=Mailbox HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: application/json\r\nContent-Length: 45\r\n\r\n"
           "{\"filter\":{\"a\":\"b\\u0063\",\"n\":[1,2]},\"x\":null}"),
     false},
    {"a body in chunks",
     SLICE("POST /mapi/emsmdb/?MailboxId=k HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: application/mapi-http\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
     false},
    {"an attack that a rule stops",
     SLICE("GET /ecp/y.js HTTP/1.1\r\nHost: mail\r\n"
           "Cookie: X-BEResource=a]@x:444/ecp/z#~1\r\n\r\n"),
     true},
    {"XML to EWS",
     SLICE("POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: text/xml; charset=utf-8\r\nContent-Length: 66\r\n\r\n"
           "<s:Envelope xmlns:s=\"e\"><s:Body><m:GetItem/></s:Body></s:Envelope>"),
     false},
    {"XML that is anything but well-formed",
     SLICE("POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: text/xml\r\nContent-Length: 66\r\n\r\n"
           "<a k='&b;' k='2'><!--k--><?p k?><b:c:d>&#0;&b;<![CDATA[k]]></f><g>"),
     false},
    {"XML to EWS, gzip",
     SLICE("POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: text/xml\r\nContent-Encoding: gzip\r\nContent-Length: 72\r\n\r\n"
           "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xb3\x29\xb6\x72\xcd\x2b\x4b\xcd\xc9"
           "\x2f\x48\x55\xa8\xc8\xcd\xc9\x2b\xb6\x2a\xb6\x55\x4a\x55\xb2\xb3\x29\xb6\x72"
           "\xca\x4f\xa9\xb4\xb3\xc9\xb5\x72\x4f\x2d\xf1\x2c\x49\xcd\xd5\xb7\xb3\xd1\x87"
           "\x09\xea\x23\x74\xd9\x01\x00\x0f\xb6\xf9\x70\x42\x00\x00\x00"),
     false},
    {"JSON, deflate",
     SLICE(
         "POST /ecp/DDI/DDIService.svc/GetList HTTP/1.1\r\nHost: mail\r\n"
         "Content-Type: application/json\r\nContent-Encoding: deflate\r\nContent-Length: 53\r\n\r\n"
         "\x78\x9c\xab\x56\x4a\xcb\xcc\x29\x49\x2d\x52\xb2\xaa\x56\x4a\x54\xb2\x52\x4a"
         "\x8a\x29\x35\x30\x30\x33\x56\xd2\x51\xca\x53\xb2\x8a\x36\xd4\x31\x8a\xad\xd5"
         "\x51\xaa\x50\xb2\xca\x2b\xcd\xc9\xa9\x05\x00\x33\x05\x0d\x50"),
     false},
    {"XML in UTF-16",
     SLICE("POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: text/xml\r\nContent-Length: 108\r\n\r\n"
           "\xff\xfe\x3c\x00\x3f\x00\x78\x00\x6d\x00\x6c\x00\x20\x00\x76\x00\x65\x00\x72"
           "\x00\x73\x00\x69\x00\x6f\x00\x6e\x00\x3d\x00\x22\x00\x31\x00\x2e\x00\x30\x00"
           "\x22\x00\x20\x00\x65\x00\x6e\x00\x63\x00\x6f\x00\x64\x00\x69\x00\x6e\x00\x67"
           "\x00\x3d\x00\x22\x00\x75\x00\x74\x00\x66\x00\x2d\x00\x31\x00\x36\x00\x22\x00"
           "\x3f\x00\x3e\x00\x3c\x00\x61\x00\x20\x00\x6b\x00\x3d\x00\x22\x00\x31\x00\x22"
           "\x00\x3e\x00\x78\x00\x3c\x00\x2f\x00\x61\x00\x3e\x00"),
     true},
    {"XML in ISO 8859-1",
     SLICE("POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: text/xml\r\nContent-Length: 57\r\n\r\n"
           "\x3c\x3f\x78\x6d\x6c\x20\x76\x65\x72\x73\x69\x6f\x6e\x3d\x22\x31\x2e\x30\x22"
           "\x20\x65\x6e\x63\x6f\x64\x69\x6e\x67\x3d\x22\x69\x73\x6f\x2d\x38\x38\x35\x39"
           "\x2d\x31\x22\x3f\x3e\x3c\x61\x20\x6b\x3d\x22\xe4\x22\x3e\xe4\x3c\x2f\x61\x3e"),
     false},
    {"XML in chunks",
     SLICE("POST /Autodiscover/Autodiscover.xml HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
           "b\r\n<a><b c='d'\r\n10\r\n>e</b><f>g</f></\r\n2\r\na>\r\n0\r\n\r\n"),
     false},
    {"a form with files",
     SLICE("POST /ecp/k.aspx HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: multipart/form-data; boundary=k\r\nContent-Length: 149\r\n\r\n"
           "--k\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b.xml\"\r\n\r\n"
           "<a><b>c</b></a>\r\n--k\r\n"
           "Content-Disposition: form-data; name=\"d\"\r\n\r\n"
           "{\"e\":1}\r\n--k--\r\n"),
     false},
};
enum { N_EXCHANGES = sizeof(exchanges) / sizeof(exchanges[0]), WARM_UP = 3, ROUNDS = 20 };

/* The request's last bytes are at the upstream, or an answer of ours at the client. */
static void run(struct rig *rig, const struct exchange *exchange)
{
    rig->n_got = 0;
    rig->got[0] = '\0';
    rig_send(rig, exchange->request);
    if (!exchange->is_stopped) {
        rig_until(rig, rig_has_request, exchange->name);
        rig_upstream_sends(rig, SLICE("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                                      "Content-Length: 4\r\n\r\nbody"));
    }
    rig_until(rig, rig_has_response, exchange->name);
    assert_non_null(strstr(rig->got, exchange->is_stopped ? " 403 " : " 200 "));
    /* What is left of the body at the upstream must not be taken for the next request. */
    while (recv(rig->upstream, rig->got, sizeof(rig->got), MSG_DONTWAIT) > 0)
        continue;
}

static struct lease *load_rules(void)
{
    struct err err = {0};
    struct ruleset *set = rules_load(&(struct rules_source){.use_builtin = true}, &err);
    if (set == NULL)
        fail_msg("%s", err.text);
    struct lease *lease = lease_new(set, &err);
    ruleset_unref(set);
    assert_non_null(lease);
    return lease;
}

static void test_a_warm_worker_allocates_nothing_for_a_request(void **state)
{
    (void)state;
    struct rig rig;
    unsigned counts[N_EXCHANGES] = {0};
    if (HAS_OWN_MALLOC)
        skip();
    is_counting = true;
    struct lease *lease = load_rules();
    is_counting = false;
    assert_true(n_allocations > 1000); /* or nothing would be counted */
    rig_start_with(&rig, RULES_BLOCK, lease);
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
        for (size_t i = 0; i < N_EXCHANGES; i++) {
            n_allocations = 0;
            is_counting = round >= WARM_UP;
            run(&rig, &exchanges[i]);
            is_counting = false;
            counts[i] += n_allocations;
        }
    }
    for (size_t i = 0; i < N_EXCHANGES; i++) {
        if (counts[i] != 0)
            fail_msg("%s: %u allocations in %d requests", exchanges[i].name, counts[i], ROUNDS);
    }
    rig_stop(&rig);
    lease_free(lease);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_warm_worker_allocates_nothing_for_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
