/* Key files for the publisher's tools: PEM in and out. */
#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "file.h"
#include "key_pass.h"

#include "stopgap/banned.h"

enum { KEY_FILE_BYTES = 16 * 1024 }; /* an RSA-4096 private key in PEM has 3.3 KiB */

EVP_PKEY *key_generate(enum key_algorithm algorithm, struct err *err)
{
    EVP_PKEY *pkey = NULL;
    switch (algorithm) {
    case KEY_ED25519:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        break;
    case KEY_ECDSA_P256:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        break;
    case KEY_RSA_PSS:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072);
        break;
    case KEY_UNKNOWN:
    case KEY_ALGORITHMS:
        break;
    }
    ERR_clear_error();
    if (pkey == NULL)
        (void)err_set(err, ERR_TRUST, "E_KEY_GENERATE", "cannot make a key of algorithm %s",
                      key_algorithm_word(algorithm));
    return pkey;
}

static EVP_PKEY *parse_pem(struct slice pem, bool is_private, struct key_pass *pass)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *pkey = NULL;
    if (bio != NULL && is_private)
        pkey = PEM_read_bio_PrivateKey(bio, NULL, key_pass_give, pass);
    else if (bio != NULL)
        pkey = PEM_read_bio_PUBKEY(bio, NULL, key_pass_give, pass);
    BIO_free(bio);
    ERR_clear_error();
    return pkey;
}

static void fail_read(const struct key_pass *pass, bool needs_private, struct err *err)
{
    if (!pass->was_asked)
        (void)err_set(err, ERR_TRUST, "E_KEY_READ", "no %s key in PEM here",
                      needs_private ? "private" : "private or public");
    else if (pass->is_there)
        (void)err_set(err, ERR_TRUST, "E_KEY_PASS", "this is not the passphrase of the key");
    else
        (void)err_set(
            err, ERR_USAGE, "E_KEY_PASS",
            "the key is encrypted and there is no passphrase: call this at a terminal, or "
            "say where it is with " KEY_PASS_VARIABLE "=file:PATH, env:NAME or fd:N");
    (void)err_at(err, pass->path, 0, 0);
}

EVP_PKEY *key_read(const char *path, bool needs_private, bool *ret_is_private, struct err *err)
{
    static const struct file_codes codes = {.read = "E_KEY_READ", .size = "E_KEY_READ"};
    struct key_pass pass = {.path = path};
    struct buf pem;
    buf_init(&pem, KEY_FILE_BYTES);
    EVP_PKEY *pkey = NULL;
    if (!file_read(AT_FDCWD, path, &codes, &pem, err))
        goto out;
    pkey = parse_pem(buf_slice(&pem), true, &pass);
    *ret_is_private = pkey != NULL;
    if (pkey == NULL && !needs_private && !pass.was_asked)
        pkey = parse_pem(buf_slice(&pem), false, &pass);
    if (pkey == NULL)
        fail_read(&pass, needs_private, err);
out:
    if (pem.ptr != NULL)
        OPENSSL_cleanse(pem.ptr, pem.capacity);
    buf_done(&pem);
    return pkey;
}

/* Create path, which must not exist, and write one half of the key. */
static bool write_half(EVP_PKEY *pkey, const char *path, bool is_private, struct err *err)
{
    int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, is_private ? 0600 : 0644);
    if (fd < 0) {
        (void)err_set(err, ERR_IO, "E_KEY_WRITE", "cannot create: %s%s", strerror(errno),
                      errno == EEXIST ? "; keys are never overwritten, choose another name" : "");
        return err_at(err, path, 0, 0);
    }
    BIO *bio = BIO_new_fd(fd, BIO_NOCLOSE);
    int done = 0;
    if (bio != NULL && is_private)
        done = PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    else if (bio != NULL)
        done = PEM_write_bio_PUBKEY(bio, pkey);
    BIO_free(bio);
    bool is_safe = done == 1 && fsync(fd) == 0;
    is_safe = close(fd) == 0 && is_safe;
    ERR_clear_error();
    if (is_safe)
        return true;
    (void)unlink(path);
    (void)err_set(err, ERR_IO, "E_KEY_WRITE", "cannot write the key: %s", strerror(errno));
    return err_at(err, path, 0, 0);
}

bool key_write(EVP_PKEY *pkey, const char *path, struct err *err)
{
    char public_path[4096];
    int len = snprintf(public_path, sizeof(public_path), "%s.pub", path);
    if (len < 0 || (size_t)len >= sizeof(public_path))
        return err_set(err, ERR_IO, "E_KEY_WRITE", "the path is too long");
    if (!write_half(pkey, public_path, false, err))
        return false;
    if (write_half(pkey, path, true, err))
        return true;
    (void)unlink(public_path);
    return false;
}
