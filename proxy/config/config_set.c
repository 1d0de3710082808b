/* Setting one key of a struct config by its name, for the file and the options. */
#include "config/config_internal.h"

#include "proxy_limits.h"

#include <stdlib.h>

#include "stopgap/banned.h"

static bool add_network(struct net_list *list, const char *text, struct err *err)
{
    struct net_prefix network;
    if (!config_parse_network(slice_str(text), &network, err))
        return false;
    struct net_prefix *grown =
        config_grow(list->items, list->n, sizeof(*grown), LIMIT_TRUSTED_NETWORKS, err);
    if (grown == NULL)
        return false;
    grown[list->n++] = network;
    list->items = grown;
    return true;
}

/* Letters, digits and these others. */
static bool has_only(struct slice text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_lower(text.ptr[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && strchr(others, c) == NULL)
            return false;
    }
    return true;
}

bool config_check_rule_id(const char *text, struct err *err)
{
    enum { MAX = 63 }; /* as the rule language has it */
    struct slice id = slice_str(text);
    if (id.len <= MAX && has_only(id, "._-"))
        return true;
    return err_set(err, ERR_USAGE, NULL, "'%s' is not a rule id: 'stopgap rules list' shows them",
                   config_echo(id).text);
}

bool config_check_rule_name(const char *text, struct err *err)
{
    return strcmp(text, "*") == 0 || config_check_rule_id(text, err);
}

/* The name of a directory becomes part of a path and of a metric. */
bool config_check_vdir(const char *text, struct err *err)
{
    struct slice name = slice_str(text);
    if (name.len < LIMIT_VDIR_BYTES && has_only(name, "_-"))
        return true;
    return err_set(err, ERR_USAGE, NULL,
                   "'%s' is not a virtual directory: write its name without slashes, such as owa",
                   config_echo(name).text);
}

bool config_check_path(const char *text, struct err *err)
{
    if (exclusion_path_is_good(text))
        return true;
    return err_set(err, ERR_USAGE, NULL,
                   "'%s' is not a plain path: begin with /, decode it, and leave out query, "
                   "backslashes, // and dot segments",
                   config_echo(slice_str(text)).text);
}

bool config_check_method(const char *text, struct err *err)
{
    struct slice method = slice_str(text);
    bool is_good = method.len <= LIMIT_METHOD_BYTES && has_only(method, "_-");
    for (size_t i = 0; i < method.len && is_good; i++)
        is_good = method.ptr[i] < 'a'; /* methods have case, and ours have capitals */
    if (is_good)
        return true;
    return err_set(err, ERR_USAGE, NULL, "'%s' is not a method: write one such as POST",
                   config_echo(method).text);
}

bool config_check_mirror(const char *text, struct err *err)
{
    struct slice url = slice_str(text);
    bool has_scheme =
        slice_starts_with(url, SLICE("https://")) || slice_starts_with(url, SLICE("http://"));
    /* Names of files are put behind it, and it is shown in logs and status. */
    if (has_scheme && url.len < LIMIT_MIRROR_BYTES && slice_find(url, '?') == SIZE_MAX &&
        slice_find(url, '#') == SIZE_MAX && slice_find(url, '@') == SIZE_MAX &&
        slice_find(url, ' ') == SIZE_MAX)
        return true;
    return err_set(err, ERR_USAGE, NULL,
                   "'%s' is not the URL of a folder: write one such as "
                   "https://rules.example.com/stopgap/, without user, query or fragment",
                   config_echo(url).text);
}

bool config_check_bundle_name(const char *text, struct err *err)
{
    struct slice name = slice_str(text);
    bool is_good = name.len < LIMIT_BUNDLE_NAME_BYTES && has_only(name, "._-");
    for (size_t i = 0; i < name.len && is_good; i++)
        is_good = name.ptr[i] < 'A' || name.ptr[i] > 'Z';
    if (is_good && name.ptr[0] != '.' && name.ptr[0] != '-')
        return true;
    return err_set(err, ERR_USAGE, NULL,
                   "'%s' is not the name of a bundle: write one such as exchange-core, as "
                   "'stopgap bundle show' prints it",
                   config_echo(name).text);
}

bool config_check_until(const char *text, struct err *err)
{
    int64_t seconds;
    if (exclusion_until_parse(slice_str(text), &seconds))
        return true;
    return err_set(err, ERR_USAGE, NULL,
                   "'%s' is not a day: write the last one as 2027-01-31, or the end as "
                   "2027-01-31T18:00:00Z",
                   config_echo(slice_str(text)).text);
}

/* A DNS name, or a pattern for one label more. */
static bool add_name(struct string_list *list, const char *text, struct err *err)
{
    struct slice name = slice_str(text);
    if (slice_starts_with(name, SLICE("*.")))
        name = slice_from(name, 2);
    if (name.len == 0 || name.len >= 254 || name.ptr[0] == '.' || !has_only(name, "._-"))
        return err_set(err, ERR_USAGE, NULL,
                       "'%s' is not a name: write one such as mail.example.com or *.example.com",
                       config_echo(slice_str(text)).text);
    return config_add_string(list, text, err);
}

static bool add_vdir(struct string_list *list, const char *text, struct err *err)
{
    struct slice name = slice_str(text);
    if (!config_check_vdir(text, err))
        return false;
    for (size_t i = 0; i < list->n; i++)
        if (slice_equal_nocase(slice_str(list->items[i]), name))
            return err_set(err, ERR_USAGE, NULL, "'%s' stands there twice: remove one",
                           config_echo(name).text);
    if (list->n >= LIMIT_HEALTH_VDIRS)
        return err_set(err, ERR_LIMIT, NULL, "there are more than %d entries: remove some",
                       LIMIT_HEALTH_VDIRS);
    return config_add_string(list, text, err);
}

/* One of the words, separated by blanks; its position is the value. */
static bool parse_word(struct slice text, const char *words, unsigned *ret_value, struct err *err)
{
    struct slice rest = slice_str(words);
    struct slice word;
    for (unsigned i = 0; slice_next(&rest, ' ', &word); i++) {
        if (slice_equal(text, word)) {
            *ret_value = i;
            return true;
        }
    }
    return err_set(err, ERR_USAGE, NULL, "'%s' is not known here: write one of: %s",
                   config_echo(text).text, words);
}

static bool parse_number(const struct config_key *key, struct slice text, uint64_t *ret_value,
                         struct err *err)
{
    if (key->kind == KEY_DURATION)
        return config_parse_duration(text, ret_value, err);
    if (key->kind == KEY_SIZE)
        return config_parse_size(text, ret_value, err);
    if (slice_to_u64(text, ret_value))
        return true;
    return err_set(err, ERR_USAGE, NULL, "'%s' is not a number: write digits only",
                   config_echo(text).text);
}

static struct config_text format_number(const struct config_key *key, uint64_t value)
{
    struct config_text out = {{0}};
    if (key->kind == KEY_DURATION)
        return config_format_duration(value);
    if (key->kind == KEY_SIZE)
        return config_format_size(value);
    (void)snprintf(out.text, sizeof(out.text), "%llu", (unsigned long long)value);
    return out;
}

static bool set_number(struct config *config, const struct config_key *key, uint64_t *field,
                       struct slice text, struct err *err)
{
    uint64_t value = 0;
    if (!parse_number(key, text, &value, err))
        return false;
    bool is_in_range = value >= key->min && value <= key->max;
    if (!is_in_range && !(value == 0 && key->is_zero_allowed))
        return err_set(err, ERR_LIMIT, NULL, "'%s' is out of range: from %s to %s is allowed%s",
                       config_echo(text).text, format_number(key, key->min).text,
                       format_number(key, key->max).text,
                       key->is_zero_allowed ? ", or 0 for no limit" : "");
    /* The upstream may be silent as long as both sides together, unless it has its own value. */
    if (field == &config->timeouts.relay_ms &&
        config->timeouts.upstream_ms == config->timeouts.relay_ms)
        config->timeouts.upstream_ms = value;
    *field = value;
    return true;
}

static bool set_workers(struct config *config, struct slice text, struct err *err)
{
    uint64_t n = 0;
    if (!slice_equal(text, SLICE("auto")) && !(slice_to_u64(text, &n) && n <= LIMIT_WORKERS))
        return err_set(err, ERR_USAGE, NULL,
                       "'%s' is out of range: write auto, or a number up to %d",
                       config_echo(text).text, LIMIT_WORKERS);
    config->workers = (unsigned)n;
    return true;
}

static bool set_log(char **field, const char *value, struct err *err)
{
    if (strcmp(value, "none") != 0)
        return config_replace(field, value, err);
    free(*field);
    *field = NULL;
    return true;
}

/* Keys of a list fill its last element. */
static bool set_key(struct config *config, const struct config_key *key, const char *value,
                    struct err *err)
{
    struct slice text = slice_str(value);
    size_t length = key->list != NULL ? config_list_length(config, key->list) : 1;
    if (length == 0)
        return err_set(err, ERR_USAGE, NULL, "there is no %.*s that this could belong to",
                       (int)strcspn(key->list->path, "["), key->list->path);
    void *field = config_key_field(config, key, length - 1);
    switch (key->kind) {
    case KEY_TEXT:
    case KEY_SECRET_URL:
        return (key->check == NULL || key->check(value, err)) && config_replace(field, value, err);
    case KEY_LOG:
        return set_log(field, value, err);
    case KEY_BOOL:
        return config_parse_bool(text, field, err);
    case KEY_WORKERS:
        return set_workers(config, text, err);
    case KEY_COUNT:
    case KEY_DURATION:
    case KEY_SIZE:
        return set_number(config, key, field, text, err);
    case KEY_WORD:
        return parse_word(text, key->words, field, err);
    case KEY_PATHS:
        return (key->check == NULL || key->check(value, err)) &&
               config_add_string(field, value, err);
    case KEY_NAMES:
        return add_name(field, value, err);
    case KEY_RULE_IDS:
        return config_check_rule_id(value, err) && config_add_string(field, value, err);
    case KEY_VDIRS:
        return add_vdir(field, value, err);
    case KEY_NETWORKS:
        return add_network(field, value, err);
    case KEY_ADMIN_URLS:
        return config_add_admin(config, value, err);
    case KEY_UPSTREAM_URL:
        return config_set_upstream_url(field, value, err);
    case KEY_LISTEN_URL:
        return config_set_listen_url(&config->listen[length - 1], value, err);
    }
    return false;
}

static bool refuse_path(struct slice path, struct err *err)
{
    char hint[512];
    size_t dot = slice_find(path, '.');
    struct slice section = dot != SIZE_MAX ? slice_head(path, dot) : slice_make(NULL, 0);
    struct slice word = dot != SIZE_MAX ? slice_from(path, dot + 1) : path;
    config_hint_key(section, word, hint, sizeof(hint));
    return err_set(err, ERR_USAGE, NULL, "unknown name '%s': %s", config_echo(word).text, hint);
}

bool config_set(struct config *config, const char *path, const char *value, struct err *err)
{
    const struct config_key *key = config_key_find(path);
    if (key == NULL)
        return refuse_path(slice_str(path), err);
    return config_check_text(slice_str(value), err) && set_key(config, key, value, err);
}

bool config_add_rule_mode(struct config *config, const char *text, struct err *err)
{
    char id[64];
    size_t len = strcspn(text, "=");
    if (text[len] == '\0' || len == 0 || len >= sizeof(id))
        return err_set(err, ERR_USAGE, NULL, "write ID=block, ID=detect or ID=off");
    memcpy(id, text, len);
    id[len] = '\0';
    return config_new_element(config, config_list_find("modes[]"), err) &&
           config_set(config, "modes[].rule", id, err) &&
           config_set(config, "modes[].mode", text + len + 1, err);
}
