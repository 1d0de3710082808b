/* Responses that were made for every kind of refusal. */
#include "net/tls_pair.h"

#include <time.h>

#include <openssl/ocsp.h>

struct wanted {
    int status;
    long this_seconds, next_seconds; /* from now */
    bool is_other;                   /* about another serial number */
};

/* A response signed by the certificate itself, in a file. */
static void write_response(struct tls_world *world, const struct wanted *wanted, const char *path)
{
    const struct tls_certificate *one = &world->material.items[0];
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    ASN1_INTEGER *serial = ASN1_INTEGER_dup(X509_get0_serialNumber(one->leaf));
    if (wanted->is_other)
        assert_int_equal(ASN1_INTEGER_set(serial, 7), 1);
    OCSP_CERTID *id = OCSP_cert_id_new(EVP_sha1(), X509_get_issuer_name(one->leaf),
                                       X509_get0_pubkey_bitstr(one->leaf), serial);
    ASN1_TIME *before = X509_gmtime_adj(NULL, wanted->this_seconds);
    ASN1_TIME *after = X509_gmtime_adj(NULL, wanted->next_seconds);
    assert_non_null(OCSP_basic_add1_status(basic, id, wanted->status, 0, before, before, after));
    assert_int_equal(OCSP_basic_sign(basic, one->leaf, one->key, EVP_sha256(), NULL, 0), 1);
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    BIO *file = BIO_new_file(path, "wb");
    assert_int_equal(i2d_OCSP_RESPONSE_bio(file, response), 1);
    (void)BIO_free(file);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(before);
    ASN1_TIME_free(after);
}

static void test_only_a_good_response_in_its_time_for_this_certificate_is_shown(void **state)
{
    static const struct {
        struct wanted wanted;
        const char *problem; /* NULL: it is shown */
    } rows[] = {
        {{V_OCSP_CERTSTATUS_GOOD, -60, 3600, false}, NULL},
        {{V_OCSP_CERTSTATUS_GOOD, -7200, -3600, false}, "expired"},
        {{V_OCSP_CERTSTATUS_GOOD, 3600, 7200, false}, "not valid yet"},
        {{V_OCSP_CERTSTATUS_REVOKED, -60, 3600, false}, "revoked"},
        {{V_OCSP_CERTSTATUS_UNKNOWN, -60, 3600, false}, "unknown"},
        {{V_OCSP_CERTSTATUS_GOOD, -60, 3600, true}, "not about this certificate"},
    };
    struct tls_world *world = *state;
    const struct tls_certificate *one = &world->material.items[0];
    char path[] = "/tmp/stopgap-ocsp-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_staple staple;
        char problem[TLS_PROBLEM_BYTES] = "";
        write_response(world, &rows[i].wanted, path);
        bool ok = tls_staple_load(&staple, path, one->leaf, one->chain, problem);
        assert_int_equal(ok, rows[i].problem == NULL);
        if (!ok && strstr(problem, rows[i].problem) == NULL)
            fail_msg("row %zu: \"%s\"", i, problem);
        if (ok)
            assert_in_range(staple.until_unix - time(NULL), 3590, 3600);
        OPENSSL_free(staple.der);
    }
    (void)unlink(path);
}

static void test_a_response_of_somebody_else_is_not_shown_when_the_issuer_is_known(void **state)
{
    struct tls_world *world = *state;
    const struct tls_certificate *one = &world->material.items[0];
    struct tls_material other;
    struct tls_staple staple;
    struct err err;
    char problem[TLS_PROBLEM_BYTES] = "";
    char path[] = "/tmp/stopgap-ocsp-XXXXXX";
    int fd = mkstemp(path);
    (void)close(fd);
    assert_true(tls_material_self_signed(&other, "exchange.example.test", &err));
    EVP_PKEY *key = one->key;
    STACK_OF(X509) *chain = sk_X509_new_null();
    assert_int_equal(sk_X509_push(chain, one->leaf), 1); /* it is its own issuer */
    struct wanted wanted = {V_OCSP_CERTSTATUS_GOOD, -60, 3600, false};
    write_response(world, &wanted, path);
    assert_true(tls_staple_load(&staple, path, one->leaf, chain, problem));
    OPENSSL_free(staple.der);
    X509 *leaf = world->material.items[0].leaf;
    world->material.items[0].key = other.items[0].key;
    world->material.items[0].leaf = other.items[0].leaf;
    write_response(world, &wanted, path);
    world->material.items[0].key = key;
    world->material.items[0].leaf = leaf;
    (void)sk_X509_set(chain, 0, other.items[0].leaf);
    assert_false(tls_staple_load(&staple, path, leaf, chain, problem));
    sk_X509_free(chain);
    tls_material_done(&other);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_a_good_response_in_its_time_for_this_certificate_is_shown),
        cmocka_unit_test(test_a_response_of_somebody_else_is_not_shown_when_the_issuer_is_known),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
