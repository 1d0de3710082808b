/* libcyaml's load, and its complaints turned into ours.
 *
 * libcyaml has one log for people: first the problem, then a backtrace from the inside out. Its
 * lines are those of the value read before; so the backtrace is used to rebuild the path of the
 * value, and the line comes from places_scan. */
#include "schema.h"

#include <stdlib.h>

#include "scan.h"
#include "words.h"

#include "stopgap/banned.h"

/* One step of the path, from the log. */
struct step {
    char key[LIMIT_SUGGESTION_BYTES + 1]; /* empty: index counts */
    size_t index;
};

struct complaint {
    char problem[256];
    struct step steps[LIMIT_YAML_DEPTH]; /* the innermost first */
    size_t n_steps;
};

static void *on_memory(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

/* The text between prefix and the next quote, when line starts with prefix. */
static bool quoted_after(const char *line, const char *prefix, char *out, size_t size)
{
    if (!slice_starts_with(slice_str(line), slice_str(prefix)))
        return false;
    line += strlen(prefix);
    (void)snprintf(out, size, "%.*s", (int)strcspn(line, "'"), line);
    return true;
}

__attribute__((format(printf, 3, 0))) static void on_log(cyaml_log_t level, void *ctx,
                                                         const char *format, va_list args)
{
    struct complaint *complaint = ctx;
    char line[sizeof(complaint->problem)];
    char word[LIMIT_SUGGESTION_BYTES + 1];
    if (level != CYAML_LOG_ERROR)
        return;
    (void)vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\n")] = '\0';
    bool has_room = complaint->n_steps < LIMIT_YAML_DEPTH;
    struct step *step = &complaint->steps[has_room ? complaint->n_steps : 0];
    if (quoted_after(line, "  in mapping field '", word, sizeof(word)) && has_room) {
        (void)snprintf(step->key, sizeof(step->key), "%s", word);
        complaint->n_steps++;
    } else if (quoted_after(line, "  in sequence entry '", word, sizeof(word)) && has_room) {
        uint64_t count = 0;
        if (slice_to_u64(slice_str(word), &count) && count != 0) {
            step->index = (size_t)count - 1; /* libcyaml counts before it reads the entry */
            complaint->n_steps++;
        }
    } else if (complaint->problem[0] == '\0') {
        memcpy(complaint->problem, line, sizeof(line));
    }
}

static const cyaml_config_t base_config = {
    .log_fn = on_log,
    .mem_fn = on_memory,
    .log_level = CYAML_LOG_ERROR,
    .flags = CYAML_CFG_NO_ALIAS,
};

/* The path of the backtrace, and the keys that are known in the mapping there. */
static uint64_t follow(const struct complaint *complaint, const cyaml_schema_field_t **ret_fields)
{
    const cyaml_schema_value_t *value = &yaml_rule_schema;
    uint64_t path = PLACE_ROOT;
    for (size_t i = complaint->n_steps; i > 0; i--) {
        const struct step *step = &complaint->steps[i - 1];
        if (step->key[0] == '\0') {
            path = place_item(path, step->index);
            value = value->type == CYAML_SEQUENCE ? value->sequence.entry : value;
            continue;
        }
        path = place_key(path, step->key);
        const cyaml_schema_field_t *field =
            value->type == CYAML_MAPPING ? value->mapping.fields : NULL;
        while (field != NULL && field->key != NULL && strcmp(field->key, step->key) != 0)
            field++;
        if (field != NULL && field->key != NULL)
            value = &field->value;
    }
    *ret_fields = value->type == CYAML_MAPPING ? value->mapping.fields : NULL;
    return path;
}

static bool report_unknown_key(const struct report *report, const char *key, uint64_t path,
                               const cyaml_schema_field_t *fields)
{
    enum { MAX_KEYS = 32 };
    const char *keys[MAX_KEYS];
    size_t n = 0;
    for (; fields != NULL && fields->key != NULL && n < MAX_KEYS; fields++)
        keys[n++] = fields->key;
    uint64_t place = place_key(path, key);
    if (places_find(report->places, place) == NULL)
        place = path;
    const char *closest = word_closest(keys, n, key);
    if (closest != NULL)
        return report_value(report, ERR_SYNTAX, place, "unknown key '%s'; did you mean '%s'?", key,
                            closest);

    char known[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < n && len < sizeof(known); i++)
        len +=
            (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i != 0 ? ", " : "", keys[i]);
    return report_value(report, ERR_SYNTAX, place, "unknown key '%s'; known here: %s", key, known);
}

static const char *shape_name(const char *word)
{
    static const struct {
        const char *word;
        const char *name;
    } shapes[] = {
        {"STRING", "a text"},
        {"MAPPING", "a mapping (key: value)"},
        {"SEQUENCE", "a list"},
        {"SCALAR", "one text"},
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (slice_starts_with(slice_str(word), slice_str(shapes[i].word)))
            return shapes[i].name;
    return word;
}

/* Name of the innermost key, for a message. */
static const char *innermost_key(const struct complaint *complaint)
{
    for (size_t i = 0; i < complaint->n_steps; i++)
        if (complaint->steps[i].key[0] != '\0')
            return complaint->steps[i].key;
    return "the rule";
}

static bool report_shape(const struct report *report, const struct complaint *complaint,
                         const char *shapes, uint64_t path)
{
    const char *got = strstr(shapes, "got event: ");
    return report_value(report, ERR_SYNTAX, path, "in '%s' %s is expected, not %s",
                        innermost_key(complaint), shape_name(shapes),
                        got != NULL ? shape_name(got + strlen("got event: ")) : "this");
}

/* What follows prefix in text, or NULL. */
static const char *after(const char *text, const char *prefix)
{
    return slice_starts_with(slice_str(text), slice_str(prefix)) ? text + strlen(prefix) : NULL;
}

static bool report_complaint(const struct report *report, const struct complaint *complaint,
                             cyaml_err_t error)
{
    const cyaml_schema_field_t *fields = NULL;
    const char *key = innermost_key(complaint);
    uint64_t path = follow(complaint, &fields);
    const char *rest;
    if (error == CYAML_ERR_OOM)
        return report_no_memory(report);
    if ((rest = after(complaint->problem, "Load: Unexpected key: ")) != NULL)
        return report_unknown_key(report, rest, path, fields);
    if ((rest = after(complaint->problem, "Load: Mapping field already seen: ")) != NULL)
        return report_value(report, ERR_SYNTAX, path, "'%s' is given twice; keep one", rest);
    if ((rest = after(complaint->problem, "Load: Expecting ")) != NULL)
        return report_shape(report, complaint, rest, path);
    if ((rest = after(complaint->problem, "Load: STRING length > ")) != NULL)
        return report_value(report, ERR_LIMIT, path, "'%s' is longer than %.*s bytes; shorten it",
                            key, (int)strcspn(rest, ":"), rest);
    if ((rest = after(complaint->problem, "Load: Excessive entries (")) != NULL)
        return report_value(report, ERR_LIMIT, path,
                            "'%s' has more than %.*s entries; spread them over several rules", key,
                            (int)strcspn(rest, " "), rest);
    if (error == CYAML_ERR_SEQUENCE_ENTRIES_MIN)
        return report_value(report, ERR_SYNTAX, path,
                            "'%s' is an empty list; fill it or leave it out", key);
    return report_value(report, ERR_SYNTAX, path, "%s (%s)", complaint->problem,
                        cyaml_strerror(error));
}

bool yaml_rule_load(struct slice text, const struct report *report, struct yaml_rule **ret_rule)
{
    struct complaint complaint = {0};
    cyaml_config_t config = base_config;
    void *rule = NULL;
    config.log_ctx = &complaint;
    cyaml_err_t error = cyaml_load_data((const uint8_t *)text.ptr, text.len, &config,
                                        &yaml_rule_schema, &rule, NULL);
    if (error != CYAML_OK)
        return report_complaint(report, &complaint, error);
    *ret_rule = rule;
    return true;
}

void yaml_rule_free(struct yaml_rule *rule)
{
    cyaml_config_t config = base_config;
    config.log_fn = NULL;
    (void)cyaml_free(&config, &yaml_rule_schema, rule, 0);
}
