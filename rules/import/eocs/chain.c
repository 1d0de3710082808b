/* OpenSSL builds the chain; anchors, time and usages are ours to say. */
#include "chain.h"

#include "shape.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "stopgap/banned.h"

/* ---- reading */

static X509 *read_cert(struct arena *arena, const xmlNode *node)
{
    struct slice der;
    if (!xml_is(node, "X509Certificate", EOCS_DSIG_SPACE) ||
        !shape_decode(arena, node, EOCS_MAX_CERT_BYTES, &der))
        return NULL;
    const unsigned char *at = (const unsigned char *)der.ptr;
    X509 *cert = d2i_X509(NULL, &at, (long)der.len);
    if (cert != NULL && at != (const unsigned char *)der.ptr + der.len) {
        X509_free(cert);
        cert = NULL;
    }
    return cert;
}

static bool read_data(struct arena *arena, const xmlNode *data, STACK_OF(X509) * certs,
                      struct err *err)
{
    for (const xmlNode *node = xml_first(data); node != NULL; node = xml_next(node)) {
        if (sk_X509_num(certs) == EOCS_MAX_CERTS)
            return eocs_fail(err, "E_EOCS_CERT", "more than %d certificates in the document",
                             EOCS_MAX_CERTS);
        X509 *cert = read_cert(arena, node);
        if (cert == NULL || sk_X509_push(certs, cert) <= 0) {
            X509_free(cert);
            return eocs_fail(err, "E_EOCS_CERT",
                             "line %ld: no readable certificate; fetch the document again",
                             xmlGetLineNo(node));
        }
    }
    return true;
}

STACK_OF(X509) * chain_read_certs(struct arena *arena, const xmlNode *parent, struct err *err)
{
    STACK_OF(X509) *certs = sk_X509_new_null();
    bool done = certs != NULL;
    if (!done)
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    for (const xmlNode *node = parent != NULL ? xml_first(parent) : NULL; node != NULL && done;
         node = xml_next(node))
        if (xml_is(node, "X509Data", EOCS_DSIG_SPACE))
            done = read_data(arena, node, certs, err);
    if (done)
        return certs;
    chain_free_certs(certs);
    return NULL;
}

void chain_free_certs(STACK_OF(X509) * certs)
{
    sk_X509_pop_free(certs, X509_free);
}

X509 *chain_find_leaf(STACK_OF(X509) * certs, struct err *err)
{
    X509 *leaf = NULL;
    int n_leaves = 0;
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (X509_check_ca(sk_X509_value(certs, i)) == 0) {
            leaf = sk_X509_value(certs, i);
            n_leaves++;
        }
    if (n_leaves != 1) {
        (void)eocs_fail(err, "E_EOCS_NOCERT",
                        "%d signer certificates in the document, one is needed; a bare key is "
                        "never believed",
                        n_leaves);
        return NULL;
    }
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
        EVP_PKEY_get_bits(key) < EOCS_MIN_KEY_BITS) {
        (void)eocs_fail(err, "E_EOCS_KEY", "the signer's key is not RSA of %d bits or more",
                        EOCS_MIN_KEY_BITS);
        return NULL;
    }
    return leaf;
}

/* ---- judging */

void chain_name(const X509_NAME *name, char out[EOCS_NAME_BYTES])
{
    out[0] = '\0';
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio != NULL &&
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_UTF8_CONVERT) >= 0) {
        long len = BIO_get_mem_data(bio, &text);
        (void)snprintf(out, EOCS_NAME_BYTES, "%.*s", (int)len, text);
    }
    BIO_free(bio);
}

bool chain_hash(const X509 *cert, unsigned char ret_hash[32])
{
    unsigned len = 0;
    return X509_digest(cert, EVP_sha256(), ret_hash, &len) == 1 && len == 32;
}

static bool is_denied(const struct eocs_trust *trust, const X509 *cert)
{
    unsigned char hash[32];
    if (!chain_hash(cert, hash))
        return true;
    for (size_t i = 0; i < trust->n_denied; i++)
        if (memcmp(trust->denied[i], hash, sizeof(hash)) == 0)
            return true;
    return false;
}

static bool check_denied(const struct eocs_trust *trust, STACK_OF(X509) * chain, struct err *err)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *cert = sk_X509_value(chain, i);
        if (is_denied(trust, cert)) {
            char name[EOCS_NAME_BYTES];
            chain_name(X509_get_subject_name(cert), name);
            return eocs_fail(err, "E_EOCS_DENY", "the certificate '%s' is on the deny list", name);
        }
    }
    return true;
}

static bool fail_chain(X509_STORE_CTX *context, const struct chain_request *request,
                       struct err *err)
{
    int error = X509_STORE_CTX_get_error(context);
    X509 *at = X509_STORE_CTX_get_current_cert(context);
    char subject[EOCS_NAME_BYTES];
    char issuer[EOCS_NAME_BYTES];
    at = at != NULL ? at : request->leaf;
    chain_name(X509_get_subject_name(at), subject);
    chain_name(X509_get_issuer_name(at), issuer);
    return eocs_fail(
        err, request->code,
        "certificate '%.200s' of issuer '%.200s': %s; when Microsoft has a new issuer, "
        "get its root from Microsoft and name it with %s",
        subject, issuer, X509_verify_cert_error_string(error), request->option);
}

bool chain_verify(const struct eocs_trust *trust, const struct chain_request *request,
                  struct err *err)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (context == NULL ||
        X509_STORE_CTX_init(context, request->anchors, request->leaf, request->others) != 1) {
        X509_STORE_CTX_free(context);
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    }
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(param, (time_t)request->when);
    X509_VERIFY_PARAM_set_depth(param, EOCS_MAX_CHAIN_DEPTH);
    X509_VERIFY_PARAM_set_auth_level(param, 2);
    /* Any purpose: the usages are compared by hand, and Microsoft's stamp signers mark theirs as
     * not critical, which OpenSSL's own purpose refuses. An anchor may be an issuer. */
    bool is_good = X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY) == 1 &&
                   X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                   X509_verify_cert(context) == 1;
    if (is_good)
        is_good = check_denied(trust, X509_STORE_CTX_get0_chain(context), err);
    else
        (void)fail_chain(context, request, err);
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    return is_good;
}

bool chain_has_usage(X509 *cert, const char *oid, int *ret_n)
{
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
    ASN1_OBJECT *wanted = OBJ_txt2obj(oid, 1);
    bool found = false;
    *ret_n = usages != NULL ? sk_ASN1_OBJECT_num(usages) : 0;
    for (int i = 0; i < *ret_n && wanted != NULL; i++)
        found = found || OBJ_cmp(sk_ASN1_OBJECT_value(usages, i), wanted) == 0;
    ASN1_OBJECT_free(wanted);
    sk_ASN1_OBJECT_pop_free(usages, ASN1_OBJECT_free);
    return found;
}
