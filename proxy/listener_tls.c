/* From the configuration to certificates. */
#include "listener_tls.h"

#include "proxy_limits.h"

#include "stopgap/banned.h"

bool listener_tls_is_self_signed(const struct config *config, const struct listen_config *listen)
{
    return listen->tls && listen->cert_path == NULL && config->n_certificates == 0;
}

static size_t list_sources(const struct config *config, const struct listen_config *listen,
                           struct tls_source *sources)
{
    size_t n = 0;
    if (listen->cert_path != NULL)
        sources[n++] = (struct tls_source){.cert_path = listen->cert_path,
                                           .key_path = listen->key_path,
                                           .ocsp_path = listen->ocsp_path};
    for (size_t i = 0; i < config->n_certificates && n < LIMIT_CERTIFICATES; i++) {
        const struct certificate_config *one = &config->certificates[i];
        sources[n++] = (struct tls_source){.cert_path = one->cert_path,
                                           .key_path = one->key_path,
                                           .ocsp_path = one->ocsp_path,
                                           .names = (const char *const *)one->names.items,
                                           .n_names = one->names.n};
    }
    return n;
}

bool listener_tls_load(const struct config *config, const struct listen_config *listen,
                       struct tls_material *material, struct err *err)
{
    struct tls_source sources[LIMIT_CERTIFICATES];
    if (listener_tls_is_self_signed(config, listen))
        return tls_material_self_signed(material, listen->host, err);
    return tls_material_load(material, sources, list_sources(config, listen, sources), err);
}
