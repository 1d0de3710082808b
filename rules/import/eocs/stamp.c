/* Read with CMS: PKCS7 and TS_* cannot hold the attribute certificate in Microsoft's tokens. */
#include "stamp.h"

#include <time.h>

#include <openssl/asn1.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ts.h>

#include "stopgap/banned.h"

static const char stamping_oid[] = "1.3.6.1.5.5.7.3.8";

static CMS_ContentInfo *parse_token(struct slice token, struct err *err)
{
    const unsigned char *at = (const unsigned char *)token.ptr;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)token.len);
    if (cms == NULL || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
        (void)eocs_fail(err, "E_TS_PARSE", "the time stamp is not a signed CMS message");
        CMS_ContentInfo_free(cms);
        return NULL;
    }
    if (OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_id_smime_ct_TSTInfo) {
        (void)eocs_fail(err, "E_TS_TYPE", "the signed message is not a time stamp");
        CMS_ContentInfo_free(cms);
        return NULL;
    }
    return cms;
}

static bool read_time(const TS_TST_INFO *info, int64_t *ret_time)
{
    struct tm when;
    const ASN1_GENERALIZEDTIME *time = TS_TST_INFO_get_time(info);
    if (time == NULL || ASN1_TIME_to_tm(time, &when) != 1)
        return false;
    *ret_time = (int64_t)timegm(&when);
    return *ret_time > 0;
}

static bool check_imprint(TS_TST_INFO *info, struct slice bytes)
{
    TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
    const ASN1_OBJECT *algorithm = NULL;
    unsigned char hash[32];
    unsigned len = 0;
    if (imprint == NULL)
        return false;
    X509_ALGOR_get0(&algorithm, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
    const ASN1_OCTET_STRING *text = TS_MSG_IMPRINT_get_msg(imprint);
    return OBJ_obj2nid(algorithm) == NID_sha256 &&
           EVP_Digest(bytes.ptr, bytes.len, hash, &len, EVP_sha256(), NULL) == 1 && len == 32 &&
           ASN1_STRING_length(text) == 32 &&
           memcmp(ASN1_STRING_get0_data(text), hash, sizeof(hash)) == 0;
}

/* What the stamp says: the time, and of which bytes. */
static bool read_info(CMS_ContentInfo *cms, struct slice sig_bytes, int64_t *ret_time,
                      struct err *err)
{
    ASN1_OCTET_STRING **content = CMS_get0_content(cms);
    if (content == NULL || *content == NULL)
        return eocs_fail(err, "E_TS_INFO", "the time stamp has no content");
    const unsigned char *at = ASN1_STRING_get0_data(*content);
    TS_TST_INFO *info = d2i_TS_TST_INFO(NULL, &at, ASN1_STRING_length(*content));
    bool is_good = false;
    if (info == NULL || !read_time(info, ret_time))
        (void)eocs_fail(err, "E_TS_INFO", "the content of the time stamp cannot be read");
    else if (!check_imprint(info, sig_bytes))
        (void)eocs_fail(err, "E_TS_IMPRINT",
                        "the time stamp is about another signature; it was taken from elsewhere");
    else
        is_good = true;
    TS_TST_INFO_free(info);
    return is_good;
}

/* The first element of a DER sequence, itself DER; NULL: there is none. */
static ASN1_TYPE *first_of(const ASN1_STRING *sequence, ASN1_SEQUENCE_ANY **ret_all)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(sequence);
    *ret_all = d2i_ASN1_SEQUENCE_ANY(NULL, &bytes, ASN1_STRING_length(sequence));
    return *ret_all != NULL && sk_ASN1_TYPE_num(*ret_all) > 0 ? sk_ASN1_TYPE_value(*ret_all, 0)
                                                              : NULL;
}

static void free_sequence(ASN1_SEQUENCE_ANY *all)
{
    sk_ASN1_TYPE_pop_free(all, ASN1_TYPE_free);
}

/* The first ESSCertIDv2 (RFC 5035) holds the SHA-256 of cert: no algorithm stands before the hash.
 * The next ones name issuers, which need not be in the document. */
static bool is_bound_to(const ASN1_STRING *id, X509 *cert)
{
    unsigned char hash[32];
    ASN1_SEQUENCE_ANY *fields = NULL;
    const ASN1_TYPE *first = first_of(id, &fields);
    bool is_bound =
        first != NULL && first->type == V_ASN1_OCTET_STRING &&
        ASN1_STRING_length(first->value.octet_string) == (int)sizeof(hash) &&
        chain_hash(cert, hash) &&
        memcmp(ASN1_STRING_get0_data(first->value.octet_string), hash, sizeof(hash)) == 0;
    free_sequence(fields);
    return is_bound;
}

/* The signed attribute that binds the stamp to one certificate; without it another certificate of
 * the same key could be put in its place. SigningCertificateV2 is SEQUENCE { SEQUENCE OF id }. */
static bool check_binding(CMS_SignerInfo *signer, X509 *cert)
{
    int at = CMS_signed_get_attr_by_NID(signer, NID_id_smime_aa_signingCertificateV2, -1);
    X509_ATTRIBUTE *attribute = at >= 0 ? CMS_signed_get_attr(signer, at) : NULL;
    const ASN1_TYPE *value = attribute != NULL ? X509_ATTRIBUTE_get0_type(attribute, 0) : NULL;
    ASN1_SEQUENCE_ANY *outer = NULL;
    ASN1_SEQUENCE_ANY *ids = NULL;
    const ASN1_TYPE *list = NULL;
    const ASN1_TYPE *first = NULL;
    if (value != NULL && value->type == V_ASN1_SEQUENCE)
        list = first_of(value->value.sequence, &outer);
    if (list != NULL && list->type == V_ASN1_SEQUENCE)
        first = first_of(list->value.sequence, &ids);
    bool is_bound =
        first != NULL && first->type == V_ASN1_SEQUENCE && is_bound_to(first->value.sequence, cert);
    free_sequence(ids);
    free_sequence(outer);
    return is_bound;
}

static bool check_signer(const struct eocs_trust *trust, CMS_ContentInfo *cms,
                         const struct stamp_request *request, struct stamp *stamp, struct err *err)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
    if (sk_CMS_SignerInfo_num(signers) != 1)
        return eocs_fail(err, "E_TS_SIGNER", "the time stamp has not exactly one signer");
    BIO *content = BIO_new(BIO_s_null());
    /* The chain comes afterwards and by hand, with our anchors, time and usages. */
    int is_signed = content != NULL && CMS_verify(cms, request->certs, NULL, NULL, content,
                                                  CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;
    BIO_free(content);
    if (is_signed != 1)
        return eocs_fail(err, "E_TS_SIG", "the signature of the time stamp is wrong");
    CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(signers, 0);
    X509 *cert = NULL;
    int n_usages;
    CMS_SignerInfo_get0_algs(signer, NULL, &cert, NULL, NULL);
    if (cert == NULL)
        return eocs_fail(err, "E_TS_SIGNER", "the time stamp comes without its certificate");
    if (!chain_has_usage(cert, stamping_oid, &n_usages) || n_usages != 1)
        return eocs_fail(err, "E_TS_EKU", "the certificate of the time stamp is for other uses");
    if (!check_binding(signer, cert))
        return eocs_fail(err, "E_TS_ESS", "the time stamp is not bound to its certificate");
    chain_name(X509_get_subject_name(cert), stamp->signer);
    STACK_OF(X509) *others = CMS_get1_certs(cms);
    for (int i = 0; others != NULL && i < sk_X509_num(request->certs); i++) {
        X509 *extra = sk_X509_value(request->certs, i);
        if (X509_up_ref(extra) == 1 && sk_X509_push(others, extra) <= 0)
            X509_free(extra);
    }
    const struct chain_request chain = {.anchors = trust->ts_anchors,
                                        .leaf = cert,
                                        .others = others != NULL ? others : request->certs,
                                        .when = stamp->time,
                                        .code = "E_TS_CHAIN",
                                        .option = "--ts-anchors"};
    bool is_good = chain_verify(trust, &chain, err);
    chain_free_certs(others);
    return is_good;
}

bool stamp_verify(const struct eocs_trust *trust, const struct stamp_request *request,
                  struct stamp *ret_stamp, struct err *err)
{
    struct stamp stamp = {0};
    CMS_ContentInfo *cms = parse_token(request->token, err);
    bool is_good = cms != NULL && read_info(cms, request->sig_bytes, &stamp.time, err) &&
                   check_signer(trust, cms, request, &stamp, err);
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    if (is_good)
        *ret_stamp = stamp;
    return is_good;
}
