/* The servers behind: one under upstream.url, or several under upstream.servers. */
#include "config/config.h"

#include "config/config_internal.h"

#include <stdlib.h>

#include "stopgap/banned.h"

size_t config_n_servers(const struct config *config)
{
    return config->upstream.one.url != NULL ? 1 : config->upstream.n_servers;
}

const struct server_config *config_server(const struct config *config, size_t i)
{
    return config->upstream.one.url != NULL ? &config->upstream.one : &config->upstream.servers[i];
}

const char *config_server_build(const struct config *config, size_t i)
{
    const char *own = config_server(config, i)->build;
    return own != NULL ? own : config->upstream.build;
}

const char *config_server_name(const struct config *config, size_t i)
{
    const struct server_config *server = config_server(config, i);
    if (server->name != NULL)
        return server->name;
    return config->upstream.name != NULL ? config->upstream.name : server->host;
}

bool config_has_upstream_tls(const struct config *config)
{
    bool has_tls = false;
    for (size_t i = 0; i < config_n_servers(config); i++)
        has_tls |= config_server(config, i)->tls;
    return has_tls;
}

bool config_checks_health(const struct config *config)
{
    return config->health.mode == HEALTH_ON ||
           (config->health.mode == HEALTH_AUTO && config_n_servers(config) > 1);
}

static bool add_server(struct config *config, const char *url, struct err *err)
{
    struct upstream_config *upstream = &config->upstream;
    return config_new_element(config, config_list_find("upstream.servers[]"), err) &&
           config_set_upstream_url(&upstream->servers[upstream->n_servers - 1], url, err);
}

bool config_add_upstream(struct config *config, const char *url, struct err *err)
{
    struct server_config *one = &config->upstream.one;
    if (one->url == NULL && config->upstream.n_servers == 0)
        return config_set_upstream(config, url, err);
    if (one->url != NULL) {
        if (!add_server(config, one->url, err))
            return false;
        free(one->url);
        free(one->host);
        *one = (struct server_config){0};
    }
    return add_server(config, url, err);
}

int config_pass_through(const struct config *config, struct slice name)
{
    for (size_t i = 0; i < config->n_pass_through; i++) {
        const struct string_list *names = &config->pass_through[i].names;
        for (size_t k = 0; k < names->n; k++)
            if (slice_equal_nocase(slice_str(names->items[k]), name))
                return (int)i;
    }
    return -1;
}

bool config_pass_through_is_risky(const struct config *config, size_t index)
{
    const struct server_config *own = &config->pass_through[index].server;
    if (own->url == NULL)
        return true;
    for (size_t i = 0; i < config_n_servers(config); i++) {
        const struct server_config *server = config_server(config, i);
        if (server->port == own->port &&
            slice_equal_nocase(slice_str(server->host), slice_str(own->host)))
            return true;
    }
    return false;
}

size_t config_health_vdirs(const struct config *config, struct slice *ret_vdirs, size_t max)
{
    const struct string_list *list = &config->health.vdirs;
    struct slice rest = slice_str(config_key_find("health.vdirs[]")->words);
    size_t n = 0;
    for (; n < list->n && n < max; n++)
        ret_vdirs[n] = slice_str(list->items[n]);
    while (list->n == 0 && n < max && slice_next(&rest, ' ', &ret_vdirs[n]))
        n++;
    return n;
}
