/* Anchors and the deny list: every file is read here, before any document is looked at. */
#include "chain.h"

#include "dsig.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "builtin_anchors.h"
#include "trust/encode.h"
#include "trust/file.h"

#include "stopgap/limits.h"
#include "stopgap/pulse.h"

#include "stopgap/banned.h"

static const struct file_codes anchor_codes = {.read = "E_EOCS_ANCHOR", .size = "E_EOCS_ANCHOR"};

static bool fail_anchor(struct err *err, const char *text)
{
    return eocs_fail(err, "E_EOCS_ANCHOR", "%s", text);
}

/* Adds every certificate of a PEM text; *n counts all of one store. */
static bool add_pem(X509_STORE *store, struct slice pem, int *n, struct err *err)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *cert = NULL;
    bool done = bio != NULL;
    int before = *n;
    while (done && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        done = ++*n <= EOCS_MAX_ANCHORS && X509_STORE_add_cert(store, cert) == 1;
        X509_free(cert);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of a PEM file is an error to OpenSSL */
    if (!done)
        return fail_anchor(err, "too many certificates, 64 are allowed");
    return *n > before || fail_anchor(err, "no certificate in PEM form in here");
}

static bool add_file(X509_STORE *store, int directory, const char *path, int *n, struct err *err)
{
    struct buf pem;
    buf_init(&pem, EOCS_MAX_ANCHOR_BYTES);
    bool done = file_read(directory, path, &anchor_codes, &pem, err) &&
                (add_pem(store, buf_slice(&pem), n, err) || err_at(err, path, 0, 0));
    buf_done(&pem);
    return done;
}

static bool is_certificate(const char *name)
{
    return slice_ends_with_nocase(slice_str(name), SLICE(".pem")) ||
           slice_ends_with_nocase(slice_str(name), SLICE(".crt"));
}

static bool add_folder(X509_STORE *store, const char *path, int *n, struct err *err)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return fail_anchor(err, "the folder cannot be read") || err_at(err, path, 0, 0);
    bool done = true;
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled; glibc locks each stream, and readdir_r is deprecated */
    while (done && (entry = readdir(folder)) != NULL)
        if (is_certificate(entry->d_name))
            done = add_file(store, dirfd(folder), entry->d_name, n, err);
    (void)closedir(folder);
    if (done && *n == 0)
        done = fail_anchor(err, "no *.pem or *.crt in the folder") || err_at(err, path, 0, 0);
    return done;
}

static X509_STORE *open_store(const char *path, const char *builtin, struct err *err)
{
    X509_STORE *store = X509_STORE_new();
    struct stat st;
    int n = 0;
    bool done = false;
    if (store == NULL)
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    else if (path == NULL)
        done = add_pem(store, slice_str(builtin), &n, err);
    else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        done = add_folder(store, path, &n, err);
    else
        done = add_file(store, AT_FDCWD, path, &n, err);
    if (done)
        return store;
    X509_STORE_free(store);
    return NULL;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, ascii_lower(c)) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* 64 hex digits, as openssl prints them with colons or as sha256sum prints them without. */
static bool parse_hash(struct slice text, unsigned char ret_hash[32])
{
    size_t n = 0;
    memset(ret_hash, 0, 32);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ':')
            continue;
        int digit = hex_digit(text.ptr[i]);
        if (digit < 0 || n == 64)
            return false;
        ret_hash[n / 2] = (unsigned char)(ret_hash[n / 2] << 4 | digit);
        n++;
    }
    return n == 64;
}

static bool parse_deny(struct eocs_trust *trust, struct slice text, const char *path,
                       struct err *err)
{
    struct slice line;
    unsigned number = 0;
    while (slice_next(&text, '\n', &line)) {
        number++;
        line = slice_trim(slice_head(line, slice_find(line, '#')));
        if (line.len != 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0)
            continue;
        if (trust->n_denied == EOCS_MAX_DENIED ||
            !parse_hash(line, trust->denied[trust->n_denied])) {
            (void)eocs_fail(err, "E_EOCS_DENYLIST",
                            "not the SHA-256 of a certificate, or more than %d of them; print one "
                            "with 'openssl x509 -noout -fingerprint -sha256 -in FILE'",
                            EOCS_MAX_DENIED);
            return err_at(err, path, number, 0);
        }
        trust->n_denied++;
    }
    return true;
}

static bool read_deny(struct eocs_trust *trust, const char *path, struct err *err)
{
    static const struct file_codes codes = {.read = "E_EOCS_DENYLIST", .size = "E_EOCS_DENYLIST"};
    struct buf text;
    buf_init(&text, EOCS_MAX_DENY_BYTES);
    bool done = file_read(AT_FDCWD, path, &codes, &text, err) &&
                parse_deny(trust, buf_slice(&text), path, err);
    buf_done(&text);
    return done;
}

/* ---- what the publisher's root says */

struct additions {
    struct eocs_trust *trust;
    X509_STORE *store; /* of the anchors that are read */
    int n;
    bool is_good;
    struct err *err;
};

static bool add_anchor(void *ctx, struct slice base64)
{
    struct additions *additions = ctx;
    struct buf der;
    buf_init(&der, LIMIT_ROOT_BYTES);
    bool done = encode_from_base64(base64, &der);
    const unsigned char *at = (const unsigned char *)der.ptr;
    X509 *cert = done ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    done = cert != NULL && ++additions->n <= EOCS_MAX_ANCHORS &&
           X509_STORE_add_cert(additions->store, cert) == 1;
    X509_free(cert);
    buf_done(&der);
    ERR_clear_error();
    additions->is_good =
        done || fail_anchor(additions->err, "an anchor in the publisher's root is no certificate, "
                                            "or there are more than 64");
    return done;
}

static bool add_denial(void *ctx, struct slice hash)
{
    struct additions *additions = ctx;
    struct eocs_trust *trust = additions->trust;
    additions->is_good =
        (trust->n_denied < EOCS_MAX_DENIED && parse_hash(hash, trust->denied[trust->n_denied])) ||
        eocs_fail(additions->err, "E_EOCS_DENYLIST", "more than %d denied certificates",
                  EOCS_MAX_DENIED);
    trust->n_denied += additions->is_good;
    return additions->is_good;
}

static bool add_published(struct eocs_trust *trust, const struct trust_store *publisher,
                          struct err *err)
{
    struct additions additions = {
        .trust = trust, .store = trust->sign_anchors, .is_good = true, .err = err};
    if (publisher == NULL)
        return true;
    trust_list_values(publisher, "eocs-sign-anchor", add_anchor, &additions);
    additions.store = trust->ts_anchors;
    additions.n = 0;
    if (additions.is_good)
        trust_list_values(publisher, "eocs-ts-anchor", add_anchor, &additions);
    if (additions.is_good)
        trust_list_values(publisher, "eocs-deny", add_denial, &additions);
    return additions.is_good;
}

struct eocs_trust *eocs_trust_open(const struct eocs_trust_options *options, struct err *err)
{
    if (!dsig_init(err))
        return NULL;
    struct eocs_trust *trust = calloc(1, sizeof(*trust));
    if (trust == NULL) {
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
        return NULL;
    }
    trust->sign_anchors = open_store(options->sign_anchors, eocs_builtin_sign, err);
    if (trust->sign_anchors != NULL)
        trust->ts_anchors = open_store(options->ts_anchors, eocs_builtin_stamp, err);
    if (trust->ts_anchors != NULL &&
        (options->deny == NULL || read_deny(trust, options->deny, err)) &&
        add_published(trust, options->publisher, err))
        return trust;
    eocs_trust_close(trust);
    return NULL;
}

void eocs_trust_close(struct eocs_trust *trust)
{
    if (trust == NULL)
        return;
    X509_STORE_free(trust->sign_anchors);
    X509_STORE_free(trust->ts_anchors);
    free(trust);
}
