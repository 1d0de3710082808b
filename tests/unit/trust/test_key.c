/* Keys: one encoding for each, and signatures that only the right key and message fit. */
#include "publisher.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "stopgap/banned.h"

static EVP_PKEY *rsa;

static int setup(void **state)
{
    rsa = key_generate(KEY_RSA_PSS, NULL);
    assert_non_null(rsa);
    return publisher_setup(state);
}

static int teardown(void **state)
{
    EVP_PKEY_free(rsa);
    return publisher_teardown(state);
}

static void test_each_algorithm_signs_and_verifies(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = {pub.keys[0], pub.keys[1], rsa};
    for (size_t i = 0; i < 3; i++) {
        struct buf signature;
        buf_init(&signature, LIMIT_SIGNATURE_BYTES);
        assert_true(key_sign(keys[i], SLICE("message"), &signature, NULL));
        struct slice good = buf_slice(&signature);
        assert_true(key_verify(keys[i], SLICE("message"), good));
        assert_false(key_verify(keys[i], SLICE("Message"), good));
        assert_false(key_verify(keys[i], SLICE(""), good));
        assert_false(key_verify(keys[i], SLICE("message"), slice_head(good, good.len - 1)));
        assert_false(key_verify(keys[i], SLICE("message"), slice_make(good.ptr, 0)));
        for (size_t j = 0; j < 3; j++)
            if (i != j)
                assert_false(key_verify(keys[j], SLICE("message"), good));
        for (size_t at = 0; at < good.len; at++) {
            signature.ptr[at] = (char)(signature.ptr[at] ^ 1);
            assert_false(key_verify(keys[i], SLICE("message"), good));
            signature.ptr[at] = (char)(signature.ptr[at] ^ 1);
        }
        assert_true(buf_reserve(&signature, 1));
        signature.ptr[signature.len] = '\0';
        assert_false(
            key_verify(keys[i], SLICE("message"), slice_make(signature.ptr, signature.len + 1)));
        buf_done(&signature);
    }
}

/* Salt of another length, or PKCS#1 v1.5, is another scheme. */
static void test_rsa_takes_pss_with_salt_32_only(void **state)
{
    (void)state;
    static const struct {
        int padding;
        int salt;
        bool is_good;
    } cases[] = {
        {RSA_PKCS1_PSS_PADDING, 32, true},  {RSA_PKCS1_PSS_PADDING, 0, false},
        {RSA_PKCS1_PSS_PADDING, 20, false}, {RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_MAX, false},
        {RSA_PKCS1_PADDING, 0, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char out[LIMIT_SIGNATURE_BYTES];
        size_t len = sizeof(out);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *pkey_ctx = NULL;
        assert_int_equal(EVP_DigestSignInit(ctx, &pkey_ctx, EVP_sha256(), NULL, rsa), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, cases[i].padding), 1);
        if (cases[i].padding == RSA_PKCS1_PSS_PADDING)
            assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, cases[i].salt), 1);
        assert_int_equal(EVP_DigestSign(ctx, out, &len, (const unsigned char *)"m", 1), 1);
        assert_int_equal(key_verify(rsa, SLICE("m"), slice_make((char *)out, len)),
                         cases[i].is_good);
        EVP_MD_CTX_free(ctx);
    }
}

static const char *shape_code(enum key_algorithm algorithm, struct slice der)
{
    static struct err err;
    err = (struct err){0};
    EVP_PKEY *pkey = NULL;
    bool is_good = key_from_spki(algorithm, der, &pkey, &err);
    EVP_PKEY_free(pkey);
    return is_good ? "" : err.code;
}

static void test_the_own_encoding_is_taken_and_nothing_longer_or_shorter(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = {pub.keys[0], pub.keys[1], rsa};
    static const size_t sizes[] = {44, 91, 0};
    for (size_t i = 0; i < 3; i++) {
        struct buf der;
        buf_init(&der, 4096);
        enum key_algorithm algorithm = key_algorithm_of(keys[i]);
        assert_true(key_to_spki(keys[i], &der, NULL));
        if (sizes[i] != 0)
            assert_int_equal(der.len, sizes[i]);
        check_code("good", shape_code(algorithm, buf_slice(&der)), "");
        check_code("short", shape_code(algorithm, slice_head(buf_slice(&der), der.len - 1)),
                   "E_ROOT_KEYSHAPE");
        check_code(
            "as another algorithm",
            shape_code(algorithm == KEY_RSA_PSS ? KEY_ED25519 : KEY_RSA_PSS, buf_slice(&der)),
            "E_ROOT_KEYSHAPE");
        assert_true(buf_append(&der, SLICE("\0")));
        check_code("long", shape_code(algorithm, buf_slice(&der)), "E_ROOT_KEYSHAPE");
        buf_done(&der);
    }
}

/* A second encoding of a key would be a second id, and the key would count twice. */
static void test_a_compressed_point_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *copy = EVP_PKEY_dup(pub.keys[1]);
    assert_non_null(copy);
    assert_int_equal(EVP_PKEY_set_utf8_string_param(
                         copy, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"),
                     1);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(copy, &der);
    assert_int_equal(len, 59);
    check_code("compressed", shape_code(KEY_ECDSA_P256, slice_make((char *)der, (size_t)len)),
               "E_ROOT_KEYSHAPE");
    OPENSSL_free(der);
    EVP_PKEY_free(copy);
}

static void test_a_point_off_the_curve_is_refused(void **state)
{
    (void)state;
    struct buf der;
    buf_init(&der, 4096);
    assert_true(key_to_spki(pub.keys[1], &der, NULL));
    der.ptr[90] = (char)(der.ptr[90] ^ 1);
    check_code("off the curve", shape_code(KEY_ECDSA_P256, buf_slice(&der)), "E_ROOT_KEYSHAPE");
    buf_done(&der);
}

/* rsaEncryption is 1.2.840.113549.1.1.1; 1.1.10 is RSASSA-PSS, the same key in other clothes. */
static void test_the_pss_object_identifier_is_refused(void **state)
{
    (void)state;
    static const char oid[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    struct buf der;
    buf_init(&der, 4096);
    assert_true(key_to_spki(rsa, &der, NULL));
    char *at = memmem(der.ptr, der.len, oid, sizeof(oid) - 1);
    assert_non_null(at);
    at[8] = 10;
    check_code("PSS OID", shape_code(KEY_RSA_PSS, buf_slice(&der)), "E_ROOT_KEYSHAPE");
    buf_done(&der);
}

static void test_weak_and_odd_keys_have_no_id(void **state)
{
    (void)state;
    EVP_PKEY *odd[] = {
        EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048),
        EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"),
        EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
        EVP_PKEY_Q_keygen(NULL, NULL, "ED448"),
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        char id[HASH_SIZE];
        assert_non_null(odd[i]);
        assert_int_equal(key_algorithm_of(odd[i]), KEY_UNKNOWN);
        assert_false(key_id(odd[i], id, NULL));
        EVP_PKEY_free(odd[i]);
    }
}

static void test_key_files_are_private_and_never_overwritten(void **state)
{
    (void)state;
    struct stat st;
    bool is_private = false;
    struct err err = {0};
    assert_true(key_write(pub.keys[0], in_folder("k"), NULL));
    assert_int_equal(stat(in_folder("k"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(key_write(pub.keys[1], in_folder("k"), &err));
    assert_string_equal(err.code, "E_KEY_WRITE");

    EVP_PKEY *again = key_read(in_folder("k"), true, &is_private, NULL);
    assert_non_null(again);
    assert_true(is_private);
    assert_int_equal(EVP_PKEY_eq(again, pub.keys[0]), 1);
    EVP_PKEY_free(again);

    EVP_PKEY *public_half = key_read(in_folder("k.pub"), false, &is_private, NULL);
    assert_non_null(public_half);
    assert_false(is_private);
    EVP_PKEY_free(public_half);
    assert_null(key_read(in_folder("k.pub"), true, &is_private, &err));
    assert_string_equal(err.code, "E_KEY_READ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_algorithm_signs_and_verifies),
        cmocka_unit_test(test_rsa_takes_pss_with_salt_32_only),
        cmocka_unit_test(test_the_own_encoding_is_taken_and_nothing_longer_or_shorter),
        cmocka_unit_test(test_a_compressed_point_is_refused),
        cmocka_unit_test(test_a_point_off_the_curve_is_refused),
        cmocka_unit_test(test_the_pss_object_identifier_is_refused),
        cmocka_unit_test(test_weak_and_odd_keys_have_no_id),
        cmocka_unit_test(test_key_files_are_private_and_never_overwritten),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
