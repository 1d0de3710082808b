/* Keep-alive requests through the whole data path, with all shipped rules: once the worker is warm,
 * it asks malloc for nothing. What the arena and the pools hold is used again.
 *
 * Not part of this: a new connection, TLS (OpenSSL has its own memory) and the logs (a chunk of
 * 64 KiB for some 200 lines, used again). For bodies of XML libxml2 uses malloc, which is the proof
 * here that the counting works. */
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
    bool uses_malloc;
} exchanges[] = {
    {"a page of Outlook on the web",
     SLICE("GET /owa/?ae=Item&id=a%2fb&t=IPM.Note HTTP/1.1\r\nHost: mail\r\n"
           "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)\r\nAccept-Language: de\r\n"
           "Referer: https://mail/owa/%C3%A4\r\n"
           "Cookie: ClientId=K1; X-BackEndCookie=u%40a=u56Lnp2ejJqBzJvJmc8; UC=5c6985f0%2b==\r\n"
           "\r\n"),
     false, false},
    {"synchronisation of a telephone",
     SLICE("POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=a%5Cb&DeviceId=K1 HTTP/1.1\r\n"
           "Host: mail\r\nContent-Type: application/vnd.ms-sync.wbxml\r\nContent-Length: 5\r\n\r\n"
           "\x03\x01\x6a\x01\x45"),
     false, false},
    {"a form",
     SLICE("POST /owa/auth.owa HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 40\r\n\r\n"
           "destination=https%3a%2f%2fmail&flags=4+5"),
     false, false},
    {"JSON to the control panel",
     SLICE("POST /ecp/DDI/DDIService.svc/GetList?schema=Mailbox HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: application/json\r\nContent-Length: 45\r\n\r\n"
           "{\"filter\":{\"a\":\"b\\u0063\",\"n\":[1,2]},\"x\":null}"),
     false, false},
    {"a body in chunks",
     SLICE("POST /mapi/emsmdb/?MailboxId=k HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: application/mapi-http\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
     false, false},
    {"an attack that a rule stops",
     SLICE("GET /ecp/y.js HTTP/1.1\r\nHost: mail\r\n"
           "Cookie: X-BEResource=a]@x:444/ecp/z#~1\r\n\r\n"),
     true, false},
    {"XML to EWS",
     SLICE("POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail\r\n"
           "Content-Type: text/xml; charset=utf-8\r\nContent-Length: 66\r\n\r\n"
           "<s:Envelope xmlns:s=\"e\"><s:Body><m:GetItem/></s:Body></s:Envelope>"),
     false, true},
};
enum { N_EXCHANGES = sizeof(exchanges) / sizeof(exchanges[0]), WARM_UP = 3, ROUNDS = 20 };

/* The request's last bytes are at the upstream, or an answer of ours at the client. */
static void run(struct rig *rig, const struct exchange *exchange)
{
    rig->n_got = 0;
    rig->got[0] = '\0';
    rig_send(rig, exchange->request);
    if (!exchange->is_stopped) {
        rig_until(rig, rig_has_request, "a request at the upstream");
        rig_upstream_sends(rig, SLICE("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                                      "Content-Length: 4\r\n\r\nbody"));
    }
    rig_until(rig, rig_has_response, "a response at the client");
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
    struct lease *lease = load_rules();
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
        if (!exchanges[i].uses_malloc && counts[i] != 0)
            fail_msg("%s: %u allocations in %d requests", exchanges[i].name, counts[i], ROUNDS);
        if (exchanges[i].uses_malloc && counts[i] == 0)
            fail_msg("%s: malloc is not used any more, or is not counted", exchanges[i].name);
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
