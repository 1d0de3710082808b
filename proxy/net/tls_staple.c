/* Responses to staple (RFC 6066 8): whose they are and whether they may be shown. */
#include "net/tls_material.h"

#include "proxy_limits.h"

#include <stdio.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "stopgap/banned.h"

enum { CLOCK_SKEW_SECONDS = 300 }; /* a responder's clock may be ahead of ours */

static bool refuse(char problem[static TLS_PROBLEM_BYTES], const char *path, const char *text)
{
    (void)snprintf(problem, TLS_PROBLEM_BYTES, "%.120s: %s", path, text);
    ERR_clear_error();
    return false;
}

static bool read_file(struct tls_staple *staple, const char *path)
{
    BIO *file = BIO_new_file(path, "rb");
    staple->der = OPENSSL_malloc(LIMIT_OCSP_BYTES + 1);
    int n = file != NULL && staple->der != NULL ? BIO_read(file, staple->der, LIMIT_OCSP_BYTES + 1)
                                                : -1;
    (void)BIO_free(file);
    staple->len = n > 0 ? (size_t)n : 0;
    return n > 0 && n <= LIMIT_OCSP_BYTES;
}

/* Is this single response about leaf? Serial number and the hash of its issuer's name. */
static bool is_about(OCSP_SINGLERESP *single, X509 *leaf)
{
    OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single);
    ASN1_OCTET_STRING *name_hash = NULL;
    ASN1_OBJECT *algorithm = NULL;
    ASN1_INTEGER *serial = NULL;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;
    if (OCSP_id_get0_info(&name_hash, &algorithm, NULL, &serial, id) != 1 ||
        ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0)
        return false;
    const EVP_MD *digest = EVP_get_digestbyobj(algorithm);
    return digest != NULL &&
           X509_NAME_digest(X509_get_issuer_name(leaf), digest, hash, &hash_len) == 1 &&
           ASN1_STRING_length(name_hash) == (int)hash_len &&
           memcmp(ASN1_STRING_get0_data(name_hash), hash, hash_len) == 0;
}

static int64_t time_unix(const ASN1_GENERALIZEDTIME *time)
{
    struct tm tm = {0};
    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1)
        return INT64_MAX;
    return (int64_t)timegm(&tm);
}

/* NULL, or why this response must not be shown. */
static const char *judge_single(OCSP_BASICRESP *basic, X509 *leaf, int64_t *ret_until)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        ASN1_GENERALIZEDTIME *this_update = NULL;
        ASN1_GENERALIZEDTIME *next_update = NULL;
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        if (!is_about(single, leaf))
            continue;
        int status = OCSP_single_get0_status(single, NULL, NULL, &this_update, &next_update);
        if (status != V_OCSP_CERTSTATUS_GOOD)
            return "it says that the certificate is revoked or unknown";
        *ret_until = time_unix(next_update);
        if (*ret_until < (int64_t)time(NULL))
            return "it has expired; fetch a new one";
        if (OCSP_check_validity(this_update, next_update, CLOCK_SKEW_SECONDS, -1) != 1)
            return "it is not valid yet; look at the clocks";
        return NULL;
    }
    return "it is not about this certificate";
}

/* Clients would refuse a response that the issuer has not signed; without the issuer in the chain
 * nobody can tell here. */
static bool is_signed(OCSP_BASICRESP *basic, X509 *leaf, STACK_OF(X509) * chain)
{
    X509 *issuer = NULL;
    for (int i = 0; i < sk_X509_num(chain) && issuer == NULL; i++)
        if (X509_check_issued(sk_X509_value(chain, i), leaf) == X509_V_OK)
            issuer = sk_X509_value(chain, i);
    if (issuer == NULL)
        return true;
    X509_STORE *store = X509_STORE_new();
    bool ok = store != NULL && X509_STORE_add_cert(store, issuer) == 1 &&
              X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
              OCSP_basic_verify(basic, chain, store, 0) == 1;
    X509_STORE_free(store);
    return ok;
}

static const char *judge(struct tls_staple *staple, X509 *leaf, STACK_OF(X509) * chain)
{
    const unsigned char *at = staple->der;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)staple->len);
    OCSP_BASICRESP *basic = NULL;
    const char *why = "it is no OCSP response in DER";
    if (response != NULL && at == staple->der + staple->len) {
        why = "the responder answered with an error";
        if (OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
            basic = OCSP_response_get1_basic(response);
    }
    if (basic != NULL)
        why = judge_single(basic, leaf, &staple->until_unix);
    if (basic != NULL && why == NULL && !is_signed(basic, leaf, chain))
        why = "it is not signed by the issuer of the certificate";
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return why;
}

bool tls_staple_load(struct tls_staple *staple, const char *path, X509 *leaf,
                     STACK_OF(X509) * chain, char problem[static TLS_PROBLEM_BYTES])
{
    *staple = (struct tls_staple){0};
    const char *why = read_file(staple, path) ? judge(staple, leaf, chain)
                                              : "it cannot be read, is empty or too large";
    if (why == NULL) {
        ERR_clear_error();
        return true;
    }
    OPENSSL_free(staple->der);
    *staple = (struct tls_staple){0};
    return refuse(problem, path, why);
}
