/* The steps in their order. Each looks only at what the ones before it have let through. */
#include "content.h"

#include "chain.h"
#include "dsig.h"
#include "shape.h"
#include "stamp.h"
#include "trust/encode.h"

#include <stdlib.h>

#include "stopgap/banned.h"

static const char code_signing[] = "1.3.6.1.5.5.7.3.3";
static const char exchange_signing[] = "1.3.6.1.4.1.311.76.57.1.11";

static bool check_order(const struct eocs_options *options, int64_t signed_at, struct err *err)
{
    if (options->newest == 0 || signed_at >= options->newest)
        return true;
    return eocs_fail(err, "E_EOCS_ROLLBACK",
                     signed_at == 0
                         ? "the document has no time stamp, so its age cannot be compared with "
                           "that of the one accepted before"
                         : "the document is older than one accepted before; somebody may hold "
                           "back news: fetch it again on another way");
}

/* Steps 4 to 6: who has signed, and when. */
static bool check_signer(const struct eocs_options *options, const struct shape *shape,
                         STACK_OF(X509) * certs, struct eocs_document *public, struct err *err)
{
    struct stamp stamp = {0};
    X509 *leaf = chain_find_leaf(certs, err);
    if (leaf == NULL)
        return false;
    if (shape->token.len != 0) {
        const struct stamp_request request = {
            .token = shape->token, .sig_bytes = shape->sig_bytes, .certs = certs};
        if (!stamp_verify(options->trust, &request, &stamp, err))
            return false;
    }
    const struct chain_request chain = {.anchors = options->trust->sign_anchors,
                                        .leaf = leaf,
                                        .others = certs,
                                        .when = stamp.time != 0 ? stamp.time : options->now,
                                        .code = "E_EOCS_CHAIN",
                                        .option = "--sign-anchors"};
    int n_usages;
    if (!chain_verify(options->trust, &chain, err))
        return false;
    if (!chain_has_usage(leaf, code_signing, &n_usages) ||
        !chain_has_usage(leaf, exchange_signing, &n_usages))
        return eocs_fail(err, "E_EOCS_EKU",
                         "the signer's certificate is genuine, but not for Exchange mitigations");
    public->signed_at = stamp.time;
    memcpy(public->stamper, stamp.signer, sizeof(public->stamper));
    chain_name(X509_get_subject_name(leaf), public->signer);
    chain_name(X509_get_issuer_name(leaf), public->issuer);
    return true;
}

static bool hash_leaf(STACK_OF(X509) * certs, struct eocs_document *public)
{
    unsigned char hash[32];
    X509 *leaf = chain_find_leaf(certs, NULL);
    if (leaf == NULL || !chain_hash(leaf, hash))
        return false;
    for (size_t i = 0; i < sizeof(hash); i++)
        (void)snprintf(public->signer_sha256 + 2 * i, 3, "%02x", hash[i]);
    return true;
}

/* Step 7 and 8: the bytes that were hashed, and what they say. */
static bool check_content(const struct shape *shape, STACK_OF(X509) * certs,
                          struct document *document, struct err *err)
{
    struct buf covered;
    buf_init(&covered, EOCS_MAX_BYTES);
    X509 *leaf = chain_find_leaf(certs, err);
    bool done = leaf != NULL && dsig_verify(shape->signature, leaf, &covered, err) &&
                content_read(buf_slice(&covered), document, err);
    if (done && (!hash_hex(buf_slice(&covered), document->public.sha256) ||
                 !hash_leaf(certs, &document->public)))
        done = err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    buf_done(&covered);
    return done;
}

static bool check_document(xmlDoc *doc, const struct eocs_options *options,
                           struct document *document, struct err *err)
{
    struct shape shape;
    if (!xml_check_tree(doc, err) || !shape_read(doc, &document->arena, &shape, err))
        return false;
    STACK_OF(X509) *certs = chain_read_certs(&document->arena, shape.key_info, err);
    bool done = false;
    STACK_OF(X509) *stamp_certs = NULL;
    if (certs != NULL && chain_find_leaf(certs, err) != NULL &&
        (stamp_certs = chain_read_certs(&document->arena, shape.object, err)) != NULL)
        done = check_signer(options, &shape, certs, &document->public, err);
    done = done && check_content(&shape, certs, document, err) &&
           check_order(options, document->public.signed_at, err);
    chain_free_certs(stamp_certs);
    chain_free_certs(certs);
    return done;
}

bool eocs_verify(struct slice bytes, const struct eocs_options *options,
                 struct eocs_document **ret_document, struct err *err)
{
    struct document *document = calloc(1, sizeof(*document));
    if (document == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    arena_init(&document->arena, document->first, sizeof(document->first), EOCS_MAX_TEXT_BYTES);
    xmlDoc *doc = xml_parse(bytes, err);
    bool done = doc != NULL && check_document(doc, options, document, err);
    xmlFreeDoc(doc);
    if (done)
        *ret_document = &document->public;
    else
        eocs_document_free(&document->public);
    return done;
}

void eocs_document_free(struct eocs_document *document)
{
    if (document == NULL)
        return;
    struct document *whole = (struct document *)document;
    arena_done(&whole->arena);
    free(whole);
}

const char *eocs_kind_name(enum eocs_kind kind)
{
    static const char *const names[] = {[EOCS_NOTHING] = "nothing",
                                        [EOCS_REWRITE] = "rewrite rule",
                                        [EOCS_SERVICE] = "service",
                                        [EOCS_APP_POOL] = "application pool",
                                        [EOCS_UNKNOWN] = "UNKNOWN"};
    return names[kind];
}
