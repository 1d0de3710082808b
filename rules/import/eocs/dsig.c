/* xmlsec1 would look for keys, files and transforms by itself; each way is closed here. */
#include "dsig.h"

#include <pthread.h>

#include <xmlsec/xmlsec.h>

#include <xmlsec/errors.h>
#include <xmlsec/openssl/crypto.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/xmldsig.h>

#include "stopgap/banned.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_ready;

/* NOLINTNEXTLINE(readability-function-size): the signature is the library's. */
static void on_xmlsec_error(const char *file, int line, const char *function, const char *object,
                            const char *subject, int reason, const char *message)
{
    (void)file; /* the result is asked for; nothing goes to standard error */
    (void)line;
    (void)function;
    (void)object;
    (void)subject;
    (void)reason;
    (void)message;
}

static void init_libraries(void)
{
    xmlInitParser();
    /* Reads openssl.cnf now, so that no document makes the program open a file. */
    bool has_crypto = OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) == 1;
    is_ready = has_crypto && xmlSecInit() == 0 && xmlSecOpenSSLInit() == 0;
    xmlSecErrorsSetCallback(on_xmlsec_error);
}

bool dsig_init(struct err *err)
{
    (void)pthread_once(&once, init_libraries);
    return is_ready || eocs_fail(err, "E_EOCS_INIT", "the XML signature library does not start");
}

static bool use_key(xmlSecDSigCtx *context, X509 *leaf)
{
    EVP_PKEY *key = X509_get_pubkey(leaf);
    xmlSecKeyData *data = key != NULL ? xmlSecOpenSSLEvpKeyAdopt(key) : NULL;
    if (data == NULL) {
        EVP_PKEY_free(key);
        return false;
    }
    context->signKey = xmlSecKeyCreate();
    if (context->signKey == NULL || xmlSecKeySetValue(context->signKey, data) != 0) {
        xmlSecKeyDataDestroy(data);
        return false;
    }
    return true;
}

/* References are opened before the signature is compared, and XSLT, XPath and XPointer are on by
 * default: a list of what is enabled closes all the others. */
static bool restrict_context(xmlSecDSigCtx *context)
{
    const xmlSecTransformId of_reference[] = {
        xmlSecTransformEnvelopedId, xmlSecTransformInclC14NId, xmlSecOpenSSLTransformSha256Id,
        xmlSecOpenSSLTransformSha384Id, xmlSecOpenSSLTransformSha512Id};
    const xmlSecTransformId of_signature[] = {
        xmlSecTransformInclC14NId, xmlSecOpenSSLTransformRsaSha256Id,
        xmlSecOpenSSLTransformRsaSha384Id, xmlSecOpenSSLTransformRsaSha512Id};
    context->flags =
        XMLSEC_DSIG_FLAGS_STORE_SIGNEDINFO_REFERENCES | XMLSEC_DSIG_FLAGS_IGNORE_MANIFESTS;
    context->enabledReferenceUris = xmlSecTransformUriTypeEmpty;
    context->keyInfoReadCtx.retrievalMethodCtx.enabledUris = xmlSecTransformUriTypeNone;
    bool done = true;
    for (size_t i = 0; i < sizeof(of_reference) / sizeof(of_reference[0]); i++)
        done = done && xmlSecDSigCtxEnableReferenceTransform(context, of_reference[i]) == 0;
    for (size_t i = 0; i < sizeof(of_signature) / sizeof(of_signature[0]); i++)
        done = done && xmlSecDSigCtxEnableSignatureTransform(context, of_signature[i]) == 0;
    return done;
}

static bool take_covered(xmlSecDSigCtx *context, struct buf *ret_covered)
{
    if (xmlSecPtrListGetSize(&context->signedInfoReferences) != 1)
        return false;
    xmlSecDSigReferenceCtx *reference = xmlSecPtrListGetItem(&context->signedInfoReferences, 0);
    xmlSecBuffer *bytes =
        reference != NULL ? xmlSecDSigReferenceCtxGetPreDigestBuffer(reference) : NULL;
    return bytes != NULL &&
           buf_append(ret_covered, slice_make((const char *)xmlSecBufferGetData(bytes),
                                              xmlSecBufferGetSize(bytes)));
}

bool dsig_verify(xmlNode *signature, X509 *leaf, struct buf *ret_covered, struct err *err)
{
    xmlSecDSigCtx *context = xmlSecDSigCtxCreate(NULL);
    bool is_good = context != NULL && use_key(context, leaf) && restrict_context(context) &&
                   xmlSecDSigCtxVerify(context, signature) == 0 &&
                   context->status == xmlSecDSigStatusSucceeded &&
                   take_covered(context, ret_covered);
    if (context != NULL)
        xmlSecDSigCtxDestroy(context);
    return is_good ||
           eocs_fail(err, "E_EOCS_DSIG",
                     "the signature does not fit the content: it was altered or damaged on the "
                     "way; fetch the document again");
}
