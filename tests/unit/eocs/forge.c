/* The text of a document, and its signature and stamp. */
#include "eocs/forge.h"

#include <assert.h>
#include <stdlib.h>

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <openssl/ts.h>

static const char usual[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<EOCS version=\"9.1\">\n"
    "@CONFIGS@"
    "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo>"
    "<CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\" />"
    "<SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\" />"
    "<Reference URI=\"\"><Transforms>"
    "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\" />"
    "<Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\" /></Transforms>"
    "<DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\" />"
    "<DigestValue>@DIGEST@</DigestValue></Reference></SignedInfo>"
    "<SignatureValue>@SIGNATURE@</SignatureValue><KeyInfo>"
    "<KeyValue><RSAKeyValue><Modulus>@MODULUS@</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>"
    "</KeyValue><X509Data>@CERTIFICATES@</X509Data></KeyInfo>@OBJECT@</Signature></EOCS>";

static const char object[] =
    "<Object Id=\"ts-countersig\"><X509Data>@STAMPER@</X509Data>"
    "<CounterSignature ts-format=\"cms-timestamp-message\" "
    "xmlns=\"http://schemas.microsoft.com/xmldsig/timestamp/2003\">@STAMP@</CounterSignature>"
    "</Object>";

void forge_replace(struct buf *text, const char *find, const char *with)
{
    struct buf out;
    buf_init(&out, text->max);
    struct slice rest = buf_slice(text);
    const char *hit = memmem(rest.ptr, rest.len, find, strlen(find));
    assert(hit != NULL);
    while (hit != NULL) {
        assert(buf_append(&out, slice_head(rest, (size_t)(hit - rest.ptr))));
        assert(buf_append(&out, slice_str(with)));
        rest = slice_from(rest, (size_t)(hit - rest.ptr) + strlen(find));
        hit = memmem(rest.ptr, rest.len, find, strlen(find));
    }
    assert(buf_append(&out, rest));
    buf_done(text);
    *text = out;
}

/* A change may have taken the place away on purpose. */
static void fill(struct buf *text, const char *place, const char *with)
{
    if (memmem(text->ptr, text->len, place, strlen(place)) != NULL)
        forge_replace(text, place, with);
}

static void fill_base64(struct buf *text, const char *place, const unsigned char *bytes, size_t len)
{
    char *out = malloc(len * 2 + 8);
    assert(out != NULL && EVP_EncodeBlock((unsigned char *)out, bytes, (int)len) > 0);
    fill(text, place, out);
    free(out);
}

static void append_cert(struct buf *out, X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    assert(len > 0 && buf_append(out, SLICE("<X509Certificate>@CERT@</X509Certificate>")));
    fill_base64(out, "@CERT@", der, (size_t)len);
    OPENSSL_free(der);
}

/* ---- what is hashed and signed */

/* Visible: everything but the first Signature below the root, or only its SignedInfo. */
static int is_visible(void *context, xmlNode *node, xmlNode *parent)
{
    bool wants_info = *(const bool *)context;
    const xmlNode *at = node->type == XML_NAMESPACE_DECL ? parent : node;
    const char *name = wants_info ? "SignedInfo" : "Signature";
    while (at != NULL && xmlStrcmp(at->name, BAD_CAST name) != 0)
        at = at->parent;
    return (at != NULL) == wants_info;
}

static void on_xml_error(void *context, const xmlError *error)
{
    (void)context; /* an attack with entities has no canonical form */
    (void)error;
}

/* False: the text is no XML, as some attacks are. */
static bool canonicalise(const struct buf *text, bool wants_info, struct buf *out)
{
    xmlSetStructuredErrorFunc(NULL, (xmlStructuredErrorFunc)on_xml_error);
    xmlDoc *doc =
        xmlReadMemory(text->ptr, (int)text->len, NULL, NULL,
                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_HUGE);
    if (doc == NULL)
        return false;
    xmlOutputBuffer *output = xmlAllocOutputBuffer(NULL);
    assert(output != NULL);
    if (xmlC14NExecute(doc, is_visible, &wants_info, XML_C14N_1_0, NULL, 0, output) >= 0)
        assert(buf_append(out, slice_make((const char *)xmlOutputBufferGetContent(output),
                                          xmlOutputBufferGetSize(output))));
    (void)xmlOutputBufferClose(output);
    xmlFreeDoc(doc);
    return true;
}

static void sign(const struct forge *forge, const struct forge_recipe *recipe, struct buf *text,
                 unsigned char *signature, size_t *signature_len)
{
    struct buf bytes;
    unsigned char hash[32];
    buf_init(&bytes, text->max);
    (void)canonicalise(text, false, &bytes);
    assert(EVP_Digest(bytes.ptr, bytes.len, hash, NULL, EVP_sha256(), NULL) == 1);
    fill_base64(text, "@DIGEST@", hash, sizeof(hash));
    buf_done(&bytes);
    (void)canonicalise(text, true, &bytes);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY *key = forge->keys[recipe->who];
    assert(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1);
    assert(EVP_DigestSign(context, signature, signature_len, (unsigned char *)bytes.ptr,
                          bytes.len) == 1);
    EVP_MD_CTX_free(context);
    fill_base64(text, "@SIGNATURE@", signature, *signature_len);
    buf_done(&bytes);
}

/* ---- the stamp */

static struct slice make_info(const unsigned char *hash, time_t when)
{
    TS_TST_INFO *info = TS_TST_INFO_new();
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_GENERALIZEDTIME *time = ASN1_GENERALIZEDTIME_set(NULL, when);
    ASN1_OBJECT *policy = OBJ_txt2obj("1.2.3.4.1", 1);
    unsigned char copy[32];
    memcpy(copy, hash, sizeof(copy));
    assert(X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) == 1);
    assert(ASN1_INTEGER_set(serial, 7) == 1);
    assert(TS_MSG_IMPRINT_set_algo(imprint, algorithm) == 1);
    assert(TS_MSG_IMPRINT_set_msg(imprint, copy, sizeof(copy)) == 1);
    assert(TS_TST_INFO_set_version(info, 1) == 1);
    assert(TS_TST_INFO_set_policy_id(info, policy) == 1);
    assert(TS_TST_INFO_set_msg_imprint(info, imprint) == 1);
    assert(TS_TST_INFO_set_serial(info, serial) == 1);
    assert(TS_TST_INFO_set_time(info, time) == 1);
    unsigned char *der = NULL;
    int len = i2d_TS_TST_INFO(info, &der);
    assert(len > 0);
    TS_TST_INFO_free(info);
    TS_MSG_IMPRINT_free(imprint);
    X509_ALGOR_free(algorithm);
    ASN1_INTEGER_free(serial);
    ASN1_GENERALIZEDTIME_free(time);
    ASN1_OBJECT_free(policy);
    return slice_make((char *)der, (size_t)len);
}

static CMS_ContentInfo *make_token(const struct forge *forge, const struct forge_recipe *recipe,
                                   struct slice info)
{
    enum forge_who who = recipe->stamper != 0 ? recipe->stamper : WHO_TSA;
    unsigned flags = recipe->stamp == STAMP_NO_BINDING ? 0 : CMS_CADES;
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
    int type = recipe->stamp == STAMP_OTHER_TYPE ? NID_pkcs7_data : NID_id_smime_ct_TSTInfo;
    BIO *content = BIO_new_mem_buf(info.ptr, (int)info.len);
    assert(cms != NULL && content != NULL);
    assert(CMS_set1_eContentType(cms, OBJ_nid2obj(type)) == 1);
    assert(CMS_add1_signer(cms, forge->certs[who], forge->keys[who], EVP_sha256(), flags) != NULL);
    if (recipe->stamp == STAMP_TWO_SIGNERS)
        assert(CMS_add1_signer(cms, forge->certs[WHO_TSA_LATER], forge->keys[WHO_TSA_LATER],
                               EVP_sha256(), flags) != NULL);
    assert(CMS_final(cms, content, NULL, CMS_BINARY) == 1);
    BIO_free(content);
    return cms;
}

static void stamp(const struct forge *forge, const struct forge_recipe *recipe, struct buf *text,
                  struct slice signature)
{
    unsigned char hash[32];
    assert(EVP_Digest(signature.ptr, signature.len, hash, NULL, EVP_sha256(), NULL) == 1);
    if (recipe->stamp == STAMP_OTHER_BYTES)
        hash[0] ^= 1;
    struct slice info =
        recipe->stamp == STAMP_NO_INFO
            ? slice_make(OPENSSL_strdup("no info"), 7)
            : make_info(hash, recipe->stamp == STAMP_NEWER ? FORGE_NEWER : FORGE_STAMPED);
    CMS_ContentInfo *cms = make_token(forge, recipe, info);
    unsigned char *der = NULL;
    int len = i2d_CMS_ContentInfo(cms, &der);
    assert(len > 0);
    if (recipe->stamp == STAMP_ALTERED)
        der[len - 1] ^= 1; /* the end of the signature */
    fill_base64(text, "@STAMP@", der, recipe->stamp == STAMP_NO_CMS ? 40 : (size_t)len);
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    OPENSSL_free((void *)(uintptr_t)info.ptr);
}

/* ---- all of it */

static void fill_certs(const struct forge *forge, const struct forge_recipe *recipe,
                       struct buf *text)
{
    struct buf certs;
    unsigned char modulus[512];
    BIGNUM *n = NULL;
    enum forge_who shown = recipe->certificate != 0 ? recipe->certificate : recipe->who;
    buf_init(&certs, text->max);
    append_cert(&certs, forge->certs[shown]);
    append_cert(&certs, forge->certs[WHO_ISSUER]);
    assert(buf_append(&certs, slice_make("", 1)));
    fill(text, "@CERTIFICATES@", certs.ptr);
    buf_done(&certs);
    append_cert(&certs, forge->certs[recipe->stamper != 0 ? recipe->stamper : WHO_TSA]);
    assert(buf_append(&certs, slice_make("", 1)));
    fill(text, "@STAMPER@", certs.ptr);
    buf_done(&certs);
    if (EVP_PKEY_get_bn_param(forge->keys[recipe->who], "n", &n) == 1) {
        int len = BN_bn2bin(n, modulus);
        fill_base64(text, "@MODULUS@", modulus, (size_t)len);
        BN_free(n);
    }
}

void forge_make(const struct forge *forge, const struct forge_recipe *recipe, struct buf *text)
{
    unsigned char signature[512];
    size_t signature_len = sizeof(signature);
    text->max = 4UL * 1024 * 1024;
    assert(buf_append(text, slice_make(usual, sizeof(usual) - 1)));
    forge_replace(text, "@CONFIGS@", recipe->configs != NULL ? recipe->configs : FORGE_HEARTBEAT);
    forge_replace(text, "@OBJECT@", recipe->stamp == STAMP_NONE ? "" : object);
    for (size_t i = 0; i < 3 && recipe->before[i].find != NULL; i++)
        forge_replace(text, recipe->before[i].find, recipe->before[i].with);
    fill_certs(forge, recipe, text);
    sign(forge, recipe, text, signature, &signature_len);
    if (recipe->stamp != STAMP_NONE)
        stamp(forge, recipe, text, slice_make((char *)signature, signature_len));
    for (size_t i = 0; i < 2 && recipe->after[i].find != NULL; i++)
        forge_replace(text, recipe->after[i].find, recipe->after[i].with);
}
