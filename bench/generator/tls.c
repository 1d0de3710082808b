/* TLS of the load generator: the same version, cipher and group for whoever is measured. */
#include "load.h"

#include <openssl/err.h>

#include "stopgap/banned.h"

static int on_session(SSL *tls, SSL_SESSION *session)
{
    struct load *load = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));
    SSL_SESSION_free(load->session);
    load->session = session;
    return 1; /* kept */
}

bool tls_init(struct load *load)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    bool is_set = tls != NULL && SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) == 1 &&
                  SSL_CTX_set_ciphersuites(tls, "TLS_AES_256_GCM_SHA384") == 1 &&
                  SSL_CTX_set1_groups_list(tls, "X25519") == 1;
    load->tls = tls;
    if (!is_set) {
        ERR_print_errors_fp(stderr);
        return false;
    }
    SSL_CTX_set_read_ahead(tls, 1);
    (void)SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_app_data(tls, load);
    if (load->options->resumes) {
        (void)SSL_CTX_set_session_cache_mode(tls,
                                             SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(tls, on_session);
    }
    return true;
}

void tls_done(struct load *load)
{
    SSL_SESSION_free(load->session);
    SSL_CTX_free(load->tls);
}

bool tls_start(struct client *client)
{
    struct load *load = client->load;
    client->tls = SSL_new(load->tls);
    if (client->tls == NULL || SSL_set_fd(client->tls, client->fd) != 1 ||
        SSL_set_tlsext_host_name(client->tls, "mail.example.com") != 1)
        return false;
    if (load->session != NULL && SSL_set_session(client->tls, load->session) != 1)
        return false;
    SSL_set_connect_state(client->tls);
    return true;
}
