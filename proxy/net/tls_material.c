/* Certificates and keys from files, or made in memory: off the loops. */
#include "net/tls_material.h"

#include "proxy_limits.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <uv.h>

#include "stopgap/banned.h"

enum { SELF_SIGNED_SECONDS = 30 * 24 * 3600, NANOSECONDS = 1000 * 1000 * 1000 };

bool tls_err(struct err *err, const char *code, const char *what, const char *name)
{
    unsigned long first = ERR_peek_error(); /* of a file that cannot be opened, the system's word */
    const char *reason = ERR_SYSTEM_ERROR(first) ? strerror(ERR_GET_REASON(first))
                                                 : ERR_reason_error_string(ERR_peek_last_error());
    (void)err_set(err, ERR_IO, code, "%s%s%s%s%s", what, name != NULL ? " " : "",
                  name != NULL ? name : "", reason != NULL ? ": " : "",
                  reason != NULL ? reason : "");
    ERR_clear_error();
    return false;
}

/* ---- from files */

static bool read_chain(struct tls_certificate *one, const char *path, struct err *err)
{
    BIO *file = BIO_new_file(path, "r");
    if (file == NULL)
        return tls_err(err, "E_CERT_READ", "cannot read certificate", path);
    one->leaf = PEM_read_bio_X509_AUX(file, NULL, NULL, NULL);
    one->chain = sk_X509_new_null();
    X509 *next;
    while (one->leaf != NULL && one->chain != NULL &&
           (next = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL)
        if (sk_X509_push(one->chain, next) == 0)
            X509_free(next);
    (void)BIO_free(file);
    if (one->leaf == NULL || one->chain == NULL)
        return tls_err(err, "E_CERT_READ", "no PEM certificate in", path);
    ERR_clear_error(); /* the end of the file counts as an error */
    return true;
}

static bool read_key(struct tls_certificate *one, const struct tls_source *source, struct err *err)
{
    BIO *file = BIO_new_file(source->key_path, "r");
    if (file == NULL)
        return tls_err(err, "E_KEY_READ", "cannot read key", source->key_path);
    /* An empty passphrase instead of a prompt: a service has no terminal. */
    one->key = PEM_read_bio_PrivateKey(file, NULL, NULL, (void *)(uintptr_t) "");
    (void)BIO_free(file);
    if (one->key == NULL)
        return tls_err(err, "E_KEY_READ", "no usable PEM key (encrypted keys are not supported) in",
                       source->key_path);
    if (X509_check_private_key(one->leaf, one->key) == 1)
        return true;
    ERR_clear_error();
    return err_set(err, ERR_IO, "E_CERT_KEY_MISMATCH",
                   "key %s does not belong to certificate %s; give the key the certificate was "
                   "requested with",
                   source->key_path, source->cert_path);
}

/* ---- names */

static bool add_string(struct tls_names *names, const ASN1_STRING *text)
{
    return tls_names_add(names, slice_make((const char *)ASN1_STRING_get0_data(text),
                                           (size_t)ASN1_STRING_length(text)));
}

/* RFC 6125 6.4.4: the common name counts only where no DNS name stands. */
static bool names_of_leaf(struct tls_certificate *one)
{
    bool ok = true;
    GENERAL_NAMES *alt = X509_get_ext_d2i(one->leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; ok && i < sk_GENERAL_NAME_num(alt); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(alt, i);
        if (name->type == GEN_DNS)
            ok = add_string(&one->names, name->d.dNSName);
    }
    GENERAL_NAMES_free(alt);
    X509_NAME *subject = X509_get_subject_name(one->leaf);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (ok && one->names.n == 0 && at >= 0)
        ok = add_string(&one->names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    return ok;
}

static bool read_names(struct tls_certificate *one, const struct tls_source *source,
                       struct err *err)
{
    bool ok = source->n_names != 0 || names_of_leaf(one);
    for (size_t i = 0; ok && i < source->n_names; i++)
        ok = tls_names_add(&one->names, slice_str(source->names[i]));
    return ok || err_set(err, ERR_LIMIT, "E_CERT_READ", "more than %d names in %s",
                         LIMIT_CERTIFICATE_NAMES, source->cert_path);
}

/* ---- life */

static bool certificate_load(struct tls_certificate *one, const struct tls_source *source,
                             struct err *err)
{
    one->path = strdup(source->cert_path);
    if (one->path == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for certificates");
    if (!read_chain(one, source->cert_path, err) || !read_key(one, source, err) ||
        !read_names(one, source, err))
        return false;
    if (source->ocsp_path != NULL)
        (void)tls_staple_load(&one->staple, source->ocsp_path, one->leaf, one->chain,
                              one->staple_problem);
    return true;
}

static bool material_init(struct tls_material *material, size_t n, struct err *err)
{
    *material = (struct tls_material){.items = calloc(n, sizeof(*material->items)), .n = n};
    material->tickets = tls_tickets_new(uv_hrtime() / NANOSECONDS);
    if (material->items != NULL && material->tickets != NULL)
        return true;
    tls_material_done(material);
    return tls_err(err, "E_MEMORY", "no memory or no random numbers for certificates", NULL);
}

bool tls_material_load(struct tls_material *material, const struct tls_source *sources, size_t n,
                       struct err *err)
{
    if (!material_init(material, n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (certificate_load(&material->items[i], &sources[i], err))
            continue;
        tls_material_done(material);
        return false;
    }
    return true;
}

void tls_material_keep_tickets(struct tls_material *material, const struct tls_material *before)
{
    if (material->n != before->n)
        return;
    for (size_t i = 0; i < material->n; i++)
        if (X509_cmp(material->items[i].leaf, before->items[i].leaf) != 0)
            return;
    tls_tickets_unref(material->tickets);
    material->tickets = tls_tickets_ref(before->tickets);
}

void tls_material_done(struct tls_material *material)
{
    for (size_t i = 0; material->items != NULL && i < material->n; i++) {
        struct tls_certificate *one = &material->items[i];
        free(one->path);
        X509_free(one->leaf);
        sk_X509_pop_free(one->chain, X509_free);
        EVP_PKEY_free(one->key);
        OPENSSL_free(one->staple.der);
        tls_names_done(&one->names);
    }
    free(material->items);
    tls_tickets_unref(material->tickets);
    *material = (struct tls_material){0};
}

/* ---- made in memory */

static bool self_signed_fill(X509 *certificate, EVP_PKEY *key, const char *host)
{
    char names[320];
    X509_NAME *name = X509_get_subject_name(certificate);
    unsigned char serial[8];
    if (RAND_bytes(serial, sizeof(serial)) != 1)
        return false;
    serial[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);
    bool ok =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    (void)snprintf(names, sizeof(names), "DNS:localhost,IP:127.0.0.1,DNS:%s", host);
    X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    ok = ok && alt != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), SELF_SIGNED_SECONDS) != NULL &&
         X509_set_pubkey(certificate, key) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    (const unsigned char *)"stopgap self-signed", -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && X509_add_ext(certificate, alt, -1) == 1 &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
    X509_EXTENSION_free(alt);
    return ok;
}

bool tls_material_self_signed(struct tls_material *material, const char *host, struct err *err)
{
    if (!material_init(material, 1, err))
        return false;
    struct tls_certificate *one = &material->items[0];
    one->key = EVP_EC_gen("P-256");
    one->leaf = X509_new();
    one->chain = sk_X509_new_null();
    /* An address as host stands in no DNS name; localhost serves then. */
    bool is_name = host[0] != '\0' && strspn(host, "0123456789.:[]abcdefABCDEF") != strlen(host);
    if (one->key != NULL && one->leaf != NULL && one->chain != NULL &&
        self_signed_fill(one->leaf, one->key, is_name ? host : "localhost") && names_of_leaf(one))
        return true;
    tls_material_done(material);
    return tls_err(err, "E_CERT_MAKE", "cannot make a self-signed certificate", NULL);
}
