/* Writes a struct config as YAML that config_read_file takes again.
 *
 * Keys and roots are named by their paths, and most URLs may have no user name. What can be a
 * secret, a KEY_SECRET_URL, is masked. */
#include "config/config.h"

#include "config/config_internal.h"

#include <yaml.h>

#include "stopgap/banned.h"

struct printer {
    yaml_emitter_t emitter;
    const struct config *config;
    bool is_good; /* false: nothing more is written */
    struct slice section;
};

/* A failed constructor leaves nothing to emit; a failed emitter has freed the event. */
static void emit(struct printer *printer, int is_made, yaml_event_t *event)
{
    printer->is_good =
        printer->is_good && is_made != 0 && yaml_emitter_emit(&printer->emitter, event) != 0;
}

static void emit_scalar(struct printer *printer, struct slice text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    if (!printer->is_good)
        return;
    int is_made = text.len <= INT32_MAX &&
                  yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text.ptr,
                                               (int)text.len, 1, 1, style);
    emit(printer, is_made, &event);
}

/* Words, numbers and keys: what never needs quotes. */
static void emit_word(struct printer *printer, const char *word)
{
    emit_scalar(printer, slice_str(word), YAML_PLAIN_SCALAR_STYLE);
}

/* Always quoted, so that a file called "null" stays a name. */
static void emit_text(struct printer *printer, const char *text)
{
    emit_scalar(printer, slice_str(text), YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static void emit_open(struct printer *printer, bool is_list)
{
    yaml_event_t event;
    if (!printer->is_good)
        return;
    int is_made =
        is_list
            ? yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE)
            : yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
    emit(printer, is_made, &event);
}

static void emit_close(struct printer *printer, bool is_list)
{
    yaml_event_t event;
    if (!printer->is_good)
        return;
    int is_made = is_list ? yaml_sequence_end_event_initialize(&event)
                          : yaml_mapping_end_event_initialize(&event);
    emit(printer, is_made, &event);
}

static void print_strings(struct printer *printer, const struct string_list *list)
{
    emit_open(printer, true);
    for (size_t i = 0; i < list->n; i++)
        emit_text(printer, list->items[i]);
    emit_close(printer, true);
}

/* The names between the blanks of words, unless there are others. */
static void print_vdirs(struct printer *printer, const struct string_list *list, const char *words)
{
    struct slice rest = slice_str(words);
    struct slice word;
    if (list->n != 0) {
        print_strings(printer, list);
        return;
    }
    emit_open(printer, true);
    while (slice_next(&rest, ' ', &word))
        emit_scalar(printer, word, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
    emit_close(printer, true);
}

static void print_admin(struct printer *printer)
{
    emit_open(printer, true);
    for (size_t i = 0; i < printer->config->n_admin; i++)
        emit_text(printer, printer->config->admin[i].url);
    emit_close(printer, true);
}

static void print_networks(struct printer *printer, const struct net_list *list)
{
    emit_open(printer, true);
    for (size_t i = 0; i < list->n; i++)
        emit_text(printer, config_format_network(&list->items[i]).text);
    emit_close(printer, true);
}

static void print_number(struct printer *printer, const struct config_key *key, uint64_t value)
{
    struct config_text text = {{0}};
    if (key->kind == KEY_DURATION)
        text = config_format_duration(value);
    else if (key->kind == KEY_SIZE)
        text = config_format_size(value);
    else
        (void)snprintf(text.text, sizeof(text.text), "%llu", (unsigned long long)value);
    emit_word(printer, text.text);
}

static void print_enum(struct printer *printer, const struct config_key *key, unsigned value)
{
    struct slice rest = slice_str(key->words);
    struct slice word = SLICE("");
    for (unsigned i = 0; i <= value && slice_next(&rest, ' ', &word); i++)
        ;
    emit_scalar(printer, word, YAML_PLAIN_SCALAR_STYLE);
}

static void print_value(struct printer *printer, const struct config_key *key, size_t index)
{
    const void *field = config_key_value(printer->config, key, index);
    switch (key->kind) {
    case KEY_TEXT:
    case KEY_UPSTREAM_URL:
    case KEY_LISTEN_URL:
        emit_text(printer, *(char *const *)field);
        break;
    case KEY_SECRET_URL:
        emit_text(printer, config_mask_url(*(char *const *)field).text);
        break;
    case KEY_LOG:
        if (*(char *const *)field == NULL)
            emit_word(printer, "none");
        else
            emit_text(printer, *(char *const *)field);
        break;
    case KEY_BOOL:
        emit_word(printer, *(const bool *)field ? "true" : "false");
        break;
    case KEY_WORKERS:
        if (printer->config->workers == 0)
            emit_word(printer, "auto");
        else
            print_number(printer, key, printer->config->workers);
        break;
    case KEY_WORD:
        print_enum(printer, key, *(const unsigned *)field);
        break;
    case KEY_COUNT:
    case KEY_DURATION:
    case KEY_SIZE:
        print_number(printer, key, *(const uint64_t *)field);
        break;
    case KEY_PATHS:
    case KEY_NAMES:
    case KEY_RULE_IDS:
        print_strings(printer, field);
        break;
    case KEY_VDIRS:
        print_vdirs(printer, field, key->words);
        break;
    case KEY_NETWORKS:
        print_networks(printer, field);
        break;
    case KEY_ADMIN_URLS:
        print_admin(printer);
        break;
    }
}

/* A key that is not set has no line: there is no word for "nothing" but in logs. */
static bool is_left_out(const struct config *config, const struct config_key *key, size_t index)
{
    if (key->list != NULL && config_list_length(config, key->list) == 0)
        return true;
    bool is_text =
        key->kind == KEY_TEXT || key->kind == KEY_SECRET_URL || key->kind == KEY_UPSTREAM_URL;
    return is_text && *(char *const *)config_key_value(config, key, index) == NULL;
}

static void print_list(struct printer *printer, const struct config_list *list)
{
    size_t n = config_list_length(printer->config, list);
    size_t prefix = strlen(list->path) + 1; /* and the dot */
    emit_open(printer, true);
    for (size_t index = 0; index < n; index++) {
        emit_open(printer, false);
        for (size_t i = 0; i < config_n_keys; i++) {
            const struct config_key *key = &config_keys[i];
            if (key->list != list || is_left_out(printer->config, key, index))
                continue;
            struct slice word = slice_from(slice_str(key->path), prefix);
            emit_scalar(printer, slice_head(word, slice_find(word, '[')), YAML_PLAIN_SCALAR_STYLE);
            print_value(printer, key, index);
        }
        emit_close(printer, false);
    }
    emit_close(printer, true);
}

/* Close the open section and open the one of the next key; an empty name is the top. */
static void change_section(struct printer *printer, struct slice section)
{
    if (slice_equal(section, printer->section))
        return;
    if (printer->section.len != 0)
        emit_close(printer, false);
    printer->section = section;
    if (section.len == 0)
        return;
    emit_scalar(printer, section, YAML_PLAIN_SCALAR_STYLE);
    emit_open(printer, false);
}

static void print_keys(struct printer *printer)
{
    const struct config_list *printed = NULL;
    emit_open(printer, false);
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];
        struct slice path = slice_str(key->path);
        bool is_next_of_list = key->list != NULL && key->list == printed;
        if (is_next_of_list || is_left_out(printer->config, key, 0))
            continue;
        struct slice word = slice_head(path, slice_find(path, '['));
        size_t dot = slice_find(word, '.');
        change_section(printer, dot != SIZE_MAX ? slice_head(word, dot) : slice_make(NULL, 0));
        word = dot != SIZE_MAX ? slice_from(word, dot + 1) : word;
        emit_scalar(printer, word, YAML_PLAIN_SCALAR_STYLE);
        if (key->list != NULL)
            print_list(printer, key->list);
        else
            print_value(printer, key, 0);
        printed = key->list;
    }
    change_section(printer, slice_make(NULL, 0));
    emit_close(printer, false);
}

bool config_print(const struct config *config, FILE *out)
{
    struct printer printer = {.config = config, .is_good = true};
    yaml_event_t event;
    if (!yaml_emitter_initialize(&printer.emitter))
        return false;
    yaml_emitter_set_output_file(&printer.emitter, out);
    yaml_emitter_set_width(&printer.emitter, -1);
    emit(&printer, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
    if (printer.is_good)
        emit(&printer, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), &event);
    print_keys(&printer);
    if (printer.is_good)
        emit(&printer, yaml_document_end_event_initialize(&event, 1), &event);
    if (printer.is_good)
        emit(&printer, yaml_stream_end_event_initialize(&event), &event);
    yaml_emitter_delete(&printer.emitter);
    return printer.is_good && fflush(out) == 0;
}
