/* Comparing certificates; no socket, no clock. */
#include "parity.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/x509.h>

#include "stopgap/banned.h"

const char *parity_word(enum parity_verdict verdict)
{
    static const char *const words[] = {[PARITY_UNKNOWN] = "unknown",
                                        [PARITY_EQUAL] = "equal",
                                        [PARITY_SAME_KEY] = "same_key",
                                        [PARITY_DIFFERS] = "differs"};
    return words[verdict];
}

struct certificate_print certificate_print(const X509 *certificate)
{
    struct certificate_print print = {.until_unix = INT64_MAX};
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct tm tm = {0};
    if (X509_digest(certificate, EVP_sha256(), hash, &len) == 1)
        for (unsigned i = 0; i < len && i < 32; i++)
            (void)snprintf(print.sha256 + 2 * (size_t)i, 3, "%02x", hash[i]);
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1)
        print.until_unix = (int64_t)timegm(&tm);
    return print;
}

/* ---- faces */

static bool is_same_face(const struct parity_face *face, const struct tls_certificate *const *shown,
                         size_t n_shown)
{
    if (face->n_shown != n_shown)
        return false;
    for (size_t i = 0; i < n_shown; i++)
        if (X509_cmp(face->shown[i]->leaf, shown[i]->leaf) != 0)
            return false;
    return true;
}

/* Text for people: the first names, then how many there are. */
static void face_add_name(struct parity_face *face, const char *name)
{
    enum { REST_BYTES = 24 }; /* " and 1024 more" */
    size_t used = strlen(face->names);
    face->n_names++;
    if (face->n_listed + 1 != face->n_names ||
        used + strlen(name) + REST_BYTES >= sizeof(face->names))
        return;
    (void)snprintf(face->names + used, sizeof(face->names) - used, "%s%s", used != 0 ? ", " : "",
                   name);
    face->n_listed++;
}

static void face_end_names(struct parity_face *face)
{
    size_t used = strlen(face->names);
    size_t rest = face->n_names - face->n_listed;
    if (face->n_names == 0)
        (void)snprintf(face->names, sizeof(face->names), "any name");
    else if (rest != 0)
        (void)snprintf(face->names + used, sizeof(face->names) - used, "%s%zu more",
                       used != 0 ? " and " : "", rest);
}

/* The face of these certificates, new or one that is there. NULL: no memory. */
static struct parity_face *faces_get(struct parity_faces *faces,
                                     const struct tls_certificate *const *shown, size_t n_shown)
{
    for (size_t i = 0; i < faces->n; i++)
        if (is_same_face(&faces->items[i], shown, n_shown))
            return &faces->items[i];
    struct parity_face *items = reallocarray(faces->items, faces->n + 1, sizeof(*items));
    if (items == NULL)
        return NULL;
    faces->items = items;
    struct parity_face *face = &items[faces->n++];
    *face = (struct parity_face){.n_shown = n_shown};
    memcpy(face->shown, shown, n_shown * sizeof(shown[0]));
    return face;
}

/* Has a certificate before this one the same name? Then its face is there already. */
static bool is_repeated(const struct tls_material *material, size_t index, const char *name)
{
    for (size_t i = 0; i < index; i++)
        for (size_t k = 0; k < material->items[i].names.n; k++)
            if (strcmp(material->items[i].names.items[k], name) == 0)
                return true;
    return false;
}

static bool add_material(struct parity_faces *faces, const struct config *config,
                         const struct tls_material *material)
{
    const struct tls_certificate *shown[TLS_KEY_KINDS] = {NULL};
    size_t n_names = 0;
    for (size_t i = 0; i < material->n; i++) {
        const struct tls_names *names = &material->items[i].names;
        n_names += names->n;
        for (size_t k = 0; k < names->n; k++) {
            if (is_repeated(material, i, names->items[k]) ||
                config_pass_through(config, slice_str(names->items[k])) >= 0)
                continue;
            size_t n = tls_material_shown(material, names->items[k], shown);
            struct parity_face *face = faces_get(faces, shown, n);
            if (face == NULL)
                return false;
            face_add_name(face, names->items[k]);
        }
    }
    return n_names != 0 ||
           faces_get(faces, shown, tls_material_shown(material, NULL, shown)) != NULL;
}

bool parity_faces_make(struct parity_faces *faces, const struct config *config,
                       const struct tls_material *materials)
{
    *faces = (struct parity_faces){0};
    for (size_t i = 0; i < config->n_listen; i++)
        if (config->listen[i].tls && !add_material(faces, config, &materials[i]))
            return false;
    for (size_t i = 0; i < faces->n; i++)
        face_end_names(&faces->items[i]);
    return true;
}

void parity_faces_done(struct parity_faces *faces)
{
    free(faces->items);
    *faces = (struct parity_faces){0};
}

/* ---- the comparison */

static enum parity_verdict compare(const struct tls_certificate *ours, const X509 *theirs)
{
    if (X509_cmp(ours->leaf, theirs) == 0)
        return PARITY_EQUAL;
    const EVP_PKEY *key = X509_get0_pubkey(theirs);
    return key != NULL && EVP_PKEY_eq(ours->key, key) == 1 ? PARITY_SAME_KEY : PARITY_DIFFERS;
}

struct parity_row parity_judge(const struct parity_face *face, const X509 *theirs)
{
    struct parity_row row = {.face = face, .theirs = certificate_print(theirs)};
    const struct tls_certificate *nearest = NULL;
    for (size_t i = 0; i < face->n_shown; i++) {
        enum parity_verdict verdict = compare(face->shown[i], theirs);
        if (nearest != NULL && verdict >= row.verdict)
            continue;
        nearest = face->shown[i];
        row.verdict = verdict;
    }
    if (nearest != NULL)
        row.ours = certificate_print(nearest->leaf);
    return row;
}

struct parity_row parity_judge_all(const struct parity_faces *faces, const X509 *theirs)
{
    struct parity_row worst = {.verdict = PARITY_UNKNOWN};
    for (size_t i = 0; i < faces->n; i++) {
        struct parity_row row = parity_judge(&faces->items[i], theirs);
        if (i == 0 || row.verdict > worst.verdict)
            worst = row;
    }
    return worst;
}
