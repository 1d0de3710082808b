/* Shapes, ids, signatures of public keys. */
#include "key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "stopgap/banned.h"

enum { SALT_BYTES = 32, RSA_EXPONENT = 65537 };

static const char *const words[KEY_ALGORITHMS] = {"unknown", "ed25519", "ecdsa-p256", "rsa-pss"};

/* Everything of the encoding but the key's own bytes (RFC 8410; RFC 5480 with named curve and
 * uncompressed point). One shape for one key: a second encoding would be a second id, and one
 * key could count twice. */
static const char head_ed25519[] = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
static const char head_p256[] = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a"
                                "\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";
enum { SPKI_ED25519 = 44, SPKI_P256 = 91 };

const char *key_algorithm_word(enum key_algorithm algorithm)
{
    return words[algorithm];
}

enum key_algorithm key_algorithm_find(struct slice word)
{
    for (int i = KEY_ED25519; i < KEY_ALGORITHMS; i++)
        if (slice_equal(word, slice_str(words[i])))
            return (enum key_algorithm)i;
    return KEY_UNKNOWN;
}

static bool is_p256(const EVP_PKEY *pkey)
{
    char group[32] = "";
    return EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool is_good_rsa(const EVP_PKEY *pkey)
{
    int bits = EVP_PKEY_get_bits(pkey);
    BIGNUM *exponent = NULL;
    bool is_good = (bits == 3072 || bits == 4096) &&
                   EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
                   BN_is_word(exponent, RSA_EXPONENT);
    BN_free(exponent);
    return is_good;
}

enum key_algorithm key_algorithm_of(const EVP_PKEY *pkey)
{
    if (EVP_PKEY_is_a(pkey, "ED25519"))
        return KEY_ED25519;
    if (EVP_PKEY_is_a(pkey, "EC") && is_p256(pkey))
        return KEY_ECDSA_P256;
    if (EVP_PKEY_is_a(pkey, "RSA") && is_good_rsa(pkey))
        return KEY_RSA_PSS;
    return KEY_UNKNOWN;
}

static bool has_shape(enum key_algorithm algorithm, struct slice der)
{
    switch (algorithm) {
    case KEY_ED25519:
        return der.len == SPKI_ED25519 &&
               memcmp(der.ptr, head_ed25519, sizeof(head_ed25519) - 1) == 0;
    case KEY_ECDSA_P256:
        return der.len == SPKI_P256 && memcmp(der.ptr, head_p256, sizeof(head_p256) - 1) == 0;
    case KEY_RSA_PSS:
        return true; /* the length varies with the key; re-encoding decides */
    case KEY_UNKNOWN:
    case KEY_ALGORITHMS:
        break;
    }
    return false;
}

static bool encode_spki(const EVP_PKEY *pkey, struct buf *ret_der)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    bool done = len > 0 && buf_append(ret_der, slice_make((char *)der, (size_t)len));
    OPENSSL_free(der);
    ERR_clear_error();
    return done;
}

/* Is der what the library itself would write for the key? */
static bool is_canonical(const EVP_PKEY *pkey, struct slice der)
{
    struct buf again;
    buf_init(&again, LIMIT_ROOT_BYTES);
    bool is_same = encode_spki(pkey, &again) && slice_equal(buf_slice(&again), der);
    buf_done(&again);
    return is_same;
}

static bool fail_shape(struct err *err)
{
    return err_set(err, ERR_TRUST, "E_ROOT_KEYSHAPE",
                   "the key is not in its one allowed form: Ed25519 (44 bytes), P-256 with a named "
                   "curve and an uncompressed point (91 bytes), or RSA with 3072 or 4096 bits and "
                   "exponent 65537");
}

bool key_from_spki(enum key_algorithm algorithm, struct slice der, EVP_PKEY **ret_pkey,
                   struct err *err)
{
    if (!has_shape(algorithm, der))
        return fail_shape(err);
    const unsigned char *at = (const unsigned char *)der.ptr;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)der.len);
    ERR_clear_error();
    if (pkey == NULL && !key_works(algorithm)) {
        *ret_pkey = NULL; /* not the key is at fault */
        return true;
    }
    if (pkey == NULL || at != (const unsigned char *)der.ptr + der.len ||
        key_algorithm_of(pkey) != algorithm || !is_canonical(pkey, der)) {
        EVP_PKEY_free(pkey);
        return fail_shape(err);
    }
    *ret_pkey = pkey;
    return true;
}

bool key_to_spki(const EVP_PKEY *pkey, struct buf *ret_der, struct err *err)
{
    size_t before = ret_der->len;
    if (key_algorithm_of(pkey) == KEY_UNKNOWN || !encode_spki(pkey, ret_der))
        return fail_shape(err);
    struct slice der = slice_from(buf_slice(ret_der), before);
    return has_shape(key_algorithm_of(pkey), der) || fail_shape(err);
}

bool key_id(const EVP_PKEY *pkey, char ret_id[HASH_SIZE], struct err *err)
{
    struct buf der;
    buf_init(&der, LIMIT_ROOT_BYTES);
    bool done = key_to_spki(pkey, &der, err);
    if (done && !hash_hex(buf_slice(&der), ret_id))
        done = err_set(err, ERR_MEMORY, "E_CRYPTO", "SHA-256 is not available");
    buf_done(&der);
    return done;
}

/* Digest of the algorithm, NULL for Ed25519, which hashes by itself. */
static const EVP_MD *digest_of(const EVP_PKEY *pkey)
{
    return EVP_PKEY_is_a(pkey, "ED25519") ? NULL : EVP_sha256();
}

static bool set_padding(const EVP_PKEY *pkey, EVP_PKEY_CTX *ctx)
{
    return !EVP_PKEY_is_a(pkey, "RSA") ||
           (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, SALT_BYTES) > 0 &&
            EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0);
}

bool key_verify(EVP_PKEY *pkey, struct slice message, struct slice signature)
{
    if (signature.len == 0 || signature.len > LIMIT_SIGNATURE_BYTES)
        return false;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey_ctx = NULL;
    bool is_good = ctx != NULL &&
                   EVP_DigestVerifyInit(ctx, &pkey_ctx, digest_of(pkey), NULL, pkey) == 1 &&
                   set_padding(pkey, pkey_ctx) &&
                   EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
                                    (const unsigned char *)message.ptr, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return is_good;
}

bool key_sign(EVP_PKEY *pkey, struct slice message, struct buf *ret_signature, struct err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey_ctx = NULL;
    size_t len = LIMIT_SIGNATURE_BYTES;
    bool done = ctx != NULL && buf_reserve(ret_signature, len) &&
                EVP_DigestSignInit(ctx, &pkey_ctx, digest_of(pkey), NULL, pkey) == 1 &&
                set_padding(pkey, pkey_ctx) &&
                EVP_DigestSign(ctx, (unsigned char *)ret_signature->ptr + ret_signature->len, &len,
                               (const unsigned char *)message.ptr, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    if (done)
        ret_signature->len += len;
    else
        (void)err_set(err, ERR_TRUST, "E_SIGN", "cannot sign: %s",
                      ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    return done;
}
