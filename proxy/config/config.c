/* Life of a struct config, and what grows in it. */
#include "config/config.h"

#include "config/config_internal.h"
#include "proxy_limits.h"

#include <stdlib.h>

#include "stopgap/banned.h"

static void set_default(struct config *config, const struct config_key *key)
{
    if (key->kind == KEY_BOOL)
        *(bool *)config_key_field(config, key) = key->standard != 0;
    else if (key->kind == KEY_COUNT || key->kind == KEY_DURATION || key->kind == KEY_SIZE)
        *(uint64_t *)config_key_field(config, key) = key->standard;
}

void config_init(struct config *config)
{
    *config = (struct config){.mode = RULES_BLOCK, .fail_mode = FAIL_CLOSED};
    for (size_t i = 0; i < config_n_keys; i++)
        set_default(config, &config_keys[i]);
    config->access_log = strdup("-");
    config->decision_log = strdup("-");
    if (config->access_log == NULL || config->decision_log == NULL)
        abort(); /* NULL would mean "no log"; without two bytes of memory there is no start */
}

static void string_list_done(struct string_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct string_list){0};
}

void config_clear_listen(struct config *config)
{
    for (size_t i = 0; i < config->n_listen; i++) {
        free(config->listen[i].url);
        free(config->listen[i].host);
        free(config->listen[i].cert_path);
        free(config->listen[i].key_path);
    }
    free(config->listen);
    config->listen = NULL;
    config->n_listen = 0;
}

void config_clear_admin(struct config *config)
{
    for (size_t i = 0; i < config->n_admin; i++) {
        free(config->admin[i].url);
        free(config->admin[i].unix_path);
        free(config->admin[i].host);
    }
    free(config->admin);
    config->admin = NULL;
    config->n_admin = 0;
}

void config_done(struct config *config)
{
    config_clear_listen(config);
    config_clear_admin(config);
    free(config->upstream.url);
    free(config->upstream.host);
    free(config->upstream.ca_path);
    free(config->upstream.name);
    string_list_done(&config->rules);
    string_list_done(&config->rules_disabled);
    string_list_done(&config->rules_detect);
    free(config->rules_watch);
    free(config->trust_path);
    free(config->state_dir);
    free(config->access_log);
    free(config->decision_log);
    free(config->trusted_proxies);
    free(config->source_path);
    *config = (struct config){0};
}

void *config_grow(void *items, size_t n, size_t size, size_t max, struct err *err)
{
    if (n >= max) {
        (void)err_set(err, ERR_LIMIT, NULL, "there are more than %zu entries: remove some", max);
        return NULL;
    }
    void *grown = reallocarray(items, n + 1, size);
    if (grown == NULL) {
        (void)err_set(err, ERR_MEMORY, NULL, "out of memory");
        return NULL;
    }
    memset((char *)grown + n * size, 0, size);
    return grown;
}

bool config_replace(char **field, const char *text, struct err *err)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return err_set(err, ERR_MEMORY, NULL, "out of memory");
    free(*field);
    *field = copy;
    return true;
}

bool config_add_string(struct string_list *list, const char *text, struct err *err)
{
    if (!config_check_text(slice_str(text), err))
        return false;
    char **items = config_grow(list->items, list->n, sizeof(*items), LIMIT_RULES, err);
    if (items == NULL)
        return false;
    list->items = items;
    if (!config_replace(&items[list->n], text, err))
        return false;
    list->n++;
    return true;
}

bool config_new_listen(struct config *config, struct err *err)
{
    struct listen_config *listen =
        config_grow(config->listen, config->n_listen, sizeof(*listen), LIMIT_LISTENERS, err);
    if (listen == NULL)
        return false;
    config->listen = listen;
    config->n_listen++;
    return true;
}

bool config_add_listen(struct config *config, const char *url, struct err *err)
{
    if (!config_new_listen(config, err))
        return false;
    if (!config_set_listen_url(&config->listen[config->n_listen - 1], url, err)) {
        config->n_listen--;
        return false;
    }
    return true;
}
