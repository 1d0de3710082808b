/* AES-256-CBC and HMAC-SHA-256, as OpenSSL's own tickets; the form is RFC 5077 4. */
#include "net/tls_tickets.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "stopgap/banned.h"

enum { NAME_BYTES = 16, KEY_BYTES = 32, IV_BYTES = 16 };

struct ticket_key {
    unsigned char name[NAME_BYTES];
    unsigned char aes[KEY_BYTES];
    unsigned char hmac[KEY_BYTES];
};

struct tls_tickets {
    atomic_uint references;
    EVP_CIPHER *cipher; /* fetched once: a look-up takes a lock of OpenSSL */
    pthread_mutex_t lock;
    struct ticket_key now, before; /* under the lock */
    bool has_before;
    uint64_t renewed_s;
};

/* ---- life */

struct tls_tickets *tls_tickets_new(uint64_t now_s)
{
    struct tls_tickets *tickets = calloc(1, sizeof(*tickets));
    if (tickets == NULL)
        return NULL;
    tickets->references = 1;
    tickets->renewed_s = now_s;
    tickets->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    bool has_lock = pthread_mutex_init(&tickets->lock, NULL) == 0;
    if (has_lock && tickets->cipher != NULL &&
        RAND_priv_bytes((unsigned char *)&tickets->now, sizeof(tickets->now)) == 1)
        return tickets;
    if (has_lock)
        (void)pthread_mutex_destroy(&tickets->lock);
    EVP_CIPHER_free(tickets->cipher);
    free(tickets);
    return NULL;
}

struct tls_tickets *tls_tickets_ref(struct tls_tickets *tickets)
{
    if (tickets != NULL)
        (void)atomic_fetch_add(&tickets->references, 1);
    return tickets;
}

void tls_tickets_unref(struct tls_tickets *tickets)
{
    if (tickets == NULL || atomic_fetch_sub(&tickets->references, 1) != 1)
        return;
    (void)pthread_mutex_destroy(&tickets->lock);
    EVP_CIPHER_free(tickets->cipher);
    OPENSSL_cleanse(tickets, sizeof(*tickets));
    free(tickets);
}

bool tls_tickets_renew(struct tls_tickets *tickets, uint64_t now_s)
{
    struct ticket_key fresh;
    if (now_s < tickets->renewed_s + TLS_TICKET_KEY_S)
        return true;
    if (RAND_priv_bytes((unsigned char *)&fresh, sizeof(fresh)) != 1)
        return false;
    (void)pthread_mutex_lock(&tickets->lock);
    tickets->before = tickets->now;
    tickets->has_before = true;
    tickets->now = fresh;
    (void)pthread_mutex_unlock(&tickets->lock);
    tickets->renewed_s = now_s;
    OPENSSL_cleanse(&fresh, sizeof(fresh));
    return true;
}

/* ---- in a handshake */

enum found_key { KEY_UNKNOWN = 0, KEY_NOW, KEY_BEFORE };

/* name NULL: the key to issue with. */
static enum found_key find_key(struct tls_tickets *tickets, const unsigned char *name,
                               struct ticket_key *ret_key)
{
    enum found_key found = KEY_UNKNOWN;
    (void)pthread_mutex_lock(&tickets->lock);
    if (name == NULL || memcmp(name, tickets->now.name, NAME_BYTES) == 0)
        found = KEY_NOW;
    else if (tickets->has_before && memcmp(name, tickets->before.name, NAME_BYTES) == 0)
        found = KEY_BEFORE;
    *ret_key = found == KEY_BEFORE ? tickets->before : tickets->now;
    (void)pthread_mutex_unlock(&tickets->lock);
    return found;
}

static bool set_hmac(EVP_MAC_CTX *hmac, struct ticket_key *key)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, KEY_BYTES),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(hmac, params) == 1;
}

static int tickets_index = -1; /* made by tls_tickets_prepare, before the workers start */

/* 1: go on. 2: go on, and issue a new ticket. 0: this ticket is not ours, or OpenSSL failed at
 * issuing one, which the client does without. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *hmac, int issues)
{
    struct tls_tickets *tickets = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_index);
    struct ticket_key key;
    enum found_key found = find_key(tickets, issues ? NULL : name, &key);
    bool ok = found != KEY_UNKNOWN && set_hmac(hmac, &key);
    if (ok && issues) {
        memcpy(name, key.name, NAME_BYTES);
        ok = RAND_bytes(iv, IV_BYTES) == 1 &&
             EVP_EncryptInit_ex(cipher, tickets->cipher, NULL, key.aes, iv) == 1;
    } else if (ok) {
        ok = EVP_DecryptInit_ex(cipher, tickets->cipher, NULL, key.aes, iv) == 1;
    }
    OPENSSL_cleanse(&key, sizeof(key));
    if (!ok)
        return 0;
    /* In TLS 1.3 a ticket is used once (RFC 8446 C.4). */
    bool wants_new = !issues && (found == KEY_BEFORE || SSL_version(ssl) >= TLS1_3_VERSION);
    return wants_new ? 2 : 1;
}

static void on_context_free(void *parent, void *tickets, CRYPTO_EX_DATA *data, int index,
                            long number, void *ptr)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)number;
    (void)ptr;
    tls_tickets_unref(tickets);
}

bool tls_tickets_prepare(void)
{
    if (tickets_index < 0)
        tickets_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_free);
    return tickets_index >= 0;
}

bool tls_tickets_use(SSL_CTX *context, struct tls_tickets *tickets)
{
    if (SSL_CTX_set_ex_data(context, tickets_index, tickets) != 1)
        return false;
    (void)tls_tickets_ref(tickets);
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) == 1;
}
