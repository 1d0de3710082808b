/* Life of a struct config, and what grows in it. */
#include "config/config.h"

#include "config/config_internal.h"
#include "proxy_limits.h"

#include <stdlib.h>

#include "stopgap/banned.h"

size_t config_list_length(const struct config *config, const struct config_list *list)
{
    return *(const size_t *)((const char *)config + list->n_at);
}

void *config_key_field(struct config *config, const struct config_key *key, size_t index)
{
    char *base = (char *)config;
    if (key->list != NULL)
        base = *(char **)(base + key->list->items_at) + index * key->list->size;
    return base + key->offset;
}

const void *config_key_value(const struct config *config, const struct config_key *key,
                             size_t index)
{
    const char *base = (const char *)config;
    if (key->list != NULL)
        base = *(const char *const *)(base + key->list->items_at) + index * key->list->size;
    return base + key->offset;
}

static void set_default(struct config *config, const struct config_key *key, size_t index)
{
    void *field = config_key_field(config, key, index);
    if (key->kind == KEY_BOOL)
        *(bool *)field = key->standard != 0;
    else if (key->kind == KEY_COUNT || key->kind == KEY_DURATION || key->kind == KEY_SIZE)
        *(uint64_t *)field = key->standard;
}

void config_init(struct config *config)
{
    *config = (struct config){.mode = RULES_BLOCK, .fail_mode = FAIL_CLOSED};
    for (size_t i = 0; i < config_n_keys; i++)
        if (config_keys[i].list == NULL)
            set_default(config, &config_keys[i], 0);
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

static void free_text(char **text)
{
    free(*text);
    *text = NULL;
}

/* Free what the field of a key holds; kinds that keep more than one field free the rest. */
static void free_field(struct config *config, const struct config_key *key, size_t index)
{
    void *field = config_key_field(config, key, index);
    switch (key->kind) {
    case KEY_UPSTREAM_URL:
        free_text(&((struct server_config *)field)->host);
        free_text(field);
        break;
    case KEY_LISTEN_URL:
        free_text(&config->listen[index].host);
        free_text(field);
        break;
    case KEY_TEXT:
    case KEY_SECRET_URL:
    case KEY_LOG:
        free_text(field);
        break;
    case KEY_PATHS:
    case KEY_NAMES:
    case KEY_RULE_IDS:
    case KEY_VDIRS:
        string_list_done(field);
        break;
    case KEY_NETWORKS:
        free(((struct net_list *)field)->items);
        *(struct net_list *)field = (struct net_list){0};
        break;
    case KEY_ADMIN_URLS:
        config_clear_admin(config);
        break;
    case KEY_BOOL:
    case KEY_WORKERS:
    case KEY_COUNT:
    case KEY_DURATION:
    case KEY_SIZE:
    case KEY_WORD:
        break;
    }
}

void config_clear_list(struct config *config, const struct config_list *list)
{
    void **items = (void **)((char *)config + list->items_at);
    size_t n = config_list_length(config, list);
    for (size_t i = 0; i < config_n_keys; i++)
        for (size_t index = 0; config_keys[i].list == list && index < n; index++)
            free_field(config, &config_keys[i], index);
    free(*items);
    *items = NULL;
    *(size_t *)((char *)config + list->n_at) = 0;
}

void config_clear_listen(struct config *config)
{
    config_clear_list(config, config_list_find("listen[]"));
}

void config_clear_upstream(struct config *config)
{
    free(config->upstream.one.url);
    free(config->upstream.one.host);
    config->upstream.one = (struct server_config){0};
    config_clear_list(config, config_list_find("upstream.servers[]"));
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
    for (size_t i = 0; i < config_n_lists; i++)
        config_clear_list(config, &config_lists[i]);
    for (size_t i = 0; i < config_n_keys; i++)
        if (config_keys[i].list == NULL)
            free_field(config, &config_keys[i], 0);
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

bool config_new_element(struct config *config, const struct config_list *list, struct err *err)
{
    void **items = (void **)((char *)config + list->items_at);
    size_t n = config_list_length(config, list);
    void *grown = config_grow(*items, n, list->size, list->max, err);
    if (grown == NULL)
        return false;
    *items = grown;
    *(size_t *)((char *)config + list->n_at) = n + 1;
    for (size_t i = 0; i < config_n_keys; i++)
        if (config_keys[i].list == list)
            set_default(config, &config_keys[i], n);
    return true;
}

bool config_add_listen(struct config *config, const char *url, struct err *err)
{
    if (!config_new_element(config, config_list_find("listen[]"), err))
        return false;
    if (!config_set_listen_url(&config->listen[config->n_listen - 1], url, err)) {
        config->n_listen--;
        return false;
    }
    return true;
}
