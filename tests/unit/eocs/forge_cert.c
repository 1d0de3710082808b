/* Keys and certificates of the forge. */
#include "eocs/forge.h"

#include <assert.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define USE_CODE "codeSigning"
#define USE_EXCHANGE "1.3.6.1.4.1.311.76.57.1.11"

/* One row for each of enum forge_who; years are of the first of January. */
static const struct plan {
    const char *name;
    enum forge_who issuer;
    int from, to;
    const char *usages; /* NULL: a CA */
    int rsa_bits;       /* 0: elliptic curve */
    bool is_sha1;
} plans[WHO_COUNT] = {
    [WHO_SIGNER] = {"Signer", WHO_ISSUER, 2021, 2022, USE_CODE "," USE_EXCHANGE, 2048, false},
    [WHO_ROOT] = {"Root", WHO_ROOT, 2010, 2040, NULL, 2048, false},
    [WHO_ISSUER] = {"Issuer", WHO_ROOT, 2011, 2040, NULL, 2048, false},
    [WHO_CODE_ONLY] = {"Code", WHO_ISSUER, 2021, 2022, USE_CODE, 2048, false},
    [WHO_EXCHANGE_ONLY] = {"Exchange", WHO_ISSUER, 2021, 2022, USE_EXCHANGE, 2048, false},
    [WHO_LATER] = {"Later", WHO_ISSUER, 2022, 2023, USE_CODE "," USE_EXCHANGE, 2048, false},
    [WHO_CURRENT] = {"Current", WHO_ISSUER, 2026, 2028, USE_CODE "," USE_EXCHANGE, 2048, false},
    [WHO_SHA1] = {"Sha1", WHO_ISSUER, 2021, 2022, USE_CODE "," USE_EXCHANGE, 2048, true},
    [WHO_SMALL] = {"Small", WHO_ISSUER, 2021, 2022, USE_CODE "," USE_EXCHANGE, 1024, false},
    [WHO_EC] = {"Curve", WHO_ISSUER, 2021, 2022, USE_CODE "," USE_EXCHANGE, 0, false},
    [WHO_SELF] = {"Signer", WHO_SELF, 2021, 2022, USE_CODE "," USE_EXCHANGE, 2048, false},
    [WHO_STRANGER_ROOT] = {"Root", WHO_STRANGER_ROOT, 2010, 2040, NULL, 2048, false},
    [WHO_STRANGER] = {"Signer", WHO_STRANGER_ROOT, 2021, 2022, USE_CODE "," USE_EXCHANGE, 2048,
                      false},
    [WHO_TSA_ROOT] = {"Stamp Root", WHO_TSA_ROOT, 2010, 2040, NULL, 2048, false},
    [WHO_TSA] = {"Stamper", WHO_TSA_ROOT, 2021, 2022, "timeStamping", 2048, false},
    [WHO_TSA_TWO_USES] = {"Two", WHO_TSA_ROOT, 2021, 2022, "timeStamping,codeSigning", 2048, false},
    [WHO_TSA_CODE] = {"Code", WHO_TSA_ROOT, 2021, 2022, "codeSigning", 2048, false},
    [WHO_TSA_LATER] = {"Later", WHO_TSA_ROOT, 2022, 2023, "timeStamping", 2048, false},
    [WHO_TSA_FOREIGN] = {"Stamper", WHO_STRANGER_ROOT, 2021, 2022, "timeStamping", 2048, false},
};

static void add_extension(X509 *issuer, X509 *cert, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void set_year(ASN1_TIME *time, int year)
{
    struct tm when = {.tm_year = year - 1900, .tm_mon = 0, .tm_mday = 1};
    assert(ASN1_TIME_set(time, timegm(&when)) != NULL);
}

static void set_name(X509_NAME *name, const char *text)
{
    assert(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1,
                                      0) == 1);
}

static void make_cert(struct forge *forge, enum forge_who who)
{
    const struct plan *plan = &plans[who];
    X509 *cert = X509_new();
    assert(cert != NULL && X509_set_version(cert, 2) == 1);
    assert(ASN1_INTEGER_set(X509_get_serialNumber(cert), 100 + (long)who) == 1);
    set_name(X509_get_subject_name(cert), plan->name);
    set_name(X509_get_issuer_name(cert), plans[plan->issuer].name);
    set_year(X509_getm_notBefore(cert), plan->from);
    set_year(X509_getm_notAfter(cert), plan->to);
    assert(X509_set_pubkey(cert, forge->keys[who]) == 1);
    X509 *issuer = plan->issuer == who ? cert : forge->certs[plan->issuer];
    add_extension(issuer, cert, NID_basic_constraints,
                  plan->usages == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (plan->usages != NULL)
        add_extension(issuer, cert, NID_ext_key_usage, plan->usages);
    add_extension(issuer, cert, NID_subject_key_identifier, "hash");
    add_extension(issuer, cert, NID_authority_key_identifier, "keyid:always");
    assert(X509_sign(cert, forge->keys[plan->issuer], plan->is_sha1 ? EVP_sha1() : EVP_sha256()) >
           0);
    forge->certs[who] = cert;
}

/* Keys take long to make: certificates share one where no attack needs it to be another's. */
static EVP_PKEY *share_key(const struct forge *forge, enum forge_who who)
{
    enum forge_who twin = WHO_SIGNER;
    if (who == WHO_SMALL || who == WHO_EC)
        return NULL;
    if (who >= WHO_SELF && who <= WHO_STRANGER)
        twin = WHO_SELF;
    else if (plans[who].usages == NULL)
        twin = WHO_ROOT;
    if (who == twin || EVP_PKEY_up_ref(forge->keys[twin]) != 1)
        return NULL;
    return forge->keys[twin];
}

void forge_init(struct forge *forge)
{
    for (size_t i = 0; i < WHO_COUNT; i++) {
        forge->keys[i] = share_key(forge, (enum forge_who)i);
        if (forge->keys[i] == NULL)
            forge->keys[i] = plans[i].rsa_bits == 0 ? EVP_EC_gen("P-256")
                                                    : EVP_RSA_gen((unsigned)plans[i].rsa_bits);
        assert(forge->keys[i] != NULL);
    }
    for (int are_leaves = 0; are_leaves < 2; are_leaves++) /* an issuer before what it issues */
        for (size_t i = 0; i < WHO_COUNT; i++)
            if ((plans[i].usages != NULL) == (are_leaves == 1))
                make_cert(forge, (enum forge_who)i);
}

void forge_done(struct forge *forge)
{
    for (size_t i = 0; i < WHO_COUNT; i++) {
        EVP_PKEY_free(forge->keys[i]);
        X509_free(forge->certs[i]);
    }
}

void forge_write_cert(const struct forge *forge, enum forge_who who, const char *path)
{
    FILE *file = fopen(path, "we");
    assert(file != NULL && PEM_write_X509(file, forge->certs[who]) == 1);
    assert(fclose(file) == 0);
}
