/* Which certificate a client gets: one context for each combination of RSA and ECDSA certificates
 * that serves some name, made per worker, chosen by a search in a sorted table without a lock. */
#include "net/tls_internal.h"

#include "proxy_limits.h"

#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>

#include "stopgap/banned.h"

/* OpenSSL holds one certificate of each kind of key in a context, and picks by what the client
 * can verify. */
enum key_slot { SLOT_RSA = 0, SLOT_RSA_PSS, SLOT_EC, SLOT_OTHER, SLOT_COUNT };
_Static_assert((int)SLOT_COUNT == (int)TLS_KEY_KINDS, "tls_material_shown has room for each");

struct group {
    const struct tls_certificate *certs[SLOT_COUNT];
};

struct choice {
    const char *name; /* sorted by it; "*.example.com" is a name like any other */
    SSL_CTX *context; /* NULL: the default */
};

struct shown_staple {
    X509 *leaf;
    struct tls_staple staple;
};

struct tls_bank {
    struct tls_names names; /* the memory of choices[].name */
    struct choice *choices;
    size_t n_choices;
    struct shown_staple *staples;
    size_t n_staples;
};

/* ---- look-ups, on a worker */

static int choice_compare(const void *a, const void *b)
{
    return strcmp(((const struct choice *)a)->name, ((const struct choice *)b)->name);
}

static const struct choice *choice_find(const struct tls_bank *bank, const char *name)
{
    struct choice key = {.name = name};
    return bsearch(&key, bank->choices, bank->n_choices, sizeof(key), choice_compare);
}

SSL_CTX *tls_bank_find(const struct tls_bank *bank, struct slice name)
{
    char folded[256];
    if (!tls_name_fold(name, folded))
        return NULL;
    const struct choice *choice = choice_find(bank, folded);
    char *dot = strchr(folded, '.');
    if (choice == NULL && dot != NULL && dot != folded) {
        *--dot = '*'; /* a pattern stands for exactly one label */
        choice = choice_find(bank, dot);
    }
    return choice != NULL ? choice->context : NULL;
}

const struct tls_staple *tls_bank_staple(const struct tls_bank *bank, const X509 *leaf)
{
    for (size_t i = 0; i < bank->n_staples; i++)
        if (bank->staples[i].leaf == leaf)
            return bank->staples[i].staple.until_unix > (int64_t)time(NULL)
                       ? &bank->staples[i].staple
                       : NULL;
    return NULL;
}

/* ---- which certificates serve a name */

static enum key_slot slot_of(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return SLOT_RSA;
    case EVP_PKEY_RSA_PSS:
        return SLOT_RSA_PSS;
    case EVP_PKEY_EC:
        return SLOT_EC;
    default:
        return SLOT_OTHER;
    }
}

static bool has_exactly(const struct tls_names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

/* Of each kind of key the first certificate with this name, else the first whose pattern covers
 * it. */
static struct group group_of(const struct tls_material *material, const char *name)
{
    struct group group = {{NULL}};
    bool is_exact[SLOT_COUNT] = {false};
    for (size_t i = 0; i < material->n; i++) {
        const struct tls_certificate *one = &material->items[i];
        enum key_slot slot = slot_of(one->key);
        bool matches = has_exactly(&one->names, name);
        if (matches ? is_exact[slot]
                    : group.certs[slot] != NULL || !tls_names_cover(&one->names, slice_str(name)))
            continue;
        group.certs[slot] = one;
        is_exact[slot] = matches;
    }
    return group;
}

static struct group default_group(const struct tls_material *material)
{
    const struct tls_certificate *first = &material->items[0];
    struct group group = {{NULL}};
    if (first->names.n != 0)
        group = group_of(material, first->names.items[0]);
    group.certs[slot_of(first->key)] = first;
    return group;
}

size_t tls_material_shown(const struct tls_material *material, const char *name,
                          const struct tls_certificate *ret_shown[static TLS_KEY_KINDS])
{
    struct group group = name != NULL ? group_of(material, name) : default_group(material);
    size_t n = 0;
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (group.certs[i] != NULL)
            ret_shown[n++] = group.certs[i];
    return n;
}

static SSL_CTX *group_context(const struct group *group, const struct tls_material *material,
                              struct tls_bank *bank, struct err *err)
{
    SSL_CTX *context = tls_context_serve(material, bank, err);
    for (size_t i = 0; context != NULL && i < SLOT_COUNT; i++) {
        const struct tls_certificate *one = group->certs[i];
        if (one == NULL ||
            SSL_CTX_use_cert_and_key(context, one->leaf, one->key, one->chain, 1) == 1)
            continue;
        (void)tls_err(err, "E_TLS", "cannot use the certificate", NULL);
        SSL_CTX_free(context);
        context = NULL;
    }
    return context;
}

/* ---- the bank */

static void bank_free(struct tls_bank *bank)
{
    if (bank == NULL)
        return;
    for (size_t i = 0; i < bank->n_choices; i++)
        SSL_CTX_free(bank->choices[i].context);
    for (size_t i = 0; i < bank->n_staples; i++) {
        X509_free(bank->staples[i].leaf);
        OPENSSL_free(bank->staples[i].staple.der);
    }
    tls_names_done(&bank->names);
    free(bank->choices);
    free(bank->staples);
    free(bank);
}

static void on_context_free(void *parent, void *bank, CRYPTO_EX_DATA *data, int index, long number,
                            void *ptr)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)number;
    (void)ptr;
    bank_free(bank);
}

static int bank_index = -1; /* made by tls_sni_prepare, before the workers start */

bool tls_sni_prepare(void)
{
    if (bank_index < 0)
        bank_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_free);
    return bank_index >= 0;
}

static bool bank_add_staple(struct tls_bank *bank, const struct tls_certificate *one)
{
    struct shown_staple *shown = &bank->staples[bank->n_staples];
    if (one->staple.der == NULL)
        return true;
    shown->staple = one->staple;
    shown->staple.der = OPENSSL_memdup(one->staple.der, one->staple.len);
    if (shown->staple.der == NULL)
        return false;
    shown->leaf = X509_up_ref(one->leaf) == 1 ? one->leaf : NULL;
    bank->n_staples++;
    return true;
}

static struct tls_bank *bank_new(const struct tls_material *material)
{
    struct tls_bank *bank = calloc(1, sizeof(*bank));
    bool ok = bank != NULL && (bank->staples = calloc(material->n, sizeof(*bank->staples))) != NULL;
    for (size_t i = 0; ok && i < material->n; i++)
        ok = bank_add_staple(bank, &material->items[i]);
    if (ok)
        return bank;
    bank_free(bank);
    return NULL;
}

/* ---- all contexts of a listener */

static bool has_choice(const struct tls_bank *bank, const char *name)
{
    for (size_t i = 0; i < bank->n_choices; i++)
        if (strcmp(bank->choices[i].name, name) == 0)
            return true;
    return false;
}

/* The context of an equal group that is there already, with a reference; NULL: the default's. */
static bool reuse_context(const struct tls_bank *bank, const struct group *groups,
                          const struct group *group, SSL_CTX **ret_context)
{
    for (size_t i = 0; i <= bank->n_choices; i++) { /* groups[0] is the default's */
        if (memcmp(&groups[i], group, sizeof(*group)) != 0)
            continue;
        *ret_context = i != 0 ? bank->choices[i - 1].context : NULL;
        return *ret_context == NULL || SSL_CTX_up_ref(*ret_context) == 1;
    }
    return false;
}

static bool add_choice(struct tls_bank *bank, struct group *groups, const char *name,
                       const struct tls_material *material, struct err *err)
{
    struct group group = group_of(material, name);
    SSL_CTX *context = NULL;
    if (!reuse_context(bank, groups, &group, &context) &&
        (context = group_context(&group, material, bank, err)) == NULL)
        return false;
    groups[bank->n_choices + 1] = group;
    bank->choices[bank->n_choices++] = (struct choice){.name = name, .context = context};
    return true;
}

static bool add_choices(struct tls_bank *bank, struct group *groups,
                        const struct tls_material *material, struct err *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < material->n; i++)
        for (size_t k = 0; ok && k < material->items[i].names.n; k++)
            ok = tls_names_add(&bank->names, slice_str(material->items[i].names.items[k])) ||
                 err_set(err, ERR_LIMIT, "E_CERT_READ", "more than %d names of certificates",
                         LIMIT_CERTIFICATE_NAMES);
    for (size_t i = 0; ok && i < bank->names.n; i++)
        if (!has_choice(bank, bank->names.items[i]))
            ok = add_choice(bank, groups, bank->names.items[i], material, err);
    qsort(bank->choices, bank->n_choices, sizeof(*bank->choices), choice_compare);
    return ok;
}

SSL_CTX *tls_server_context(const struct tls_material *material, struct err *err)
{
    struct tls_bank *bank = tls_prepare() ? bank_new(material) : NULL;
    struct group *groups = calloc(LIMIT_CERTIFICATE_NAMES + 1, sizeof(*groups));
    SSL_CTX *context = NULL;
    if (bank != NULL)
        bank->choices = calloc(LIMIT_CERTIFICATE_NAMES, sizeof(*bank->choices));
    if (bank == NULL || groups == NULL || bank->choices == NULL) {
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for certificates");
    } else {
        groups[0] = default_group(material);
        context = group_context(&groups[0], material, bank, err);
    }
    bool ok = context != NULL && add_choices(bank, groups, material, err) &&
              SSL_CTX_set_ex_data(context, bank_index, bank) == 1;
    free(groups);
    if (ok)
        return context;
    SSL_CTX_free(context);
    bank_free(bank);
    return NULL;
}
