/* One form of signature is known and accepted; everything else is refused by its own code. */
#include "shape.h"

#include "eocs_limits.h"
#include "stopgap/base64.h"

#include "stopgap/banned.h"

static const char c14n[] = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
static const char enveloped[] = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

static bool is_dsig(const xmlNode *node, const char *name)
{
    return xml_is(node, name, EOCS_DSIG_SPACE);
}

bool shape_decode(struct arena *arena, const xmlNode *node, size_t max, struct slice *ret_bytes)
{
    const char *text = xml_text(arena, node);
    if (text == NULL || xml_first(node) != NULL)
        return false;
    size_t len = strlen(text);
    char *compact = arena_alloc(arena, len + 1);
    char *out = arena_alloc(arena, base64_decoded_max(len) + 1);
    if (compact == NULL || out == NULL)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (strchr(" \t\r\n", text[i]) == NULL)
            compact[n++] = text[i];
    size_t decoded;
    if (n == 0 || !base64_decode(slice_make(compact, n), out, &decoded) || decoded > max)
        return false;
    *ret_bytes = slice_make(out, decoded);
    return true;
}

/* ---- step 2: where the signature stands */

static size_t count_signatures(const xmlNode *root)
{
    size_t n = 0;
    const xmlNode *node = root;
    while (node != NULL) {
        n += is_dsig(node, "Signature");
        if (node->type == XML_ELEMENT_NODE && node->children != NULL) {
            node = node->children;
            continue;
        }
        while (node != root && node->next == NULL)
            node = node->parent;
        node = node != root ? node->next : NULL;
    }
    return n;
}

static bool check_children(const xmlNode *root, const xmlNode *signature, struct err *err)
{
    for (const xmlNode *node = xml_first(root); node != signature; node = xml_next(node))
        if (!xml_is(node, "Config", NULL))
            return eocs_fail(err, "E_EOCS_CHILD",
                             "line %ld: the element <%.40s> is not known here; only Config is",
                             xmlGetLineNo(node), (const char *)node->name);
    if (!xml_has_blanks_only(root))
        return eocs_fail(err, "E_EOCS_CHILD", "text stands between the elements of EOCS; refused");
    return true;
}

static bool find_signature(const xmlNode *root, struct shape *shape, struct err *err)
{
    if (!xml_is(root, "EOCS", NULL))
        return eocs_fail(err, "E_EOCS_ROOT", "the root element is not EOCS; this is another file");
    size_t n = count_signatures(root);
    if (n != 1)
        return eocs_fail(err, "E_EOCS_NSIG",
                         "%zu signatures in the document, exactly one is allowed", n);
    xmlNode *last = xml_first(root);
    for (xmlNode *node = last; node != NULL; node = xml_next(node))
        last = node;
    if (!is_dsig(last, "Signature"))
        return eocs_fail(err, "E_EOCS_SIGPOS",
                         "the signature is not the last element below EOCS; refused");
    shape->signature = last;
    return check_children(root, last, err);
}

/* ---- step 3: what it covers */

/* An element whose only content is an Algorithm attribute. */
static bool has_algorithm(struct arena *arena, const xmlNode *node, const char *uri)
{
    const char *text = xml_attribute(arena, node, "Algorithm");
    return text != NULL && strcmp(text, uri) == 0 && xml_n_attributes(node) == 1 &&
           xml_first(node) == NULL && xml_has_blanks_only(node);
}

static bool has_one_of(struct arena *arena, const xmlNode *node, const char *const *uris)
{
    while (*uris != NULL && !has_algorithm(arena, node, *uris))
        uris++;
    return *uris != NULL;
}

static bool check_transforms(struct arena *arena, const xmlNode *node, struct err *err)
{
    const xmlNode *first = is_dsig(node, "Transforms") ? xml_first(node) : NULL;
    const xmlNode *second = first != NULL ? xml_next(first) : NULL;
    if (second == NULL || xml_count(node) != 2 || xml_n_attributes(node) != 0 ||
        !is_dsig(first, "Transform") || !is_dsig(second, "Transform") ||
        !has_algorithm(arena, first, enveloped) || !has_algorithm(arena, second, c14n))
        return eocs_fail(err, "E_EOCS_NTRANS",
                         "the transforms are not exactly enveloped-signature and C14N 1.0; others "
                         "could cut content out of what is signed");
    return true;
}

static bool check_reference(struct arena *arena, const xmlNode *reference, struct err *err)
{
    static const char *const digests[] = {"http://www.w3.org/2001/04/xmlenc#sha256",
                                          "http://www.w3.org/2001/04/xmldsig-more#sha384",
                                          "http://www.w3.org/2001/04/xmlenc#sha512", NULL};
    const char *uri = xml_attribute(arena, reference, "URI");
    if (uri == NULL || !xml_has_attribute(reference, "URI") || *uri != '\0' ||
        xml_n_attributes(reference) != 1)
        return eocs_fail(err, "E_EOCS_REFURI",
                         "the signature does not refer to the whole document, and to nothing else");
    const xmlNode *transforms = xml_first(reference);
    if (!check_transforms(arena, transforms, err))
        return false;
    const xmlNode *method = xml_next(transforms);
    const xmlNode *value = method != NULL ? xml_next(method) : NULL;
    if (!is_dsig(method, "DigestMethod") || !has_one_of(arena, method, digests))
        return eocs_fail(err, "E_EOCS_DIGALG", "the digest is not SHA-256, SHA-384 or SHA-512");
    if (!is_dsig(value, "DigestValue") || xml_next(value) != NULL)
        return eocs_fail(err, "E_EOCS_SIGNATURE", "the reference does not end with a DigestValue");
    return true;
}

static bool check_signed_info(struct arena *arena, const xmlNode *info, struct err *err)
{
    static const char *const methods[] = {"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
                                          "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
                                          "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
                                          NULL};
    const xmlNode *method = xml_first(info);
    const xmlNode *algorithm = method != NULL ? xml_next(method) : NULL;
    const xmlNode *reference = algorithm != NULL ? xml_next(algorithm) : NULL;
    if (!is_dsig(method, "CanonicalizationMethod") || !has_algorithm(arena, method, c14n))
        return eocs_fail(err, "E_EOCS_C14N", "SignedInfo is not canonicalised by C14N 1.0");
    if (!is_dsig(algorithm, "SignatureMethod") || !has_one_of(arena, algorithm, methods))
        return eocs_fail(err, "E_EOCS_SIGALG",
                         "the signature method is not RSA with SHA-256, SHA-384 or SHA-512");
    if (!is_dsig(reference, "Reference") || xml_next(reference) != NULL)
        return eocs_fail(err, "E_EOCS_NREF", "the signature has not exactly one reference");
    return check_reference(arena, reference, err);
}

static bool check_key_info(const xmlNode *key_info, struct err *err)
{
    for (const xmlNode *node = xml_first(key_info); node != NULL; node = xml_next(node))
        if (!is_dsig(node, "KeyValue") && !is_dsig(node, "X509Data"))
            return eocs_fail(err, "E_EOCS_KEYINFO",
                             "KeyInfo holds <%.40s>; only KeyValue and X509Data are known",
                             (const char *)node->name);
    return true;
}

/* The one object that is known: certificates and a CMS time stamp. */
static bool read_object(struct arena *arena, struct shape *shape, struct err *err)
{
    const xmlNode *node = xml_first(shape->object);
    if (is_dsig(node, "X509Data"))
        node = xml_next(node);
    const char *format = node != NULL ? xml_attribute(arena, node, "ts-format") : NULL;
    if (!xml_is(node, "CounterSignature", EOCS_STAMP_SPACE) || xml_next(node) != NULL ||
        !xml_has_blanks_only(shape->object) || format == NULL ||
        strcmp(format, "cms-timestamp-message") != 0)
        return eocs_fail(err, "E_EOCS_OBJECT",
                         "the object of the signature is not one RFC 3161 time stamp; refused");
    if (!shape_decode(arena, node, EOCS_MAX_TOKEN_BYTES, &shape->token))
        return eocs_fail(err, "E_TS_PARSE", "the time stamp is not base64 or too large");
    return true;
}

bool shape_read(xmlDoc *doc, struct arena *arena, struct shape *ret_shape, struct err *err)
{
    struct shape shape = {0};
    if (!find_signature(xmlDocGetRootElement(doc), &shape, err))
        return false;
    const xmlNode *info = xml_first(shape.signature);
    const xmlNode *value = info != NULL ? xml_next(info) : NULL;
    shape.key_info = value != NULL ? xml_next(value) : NULL;
    shape.object = shape.key_info != NULL ? xml_next(shape.key_info) : NULL;
    if (!is_dsig(info, "SignedInfo") || !is_dsig(value, "SignatureValue") ||
        !is_dsig(shape.key_info, "KeyInfo"))
        return eocs_fail(err, "E_EOCS_SIGNATURE",
                         "the signature has not the parts SignedInfo, SignatureValue, KeyInfo");
    if (!check_signed_info(arena, info, err) || !check_key_info(shape.key_info, err))
        return false;
    if (!shape_decode(arena, value, EOCS_MAX_SIGNATURE_BYTES, &shape.sig_bytes))
        return eocs_fail(err, "E_EOCS_SIGNATURE", "the signature value is not base64");
    if (shape.object != NULL &&
        (!is_dsig(shape.object, "Object") || xml_next(shape.object) != NULL))
        return eocs_fail(err, "E_EOCS_OBJECT", "more than one object in the signature; refused");
    if (shape.object != NULL && !read_object(arena, &shape, err))
        return false;
    *ret_shape = shape;
    return true;
}
