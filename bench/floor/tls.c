/* TLS towards the client, between two memory BIOs. */
#include "floor.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "stopgap/banned.h"

enum { RECORD_BYTES = 16 * 1024 };

static char plain[READ_BYTES];

bool tls_init(struct floor *floor, const char *cert, const char *key)
{
    floor->tls = SSL_CTX_new(TLS_server_method());
    bool is_set = floor->tls != NULL &&
                  SSL_CTX_set_min_proto_version(floor->tls, TLS1_3_VERSION) == 1 &&
                  SSL_CTX_use_certificate_chain_file(floor->tls, cert) == 1 &&
                  SSL_CTX_use_PrivateKey_file(floor->tls, key, SSL_FILETYPE_PEM) == 1 &&
                  SSL_CTX_set_num_tickets(floor->tls, 1) == 1;
    if (!is_set)
        ERR_print_errors_fp(stderr);
    else
        (void)SSL_CTX_set_mode(floor->tls, SSL_MODE_RELEASE_BUFFERS);
    return is_set;
}

bool tls_start(struct pair *pair)
{
    BIO *in = BIO_new(BIO_s_mem());
    BIO *back = BIO_new(BIO_s_mem());
    pair->tls = SSL_new(pair->floor->tls);
    if (in == NULL || back == NULL || pair->tls == NULL) {
        BIO_free(in);
        BIO_free(back);
        return false;
    }
    SSL_set_bio(pair->tls, in, back);
    SSL_set_accept_state(pair->tls);
    return true;
}

/* What OpenSSL has for the client. */
static void flush(struct pair *pair)
{
    BIO *back = SSL_get_wbio(pair->tls);
    char *bytes;
    long len = BIO_get_mem_data(back, &bytes);
    if (len <= 0 || pair->is_closing)
        return;
    uv_buf_t piece = uv_buf_init(bytes, (unsigned)len);
    relay_send(&pair->client, &piece, 1);
    (void)BIO_reset(back);
}

void tls_read(struct pair *pair, const char *bytes, size_t len)
{
    size_t n_plain = 0;
    int n = 0;
    if (BIO_write(SSL_get_rbio(pair->tls), bytes, (int)len) != (int)len) {
        relay_close(pair);
        return;
    }
    while (n_plain < sizeof(plain) &&
           (n = SSL_read(pair->tls, plain + n_plain, (int)(sizeof(plain) - n_plain))) > 0)
        n_plain += (size_t)n;
    bool is_over = n <= 0 && SSL_get_error(pair->tls, n) != SSL_ERROR_WANT_READ;
    flush(pair);
    if (n_plain != 0)
        relay_feed(&pair->client, plain, n_plain);
    if (is_over)
        relay_close(pair);
}

void tls_send(struct pair *pair, const uv_buf_t *pieces, unsigned n)
{
    static char record[RECORD_BYTES];
    size_t used = 0;
    for (unsigned i = 0; i < n; i++) {
        for (size_t at = 0; at < pieces[i].len;) {
            size_t room = sizeof(record) - used;
            size_t part = pieces[i].len - at < room ? pieces[i].len - at : room;
            memcpy(record + used, pieces[i].base + at, part);
            used += part;
            at += part;
            bool is_last = i + 1 == n && at == pieces[i].len;
            if ((used == sizeof(record) || is_last) &&
                SSL_write(pair->tls, record, (int)used) != (int)used) {
                relay_close(pair);
                return;
            }
            used = used == sizeof(record) ? 0 : used;
        }
    }
    flush(pair);
}
